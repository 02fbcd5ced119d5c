"""The how-to guides about data sources, typed as they stand on the page, with the servers that they are about."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import pytest

from node.cli.main import run
from tests.e2e.test_tutorial_model import Typed, missing, steps
from tests.fakes.entity_broker import EntityStore
from tests.integration.datasources.mosquitto import PASSWORD, READER_PASSWORD, USER, mosquitto
from tests.integration.datasources.servers import standing
from tests.integration.datasources.test_live_sources import put
from tests.integration.scenarios.sums import publish_counting
from tests.live_peers import live
from tests.nodes import Running, publish, running
from tests.postgres import postgis_server, tcp_address
from tests.simulator.web_sinks import WebSink
from tests.waits import until

COUNTS = b"station,count\nKorenmarkt,12\nDampoort,7\n"
PAGES = Path(__file__).resolve().parents[3] / "docs" / "how-to"


@pytest.fixture
def cities(tmp_path: Path, sqlite_template: Path) -> Iterator[tuple[Running, Running]]:
    with (
        running(tmp_path / "ghent", template=sqlite_template) as ghent,
        running(tmp_path / "bruges", template=sqlite_template) as bruges,
    ):
        yield ghent, bruges


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    """What ends with the test."""
    with ExitStack() as contexts:
        yield contexts


def test_the_page_about_sensors_as_it_stands(
    cities: tuple[Running, Running],
    stack: ExitStack,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HANSA_NODE", str(cities[0].folder))
    monkeypatch.setenv("COLUMNS", "200")
    (tmp_path / "password").write_text(READER_PASSWORD)
    (tmp_path / "writer-password").write_text(PASSWORD)
    commands = 0
    publish_counting(cities[1], "busy-counters", "counts", "bikes", "1", gives="bicycles", in_unit="1")
    broker = stack.enter_context(mosquitto(tmp_path / "broker"))
    for step in steps((PAGES / "share-sensors.md").read_text("utf-8")):
        if not isinstance(step, Typed):
            name, content = step
            (tmp_path / name).write_text(content, "utf-8")
            continue
        command = step.command.replace("https://data.ghent.example", cities[0].url)
        command = command.replace("mqtts://broker.ghent.example:8883", broker.address)
        command = command.replace("mqtts://broker.bruges.example:8883", broker.address)
        command = command.replace("--user writer ", f"--user {USER} ")
        status = run(shlex.split(command.removeprefix("hansa ")))
        output = capsys.readouterr()
        commands += 1
        assert status == 0, output.out + output.err
        shown = [line.replace("as user writer", f"as user {USER}") for line in step.shown]
        assert missing(shown, output.out + output.err) == [], output.out + output.err
    assert commands == 15
    _type_the_part_about_windows(cities, tmp_path, monkeypatch, capsys)
    broker.send(("city/counters/Zuid", {"at": "2026-11-20T08:15:00Z", "bikes": 5}))
    with cities[0].client() as client:
        until("the message", lambda: client.streams.stream("counters")["accepted"] == 4)


def _type_the_part_about_windows(
    cities: tuple[Running, Running],
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Type the part of the page about scenarios that uses the same stream, at the partner."""
    monkeypatch.setenv("HANSA_NODE", str(cities[1].folder))
    page = (PAGES / "run-a-scenario.md").read_text("utf-8")
    part = page.partition("## Use a window of a stream")[2].partition("## Check, and correct errors")[0]
    commands = 0
    for step in steps(part):
        if not isinstance(step, Typed):
            name, content = step
            (folder / name).write_text(content.replace("https://data.ghent.example", cities[0].url), "utf-8")
            continue
        status = run(shlex.split(step.command.removeprefix("hansa ")))
        output = capsys.readouterr()
        commands += 1
        shown = [line.replace("https://data.ghent.example", cities[0].url) for line in step.shown]
        assert status == 0, output.out + output.err
        assert missing(shown, output.out + output.err) == [], output.out + output.err
    assert commands == 2
    monkeypatch.setenv("HANSA_NODE", str(cities[0].folder))


def test_the_page_about_sending_received_data_as_it_stands(
    cities: tuple[Running, Running],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    sqlite_template: Path,
) -> None:
    intake, entities = WebSink(), EntityStore()
    ghent, folder, commands, server = cities[0], tmp_path / "open-data", 0, postgis_server()
    folder.mkdir()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HANSA_NODE", str(tmp_path / "bruges-with-folder"))
    monkeypatch.setenv("COLUMNS", "200")
    (tmp_path / "secret").write_text("writer-secret\n")
    publish(ghent, "counts", data=COUNTS)
    with (
        running(tmp_path / "bruges-with-folder", template=sqlite_template, data_source_folders=[str(folder)]),
        live("s3") as peer,
        standing(intake.app()) as web,
        standing(entities.app()) as broker,
    ):
        for step in steps((PAGES / "send-received-data.md").read_text("utf-8")):
            assert isinstance(step, Typed)
            command = step.command.replace("https://data.ghent.example", ghent.url).replace(
                "/srv/open-data", str(folder)
            )
            command = command.replace("https://s3.bruges.example", peer["S3_ENDPOINT"])
            command = command.replace("https://intake.bruges.example", web)
            command = command.replace("https://broker.bruges.example", broker)
            command = command.replace("postgresql://db.bruges.example:5432/city", tcp_address()[0])
            status = run(shlex.split(command.removeprefix("hansa ")))
            output = capsys.readouterr()
            commands += 1
            assert status == 0, output.out + output.err
            assert missing(step.shown, output.out + output.err) == [], output.out + output.err
    assert commands == 14
    assert intake.files == {"ghent/counts.csv": COUNTS}
    with psycopg.connect(server) as admin:
        assert admin.execute("SELECT count(*) FROM received.counts").fetchone() == (COUNTS.count(b"\n") - 1,)
    assert (folder / "ghent" / "1" / "counts.csv").read_bytes() == COUNTS
    assert {entity["count"]["value"] for entity in entities.of("TrafficCounter").values()} == {12, 7}


def test_the_page_about_queries_as_it_stands(
    cities: tuple[Running, Running],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfdbinary: pytest.CaptureFixture[bytes],
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HANSA_NODE", str(cities[0].folder))
    monkeypatch.setenv("COLUMNS", "200")
    commands = 0
    for step in steps((PAGES / "query-under-contract.md").read_text("utf-8")):
        if not isinstance(step, Typed):
            name, content = step
            (tmp_path / name).write_text(content, "utf-8")
            continue
        status = run(
            shlex.split(step.command.replace("https://data.ghent.example", cities[0].url).removeprefix("hansa "))
        )
        captured = capfdbinary.readouterr()
        output = (captured.out + captured.err).decode()
        commands += 1
        assert status == 0, output
        assert missing(step.shown, output) == [], output
    assert commands == 18
    assert (tmp_path / "busiest.csv").read_bytes() == b"number,passed\r\n3,30\r\n4,21\r\n"


@pytest.mark.parametrize(
    ("page", "kind", "stated"),
    [
        ("share-a-table-of-postgis", "postgis", "postgresql://db.ghent.example:5432/city"),
        ("share-a-layer-of-your-gis-server", "features", "https://gis.ghent.example/api"),
        ("share-a-bucket", "s3", "https://s3.ghent.example/city/open/"),
    ],
)
def test_the_page_as_it_stands(
    page: str,
    kind: str,
    stated: str,
    cities: tuple[Running, Running],
    stack: ExitStack,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    ghent = cities[0]
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HANSA_NODE", str(ghent.folder))
    monkeypatch.setenv("COLUMNS", "200")
    for name in ("password", "secret"):
        (tmp_path / name).write_text("reader-secret\n")
    commands = 0
    mapserver = stack.enter_context(live("wfs"))["WFS_URL"] if kind == "features" else ""
    with live(kind) as peer:
        if kind == "s3":
            put(peer["S3_ENDPOINT"], peer["S3_REGION"], "open/counts.csv", b"hour,count\n1,2\n")
        real = {
            "features": peer.get("FEATURES_URL", ""),
            "s3": f"{peer.get('S3_ENDPOINT')}/city/open/",
            "postgis": f"postgresql://127.0.0.1:{urlsplit(peer.get('POSTGRES_URL', '')).port}/city",
        }[kind]
        for step in steps((PAGES / f"{page}.md").read_text("utf-8")):
            if not isinstance(step, Typed):
                name, content = step
                (tmp_path / name).write_text(content, "utf-8")
                continue
            command = step.command.replace(stated, real).replace("https://data.ghent.example", ghent.url)
            command = command.replace("https://gis.ghent.example/ows", mapserver)
            status = run(shlex.split(command.removeprefix("hansa ")))
            output = capsys.readouterr()
            commands += 1
            assert status == 0, output.out + output.err
            assert missing(step.shown, output.out + output.err) == [], output.out + output.err
    assert commands == {"postgis": 6, "features": 12}.get(kind, 5)

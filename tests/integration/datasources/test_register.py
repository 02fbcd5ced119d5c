"""Data sources are registered, tried, listed and removed; their secrets go in and never come out."""

from __future__ import annotations

import asyncio
import io
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from node.base.errors import NotAllowed
from node.cli.exits import DONE, REFUSED
from node.cli.main import run
from node.client import Refusal
from node.identity.model import Caller, UserRole
from tests.integration.datasources.servers import standing
from tests.nodes import Running, running
from tests.simulator.data_servers import FileServer, GisServer

SECRET = "never-to-be-seen-4711"


@pytest.fixture
def city(tmp_path: Path, sqlite_template: Path) -> Iterator[Running]:
    (tmp_path / "open").mkdir()
    (tmp_path / "open" / "counts.csv").write_bytes(b"hour,count\n1,2\n")
    folders = (str(tmp_path / "open"), str(tmp_path))
    with running(tmp_path / "city", template=sqlite_template, data_source_folders=folders) as node:
        yield node


def typed(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str]:
    """Exit status and all output of a command."""
    capsys.readouterr()
    status = run([*words])
    spoken = capsys.readouterr()
    return status, spoken.out + spoken.err


def test_a_steward_registers_tries_lists_and_removes_one_in_the_terminal(
    city: Running, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    server = FileServer({"files/counts.csv": b"hour,count\n1,2\n"}, authorization=f"Bearer {SECRET}")
    at = ["--node", str(city.folder)]
    with standing(server.app()) as url:
        key = tmp_path / "key"
        key.write_text(f"{SECRET}\n")
        add = ["source", "add", "sensors", "http", f"{url}/files/", *at]
        status, output = typed(capsys, *add, "--bearer", "--secret-file", str(key))
        assert (status, "hansa source test sensors" in output) == (DONE, True), output
        assert SECRET not in output
        status, output = typed(capsys, "source", "test", "sensors", "--item", "counts.csv", *at)
        assert status == DONE, output
        assert "cannot list" in output
        assert "counts.csv can be read: the first 15 bytes came as text/csv." in output
        assert "Reading by ranges of bytes works" in output

        # The address stays, so the token does; at another address it is forgotten rather than sent there.
        assert typed(capsys, *add)[0] == DONE
        assert typed(capsys, "source", "test", "sensors", "--item", "counts.csv", *at)[0] == DONE
        other = ["source", "add", "sensors", "http", f"{url}/elsewhere/", *at]
        assert "without credentials" in typed(capsys, *other)[1]
        server.requests.clear()
        status, output = typed(capsys, "source", "test", "sensors", "--item", "x.csv", *at)
        assert (status, "refuses the credentials" in output) == (REFUSED, True), output
        assert [request.headers.get("authorization") for request in server.requests] == [None]

        monkeypatch.setattr("sys.stdin", io.StringIO(f"{SECRET}\n"))
        assert typed(capsys, *add, "--header", "X-Api-Key")[0] == DONE
    status, output = typed(capsys, "source", "list", *at)
    assert "with a key in the header X-Api-Key, sealed" in output
    assert typed(capsys, "source", "remove", "sensors", *at)[0] == DONE
    assert "no data sources" in typed(capsys, "source", "list", *at)[1]


def test_no_answer_file_or_log_of_the_node_has_the_secret(
    city: Running, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level("DEBUG")
    body = {
        "kind": "postgis",
        "address": "postgresql://127.0.0.1:9/city",
        "credentials": {"scheme": "basic", "name": "hansa", "secret": SECRET},
    }
    with city.http(headers=city.person()) as client:
        answers = [client.put("/api/sources/db", json=body).text]
        answers.append(client.post("/api/sources/db/test").text)
        answers += [client.get(path).text for path in ("/api/sources", "/api/sources/db", "/api/audit?q=db")]
        body["credentials"]["name"] = "a:b"  # type: ignore[index]
        refused = client.put("/api/sources/db", json=body)
        assert refused.status_code == 400
        answers.append(refused.text)
        body["address"], body["credentials"]["name"] = "nonsense", "x"  # type: ignore[index]
        answers.append(client.put("/api/sources/db", json=body).text)
        body["extra"] = 1
        invalid = client.put("/api/sources/db", json=body)
        assert invalid.status_code == 400
        answers.append(invalid.text)
    terminal = capfd.readouterr()
    assert SECRET not in "\n".join([*answers, caplog.text, terminal.out, terminal.err])
    found = [path for path in city.folder.rglob("*") if path.is_file() and SECRET.encode() in path.read_bytes()]
    assert found == []
    assert b"127.0.0.1:9" in b"".join(path.read_bytes() for path in city.folder.glob("hansa.sqlite*"))


def test_every_change_is_in_the_ledger_without_address_or_user(city: Running) -> None:
    with city.client() as client:
        sources = client.data_sources
        sources.add("here", "folder", str(city.folder.parent / "open"))
        sources.add("here", "folder", str(city.folder.parent / "open"), options={"reads_per_minute": "9"})
        sources.remove("here")
    stores = city.node.parts.stores
    with stores.uow.read() as tx:
        bodies = [json.loads(entry.body) for entry in stores.ledger.history(tx, "data source here")]
    assert [body["change"] for body in bodies] in (
        ["registered", "replaced", "removed"],
        ["removed", "replaced", "registered"],
    )
    assert str(city.folder.parent) not in json.dumps(bodies)


def test_a_folder_is_shared_only_where_the_operator_allows_it_and_never_the_nodes_own(
    city: Running, tmp_path: Path
) -> None:
    outside = tmp_path.parent
    with city.client() as client:
        sources = client.data_sources
        assert sources.add("open", "folder", str(tmp_path / "open"))["kind"] == "folder"
        report = sources.test("open")
        assert report["passed"], report
        assert [item["item"] for item in report["items"]] == ["counts.csv"]
        for folder in (str(outside), "/etc", f"{tmp_path}/open/../../..", "open", str(city.folder), str(tmp_path)):
            with pytest.raises(Refusal) as caught:
                sources.add("x", "folder", folder)
            assert caught.value.remedy
        # A folder that becomes a link to another one is another one.
        (tmp_path / "open").rename(tmp_path / "moved")
        (tmp_path / "open").symlink_to("/etc")
        assert not sources.test("open")["passed"]


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"kind": "ftp"}, "amqp, features, folder, gbfs, gtfs, http, kafka, mqtt, ngsi-ld"),
        ({"address": "https://169.254.169.254/"}, "address"),
        ({"address": "https://10.0.0.1/"}, "private network"),
        ({"address": "https://u:p@gis.example/"}, "user information"),
        ({"address": "https://gis.example/?key=1"}, "without a query"),
        ({"options": {"reads_per_minute": "often"}}, "reads_per_minute"),
        ({"options": {"regoin": "eu"}}, "has no option 'regoin'"),
        ({"credentials": {"scheme": "header", "name": "Host", "secret": "x"}}, "header"),
        ({"credentials": {"scheme": "header", "name": "X-Key", "secret": "a\r\nHost: b"}}, "secret"),
        ({"credentials": {"scheme": "basic", "name": "", "secret": "x"}}, "user"),
    ],
)
def test_bad_input_is_refused_in_words(city: Running, change: dict[str, Any], says: str) -> None:
    body = {"kind": "http", "address": "https://gis.example/", **change}
    with city.http(headers=city.person()) as client:
        answer = client.put("/api/sources/x", json=body)
        assert answer.status_code == 400, answer.text
        problem = answer.json()
        assert says in f"{problem['detail']} {problem.get('remedy', '')}", problem
        assert client.get("/api/sources").json()["sources"] == []


def test_a_gis_server_says_what_could_be_offered_in_the_readers_language(city: Running) -> None:
    with standing(GisServer().app()) as url, city.client() as client:
        client.data_sources.add("gis", "features", f"{url}/gis")
        report = client.data_sources.test("gis", language="nl")
    assert report["passed"], report
    assert report["steps"][0]["text"] == "De gegevensbron antwoordt, en bevat 2 onderdelen die u kunt delen."
    assert [item["item"] for item in report["items"]] == ["points", "staff"]
    assert "bbox" in report["steps"][-1]["text"]


def test_only_stewards_may_and_others_learn_no_address(city: Running) -> None:
    with city.client() as client:
        client.data_sources.add("gis", "features", "https://gis.example/")
    with city.http() as client:
        assert client.get("/api/sources").status_code == 401
    caller = Caller(did=city.did, account="eve", roles=frozenset({UserRole.OPERATOR, UserRole.PUBLISHER}))
    sources = city.node.datasources.sources
    for refused in (
        lambda: sources.all(caller),
        lambda: sources.source("gis", caller),
        lambda: sources.remove("gis", caller),
        lambda: sources.register("gis", "features", "https://other.example/", caller),
        lambda: asyncio.run(city.node.datasources.trial("gis", caller)),
    ):
        with pytest.raises(NotAllowed):
            refused()


def test_a_name_that_became_the_nodes_own_still_means_the_source_of_a_steward(
    city: Running, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """Every node has the data source ``streams``; an older one may have another of this name, with agreements."""
    at = ["--node", str(city.folder)]
    folder = str(tmp_path / "open")
    assert typed(capsys, "source", "add", "earlier", "folder", folder, *at)[0] == DONE
    status, output = typed(capsys, "source", "add", "streams", "folder", folder, *at)
    assert (status, "every node has the data source streams itself" in output) == (REFUSED, True), output
    stores = city.node.parts.stores
    with stores.uow.begin() as tx:
        source = stores.datasources.get(tx, "earlier")
        assert source is not None
        stores.datasources.put(tx, replace(source, name="streams"))
    status, output = typed(capsys, "source", "test", "streams", "--item", "counts.csv", *at)
    assert (status, "counts.csv can be read" in output) == (DONE, True), output
    assert typed(capsys, "source", "remove", "streams", *at)[0] == DONE
    assert "has nothing that could be shared" in typed(capsys, "source", "test", "streams", *at)[1]

"""Harvested data that name a schema of the catalogue are checked, and marked: API, terminal, page."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from datetime import timedelta
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.parse import urlencode

import pytest

from node.adapters.egress import Egress
from node.adapters.peers.links import WebLinks
from node.adapters.planes.drafts import FolderDrafts
from node.catalogue.measurement import data_checker
from node.catalogue.measurement.data_checker import DataChecker, FileRequests
from node.catalogue.measurement.link_checker import CheckLimits
from node.cli.main import run
from node.semantics.schemas.file_check import FileCheck
from tests.integration.harvests.test_imports import HEAD, imported
from tests.integration.meaning.test_data_checks import described, publish
from tests.nodes import Running, running

SCHEMA = {
    "type": "object",
    "required": ["segment", "flow"],
    "properties": {"segment": {"type": "string"}, "flow": {"type": "integer"}},
}
BODIES = {
    "/good.csv": b"segment,flow\nA,12\nB,3\n",
    "/bad.csv": b"segment,flow\nA,12\nB,many\n",
    "/hidden.csv": b"segment,flow\nA,12\n",
    "/huge.csv": b"segment,flow\n" + b"A,12\n" * 2000,
    "/notes.csv": b"PK\x03\x04 no table",
    "/robots.txt": b"User-agent: *\nDisallow: /hidden.csv\n",
}


class _Files(BaseHTTPRequestHandler):
    """A server of files that counts what is asked."""

    asked: list[str] = []

    def do_HEAD(self) -> None:
        self._head()

    def do_GET(self) -> None:
        if self._head():
            self.asked.append(self.path)
            self.wfile.write(BODIES[self.path])

    def _head(self) -> bool:
        if self.path not in BODIES:
            self.send_error(404)
            return False
        self.send_response(200)
        self.send_header("Content-Length", str(len(BODIES[self.path])))
        self.end_headers()
        return True

    def log_message(self, *args: object) -> None:
        """Nothing is printed."""


@pytest.fixture(scope="module")
def city(tmp_path_factory: pytest.TempPathFactory, sqlite_template: Path) -> Iterator[Running]:
    folder = tmp_path_factory.mktemp("data") / "node"
    with running(folder, template=sqlite_template, link_check_days=14) as node:
        yield node


@pytest.fixture
def files() -> Iterator[str]:
    _Files.asked.clear()
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Files)
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join()


async def check_data(city: Running, *, allow_loopback: bool = True, times: int = 4) -> None:
    """Check what is due as the timer does, but without its pauses."""
    parts = city.node.parts

    async def go_on(seconds: float) -> None:
        await asyncio.sleep(0)

    async with Egress(allow_loopback=allow_loopback) as egress:
        web = WebLinks(egress, parts.base)
        checker = DataChecker(
            parts.stores.uow,
            parts.stores.catalogue.records,
            parts.stores.catalogue.data_checks,
            FolderDrafts(parts.places.drafts),
            parts.clock,
            FileRequests(web.send, web.fetch),
            partial(FileCheck(parts.cage), limit=20),
            origin=parts.me,
            base=parts.base,
            interval=timedelta(days=14),
            limits=CheckLimits(),
            pause=go_on,
        )
        for _ in range(times):
            await checker.check_due()


def dataset(name: str, schema: str, files: str, *paths: str) -> str:
    distributions = ", ".join(f"[ dcat:downloadURL <{files}{path}> ; dct:conformsTo <{schema}> ]" for path in paths)
    return (
        f'{HEAD}<https://a.example/{name}> a dcat:Dataset ; dct:title "{name}" ; dcat:distribution {distributions} .'
    )


def test_each_file_is_marked_and_seen_through_every_door(
    city: Running, files: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(data_checker, "LARGEST", 5000)
    with city.http() as http:
        http.headers.update({**city.person(), "Accept-Language": "en"})
        answer = publish(http, described("schema", "flows", version="1", definition=SCHEMA))
        assert answer.status_code == 201, answer.text
        schema = f"{city.url}/schemas/flows"
        paths = [path for path in BODIES if path.endswith(".csv")] + ["/gone.csv"]
        report = imported(city, dataset("flows", schema, files, *paths), source="Flows")
        iri = next(event["address"] for event in report if event["event"] == "record")
        imported(city, dataset("other", "https://peer.example/schema", files, "/good.csv"), source="Other")
        asyncio.run(check_data(city))
        states = {
            file["address"].removeprefix(files): (file["state"], file["reason"], file["count"])
            for file in http.get("/api/quality/data", params={"iri": iri}).json()["files"]
        }
        assert states == {
            "/good.csv": ("conforms", "", 0),
            "/bad.csv": ("breaks", "", 1),
            "/hidden.csv": ("unknown", "robots", 0),
            "/huge.csv": ("unknown", "too-large", 0),
            "/notes.csv": ("unknown", "unreadable", 0),
            "/gone.csv": ("unknown", "status", 0),
        }
        listing = http.get("/api/quality/data", params={"state": "breaks"}).json()
        assert listing["counts"] == {"conforms": 1, "breaks": 1, "unknown": 4}
        assert listing["latest"] >= max(file["checked"] for file in listing["files"])
        (breach,) = listing["files"][0]["breaches"]
        assert "row 2" in breach
        assert "flow" in breach
        fetches = len(_Files.asked)
        asyncio.run(check_data(city))
        assert len(_Files.asked) == fetches, "nothing is due"
        assert publish(
            http, described("schema", "flows", version="2", definition={**SCHEMA, "required": []})
        ).is_success
        asyncio.run(check_data(city))
        assert len(_Files.asked) > fetches, "a new version of the schema makes all of them due"
    assert not [path for path in (city.folder / "drafts").rglob("*") if path.is_file() and path.stat().st_size > 9]
    assert "/hidden.csv" not in _Files.asked
    assert run(["quality", iri, "--data", "--node", str(city.folder)]) == 0
    output = "".join(capsys.readouterr())
    assert "breaks, 1 breaches in 2 rows" in output
    assert "robots" in output
    assert "last check" in output
    assert run(["--json", "quality", "--data", "--node", str(city.folder)]) == 0
    assert len(json.loads(capsys.readouterr().out)["files"]) == 1
    with city.http() as http:
        assert http.get("/api/quality/data").status_code == 401
        page = http.get(
            f"/record?{urlencode({'iri': iri})}", follow_redirects=True, headers={"Accept-Language": "en"}
        )
        assert "do not conform to the schema they name. There is 1 breach in 2 rows" in page.text
        assert "no breach of the schema that the data name was found (2 rows)" in page.text


def test_an_address_that_the_node_may_not_dial_is_not_fetched(city: Running, files: str) -> None:
    schema = f"{city.url}/schemas/flows"
    report = imported(city, dataset("inside", schema, files, "/good.csv"), source="Inside")
    iri = next(event["address"] for event in report if event["event"] == "record")
    asyncio.run(check_data(city, allow_loopback=False))
    with city.http() as http:
        answer: dict[str, Any] = http.get("/api/quality/data", params={"iri": iri}, headers=city.person()).json()
    assert [(file["state"], file["reason"]) for file in answer["files"]] == [("unknown", "forbidden")]
    assert _Files.asked == []

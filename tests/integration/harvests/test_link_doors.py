"""Links are checked by a node that runs, and what they answer is seen through API, terminal and pages."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from urllib.parse import urlencode

import pytest

from node.adapters.egress import Egress
from node.adapters.peers.links import WebLinks
from node.catalogue.measurement.link_checker import LinkChecker
from node.catalogue.measurement.link_collection import LinkCollection
from node.cli.exits import REFUSED
from node.cli.main import run
from tests.integration.harvests.test_imports import HEAD, imported
from tests.nodes import Running, running
from tests.portal_browser import signed_in


class _Files(BaseHTTPRequestHandler):
    """Two files: one that refuses HEAD, and one that is gone."""

    def do_HEAD(self) -> None:
        self.send_error(405)

    def do_GET(self) -> None:
        if self.path != "/there.csv":
            self.send_error(404)
            return
        self.send_response(206)
        self.send_header("Content-Length", "1")
        self.end_headers()
        self.wfile.write(b"a")

    def log_message(self, *args: object) -> None:
        """Nothing is printed."""


@pytest.fixture(scope="module")
def city(tmp_path_factory: pytest.TempPathFactory, sqlite_template: Path) -> Iterator[Running]:
    """A node that checks links, as those of other tests do not."""
    folder = tmp_path_factory.mktemp("links") / "node"
    with running(folder, template=sqlite_template, link_check_days=14) as node:
        yield node


@pytest.fixture
def files() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Files)
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join()


async def check_links(city: Running) -> None:
    """Check what is due as the timer does, but without its pauses."""
    parts = city.node.parts
    stores, links = parts.stores, parts.stores.catalogue.links
    collection = LinkCollection(
        stores.uow,
        stores.catalogue.records,
        stores.ledger,
        links,
        parts.clock,
        origin=parts.me,
        base=parts.base,
    )

    async def go_on(seconds: float) -> None:
        await asyncio.sleep(0)

    async with Egress(allow_loopback=True) as egress:
        send = WebLinks(egress, parts.base).send
        interval = timedelta(days=14)
        await LinkChecker(
            stores.uow, links, collection, parts.clock, send, interval=interval, pause=go_on
        ).check_due()


def test_broken_links_are_seen_through_every_door(
    city: Running, files: str, capsys: pytest.CaptureFixture[str]
) -> None:
    def hansa(*words: str, code: int = 0) -> str:
        assert run([*words, "--node", str(city.folder)]) in (code, None)
        out, err = capsys.readouterr()
        return out + err

    report = imported(
        city,
        f'{HEAD}<https://a.example/linked> a dcat:Dataset ; dct:title "Linked" ; dcat:distribution '
        f"[ dcat:accessURL <{files}/there.csv> ; dcat:downloadURL <{files}/gone.csv> ] .",
        source="Linked",
    )
    iri = next(event["address"] for event in report if event["event"] == "record")
    with city.client() as client:
        before = client.record_quality(iri)[-1]["points"]
        asyncio.run(check_links(city))
        answer = client.links(state="broken", iri=iri)
        assert [(item["status"], item["records"]) for item in answer["links"]] == [(404, [iri])]
        # The access address earns its 50 points, the download address none of its 30.
        assert client.record_quality(iri)[-1]["points"] == before + 50
        assert answer["days"] == 14
        assert sum(answer["counts"].values()) >= 2
        sources = {item["source"]: item for item in answer["sources"]}
        assert sources["Linked"] == {"source": "Linked", "works": 1, "broken": 1, "unknown": 0}
        assert [item["status"] for item in client.links(state="broken", source="Linked")["links"]] == [404]
        assert client.links(source="nobody")["links"] == []
    assert "gone.csv" in hansa("quality", iri, "--links")
    assert "Linked" in hansa("quality", "--links")
    of_source = hansa("quality", "--links", "--source", "Linked")
    assert "gone.csv" in of_source
    assert [line.split() for line in of_source.splitlines() if line.split()[:1] in (["works"], ["broken"])] == [
        ["works", "1"],
        ["broken", "1"],
    ]
    assert "harvested from nobody" in hansa("quality", "--links", "--source", "nobody", code=REFUSED)
    assert "there.csv" in json.loads(hansa("--json", "quality", "--links", "--state", "works"))["links"][0]["address"]
    assert "no state of a link" in hansa("quality", "--links", "--state", "odd", code=REFUSED)
    assert "checked again" in hansa("quality", iri, "--check-links")
    with city.http() as http:
        assert http.get("/api/quality/links").status_code == 401
        assert http.post("/api/quality/links/check").status_code == 401
        assert "gone.csv" in http.get(f"/record?{urlencode({'iri': iri})}", follow_redirects=True).text
    with signed_in(city) as browser:
        page = browser.get("/quality/links").text
        assert f"{files}/gone.csv" in page
        assert "answer with status 404" in page
        assert "By source" in page
        filtered = browser.get("/quality/links?source=Linked&state=broken").text
        assert f"{files}/gone.csv" in filtered
        assert f"{files}/gone.csv" not in browser.get("/quality/links?source=nobody&state=broken").text
        assert f"{files}/there.csv" in browser.get(f"/quality/links?{urlencode({'record': iri})}").text

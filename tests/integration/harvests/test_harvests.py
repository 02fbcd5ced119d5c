"""Catalogues at an address: page by page, politely, only what changed, and what vanished."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from node.cli.exits import REFUSED
from node.cli.main import run
from node.client import HansaClient
from tests.nodes import Running

HEAD = """@prefix dcat: <http://www.w3.org/ns/dcat#> .
@prefix dct: <http://purl.org/dc/terms/> .
@prefix hydra: <http://www.w3.org/ns/hydra/core#> .
"""


@dataclass
class Portal:
    """A portal on loopback. ``pages``: path and query → body; ``asked``: path, status, whether it was conditional."""

    pages: dict[str, bytes] = field(default_factory=dict)
    media_type: str = "text/turtle"
    busy: dict[str, int] = field(default_factory=dict)
    robots: str = ""
    asked: list[tuple[str, int, bool]] = field(default_factory=list)
    url: str = ""

    def turtle(self, path: str, *datasets: str, following: str = "") -> None:
        """A page with datasets of these names; ``following`` is the next page, as text on an inner host."""
        statements = [f'<{self.url}/set/{name}> a dcat:Dataset ; dct:title "Set {name}" .' for name in datasets]
        if following:
            view = f'<{self.url}{path}> a hydra:PagedCollection ; hydra:nextPage "http://paster{following}" .'
            statements.append(view)
        self.pages[path] = (HEAD + "\n".join(statements)).encode()

    def records(self, path: str, *names: str, following: str = "") -> None:
        """A page of records of OGC API Records."""
        features = [
            {"type": "Feature", "id": name, "properties": {"type": "dataset", "title": f"Set {name}"}, "links": []}
            for name in names
        ]
        links = [{"rel": "next", "href": f"http://paster{following}"}] if following else []
        page = {"type": "FeatureCollection", "numberMatched": 3, "features": features, "links": links}
        self.pages[path] = json.dumps(page).encode()

    def packages(self, *packages: dict[str, Any]) -> None:
        """The packages of a CKAN that answers with two at most."""
        self.media_type = "application/json"
        for start in range(len(packages) + 1):
            result = {"count": len(packages), "results": packages[start : start + 2]}
            self.pages[f"/api/3/action/package_search?start={start}"] = json.dumps(
                {"success": True, "result": result}
            ).encode()

    def statuses(self) -> list[int]:
        """The statuses of all pages that were asked for since the last call."""
        statuses = [status for path, status, _ in self.asked if path != "/robots.txt"]
        self.asked.clear()
        return statuses


def handler(portal: Portal) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            query = parse_qs(parts.query)
            path = f"{parts.path}?start={query['start'][0]}" if "start" in query else self.path
            body = portal.robots.encode() if path == "/robots.txt" else portal.pages.get(path, b"")
            etag = f'"{hashlib.sha256(body).hexdigest()}"'
            status = 200 if body else 404
            if portal.busy.get(path, 0):
                portal.busy[path] -= 1
                status, body = 503, b""
            conditional = "If-None-Match" in self.headers
            if status == 200 and self.headers.get("If-None-Match") == etag:
                status, body = 304, b""
            portal.asked.append((path, status, conditional))
            self.send_response(status)
            self.send_header("Content-Type", "text/plain" if path == "/robots.txt" else portal.media_type)
            self.send_header("ETag", etag)
            self.send_header("Retry-After", "0")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Nothing: ``asked`` has it."""

    return Handler


@pytest.fixture
def portal() -> Iterator[Portal]:
    state = Portal()
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler(state))
    state.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    yield state
    server.shutdown()
    server.server_close()
    thread.join()


def harvested(city: Running, url: str, **options: Any) -> list[dict[str, Any]]:
    """The events of harvesting ``url``."""
    with city.http() as http:
        answer = http.post("/api/imports", headers=city.person(), params={"url": url, **options})
    assert answer.status_code == 200, answer.text
    return [json.loads(line) for line in answer.text.splitlines()]


def outcomes(events: list[dict[str, Any]]) -> dict[str, str]:
    """The last piece of each IRI → outcome."""
    return {event["iri"].rpartition("/")[2]: event["outcome"] for event in events if event["event"] == "record"}


def counts(events: list[dict[str, Any]]) -> dict[str, int]:
    """What the last event counts, without zeros."""
    closed = events[-1]
    assert closed["event"] == "closed"
    names = ("new", "changed", "unchanged", "refused", "withdrawn", "missing")
    return {name: closed[name] for name in names if closed[name]}


def three_pages(portal: Portal, *, second: tuple[str, ...] = ("c", "d")) -> str:
    portal.turtle("/catalog.ttl", "a", "b", following="/catalog.ttl?page=2")
    portal.turtle("/catalog.ttl?page=2", *second, following="/catalog.ttl?page=3")
    portal.turtle("/catalog.ttl?page=3", "e", following="/catalog.ttl?page=2")
    return f"{portal.url}/catalog.ttl"


def test_pages_are_read_once_and_then_only_what_changed(city: Running, client: HansaClient, portal: Portal) -> None:
    url = three_pages(portal)
    events = harvested(city, url)
    assert outcomes(events) == dict.fromkeys("abcde", "new")
    assert events[0]["source"] == url
    assert portal.statuses() == [200, 200, 200]
    addresses = {event["iri"].rpartition("/")[2]: event["address"] for event in events[1:-1]}

    assert counts(harvested(city, url)) == {"unchanged": 5}
    assert portal.statuses() == [304, 304, 304]

    three_pages(portal, second=("c",))
    portal.turtle("/catalog.ttl?page=3", "e", "f")
    checked = harvested(city, url, check=True)
    assert counts(checked) == {"new": 1, "unchanged": 4, "withdrawn": 1}
    assert client.record(addresses["d"])["version"] == 1
    events = harvested(city, url)
    assert outcomes(events) == {"c": "unchanged", "e": "unchanged", "f": "new", "d": "withdrawn"}
    assert client.versions(addresses["d"])[0]["withdrawn"]
    assert counts(harvested(city, url)) == {"unchanged": 5}

    three_pages(portal)
    assert outcomes(harvested(city, url))["d"] == "changed"
    assert client.record(addresses["d"])["version"] == 3


def test_nothing_is_withdrawn_from_a_source_without_end(
    city: Running, portal: Portal, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = three_pages(portal)
    harvested(city, url)
    monkeypatch.setattr("node.catalogue.harvest.harvest_run.MAX_PAGES", 2)
    portal.turtle("/catalog.ttl", "a", following="/catalog.ttl?page=2")
    events = harvested(city, url)
    assert events[-1]["event"] == "failed"
    assert "more than 2 pages" in events[-1]["detail"]
    assert events[-1]["withdrawn"] == 0


def test_other_rules_have_all_pages_read_again(city: Running, portal: Portal) -> None:
    url = three_pages(portal)
    harvested(city, url)
    portal.statuses()
    assert counts(harvested(city, url, rule="safe")) == {"unchanged": 5}
    assert portal.statuses() == [200, 200, 200]
    harvested(city, url, rule="safe")
    assert portal.statuses() == [304, 304, 304]


def test_a_source_that_lists_less_than_half_is_taken_for_broken(city: Running, portal: Portal) -> None:
    url = three_pages(portal)
    harvested(city, url)
    portal.turtle("/catalog.ttl", "a")
    for _ in range(2):
        assert counts(harvested(city, url)) == {"unchanged": 1, "missing": 4}
    assert counts(harvested(city, url, fewer=True)) == {"unchanged": 1, "withdrawn": 4}
    assert counts(harvested(city, url)) == {"unchanged": 1}


def test_nothing_is_withdrawn_where_a_page_is_missing(city: Running, portal: Portal) -> None:
    url = three_pages(portal)
    harvested(city, url)
    portal.turtle("/catalog.ttl", "a", following="/catalog.ttl?page=9")
    events = harvested(city, url)
    assert events[-1]["event"] == "failed"
    assert "page=9 answers with status 404" in events[-1]["detail"]
    assert events[-1]["withdrawn"] == 0
    # The run after it knows what vanished, though the page was noted meanwhile.
    portal.turtle("/catalog.ttl", "a", following="/catalog.ttl?page=2")
    assert counts(harvested(city, url)) == {"unchanged": 4, "withdrawn": 1}


def test_a_record_with_a_fault_is_still_listed(city: Running, portal: Portal) -> None:
    url = three_pages(portal)
    harvested(city, url)
    portal.pages["/catalog.ttl?page=3"] = f"{HEAD}<{portal.url}/set/e> a dcat:Dataset .".encode()
    for _ in range(2):
        events = harvested(city, url)
        assert counts(events) == {"unchanged": 4, "refused": 1}
        assert next(event for event in events if event.get("outcome") == "refused")["error"] == "it has no title"
    portal.turtle("/catalog.ttl?page=3", "g")
    assert counts(harvested(city, url)) == {"unchanged": 4, "new": 1, "withdrawn": 1}


def test_a_harvest_that_is_interrupted_goes_on(city: Running, portal: Portal) -> None:
    portal.turtle("/catalog.ttl", *(f"first{n}" for n in range(30)), following="/catalog.ttl?page=2")
    portal.turtle("/catalog.ttl?page=2", *(f"second{n}" for n in range(30)))
    url = f"{portal.url}/catalog.ttl"
    portal.busy["/catalog.ttl?page=2"] = 4
    events = harvested(city, url)
    assert events[-1]["event"] == "failed"
    assert events[-1]["new"] == 30
    portal.statuses()
    assert counts(harvested(city, url)) == {"unchanged": 30, "new": 30}
    assert portal.statuses() == [304, 200]


def test_robots_and_busy_sources_are_respected(
    city: Running,
    portal: Portal,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("HANSA_NODE", str(city.folder))
    portal.robots = "User-agent: *\nDisallow: /catalog\n"
    url = three_pages(portal)
    assert run(["import", url]) == REFUSED
    assert "robots.txt" in (printed := capsys.readouterr().err)
    assert "--agreed" in printed
    assert portal.statuses() == []
    portal.busy = {"/catalog.ttl": 2}
    assert run(["import", url, "--agreed"]) == 0
    assert "✓ 5 of 5 records imported   5 new" in capsys.readouterr().out
    assert portal.statuses() == [503, 503, 200, 200, 200]
    portal.turtle("/catalog.ttl", "a")
    assert run(["import", url, "--agreed"]) == 0
    assert "4 records are no longer at the source" in (printed := capsys.readouterr().err)
    assert "--fewer" in printed
    portal.turtle("/empty.ttl")
    assert run(["import", f"{portal.url}/empty.ttl", "--agreed"]) == REFUSED
    assert "there are no records in it" in capsys.readouterr().err


def test_what_is_no_catalogue_or_may_not_be_dialled_is_refused(city: Running, portal: Portal) -> None:
    portal.media_type, portal.pages["/"] = "text/html", b"<html></html>"
    cases = [
        (f"{portal.url}/", 400, "no catalogue file"),
        (f"{portal.url}/lost", 502, "status 404"),
        ("https://10.0.0.1/catalog.ttl", 400, "private network"),
        ("https://169.254.169.254/latest/", 400, "local link"),
        ("file:///etc/passwd", 400, "not a plain http(s) address"),
    ]
    with city.http() as http:
        for url, status, reason in cases:
            answer = http.post("/api/imports", headers=city.person(), params={"url": url})
            assert (answer.status_code, reason in answer.text) == (status, True), answer.text
        assert http.post("/api/imports", params={"url": portal.url}).status_code == 401


def test_records_of_an_ogc_api_are_read_to_the_last(city: Running, client: HansaClient, portal: Portal) -> None:
    portal.media_type = "application/geo+json"
    items = "/collections/metadata/items"
    portal.records(f"{items}?limit=200", "trees", "benches", following=f"{items}?offset=2")
    portal.records(f"{items}?offset=2", "wells")
    events = harvested(city, f"{portal.url}{items}", rule="safe")
    assert counts(events) == {"new": 3}
    assert (events[0]["source"], events[0]["total"]) == (f"{portal.url}{items}", 3)
    wells = next(event for event in events if event.get("iri", "").endswith(f"{items}/wells"))
    assert client.record(wells["address"])["title"] == "Set wells"
    portal.records(f"{items}?limit=200", "trees", "benches")
    assert counts(harvested(city, f"{portal.url}{items}", rule="safe")) == {"unchanged": 2, "withdrawn": 1}


def test_the_packages_of_a_ckan_are_read_to_the_last(city: Running, client: HansaClient, portal: Portal) -> None:
    package = {
        "organization": {"id": "o1", "title": "Parks"},
        "license_title": "CC BY 4.0",
        "tags": [{"name": "green"}],
    }
    files = [{"id": "r1", "name": "CSV", "url": "https://city.example/1.csv", "format": "CSV", "size": 12}]
    listed = [{"id": f"p{n}", "name": f"p-{n}", "title": f"Package {n}", **package} for n in range(5)]
    listed[0]["resources"] = files
    hidden = ({"id": "h", "title": "Source", "type": "harvest"}, {"id": "x", "title": "X", "private": True})
    portal.packages(*listed, *hidden)
    events = harvested(city, f"{portal.url}/api/3", rule="safe")
    assert counts(events) == {"new": 5}
    assert (events[0]["source"], events[0]["total"]) == (portal.url, 7)
    assert portal.statuses() == [200] * 4
    first = client.record(next(event["address"] for event in events if event.get("iri", "").endswith("/dataset/p0")))
    assert (first["publisherName"], first["keywords"]) == ("Parks", ["green"])
    query = (
        "SELECT ?url ?licence WHERE { ?set <http://purl.org/dc/terms/title> 'Package 0' ; "
        "<http://www.w3.org/ns/dcat#distribution> ?file . ?file <http://www.w3.org/ns/dcat#accessURL> ?url ; "
        "<http://purl.org/dc/terms/license> ?licence }"
    )
    rows = json.loads(client.sparql(query))["results"]["bindings"]
    assert [row["url"]["value"] for row in rows] == ["https://city.example/1.csv"]
    assert rows[0]["licence"]["value"].endswith("/CC_BY_4_0")
    # Only a page in the middle changes: those after it are read all the same.
    portal.packages(*listed[:2], {**listed[2], "title": "Changed"}, *listed[3:], *hidden)
    portal.statuses()
    assert counts(harvested(city, f"{portal.url}/api/3", rule="safe")) == {"changed": 1, "unchanged": 4}
    assert portal.statuses() == [304, 200, 304, 304]
    portal.packages(*listed[1:])
    assert counts(harvested(city, f"{portal.url}/api/3", rule="safe"))["withdrawn"] == 1


def test_a_data_json_is_harvested_with_changes_and_deletions(city: Running, portal: Portal) -> None:
    """DCAT-US: datasets without IRIs, which are recognised by their identifiers."""
    portal.media_type = "text/plain"  # as web servers of cities send it

    def publish(**titles: str) -> None:
        datasets = [{"identifier": name, "title": title, "description": "d"} for name, title in titles.items()]
        document = {"conformsTo": "https://project-open-data.cio.gov/v1.1/schema", "dataset": datasets}
        portal.pages["/data.json"] = json.dumps(document).encode()

    publish(roads="Roads", trees="Trees", bins="Bins")
    url = f"{portal.url}/data.json"
    assert counts(harvested(city, url))["new"] == 3
    assert counts(harvested(city, url)) == {"unchanged": 3}
    assert portal.statuses() == [200, 304]
    publish(roads="Roads and paths", trees="Trees")
    events = harvested(city, url)
    assert {name: counts(events)[name] for name in ("changed", "unchanged", "withdrawn")} == {
        "changed": 1,
        "unchanged": 1,
        "withdrawn": 1,
    }


def test_a_data_package_is_harvested_with_its_dictionary(city: Running, client: HansaClient, portal: Portal) -> None:
    portal.media_type = "application/json"
    table = {"fields": [{"name": "species", "type": "string", "description": "Latin name"}]}
    package = {
        "name": "street-trees",
        "title": "Street trees",
        "resources": [{"name": "trees", "path": "data/trees.csv", "format": "csv", "schema": table}],
    }
    url = f"{portal.url}/trees/datapackage.json"

    def publish() -> None:
        portal.pages["/trees/datapackage.json"] = json.dumps(package).encode()

    publish()
    (record,) = [event for event in harvested(city, url) if event["event"] == "record"]
    assert (record["outcome"], record["title"]) == ("new", "Street trees")
    with city.http() as http:
        page = http.get(urlsplit(record["address"]).path, headers={"Accept": "text/html"}).text
    assert f"{portal.url}/trees/data/trees.csv" in page
    assert "Latin name" in page
    package["title"] = "Trees in streets"
    publish()
    assert counts(harvested(city, url))["changed"] == 1

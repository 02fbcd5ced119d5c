"""Event streams of others (LDES): the newest version of each record, and only pages that are new."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from node.client import HansaClient, Refusal
from tests.integration.harvests.test_harvests import counts, harvested
from tests.nodes import Running, city, client

__all__ = ["city", "client"]

HEAD = """@prefix dcat: <http://www.w3.org/ns/dcat#> .
@prefix dct: <http://purl.org/dc/terms/> .
@prefix ldes: <https://w3id.org/ldes#> .
@prefix tree: <https://w3id.org/tree#> .
@prefix xsd: <http://www.w3.org/2001/XMLSchema#> .
"""


class StreamServer:
    """A server of an event stream. ``pages``: path → Turtle; pages in ``immutable`` never change, as they say."""

    def __init__(self) -> None:
        self.pages: dict[str, str] = {}
        self.immutable: set[str] = set()
        self.asked: list[str] = []
        self.url = ""

    def root(self, *views: str) -> str:
        stated = "".join(f"tree:view <{view}> ; " for view in views)
        self.pages["/stream"] = (
            f"{HEAD}<{self.url}/stream> a ldes:EventStream ; {stated}"
            "ldes:timestampPath dct:modified ; ldes:versionOfPath dct:isVersionOf ."
        )
        return f"{self.url}/stream"

    def page(self, path: str, *versions: tuple[str, str, str], to: tuple[str, ...] = ()) -> None:
        """A page with versions (name, title, time) and relations ``to`` other pages."""
        lines = [f"<{path}> a tree:Node ."]
        lines += [f"<{path}> tree:relation [ a tree:Relation ; tree:node <{node}> ] ." for node in to]
        for name, title, time in versions:
            member = f"{self.url}/set/{name}#{time}"
            lines.append(
                f'<{self.url}/stream> tree:member <{member}> . <{member}> a dcat:Dataset ; dct:title "{title}" ; '
                f'dct:isVersionOf <{self.url}/set/{name}> ; dct:modified "{time}"^^xsd:dateTime ; '
                f'dcat:distribution [ a dcat:Distribution ; dct:title "{title}" ] .'
            )
        self.pages[path] = HEAD + "\n".join(lines)

    def requests(self) -> list[str]:
        """The pages that were asked for since the last call."""
        paths = [path for path in self.asked if path != "/robots.txt"]
        self.asked.clear()
        return paths


@pytest.fixture
def server() -> Iterator[StreamServer]:
    state = StreamServer()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            state.asked.append(self.path)
            body = state.pages.get(self.path, "").encode()
            self.send_response(200 if body else 404)
            self.send_header("Content-Type", "text/turtle")
            if self.path in state.immutable:
                self.send_header("Cache-Control", "public, max-age=604800, immutable")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Nothing: ``asked`` has it."""

    httpd = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    state.url = f"http://127.0.0.1:{httpd.server_address[1]}"
    thread = threading.Thread(target=httpd.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    yield state
    httpd.shutdown()
    httpd.server_close()
    thread.join()


def test_the_newest_version_of_each_record_counts(city: Running, client: HansaClient, server: StreamServer) -> None:
    url = server.root("/view", "/other-view")
    server.immutable = {"/1", "/2"}
    # The newest version of a stands on the first page, and times have different zones.
    server.page("/view", ("a", "A3", "2026-03-01T00:00:00Z"), ("b", "B1", "2026-01-01T00:00:00Z"), to=("/1", "/2"))
    server.page("/1", ("a", "A1", "2026-01-01T00:00:00Z"), ("a", "A2", "2026-03-01T00:30:00+01:00"), to=("/view",))
    server.page("/2", ("b", "B2", "2026-02-01T00:00:00Z"), ("c", "C1", "2026-02-01T00:00:00Z"))
    events = harvested(city, url)
    assert counts(events) == {"new": 3}
    records = {event["iri"].rpartition("/")[2]: event for event in events if event["event"] == "record"}
    assert {name: record["title"] for name, record in records.items()} == {"a": "A3", "b": "B2", "c": "C1"}
    assert all(client.record(record["address"])["version"] == 1 for record in records.values())
    assert server.requests() == ["/stream", "/view", "/1", "/2"]

    assert counts(harvested(city, url)) == {"unchanged": 3}
    assert server.requests() == ["/stream", "/view"], "immutable pages are not fetched again"

    server.page(
        "/view", ("a", "A3", "2026-03-01T00:00:00Z"), ("b", "B1", "2026-01-01T00:00:00Z"), to=("/1", "/2", "/3")
    )
    server.page("/3", ("c", "C2", "2026-04-01T00:00:00Z"), ("a", "A0", "2025-01-01T00:00:00Z"))
    events = harvested(city, url)
    assert counts(events) == {"changed": 1, "unchanged": 2}
    assert server.requests() == ["/stream", "/view", "/3"]
    changed = client.record(records["c"]["address"])
    assert (changed["title"], changed["version"]) == ("C2", 2)
    with city.http() as http:
        stored = http.get(records["c"]["address"], headers={"Accept": "application/n-triples"}).text
    assert "isVersionOf" not in stored
    assert "C1" not in stored


def test_what_a_stream_forgets_stays(city: Running, server: StreamServer) -> None:
    url = server.root("/kept")
    server.page("/kept", ("a", "A", "2026-01-01"), ("b", "B", "2026-01-01"), ("c", "C", "2026-01-01"))
    harvested(city, url)
    server.page("/kept", ("a", "A", "2026-01-01"), ("b", "B", "2026-01-01"))
    assert counts(harvested(city, url)) == {"unchanged": 2}


def test_circles_and_pages_without_end_end(
    city: Running, server: StreamServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = server.root("/loop")
    server.page("/loop", ("x", "X", "2026-01-01"), to=("/loop", "/loop2", "http://elsewhere.example/loop2"))
    server.page("/loop2", ("y", "Y", "no time"), to=("/loop", "/stream"))
    assert counts(harvested(city, url)) == {"new": 2}
    assert server.requests() == ["/stream", "/loop", "/loop2"], "pages of another host are those of this one"
    monkeypatch.setattr("node.catalogue.harvest.harvest_run.MAX_PAGES", 2)
    server.page("/loop", ("x", "X2", "2026-02-01"), to=("/loop2",))
    events = harvested(city, url)
    assert events[-1]["event"] == "failed"
    assert "more than 2 pages" in events[-1]["detail"]
    server.page("/loop", ("x", "X2", "2026-02-01"), to=("/gone",))
    monkeypatch.undo()
    events = harvested(city, url)
    assert "gone answers with status 404" in json.dumps(events[-1])


def test_a_stream_with_much_in_it_is_entered_in_parts(
    city: Running, server: StreamServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("node.catalogue.harvest.stream.HELD", 10)
    url = server.root("/p1")
    server.page("/p1", ("p", "P1", "2026-01-01"), ("q", "Q1", "2026-01-01"), to=("/p2",))
    server.page("/p2", ("p", "P2", "2026-02-01"))
    assert counts(harvested(city, url)) == {"new": 2, "changed": 1}


PREFIX = "@prefix as: <https://www.w3.org/ns/activitystreams#> .\n"


def deletion(server: StreamServer, name: str, time: str, *, as_activity: bool) -> str:
    """A member that says that a record was deleted: an activity about it, or a version of it that is marked."""
    member, entity = f"<{server.url}/set/{name}#{time}-deleted>", f"<{server.url}/set/{name}>"
    if as_activity:
        about = f'a as:Delete ; as:object {entity} ; as:published "{time}"^^xsd:dateTime'
    else:
        about = f'a as:Delete ; dct:isVersionOf {entity} ; dct:modified "{time}"^^xsd:dateTime'
    return f"\n<{server.url}/stream> tree:member {member} . {member} {about} ."


@pytest.mark.parametrize("as_activity", [True, False], ids=["activity", "version"])
def test_what_a_stream_deletes_is_withdrawn(
    city: Running, client: HansaClient, server: StreamServer, as_activity: bool
) -> None:
    url = server.root("/view")
    server.immutable = {"/1"}
    server.page("/view", to=("/1", "/2"))
    server.page("/1", ("d", "D", "2026-01-01T00:00:00Z"), ("e", "E", "2026-01-01T00:00:00Z"))
    server.page("/2")
    records = {event["title"]: event for event in harvested(city, url) if event["event"] == "record"}

    server.pages["/2"] += f"\n{PREFIX}{deletion(server, 'd', '2026-02-01T00:00:00Z', as_activity=as_activity)}"
    events = harvested(city, url)
    assert counts(events) == {"unchanged": 1, "withdrawn": 1}, events
    assert [event["iri"] for event in events if event["event"] == "record"] == [f"{server.url}/set/d"]
    with pytest.raises(Refusal):
        client.record(records["D"]["address"])
    assert client.record(records["E"]["address"])["title"] == "E"
    assert counts(harvested(city, url)) == {"unchanged": 1}, "it is withdrawn once"

    # A later version brings it back, and the old deletion does not withdraw it again.
    server.page("/view", ("d", "D again", "2026-03-01T00:00:00Z"), to=("/1", "/2"))
    assert counts(harvested(city, url)) == {"changed": 1, "unchanged": 1}
    assert client.record(records["D"]["address"])["title"] == "D again"
    assert counts(harvested(city, url))["unchanged"] == 2


def test_a_stream_marks_deletions_in_its_own_words(city: Running, client: HansaClient, server: StreamServer) -> None:
    url = server.root("/own")
    server.page("/own", ("f", "F", "2026-01-01T00:00:00Z"), ("g", "G", "2026-01-01T00:00:00Z"))
    harvested(city, url)
    member = f"<{server.url}/set/f#2>"
    server.pages["/own"] += (
        f"\n<{url}> ldes:versionDeletePath <urn:x:status> ; ldes:versionDeleteObject <urn:x:removed> ; tree:member"
        f" {member} . {member} a dcat:Dataset ; dct:isVersionOf <{server.url}/set/f> ;"
        ' <urn:x:status> <urn:x:removed> ; dct:modified "2026-02-01T00:00:00Z"^^xsd:dateTime .'
    )
    assert counts(harvested(city, url)) == {"unchanged": 1, "withdrawn": 1}


def test_a_stream_deletes_only_records_of_its_own(city: Running, client: HansaClient, server: StreamServer) -> None:
    url = server.root("/mine")
    server.page("/mine", ("h", "H", "2026-01-01T00:00:00Z"))
    (record,) = [event for event in harvested(city, url) if event["event"] == "record"]
    server.pages["/other"] = (
        f"{HEAD}{PREFIX}<{server.url}/other> a ldes:EventStream ; tree:view <{server.url}/other> ."
        + deletion(server, "h", "2026-02-01T00:00:00Z", as_activity=True).replace("/stream>", "/other>")
    )
    assert counts(harvested(city, f"{server.url}/other")) == {}
    assert client.record(record["address"])["title"] == "H"


def test_a_check_withdraws_nothing(city: Running, client: HansaClient, server: StreamServer) -> None:
    url = server.root("/checked")
    server.page("/checked", ("i", "I", "2026-01-01T00:00:00Z"))
    (record,) = [event for event in harvested(city, url) if event["event"] == "record"]
    server.pages["/checked"] += f"\n{PREFIX}{deletion(server, 'i', '2026-02-01T00:00:00Z', as_activity=True)}"
    assert counts(harvested(city, url, check=True)) == {"withdrawn": 1}
    assert client.record(record["address"])["title"] == "I"
    assert counts(harvested(city, url)) == {"withdrawn": 1}


def test_activities_about_datasets_are_read(city: Running, client: HansaClient, server: StreamServer) -> None:
    """The form of the DCAT-AP feeds of SEMIC: what is created and updated is the object of an activity."""
    url = server.root("/activities")
    server.pages["/activities"] = (
        f"{HEAD}{PREFIX}<{url}> tree:member <{url}#1> . <{url}#1> a as:Update ; as:object <{server.url}/set/j> ;"
        ' as:published "2026-01-01T00:00:00Z"^^xsd:dateTime .'
        f'<{server.url}/set/j> a dcat:Dataset ; dct:title "J" .'
        f"{deletion(server, 'j', '2025-01-01T00:00:00Z', as_activity=True)}"
    )
    (record,) = [event for event in harvested(city, url) if event["event"] == "record"]
    assert (record["outcome"], record["title"]) == ("new", "J")

"""Data sources that are slow, down, or lie: a clear error with its status, and nothing that only looks whole."""

from __future__ import annotations

import gzip
import json
import socketserver
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2
import psutil
import pytest

from node.adapters.datasources import requests
from tests.integration.datasources.live_data import Opened, accesses, open_live, share, transfer_here
from tests.nodes import Running, running
from tests.simulator.data_servers import GisServer

CSV = b"hour,count\n" + b"1,2\n" * 1000


@dataclass
class RawServer:
    """A server that answers each request with the bytes that ``answer`` gives, and then closes the connection.

    ``answer`` gets the head of the request and a function that sends."""

    answer: Callable[[str, Callable[[bytes], None]], None]
    heads: list[str] = field(default_factory=list)

    @contextmanager
    def standing(self) -> Iterator[str]:
        owner = self

        class Handler(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                head = b""
                while not head.endswith(b"\r\n\r\n"):
                    line = self.rfile.readline()
                    if not line:
                        return
                    head += line
                owner.heads.append(head.decode("latin-1"))
                with suppress(OSError):
                    owner.answer(owner.heads[-1], self._send)

            def _send(self, body: bytes) -> None:
                self.wfile.write(body)
                self.wfile.flush()

        class Server(socketserver.ThreadingTCPServer):
            daemon_threads = True
            allow_reuse_address = True
            request_queue_size = 128

            def handle_error(self, request: Any, client_address: Any) -> None:
                """The reader hung up."""

        with Server(("127.0.0.1", 0), Handler) as server:
            threading.Thread(target=server.serve_forever, daemon=True).start()
            yield f"http://127.0.0.1:{server.server_address[1]}"
            server.shutdown()


def head(*lines: str, status: str = "200 OK") -> bytes:
    """The head of an answer."""
    return "\r\n".join([f"HTTP/1.1 {status}", "Connection: close", *lines, "", ""]).encode()


@pytest.fixture(scope="module")
def nodes(tmp_path_factory: pytest.TempPathFactory, sqlite_template: Path) -> Iterator[tuple[Running, Running]]:
    home = tmp_path_factory.mktemp("unkind")
    with (
        running(home / "city", template=sqlite_template) as city,
        running(home / "partner", template=sqlite_template) as partner,
    ):
        yield city, partner


NUMBERS = iter(range(1000))


@contextmanager
def shared(
    nodes: tuple[Running, Running], answer: Callable[[str, Callable[[bytes], None]], None], **entry: Any
) -> Iterator[tuple[Opened, RawServer]]:
    """A file of a server that answers so, read by a partner."""
    name = f"unkind-{next(NUMBERS)}"
    server = RawServer(answer)
    with server.standing() as url:
        with nodes[0].client() as client:
            credentials = {"scheme": "header", "name": "X-Api-Key", "secret": "sesame-key"}
            client.data_sources.add(name, "http", f"{url}/files/", credentials=credentials)
        yield open_live(nodes[1], share(nodes[0], name, "counts.csv", slug=name, **entry)), server


def refused(answer: httpx2.Response, status: int, code: str) -> dict[str, Any]:
    """The problem of a refusal, which tells nothing of the source."""
    assert answer.status_code == status, answer.text
    problem: dict[str, Any] = answer.json()
    assert problem["code"] == code
    assert problem["detail"]
    assert "sesame" not in answer.text
    assert "127.0.0.1" not in answer.text
    return problem


@pytest.mark.parametrize(
    ("sent", "status", "code"),
    [
        (head(status="500 Internal Server Error"), 502, "data-source-unreachable"),
        (head("Content-Length: 0", status="401 Unauthorized"), 502, "data-source-refuses"),
        (head("Content-Length: 0", status="403 Forbidden"), 502, "data-source-refuses"),
        (head("Content-Length: 0", status="404 Not Found"), 404, "not-found"),
        (head("Content-Length: 0", status="503 Busy"), 504, "data-source-slow"),
        (b"", 502, "data-source-unreachable"),
        (b"\x16\x03\x01garbage\r\n\r\n", 502, "data-source-unreachable"),
        (head("Content-Type: text/html", "Content-Length: 7") + b"<login>", 502, "data-source-unreachable"),
        (
            head("Content-Encoding: gzip", "Content-Type: text/csv") + gzip.compress(CSV),
            502,
            "data-source-unreachable",
        ),
        (head("Content-Length: -5") + CSV, 502, "data-source-unreachable"),
    ],
)
def test_what_cannot_be_passed_on_has_a_status_and_a_reason(
    nodes: tuple[Running, Running], sent: bytes, status: int, code: str
) -> None:
    with shared(nodes, lambda _, send: send(sent)) as (live, _):
        refused(live.get(), status, code)
        assert [event["outcome"] for event in accesses(nodes[0], live.agreement)] == [], "nothing was read"
        with nodes[0].http() as client:
            assert client.get("/health").json() == {"status": "ok"}


@pytest.mark.parametrize(
    "place",
    ["http://169.254.169.254/latest/", "https://10.0.0.1/", "/elsewhere", "file:///etc/passwd", "//127.0.0.1:1/"],
)
def test_a_redirect_is_neither_followed_nor_passed_on(nodes: tuple[Running, Running], place: str) -> None:
    sent = head(f"Location: {place}", "Content-Length: 0", status="302 Found")
    with shared(nodes, lambda _, send: send(sent)) as (live, server):
        answer = live.get()
        problem = refused(answer, 502, "data-source-unreachable")
        assert "redirect" in problem["detail"]
        assert "location" not in answer.headers
        assert place not in answer.text
        assert len(server.heads) == 1


@pytest.mark.parametrize("size", [len(CSV) + 500, len(CSV) + 10**15])
def test_a_source_that_breaks_off_never_looks_whole(nodes: tuple[Running, Running], size: int) -> None:
    sent = head("Content-Type: text/csv", f"Content-Length: {size}") + CSV
    with shared(nodes, lambda _, send: send(sent)) as (live, _), pytest.raises(httpx2.RemoteProtocolError):
        live.get()


def test_a_source_that_breaks_off_without_a_length_never_looks_whole(nodes: tuple[Running, Running]) -> None:
    sent = head("Content-Type: text/csv", "Transfer-Encoding: chunked") + b"%x\r\n%s\r\n" % (len(CSV), CSV)
    with shared(nodes, lambda _, send: send(sent)) as (live, _), pytest.raises(httpx2.RemoteProtocolError):
        live.get()


@pytest.mark.parametrize(
    "content_range",
    ["bytes 0-9/4011", "bytes 5-20/4011", "bytes 5-9/7", "bytes 9-5/4011", "bytes x", "", "bytes 5-9/*"],
)
def test_a_part_that_is_another_one_is_not_passed_on(nodes: tuple[Running, Running], content_range: str) -> None:
    sent = head(f"Content-Range: {content_range}", "Content-Length: 9", status="206 Partial Content") + b"123456789"
    with shared(nodes, lambda _, send: send(sent)) as (live, _):
        refused(live.get(headers={"Range": "bytes=5-9"}), 502, "data-source-unreachable")


def test_a_part_that_nobody_asked_for_is_not_passed_on(nodes: tuple[Running, Running]) -> None:
    sent = head("Content-Range: bytes 0-3/9", "Content-Length: 4", status="206 Partial Content") + b"1234"
    with shared(nodes, lambda _, send: send(sent)) as (live, _):
        refused(live.get(), 502, "data-source-unreachable")


def test_data_that_change_under_a_resumed_read_come_whole(nodes: tuple[Running, Running]) -> None:
    version = {"etag": '"one"', "body": b"a" * 1000}

    def answer(request: str, send: Callable[[bytes], None]) -> None:
        body, tag = version["body"], f"ETag: {version['etag']}"
        if "range: bytes=500-" in request.lower():
            part = head(tag, "Content-Range: bytes 500-999/1000", "Content-Length: 500", status="206 Partial Content")
            send(part + body[500:])
        else:
            send(head(tag, "Content-Type: text/csv", "Content-Length: 1000") + body)

    with shared(nodes, answer) as (live, _):
        first = live.get()
        version.update(etag='"two"', body=b"b" * 1000)
        resumed = live.get(headers={"Range": "bytes=500-", "If-Range": first.headers["etag"]})
        assert (resumed.status_code, resumed.content) == (200, b"b" * 1000)


def test_headers_of_the_source_stay_at_the_node(nodes: tuple[Running, Running]) -> None:
    spy = ("Set-Cookie: a=b", "Link: <http://127.0.0.1:1/>; rel=next", "X-Powered-By: secret-server", "Server: inner")
    more = ("Location: http://127.0.0.1:1/", "Access-Control-Allow-Origin: *", "WWW-Authenticate: Basic")
    sent = head("Content-Type: text/csv", f"Content-Length: {len(CSV)}", *spy, *more) + CSV
    with shared(nodes, lambda _, send: send(sent)) as (live, server):
        answer = live.get(headers={"Cookie": "mine=1", "X-Forwarded-For": "10.0.0.9", "X-Api-Key": "other"})
        assert answer.content == CSV
        for name in ("set-cookie", "link", "x-powered-by", "server", "location", "www-authenticate"):
            assert name not in answer.headers
        assert "access-control-allow-origin" not in answer.headers
        asked = server.heads[-1].lower()
        assert "x-api-key: sesame-key" in asked
        for word in ("cookie", "10.0.0.9", "other", "bearer"):
            assert word not in asked


def test_a_source_that_says_nothing_is_given_up(
    nodes: tuple[Running, Running], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(requests, "FIRST_BYTE", 0.5)
    ending = threading.Event()
    with shared(nodes, lambda _, send: ending.wait(60)) as (live, _):
        refused(live.get(), 504, "data-source-slow")
        ending.set()


def test_a_source_that_stops_in_the_middle_is_given_up(
    nodes: tuple[Running, Running], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(requests, "IDLE", 0.5)
    ending = threading.Event()

    def answer(_: str, send: Callable[[bytes], None]) -> None:
        send(head("Content-Type: text/csv", "Content-Length: 100000") + CSV)
        ending.wait(60)

    with shared(nodes, answer) as (live, _):
        with pytest.raises(httpx2.RemoteProtocolError):
            live.get()
        ending.set()


def test_a_source_that_is_down_is_said_to_be(nodes: tuple[Running, Running]) -> None:
    with shared(nodes, lambda _, send: send(head("Content-Length: 0"))) as (live, _):
        pass
    problem = refused(live.get(), 502, "data-source-unreachable")
    assert "refuses the connection" in problem["detail"] or "cannot be reached" in problem["detail"]


def test_a_slow_source_delays_nobody_who_reads_another(nodes: tuple[Running, Running]) -> None:
    going = threading.Event()

    def answer(_: str, send: Callable[[bytes], None]) -> None:
        going.wait(120)
        send(head("Content-Type: text/csv", f"Content-Length: {len(CSV)}") + CSV)

    quick = head("Content-Type: text/csv", f"Content-Length: {len(CSV)}") + CSV
    with (
        shared(nodes, answer) as (slow, _),
        shared(nodes, lambda _, send: send(quick)) as (fast, _),
        ThreadPoolExecutor(64) as pool,
    ):
        waiting = [pool.submit(slow.get) for _ in range(12)]
        try:
            # The slow reads cannot end before these do.
            assert {fast.get().status_code for _ in range(5)} == {200}
            with nodes[1].client() as client:
                assert client.node()["name"]
        finally:
            going.set()
        assert {one.result().status_code for one in waiting} == {200}


def test_a_huge_answer_needs_no_memory(nodes: tuple[Running, Running]) -> None:
    size, block = 256 << 20, b"x" * (1 << 20)

    def answer(_: str, send: Callable[[bytes], None]) -> None:
        send(head("Content-Type: text/csv", f"Content-Length: {size}"))
        for _ in range(size >> 20):
            send(block)

    with shared(nodes, answer) as (live, _):
        process, highest, received = psutil.Process(), 0, 0
        before = process.memory_info().rss
        with (
            httpx2.Client(timeout=60, trust_env=False) as client,
            client.stream("GET", live.endpoint, headers={"Authorization": live.authorization}) as answer_,
        ):
            for chunk in answer_.iter_raw():
                received += len(chunk)
                if received % (16 << 20) < len(chunk):
                    highest = max(highest, process.memory_info().rss)
        assert received == size
        assert highest - before < 64 << 20


@contextmanager
def layer(nodes: tuple[Running, Running], documents: dict[str, Any]) -> Iterator[Opened]:
    """A layer of a GIS server that answers with these documents: path → what is sent as JSON, or bytes."""

    def answer(request: str, send: Callable[[bytes], None]) -> None:
        path = request.split(" ")[1].partition("?")[0]
        content = documents.get(path.removeprefix("/gis"), {})
        body = content if isinstance(content, bytes) else json.dumps(content).encode()
        send(head("Content-Type: application/json", f"Content-Length: {len(body)}") + body)

    name = f"gis-{next(NUMBERS)}"
    with RawServer(answer).standing() as url:
        with nodes[0].client() as client:
            client.data_sources.add(name, "features", f"{url}/gis/")
        yield open_live(nodes[1], share(nodes[0], name, "points", slug=name, format="GEOJSON"))


FEATURE = GisServer().feature(1)


@pytest.mark.parametrize(
    "page",
    [
        b"",
        b"<html>",
        b"[]",
        b'{"type":"FeatureCollection"',
        b'{"type":"FeatureCollection","features":NaN}',
        b'{"type":"FeatureCollection","features":' + b"[" * 5000 + b"]" * 5000 + b"}",
        {"type": "FeatureCollection", "features": "x"},
        {"type": "FeatureCollection", "features": [1]},
        {"type": "Feature"},
    ],
)
def test_a_page_of_something_else_is_refused(nodes: tuple[Running, Running], page: Any) -> None:
    with layer(nodes, {"/collections/points/items": page}) as live:
        refused(live.get("/collections/points/items"), 502, "data-source-unreachable")


def test_a_page_that_is_too_large_is_refused(nodes: tuple[Running, Running]) -> None:
    features = b",".join([json.dumps(FEATURE).encode()] * 200_000)
    page = b'{"type":"FeatureCollection","features":[' + features + b"]}"
    assert len(page) > 16 << 20
    with layer(nodes, {"/collections/points/items": page}) as live:
        refused(live.get("/collections/points/items"), 413, "too-large")


def test_poisoned_documents_lead_nowhere(nodes: tuple[Running, Running]) -> None:
    evil = "http://evil.example/steal"
    links = [
        {"href": evil, "rel": rel, "type": "application/geo+json"}
        for rel in ("next", "prev", "items", "data", "self", "service-desc", "conformance", "alternate", "license")
    ]
    links += [
        {"href": "http://evil.example/gis/collections/points/items?x=1&token=y", "rel": "next"},
        {"href": "javascript:alert(1)", "rel": "next"},
        {"href": "//evil.example", "rel": "prev"},
        {"href": "http://[", "rel": "next"},
        {"rel": "next"},
        7,
    ]
    collection = {
        "id": "points",
        "title": "Points",
        "links": links,
        "extent": {"spatial": {"bbox": [[1, 2, 3, 4]], "crs": evil}},
        "crs": [evil],
        "storageCrs": "http://www.opengis.net/def/crs/OGC/1.3/CRS84",
        "evil": evil,
    }
    page = {
        "type": "FeatureCollection",
        "features": [{**FEATURE, "links": links, "evil": evil}],
        "links": links,
        "numberMatched": evil,
        "evil": evil,
    }
    documents = {
        "/collections/points": collection,
        "/conformance": {"conformsTo": [evil, 7, {"x": 1}], "links": links},
        "/collections/points/queryables": {"properties": {"a": {"$ref": evil, "type": "string"}}, "$id": evil},
        "/collections/points/items": page,
        "/collections/points/items/1": {**FEATURE, "links": links, "evil": evil},
    }
    with layer(nodes, documents) as live:
        for path in ("", "/conformance", "/collections", *(path for path in documents if path != "/conformance")):
            answer = live.get(path)
            assert answer.status_code == 200, f"{path}: {answer.text}"
            assert "evil" not in answer.text, path
            assert "javascript" not in answer.text
        hrefs = [link["href"] for link in live.get("/collections/points/items").json()["links"]]
        assert all(href.startswith(live.endpoint) for href in hrefs)


def test_a_collection_that_turns_into_another_is_refused(nodes: tuple[Running, Running]) -> None:
    with layer(nodes, {"/collections/points": {"id": "staff", "title": "Staff"}}) as live:
        refused(live.get("/collections/points"), 502, "data-source-unreachable")


@pytest.mark.parametrize("end", ["suspend", "terminate", "remove"])
def test_a_read_that_stands_still_ends_with_its_permission(
    nodes: tuple[Running, Running], end: str, caplog: pytest.LogCaptureFixture
) -> None:
    city, _ = nodes
    over = threading.Event()

    def stall(_: str, send: Callable[[bytes], None]) -> None:
        send(head("Content-Type: text/csv") + CSV)
        over.wait(60)

    with shared(nodes, stall) as (live, _), city.client() as client:
        theirs = transfer_here(city, live)
        headers = {"Authorization": live.authorization}
        with (
            httpx2.Client(timeout=30, trust_env=False) as reader,
            reader.stream("GET", live.endpoint, headers=headers) as answer,
        ):
            chunks = answer.iter_raw()
            assert next(chunks)
            if end == "remove":
                client.data_sources.remove(f"unkind-{next(NUMBERS) - 1}")
            else:
                client.steer(theirs, end, reason="enough")
            # The source sends nothing more, and keeps its connection: only the node can end this.
            with pytest.raises(httpx2.RemoteProtocolError):
                for _ in chunks:
                    pass
        reason = "has removed the data source" if end == "remove" else "the transfer is not active"
        assert any("a live read was stopped" in line and reason in line for line in caplog.messages)
        over.set()
        assert live.get().status_code == (410 if end == "remove" else 403)

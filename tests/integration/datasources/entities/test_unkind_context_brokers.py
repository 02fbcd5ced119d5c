"""Context brokers that are slow, down, or lie: a clear error with its status, and no entity of another type."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest

from node.adapters.datasources import requests
from tests.integration.datasources.faults.test_unkind_sources import RawServer, head, refused
from tests.integration.datasources.live_data import Opened, accesses, open_live, share
from tests.nodes import Running, running
from tests.simulator.context_broker import counter, depot

Send = Callable[[bytes], None]
PAGE = json.dumps([counter(1), counter(2)]).encode()
JSON = "Content-Type: application/json"
NUMBERS = iter(range(1000))


@pytest.fixture(scope="module")
def nodes(tmp_path_factory: pytest.TempPathFactory, sqlite_template: Path) -> Iterator[tuple[Running, Running]]:
    home = tmp_path_factory.mktemp("unkind-brokers")
    with (
        running(home / "city", template=sqlite_template) as city,
        running(home / "partner", template=sqlite_template) as partner,
    ):
        yield city, partner


@contextmanager
def broker(nodes: tuple[Running, Running], answer: Callable[[str, Send], None]) -> Iterator[tuple[Opened, RawServer]]:
    """Entities of a broker that answers so, read by a partner."""
    name = f"broker-{next(NUMBERS)}"
    server = RawServer(answer)
    with server.standing() as url:
        with nodes[0].client() as client:
            credentials = {"scheme": "header", "name": "X-Api-Key", "secret": "sesame-key"}
            client.data_sources.add(name, "ngsi-ld", f"{url}/ngsi-ld/v1", credentials=credentials)
        yield open_live(nodes[1], share(nodes[0], name, "TrafficCounter", slug=name, format="JSON_LD")), server


def sending(body: bytes, *lines: str, status: str = "200 OK") -> Callable[[str, Send], None]:
    """Answer each request with this body."""
    return lambda _, send: send(head(JSON, f"Content-Length: {len(body)}", *lines, status=status) + body)


def test_a_slow_broker_is_given_up(nodes: tuple[Running, Running], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(requests, "FIRST_BYTE", 0.5)
    ending = threading.Event()
    with broker(nodes, lambda _, send: ending.wait(60)) as (live, _):
        refused(live.get("/entities"), 504, "data-source-slow")
        ending.set()


def test_a_broker_that_is_down_is_said_to_be(nodes: tuple[Running, Running]) -> None:
    with broker(nodes, sending(PAGE)) as (live, _):
        pass
    refused(live.get("/entities"), 502, "data-source-unreachable")


@pytest.mark.parametrize(
    ("sent", "status", "code"),
    [
        (head(JSON, "Content-Length: 5") + PAGE, 502, "data-source-unreachable"),
        (head(JSON, f"Content-Length: {len(PAGE) + 10**15}") + PAGE, 502, "data-source-unreachable"),
        (
            head(JSON, "Content-Range: bytes 0-9/99", status="206 Partial Content") + PAGE,
            502,
            "data-source-unreachable",
        ),
        (head("Content-Type: text/html") + PAGE, 502, "data-source-unreachable"),
        (head("Content-Type: application/geo+json") + PAGE, 502, "data-source-unreachable"),
        (head("Content-Type: text/turtle") + b"<a> <b> <c> .", 502, "data-source-unreachable"),
        (head(JSON) + b"<html>", 502, "data-source-unreachable"),
        (head(JSON) + b"", 502, "data-source-unreachable"),
        (head(JSON) + b"{}", 502, "data-source-unreachable"),
        (head(JSON) + b'[{"id":"urn:a:b","type":"TrafficCounter","x":NaN}]', 502, "data-source-unreachable"),
        (head(JSON) + b'[{"id":7,"type":"TrafficCounter"}]', 502, "data-source-unreachable"),
        (head(JSON) + b"[1]", 502, "data-source-unreachable"),
        (head(JSON, "Content-Length: 2", status="400 Bad Request") + b"{}", 400, "invalid-input"),
        (head(JSON, "Content-Length: 2", status="401 Unauthorized") + b"{}", 502, "data-source-refuses"),
        (head(JSON, "Content-Length: 2", status="500 Internal Server Error") + b"{}", 502, "data-source-unreachable"),
    ],
)
def test_lies_about_size_type_and_form_are_refused(
    nodes: tuple[Running, Running], sent: bytes, status: int, code: str
) -> None:
    with broker(nodes, lambda _, send: send(sent)) as (live, _):
        refused(live.get("/entities"), status, code)
        assert accesses(nodes[0], live.agreement) == []


@pytest.mark.parametrize("depth", [40, 5000, 200_000])
def test_deep_json_is_refused(nodes: tuple[Running, Running], depth: int) -> None:
    deep = b'[{"id":"urn:a:b","type":"TrafficCounter","x":' + b"[" * depth + b"]" * depth + b"}]"
    with broker(nodes, sending(deep)) as (live, _):
        refused(live.get("/entities"), 502, "data-source-unreachable")


def test_ten_gigabytes_need_no_memory(nodes: tuple[Running, Running]) -> None:
    block, pieces = b" " * (1 << 20), []

    def answer(_: str, send: Send) -> None:
        send(head(JSON, f"Content-Length: {10 << 30}") + b"[")
        for _ in range(10 << 10):
            send(block)
            pieces.append(1)

    process = psutil.Process()
    with broker(nodes, answer) as (live, _):
        before = process.memory_info().rss
        refused(live.get("/entities"), 413, "too-large")
        assert process.memory_info().rss - before < 128 << 20
        assert len(pieces) < 200, "the node hung up"


def test_a_giant_page_is_refused_whole(nodes: tuple[Running, Running]) -> None:
    page = b"[" + b",".join([json.dumps(counter(1)).encode()] * 60_000) + b"]"
    assert len(page) > 16 << 20
    with broker(nodes, sending(page)) as (live, _):
        problem = refused(live.get("/entities"), 413, "too-large")
        assert "limit" in problem["remedy"]


@pytest.mark.parametrize(
    "place", ["http://169.254.169.254/latest/", "https://10.0.0.1/", "/ngsi-ld/v1/subscriptions"]
)
def test_a_redirect_is_neither_followed_nor_passed_on(nodes: tuple[Running, Running], place: str) -> None:
    sent = head(f"Location: {place}", "Content-Length: 0", status="307 Temporary Redirect")
    with broker(nodes, lambda _, send: send(sent)) as (live, server):
        answer = live.get("/entities")
        refused(answer, 502, "data-source-unreachable")
        assert "location" not in answer.headers
        assert place not in answer.text
        assert len(server.heads) == 1


@pytest.mark.parametrize(
    "stranger",
    [
        depot(),
        {**depot(), "type": ["Depot", "Store"]},
        {**depot(), "type": "trafficcounter"},
        {**depot(), "type": {"@value": "TrafficCounter"}},
        {key: value for key, value in depot().items() if key != "type"},
    ],
)
def test_an_entity_of_another_type_never_leaves(nodes: tuple[Running, Running], stranger: dict[str, Any]) -> None:
    def answer(request: str, send: Send) -> None:
        content = stranger if "Depot:1 " in request or "Depot:1?" in request else [counter(1), stranger]
        body = json.dumps(content).encode()
        send(head(JSON, f"Content-Length: {len(body)}") + body)

    with broker(nodes, answer) as (live, _):
        for path in ("", "/entities", "/temporal/entities"):
            text = live.get(path).text
            assert "depot-secret" not in text
            refused(live.get(path), 502, "data-source-unreachable")
        for path in ("/entities/urn:ngsi-ld:Depot:1", "/temporal/entities/urn:ngsi-ld:Depot:1"):
            refused(live.get(path), 404, "not-found")


def test_an_entity_that_is_not_the_one_asked_for_never_leaves(nodes: tuple[Running, Running]) -> None:
    with broker(nodes, sending(json.dumps(counter(1)).encode())) as (live, _):
        refused(live.get("/entities/urn:ngsi-ld:TrafficCounter:02"), 404, "not-found")


@pytest.mark.parametrize("form", ["", "?options=concise", "?format=normalized"])
def test_linked_entities_and_contexts_that_nobody_asked_for_stay_at_the_node(
    nodes: tuple[Running, Running], form: str
) -> None:
    evil = "http://evil.example/context.jsonld"
    link = {"type": "Relationship", "object": "urn:ngsi-ld:Depot:1", "entity": depot(), "@context": evil}
    links = {"type": "ListRelationship", "objectList": ["urn:ngsi-ld:Depot:1"], "entityList": [depot()]}
    entity = {**counter(1), "@context": evil, "refDepot": [link], "refs": links}
    entity["intensity"]["source"] = link
    entity["guard"]["value"] = {"@context": evil, "list": [{"@context": [evil]}]}
    with broker(nodes, sending(json.dumps([entity]).encode())) as (live, _):
        answer = live.get(f"/entities{form}")
        assert answer.status_code == 200, answer.text
        assert "urn:ngsi-ld:Depot:1" in answer.text
        assert "depot-secret" not in answer.text
        assert "evil" not in answer.text


def test_contexts_in_plain_values_stay_at_the_node(nodes: tuple[Running, Running]) -> None:
    value = {
        "@context": "http://evil.example/context.jsonld",
        "list": [{"@context": ["http://evil.example"], "a": 1}],
    }
    entity = {"id": counter(1)["id"], "type": "TrafficCounter", "guard": value}
    with broker(nodes, sending(json.dumps([entity]).encode())) as (live, _):
        answer = live.get("/entities?options=keyValues", headers={"Accept": "application/json"})
        assert answer.json() == [{**entity, "guard": {"list": [{"a": 1}]}}]


@pytest.mark.parametrize(
    "link",
    [
        '<http://evil.example/steal?limit=2&offset=2>; rel="next"',
        "<//evil.example/ngsi-ld/v1/entities?offset=2>; rel=next",
        '<javascript:alert(1)?offset=2>; rel="next"; type="application/json"',
        '</ngsi-ld/v1/entities?type=Depot&offset=2&tenant=x>; rel="prev next"',
        '<http://evil.example/context>; rel="http://www.w3.org/ns/json-ld#context", </x?offset=2>; rel="next"',
    ],
)
def test_a_poisoned_link_leads_to_the_next_page_of_the_node_and_nowhere_else(
    nodes: tuple[Running, Running], link: str
) -> None:
    with broker(nodes, sending(PAGE, f"Link: {link}", "X-Spy: evil", "Set-Cookie: a=evil")) as (live, _):
        answer = live.get("/entities?limit=2", headers={"Accept": "application/json"})
        assert answer.status_code == 200, answer.text
        for word in ("evil", "javascript", "Depot", "tenant", "cookie"):
            assert word not in str(dict(answer.headers)).lower()
        assert f"<{live.endpoint}/entities?" in answer.headers["link"]


@pytest.mark.parametrize(
    "link", ["</x>; rel=next", "</x?offset=0>; rel=next", "</x?offset=2x>; rel=next", "<?p=2>;rel=next"]
)
def test_more_pages_that_the_node_cannot_name_are_said_to_be_there(nodes: tuple[Running, Running], link: str) -> None:
    with broker(nodes, sending(PAGE, f"Link: {link}")) as (live, _):
        problem = refused(live.get("/entities"), 502, "data-source-unreachable")
        assert "offset" in problem["remedy"]


@pytest.mark.parametrize("count", ["-1", "12\tX", "many", "9" * 30])
def test_a_count_that_is_none_is_left_out(nodes: tuple[Running, Running], count: str) -> None:
    with broker(nodes, sending(PAGE, f"NGSILD-Results-Count: {count}")) as (live, _):
        assert "ngsild-results-count" not in live.get("/entities?count=true").headers


@pytest.mark.parametrize("spelling", ["http:", "http:\\/\\/", "\\u0068ttp:"])
def test_addresses_of_the_broker_become_those_of_the_reader(nodes: tuple[Running, Running], spelling: str) -> None:
    def answer(request: str, send: Send) -> None:
        host = next(line for line in request.splitlines() if line.lower().startswith("host:")).split(" ")[1]
        place = f"http://{host}/ngsi-ld/v1/entities/urn:x:1"
        text = json.dumps([{**counter(1), "seeAlso": {"type": "Property", "value": [place]}}])
        body = text.replace("http:" + "//" * spelling.endswith("/"), spelling).encode()
        send(head(JSON, f"Content-Length: {len(body)}") + body)

    with broker(nodes, answer) as (live, _):
        entity = live.get("/entities").json()[0]
        assert entity["seeAlso"]["value"] == [f"{live.endpoint}/entities/urn:x:1"]

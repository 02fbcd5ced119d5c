"""SPARQL from strangers: what never ends costs its sender an answer of 503 and the node nothing."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx2
import psutil
import pytest

from tests.fork_servers import fork_server_pid
from tests.integration.hostile import naughty, read_problem
from tests.nodes import Running, publish, running

JSON = {"Accept": "application/sparql-results+json"}
COUNT = "SELECT (COUNT(*) AS ?n) { ?s ?p ?o }"
HIDDEN = "staff-rota"
SECONDS = 1.0


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory, sqlite_template: Path) -> Iterator[Running]:
    with running(
        tmp_path_factory.mktemp("queries"), template=sqlite_template, query_seconds=SECONDS, query_concurrency=2
    ) as started:
        for slug in ("traffic-counts", "road-network"):
            publish(started, slug, keywords=[f"k{number}" for number in range(60)])
        publish(started, HIDDEN, audience="internal")
        yield started
        _wait_for_children()


@pytest.fixture
def http(node: Running) -> Iterator[httpx2.Client]:
    """A stranger; afterwards the node answers as before."""
    with node.http() as client:
        before = _count(client)
        yield client
        assert _count(client) == before
        assert client.get("/health").json() == {"status": "ok"}


def _wait_for_children() -> None:
    """No query leaves a child of the cage behind. They end some seconds after the last query."""
    fork_server = psutil.Process(fork_server_pid())
    deadline = time.monotonic() + 5
    while fork_server.children():
        assert time.monotonic() < deadline, "a child of the cage is left"
        time.sleep(0.05)


def _count(client: httpx2.Client) -> int:
    answer = client.post("/sparql", data={"query": COUNT}, headers=JSON)
    assert answer.status_code == 200, answer.text
    return int(answer.json()["results"]["bindings"][0]["n"]["value"])


ENDLESS = {
    "a cross product": "SELECT (COUNT(*) AS ?x) { ?a ?b ?c . ?d ?e ?f . ?g ?h ?i . ?j ?k ?l . ?m ?n ?o }",
    "a sorted cross product": "SELECT * { ?a ?b ?c . ?d ?e ?f . ?g ?h ?i } ORDER BY ?c ?f ?i",
    "paths": "SELECT (COUNT(*) AS ?x) { ?a (!<urn:x>)* ?b . ?c (!<urn:x>)* ?d . ?e (!<urn:x>)* ?f . ?g !a ?h }",
    "growing texts": (
        "SELECT (STRLEN(GROUP_CONCAT(CONCAT(STR(?a), STR(?d), STR(?g)))) AS ?x) { ?a ?b ?c . ?d ?e ?f . ?g ?h ?i }"
    ),
}


@pytest.mark.parametrize("name", ENDLESS)
def test_a_query_that_never_ends_is_ended(http: httpx2.Client, name: str) -> None:
    began = time.monotonic()
    answer = http.post("/sparql", data={"query": ENDLESS[name]}, headers=JSON)
    problem = read_problem(answer, 503)
    assert problem["remedy"]
    assert answer.headers["retry-after"]
    assert time.monotonic() - began < SECONDS + 5, "the setting query_seconds is obeyed"


def test_others_are_answered_while_it_runs(http: httpx2.Client, node: Running) -> None:
    with ThreadPoolExecutor(1) as crowd, node.http() as other:
        running_query = crowd.submit(
            lambda: other.post("/sparql", data={"query": ENDLESS["a cross product"]}, headers=JSON)
        )
        began, answered = time.monotonic(), 0
        while not running_query.done():
            assert http.get("/datasets/traffic-counts", headers={"Accept": "text/turtle"}).status_code == 200
            assert _count(http) > 0
            answered += 1
        assert running_query.result().status_code == 503
        assert answered >= 2, f"{answered} answers in {time.monotonic() - began:.1f} s"


def test_a_crowd_of_bombs_is_turned_away(http: httpx2.Client) -> None:
    """More at once than a stranger may run: told so at once, and everybody is answered in the end."""
    with ThreadPoolExecutor(16) as crowd:
        statuses = list(
            crowd.map(
                lambda _: http.post("/sparql", data={"query": ENDLESS["a cross product"]}, headers=JSON).status_code,
                range(16),
            )
        )
    assert set(statuses) <= {429, 503}
    assert 429 in statuses


BOMBS = {
    "nested braces": "SELECT * " + "{" * 5000 + "?s ?p ?o" + "}" * 5000,
    "nested brackets": "SELECT * { ?s ?p " + "(" * 4700 + "1" + ")" * 4700 + " }",
    "negations": "SELECT * { ?s ?p ?o FILTER(" + "!" * 9000 + "true) }",
    "nested paths": "SELECT * { ?s " + "(" * 5000 + "<urn:p>" + ")" * 5000 + " ?o }",
    "alternatives": "ASK { FILTER(" + "||".join(["true"] * 1200) + ") }",
    "patterns": "SELECT * { " + " ".join(f"?a{n} ?b{n} ?c{n} ." for n in range(200)) + " }",
    "escaped braces": "SELECT * " + "\\u007B" * 2000 + "?s ?p ?o" + "\\u007D" * 2000,
    "unions": "SELECT * { " + " UNION ".join("{ ?s ?p ?o }" for _ in range(400)) + " }",
    "a long text": "SELECT * { ?s ?p '" + "x" * 40_000 + "' }",
    "a long pattern": 'SELECT * { ?s ?p ?o FILTER REGEX(STR(?o), "' + "(a{900}){900}" * 30 + '") }',
    "nested values": "SELECT * { VALUES ?x { " + "1 " * 5000 + " } VALUES ?y { " + "2 " * 2000 + " } }",
}


@pytest.mark.parametrize("name", BOMBS)
def test_bombs_are_refused_before_they_go_off(http: httpx2.Client, name: str) -> None:
    for answer in (
        http.post(
            "/sparql", content=BOMBS[name].encode(), headers={**JSON, "Content-Type": "application/sparql-query"}
        ),
        http.post("/sparql", data={"query": BOMBS[name]}, headers=JSON),
    ):
        assert answer.status_code in (200, 400, 413, 503), answer.text[:300]
        if answer.status_code != 200:
            read_problem(answer, answer.status_code)


@pytest.mark.parametrize("query", naughty("sparql_must_be_refused_or_bounded"), ids=lambda text: text[:60])
def test_naughty_queries(http: httpx2.Client, query: str) -> None:
    """Refused or bounded; and whatever is answered holds nothing that strangers may not see."""
    for headers in (JSON, {"Accept": "text/turtle"}):
        answer = http.post("/sparql", data={"query": query}, headers=headers)
        assert answer.status_code in (200, 400, 413, 503), answer.text[:300]
        assert HIDDEN not in answer.text
        assert "root:" not in answer.text
        if answer.status_code != 200:
            read_problem(answer, answer.status_code)
    upper = query.upper()
    if any(word in upper for word in ("SERVICE", "LOAD", "INSERT", "DELETE", "DROP", "CLEAR", "COPY")):
        assert answer.status_code == 400


@pytest.mark.parametrize(
    ("method", "params", "headers", "body", "status"),
    [
        ("GET", {"query": COUNT, "default-graph-uri": "urn:x"}, {}, None, 400),
        ("GET", {"query": COUNT, "named-graph-uri": "urn:x"}, {}, None, 400),
        ("GET", {"query": COUNT, "using-graph-uri": "urn:x"}, {}, None, 400),
        ("GET", {"query": COUNT, "update": "DROP ALL"}, {}, None, 400),
        ("GET", {"query": COUNT, "timeout": "9999"}, {}, None, 400),
        ("GET", {"query": COUNT, "asOf": "yesterday"}, {}, None, 400),
        ("GET", {"query": ""}, {}, None, 400),
        ("GET", {"query": "hello"}, {}, None, 400),
        ("GET", {"query": "SELECT * {"}, {}, None, 400),
        ("POST", {}, {"Content-Type": "application/sparql-update"}, b"DROP ALL", 415),
        ("POST", {}, {"Content-Type": "text/plain"}, COUNT.encode(), 415),
        ("POST", {}, {"Content-Type": "application/sparql-query"}, b"\xff\xfe", 400),
        ("POST", {}, {"Content-Type": "application/x-www-form-urlencoded"}, b"query=%ff", 400),
        ("PUT", {}, {"Content-Type": "text/turtle"}, b"", 405),
        ("DELETE", {}, {}, None, 405),
    ],
    ids=str,
)
def test_what_is_no_query_is_told_so(
    http: httpx2.Client, method: str, params: dict[str, str], headers: dict[str, str], body: bytes | None, status: int
) -> None:
    read_problem(http.request(method, "/sparql", params=params, headers={**JSON, **headers}, content=body), status)


def test_memory_of_the_node_stays_where_it_was(http: httpx2.Client) -> None:
    process = psutil.Process()
    before = process.memory_info().rss
    for query in ENDLESS.values():
        http.post("/sparql", data={"query": query}, headers=JSON)
    assert process.memory_info().rss - before < 50 << 20

"""All graphs that a participant may ask are one SPARQL end point: each under its own agreement, and nobody else's."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx2
import pytest
from pyoxigraph import NamedNode, RdfFormat, parse

from tests.integration.datasources.graphs.graph_data import COUNT, OpenGraph, open_graph, share_graph
from tests.integration.datasources.live_data import accesses
from tests.integration.datasources.test_table_queries import counted_offer
from tests.nodes import Running, Start, until

CALLERS = 64
SD = "http://www.w3.org/ns/sparql-service-description#"
NAMES = "SELECT DISTINCT ?g WHERE { GRAPH ?g { ?s ?p ?o } }"


def statements(name: str, count: int) -> bytes:
    return b"".join(
        b"<http://example.org/%s%d> <http://example.org/p> %d .\n" % (name.encode(), number, number)
        for number in range(count)
    )


@pytest.fixture(scope="module")
def nodes(tmp_path_factory: pytest.TempPathFactory, start: Start) -> Iterator[tuple[Running, Running, Running]]:
    home = tmp_path_factory.mktemp("unions")
    with start(home / "city") as city, start(home / "partner") as partner, start(home / "rival") as rival:
        yield city, partner, rival


@pytest.fixture(scope="module")
def graphs(nodes: tuple[Running, Running, Running]) -> tuple[OpenGraph, OpenGraph, OpenGraph]:
    """Two graphs of the partner, and one of its rival."""
    city, partner, rival = nodes
    first = open_graph(partner, share_graph(city, "first", statements("a", 3)))
    second = open_graph(partner, share_graph(city, "second", statements("b", 5)))
    return first, second, open_graph(rival, share_graph(city, "third", statements("secret", 7)))


def asked(city: Running, *opened: OpenGraph) -> list[int]:
    events = [accesses(city, graph.agreement) for graph in opened]
    return [sum(event["outcome"] == "started" for event in group) for group in events]


def test_each_graph_has_the_name_of_its_dataset_and_all_are_one(graphs: Any, nodes: Any) -> None:
    first, second, third = graphs
    before = asked(nodes[0], *graphs)
    for token in (first, second):
        assert token.count(union=True) == 8
        assert set(token.rows(NAMES, union=True)) == {(first.iri,), (second.iri,)}
    assert third.rows(NAMES, union=True) == [(third.iri,)]
    assert [now - then for now, then in zip(asked(nodes[0], *graphs), before, strict=True)] == [4, 4, 1]
    event = accesses(nodes[0], second.agreement)[-1]
    assert (event["asked"], event["dataset"]) == (NAMES, second.iri)
    assert event["transfer"] == transfer_at(nodes, second)


def transfer_at(nodes: Any, opened: OpenGraph) -> str:
    with nodes[0].client() as client:
        return next(entry["pid"] for entry in client.transfers() if entry["agreementId"] == opened.agreement)


@pytest.mark.parametrize(
    ("query", "count", "uses"),
    [
        ("SELECT (COUNT(*) AS ?n) FROM <{0}> WHERE {{ ?s ?p ?o }}", 3, [1, 0]),
        ("SELECT (COUNT(*) AS ?n) FROM <{0}> FROM <{1}> WHERE {{ ?s ?p ?o }}", 8, [1, 1]),
        ("SELECT (COUNT(*) AS ?n) FROM NAMED <{1}> WHERE {{ GRAPH ?g {{ ?s ?p ?o }} }}", 5, [0, 1]),
        ("SELECT (COUNT(*) AS ?n) WHERE {{ GRAPH <{1}> {{ ?s ?p ?o }} }}", 5, [0, 1]),
        ("SELECT (COUNT(*) AS ?n) WHERE {{ GRAPH <{0}> {{ ?s ?p ?o }} GRAPH ?g {{ ?t ?q ?u }} }}", 24, [1, 1]),
        ("SELECT (COUNT(*) AS ?n) WHERE {{ ?s ?p 'FROM <urn:x> GRAPH <urn:y>' }} # FROM <urn:z>", 0, [1, 1]),
        ("SELECT (COUNT(*) AS ?n) WHERE {{ GRAPH <{2}> {{ ?s ?p ?o }} }}", 3, [1, 0]),
    ],
)
def test_a_graph_that_is_not_asked_is_no_use(
    query: str, count: int, uses: list[int], graphs: Any, nodes: Any
) -> None:
    before = asked(nodes[0], *graphs)
    text = query.format(graphs[0].iri, graphs[1].iri, graphs[0].iri.replace("first", "\\u0066irst"))
    assert graphs[0].count(union=True, query=text) == count
    after = asked(nodes[0], *graphs)
    assert [now - then for now, then in zip(after, before, strict=True)] == [*uses, 0]


def test_the_protocol_names_graphs_too(graphs: Any, nodes: Any) -> None:
    first, second, third = graphs
    before = asked(nodes[0], *graphs)
    chosen = {"graphs": [("default-graph-uri", second.iri)]}
    assert first.rows(COUNT, union=True, **chosen) == [("5",)]
    assert first.rows(f"SELECT (COUNT(*) AS ?n) FROM <{first.iri}> {{ ?s ?p ?o }}", union=True, **chosen) == [("5",)]
    assert first.rows(NAMES, union=True, graphs=[("named-graph-uri", second.iri)]) == [(second.iri,)]
    assert [now - then for now, then in zip(asked(nodes[0], *graphs), before, strict=True)] == [0, 3, 0]
    refusal = first.ask(COUNT, union=True, graphs=[("default-graph-uri", third.iri)])
    assert refusal.status_code == 400


def test_graphs_of_others_are_told_apart_from_nothing_by_nobody(graphs: Any, nodes: Any) -> None:
    first, _, third = graphs
    before = asked(nodes[0], *graphs)
    for form in (
        "SELECT * FROM <%s> { ?s ?p ?o }",
        "SELECT * FROM NAMED <%s> { ?s ?p ?o }",
        "SELECT * { GRAPH <%s> { ?s ?p ?o } }",
    ):
        theirs, nothing = (
            first.ask(form % iri, union=True) for iri in (third.iri, f"{nodes[0].url}/datasets/nothing")
        )
        assert theirs.status_code == nothing.status_code == 400
        assert theirs.json()["detail"].replace(third.iri, "") == nothing.json()["detail"].replace(
            f"{nodes[0].url}/datasets/nothing", ""
        )
        assert theirs.json()["remedy"] == nothing.json()["remedy"]
        assert third.iri not in theirs.json()["remedy"]
        assert first.iri in theirs.json()["remedy"]
    assert "secret" not in first.ask("SELECT * { ?s ?p ?o }", union=True).text
    assert asked(nodes[0], first, third) == [before[0] + 1, before[2]]


def test_the_description_lists_the_graphs_of_the_caller(graphs: Any) -> None:
    for token, names in ((graphs[0], {graphs[0].iri, graphs[1].iri}), (graphs[2], {graphs[2].iri})):
        with httpx2.Client(timeout=60, trust_env=False, headers={"Authorization": token.authorization}) as client:
            answer = client.get(token.union, headers={"Accept": "text/turtle"})
        assert answer.status_code == 200
        assert "no-store" in answer.headers["cache-control"]
        quads = list(parse(answer.content, format=RdfFormat.TURTLE))
        assert {quad.object.value for quad in quads if quad.predicate == NamedNode(f"{SD}name")} == names
        assert [quad.object.value for quad in quads if quad.predicate == NamedNode(f"{SD}endpoint")] == [token.union]
    with httpx2.Client(timeout=60, trust_env=False) as client:
        assert client.get(graphs[0].union).status_code == 401
        assert client.get(graphs[0].union, headers={"Authorization": "Bearer x"}).status_code == 404


@pytest.mark.parametrize(
    "query", ["SELECT * { SERVICE <http://127.0.0.1:1/> { ?s ?p ?o } }", "LOAD <http://127.0.0.1:1/>", "DROP ALL", ""]
)
def test_what_is_no_question_is_refused(query: str, graphs: Any, nodes: Any) -> None:
    before = asked(nodes[0], *graphs)
    assert graphs[0].ask(query or " ", union=True).status_code == 400
    assert asked(nodes[0], *graphs) == before


def test_a_graph_whose_agreement_ended_is_gone_at_the_next_query(nodes: Any) -> None:
    city, _, rival = nodes
    other = open_graph(rival, share_graph(city, "other", statements("k", 2)))
    ended = open_graph(rival, share_graph(city, "ended", statements("e", 4)))
    # The partner knows a moment before the city that the second one has started: it answers the city's message.
    until("both are there", lambda: {(other.iri,), (ended.iri,)} <= set(other.rows(NAMES, union=True)))
    with city.client() as client:
        pid = transfer_at(nodes, ended)
        client.steer(pid, "suspend", reason="maintenance")
    assert (ended.iri,) not in other.rows(NAMES, union=True)
    refusal = other.ask(f"SELECT * {{ GRAPH <{ended.iri}> {{ ?s ?p ?o }} }}", union=True)
    assert (refusal.status_code, "may ask no graph" in refusal.text) == (400, True)
    # Its own token says why.
    assert ended.ask(COUNT, union=True).status_code == 403
    with city.client() as client:
        client.steer(pid, "resume")
    until("it goes on", lambda: (ended.iri,) in other.rows(NAMES, union=True))
    with city.client() as client:
        client.withdraw(ended.iri)
    assert (ended.iri,) not in other.rows(NAMES, union=True)


def test_used_up_graphs_leave_and_the_last_ten_uses_are_given_to_ten_of_sixty_four(nodes: Any) -> None:
    city, _, rival = nodes
    other = open_graph(rival, share_graph(city, "always", statements("y", 2)))
    counted = open_graph(rival, share_graph(city, "ten", statements("t", 4), conditions={"offer": counted_offer(10)}))
    both = f"SELECT (COUNT(*) AS ?n) FROM <{other.iri}> FROM <{counted.iri}> {{ ?s ?p ?o }}"
    before = asked(city, other)[0]

    def ask(number: int) -> tuple[int, str]:
        answer = other.ask(both, union=True) if number % 2 else counted.ask(COUNT)
        return answer.status_code, answer.text

    with ThreadPoolExecutor(CALLERS) as pool:
        answers = list(pool.map(ask, range(CALLERS)))
    statuses = Counter(status for status, _ in answers)
    assert statuses[200] == 10, statuses
    assert set(statuses) <= {200, 400, 403, 503}
    for status, text in answers:
        assert ('"bindings"' in text) == (status == 200)
    events = accesses(city, counted.agreement)
    assert sorted(event["use"] for event in events if event["outcome"] == "started") == list(range(1, 11))
    # Of an answer that was not given, nothing is counted elsewhere either.
    together = [event for event in events if event["outcome"] == "started" and event["asked"] == both]
    assert asked(city, other)[0] - before == len(together)
    assert (counted.iri,) not in other.rows(NAMES, union=True)


SLOW = (
    "SELECT (COUNT(*) AS ?n) WHERE { ?a ?b ?c . ?d ?e ?f . ?g ?h ?i . VALUES ?x { 1 2 3 } "
    "FILTER(STRLEN(CONCAT(STR(?a), STR(?d), STR(?g), STR(?x))) > 10) }"
)


def test_revocation_in_the_middle_of_a_query_keeps_the_answer_back(nodes: Any) -> None:
    city, partner, _ = nodes
    opened = open_graph(partner, share_graph(city, "slow", statements("s", 90)))
    pid = transfer_at(nodes, opened)
    with ThreadPoolExecutor(2) as pool:
        began = time.monotonic()
        running = [
            pool.submit(opened.ask, SLOW),
            pool.submit(opened.ask, SLOW.replace("WHERE", f"FROM <{opened.iri}> WHERE"), union=True),
        ]
        time.sleep(0.5)
        with city.client() as client:
            client.steer(pid, "suspend", reason="revoked")
        suspended = time.monotonic() - began
        answers = [future.result() for future in running]
    assert time.monotonic() - began > suspended + 0.3, "the queries ended before the transfer was suspended"
    for answer in answers:
        assert answer.status_code == 403, answer.text
        assert "bindings" not in answer.text
    assert asked(city, opened) == [0]


def test_sixty_four_ask_at_once_and_all_are_recorded(graphs: Any, nodes: Any) -> None:
    before = asked(nodes[0], *graphs)

    def ask(number: int) -> int:
        return graphs[number % 3].count(union=True)

    with ThreadPoolExecutor(CALLERS) as pool:
        answers = list(pool.map(ask, range(63)))
    assert answers[2] >= 7
    after = asked(nodes[0], *graphs)
    assert [now - then for now, then in zip(after, before, strict=True)] == [42, 42, 21]

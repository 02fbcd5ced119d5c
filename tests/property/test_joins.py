"""A query whose patterns are joined by hash has the answer of the query as it was written."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyoxigraph import Literal, NamedNode, Quad, QueryResultsFormat, QuerySolutions, Store

from node.adapters.graph import joins
from node.adapters.graph.joins import Graphs, plan_joins

BASE = "http://example.org/"
SEEN = [NamedNode(f"{BASE}graph/{name}") for name in "ab"]
HIDDEN = NamedNode(f"{BASE}graph/hidden")
PREFIX = f"PREFIX ex: <{BASE}>\n"

nodes = st.sampled_from([NamedNode(BASE + name) for name in "nmop"])
predicates = st.sampled_from([NamedNode(BASE + name) for name in "rst"])
quads = st.builds(
    Quad, nodes, predicates, nodes | st.builds(Literal, st.sampled_from("xy")), st.sampled_from([*SEEN, HIDDEN])
)
variables = st.sampled_from(["?d", "?e", "?f", "$d"])
names = st.sampled_from(["ex:n", f"<{BASE}m>"])
objects = st.lists(st.one_of(variables, variables, names), min_size=1, max_size=2).map(" , ".join)
verbs = st.sampled_from(["ex:r", f"<{BASE}s>", "ex:t", "a"])
lines = st.lists(st.tuples(verbs, objects).map(" ".join), min_size=1, max_size=3).map(" ; ".join)
ends = st.sampled_from(["", "ORDER BY ?d", "GROUP BY ?d ?e ?f HAVING(COUNT(?d) > 1)"])
groups = st.tuples(st.lists(st.tuples(variables, lines).map(" ".join), min_size=1, max_size=3).map(" .\n".join), ends)
heads = st.sampled_from(
    [
        "SELECT ?d ?e",
        "SELECT DISTINCT ?e ?f WHERE",
        "SELECT (COUNT(*) AS ?d2) WHERE",
        "select (count(distinct ?d) as ?n)",
    ]
)


def _answer(store: Store, text: str, graphs: Graphs) -> Counter[bytes]:
    results = store.query(text, default_graph=graphs, named_graphs=[])
    assert isinstance(results, QuerySolutions)
    return Counter((results.serialize(format=QueryResultsFormat.TSV) or b"").splitlines())


@pytest.fixture(autouse=True, scope="module")
def _join_whatever_the_counts() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(joins, "FEW", 1)
        patch.setattr(joins, "LOOKUP", 1 << 40)
        patch.setattr(joins, "MOST", 1 << 40)
        yield


@settings(max_examples=300, deadline=None)
@given(st.lists(quads, max_size=25), heads, groups, st.sampled_from([SEEN, SEEN[:1]]))
def test_a_plain_query_has_the_same_answer(
    statements: Sequence[Quad], head: str, group: tuple[str, str], graphs: list[NamedNode]
) -> None:
    store = Store()
    store.extend(statements)
    patterns, end = group
    text = f"{PREFIX}{head} {{ {patterns} . }} {'' if '(' in head else end}"
    assert _answer(store, plan_joins(store, text, [*graphs]), [*graphs]) == _answer(store, text, [*graphs])


@pytest.fixture(scope="module")
def store() -> Store:
    store = Store()
    for number in range(20):
        subject = NamedNode(f"{BASE}n{number}")
        store.add(Quad(subject, NamedNode(BASE + "r"), Literal(str(number)), SEEN[0]))
        store.add(Quad(subject, NamedNode(BASE + "s"), NamedNode(f"{BASE}n{number % 3}"), SEEN[0]))
    return store


def test_each_pattern_becomes_a_sub_select(store: Store) -> None:
    text = PREFIX + "SELECT ?f (COUNT(?d) AS ?n) { ?d ex:r ?e ; ex:s ?f . } GROUP BY ?f ORDER BY ?n"
    planned = plan_joins(store, text, [*SEEN])
    assert planned.count("SELECT *") == 2
    assert planned.endswith("} } GROUP BY ?f ORDER BY ?n")
    assert _answer(store, planned, [*SEEN]) == _answer(store, text, [*SEEN])


@pytest.mark.parametrize(
    "text",
    [
        "SELECT * { ?d ex:r ?e ; ex:s ?f }",
        "SELECT ?d { ?d ex:r ?e ; ex:s ?f } LIMIT 3",
        "SELECT ?d { ?d ex:r ?e ; ex:s ?f } OFFSET 3",
        "SELECT ?f (COUNT(?d) AS ?n) { ?d ex:r ?e ; ex:s ?f } GROUP BY ?f ORDER BY ?n LIMIT 3",
        "SELECT ?d { ?d ex:r ?e ; ex:s ?f . FILTER(?e = 'x') }",
        "SELECT ?d { ?d ex:s ?f . ?e ex:s ?f }",
        "SELECT ?d { ?d ex:r ?e }",
        "SELECT ?d { ?d ex:r ?e . ?f ex:s ?g }",
        "SELECT ?d { ?d ex:r ?e . _:b ex:s ?d }",
        "SELECT ?d { ?d ex:r ?e ; ?p ?f }",
        "SELECT ?d { ?d ex:r ?e ; ex:s/ex:r ?f }",
        "SELECT ?d { ?d ex:r ?e ; ex:s+ ?f }",
        "SELECT ?d { ?d ex:r ?e OPTIONAL { ?d ex:s ?f } }",
        "SELECT ?d { ?d ex:r ?e . FILTER EXISTS { ?d ex:s ?f } }",
        "SELECT ?d { GRAPH ?g { ?d ex:r ?e ; ex:s ?f } }",
        "SELECT ?d { ?d ex:r ?e ; ex:s ?f } VALUES ?e { 1 }",
        "SELECT ?d { ?d ex:r ?e ; ex:s ?f BIND(?f AS ?g) }",
        "SELECT ?d { ?d ex:r 'x' ; ex:s ?f }",
        "SELECT ?d { ?d ex:r ?e ; ex:s ?f . FILTER(?e > (1 }",
        "SELECT ?d { ?d ex:r ?e ; ; ex:s ?f ?g }",
        "SELECT ?d { ?d ex:r ?e ; unknown:s ?f }",
        "SELECT ?d FROM <http://example.org/graph/hidden> { ?d ex:r ?e ; ex:s ?f }",
        "SELECT ?d { ?d ex:\\u0072 ?e ; ex:s ?f }",
        "ASK { ?d ex:r ?e ; ex:s ?f }",
        "CONSTRUCT { ?d ex:r ?e } { ?d ex:r ?e ; ex:s ?f }",
        "SELECT ?d { ?d ex:r ?e ; ex:s ?f",
        "SELECT ?d",
        "",
    ],
)
def test_any_other_query_stays_as_it_is(store: Store, text: str) -> None:
    assert plan_joins(store, PREFIX + text, [*SEEN]) == PREFIX + text


def test_a_pattern_with_few_matches_is_looked_up(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    text = PREFIX + "SELECT ?d { ?d ex:r ?e ; ex:s ?f }"
    monkeypatch.setattr(joins, "FEW", 20)
    assert plan_joins(store, text, [*SEEN]) == text
    monkeypatch.setattr(joins, "FEW", 19)
    assert plan_joins(store, text, [*SEEN]) != text


def test_more_solutions_than_fit_into_memory_are_looked_up(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    text = PREFIX + "SELECT ?d { ?d ex:r ?e ; ex:s ?f }"
    monkeypatch.setattr(joins, "MOST", 19)
    assert plan_joins(store, text, [*SEEN]) == text
    monkeypatch.setattr(joins, "MOST", 20)
    assert plan_joins(store, text, [*SEEN]) != text


def test_solutions_do_not_multiply_over_a_value_that_all_share(store: Store) -> None:
    """Three values of ``ex:s`` are shared by twenty subjects: joined by value first, there were 134 solutions."""
    text = PREFIX + "SELECT ?d ?f { ?d ex:r ?x . ?d ex:s ?e . ?f ex:s ?e . ?d ex:s ?f }"
    planned = plan_joins(store, text, [*SEEN])
    if planned != text:
        assert planned.index("?d ex:s ?f") < planned.index("?f ex:s ?e"), "the subject is known first"
    assert _answer(store, planned, [*SEEN]) == _answer(store, text, [*SEEN])

"""The graphs that a query is about, by its words."""

from __future__ import annotations

import pytest

from node.base.errors import InvalidInput
from node.semantics.profiles.graph_queries_client import GraphQuestion, syntax_of_file
from node.semantics.sparql_graphs import QueryGraphs, graphs_of, is_sparql

A, B = "https://data.ghent.example/datasets/a", "https://data.ghent.example/datasets/b"


@pytest.mark.parametrize(
    ("query", "default", "names"),
    [
        ("SELECT * { ?s ?p ?o }", (A, B), (A, B)),
        ("SELECT * { GRAPH ?g { ?s ?p ?o } }", (A, B), (A, B)),
        (f"SELECT * FROM <{A}> {{ ?s ?p ?o }}", (A,), ()),
        (f"SELECT * from <{A}> From Named <{B}> {{ graph ?g {{ ?s ?p ?o }} }}", (A,), (B,)),
        (f"SELECT * {{ GRAPH <{B}> {{ ?s ?p ?o }} GRAPH <{B}> {{ ?x ?p ?o }} }}", (B,), (B,)),
        (f"SELECT * {{ GRAPH <{B}> {{ ?s ?p ?o }} GRAPH ?g {{ ?x ?p ?o }} }}", (A, B), (A, B)),
        (f"SELECT * {{ ?s ?p 'FROM <{A}>' }} # FROM <{A}>", (A, B), (A, B)),
        (f"SELECT * {{ ?from ?graph <{A}> }}", (A, B), (A, B)),
        (f"SELECT * {{ GRAPH <{A[:-1]}\\u0061> {{ ?s ?p ?o }} }}", (A,), (A,)),
    ],
)
def test_the_words_of_a_query_choose_its_graphs(query: str, default: tuple[str, ...], names: tuple[str, ...]) -> None:
    assert graphs_of(query, [A, B]) == QueryGraphs(default, names)


def test_the_protocol_goes_before_the_query() -> None:
    assert graphs_of(f"SELECT * FROM <{A}> {{ ?s ?p ?o }}", [A, B], default=[B]) == QueryGraphs((B,), ())
    assert graphs_of("SELECT * { GRAPH ?g { ?s ?p ?o } }", [A, B], names=[B]) == QueryGraphs((), (B,))
    with pytest.raises(InvalidInput, match="may ask no graph"):
        graphs_of("SELECT * { ?s ?p ?o }", [A], default=[B])


@pytest.mark.parametrize(
    "query",
    [
        f"SELECT * FROM <{B}> {{ ?s ?p ?o }}",
        f"SELECT * FROM <{A}> FROM NAMED <{B}> {{ ?s ?p ?o }}",
        f"SELECT * {{ GRAPH <{B}> {{ ?s ?p ?o }} }}",
        "SELECT * FROM ex:a { ?s ?p ?o }",
        "SELECT * { GRAPH ex:a { ?s ?p ?o } }",
        "SELECT * FROM",
        "SELECT * FROM NAMED",
    ],
)
def test_graphs_that_may_not_be_asked_are_refused(query: str) -> None:
    with pytest.raises(InvalidInput) as refusal:
        graphs_of(query, [A])
    assert refusal.value.remedy
    assert B not in refusal.value.remedy


def test_a_graph_of_one_dataset_may_have_named_graphs_of_its_own() -> None:
    inner = "SELECT * { GRAPH <urn:inner> { ?s ?p ?o } GRAPH ex:a { ?s ?p ?o } }"
    assert graphs_of(inner, [A], unlisted=True) == QueryGraphs((A,), (A,))
    with pytest.raises(InvalidInput, match="may ask no graph"):
        graphs_of("SELECT * FROM <urn:inner> { ?s ?p ?o }", [A], unlisted=True)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("SELECT ?s WHERE { ?s ?p ?o }", True),
        ("SELECT (COUNT(*) AS $n) { ?s ?p ?o }", True),
        ("ASK { <urn:a> <urn:b> <urn:c> }", True),
        ("prefix ex: <urn:> select * { ex:a ex:b ex:c }", True),
        ("DESCRIBE <urn:a>", True),
        ("DESCRIBE data", False),
        ("SELECT {'a': 1} FROM data", False),
        ("SELECT '?x {' FROM data", False),
        ("", False),
    ],
)
def test_sparql_is_told_from_sql(text: str, expected: bool) -> None:
    assert is_sparql(text) is expected


@pytest.mark.parametrize(
    ("name", "media_type", "syntax"),
    [
        ("a.ttl", "application/octet-stream", "text/turtle"),
        ("a", "Text/Turtle; charset=utf-8", "text/turtle"),
        ("A.JSONLD", "", "application/ld+json"),
        ("a.json", "application/json", ""),
        ("a.csv", "text/csv", ""),
    ],
)
def test_rdf_is_known_by_type_or_name(name: str, media_type: str, syntax: str) -> None:
    assert syntax_of_file(name, media_type) == syntax


def test_the_form_of_an_answer_follows_from_the_question() -> None:
    statements = "CONSTRUCT WHERE { ?s ?p ?o }"
    rows = "SELECT * { ?s ?p ?o }"
    types = {form: GraphQuestion.in_form(rows, form).media_type for form in ("json", "csv")}
    assert types == {"json": "application/sparql-results+json", "csv": "text/csv"}
    types = {form: GraphQuestion.in_form(statements, form).media_type for form in ("json", "csv", "turtle")}
    assert types == {"json": "application/ld+json", "csv": "text/turtle", "turtle": "text/turtle"}
    with pytest.raises(InvalidInput):
        GraphQuestion.in_form(rows, "xlsx")

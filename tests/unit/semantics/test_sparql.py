"""The look at a query before any engine sees it, and the media types of results."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest
from pyoxigraph import Store

from node.base.errors import InvalidInput, TooLarge
from node.semantics.sparql import GRAPH_TYPES, RESULT_TYPES, QueryForm, guard, result_type
from tests.artefacts import data


def select(body: str) -> str:
    return f"SELECT * {{ {body} }}"


@pytest.mark.parametrize(
    ("text", "form"),
    [
        ("SELECT * { ?s ?p ?o }", QueryForm.SELECT),
        ("select(count(*)as?n){}", QueryForm.SELECT),
        ("BASE <http://x/> PREFIX ask: <http://ask/> ASK { ask:a ?p 'SELECT' }", QueryForm.ASK),
        ("\\u0053ELECT * { ?s ?p ?o }", QueryForm.SELECT),
        ("# SELECT\nCONSTRUCT { ?s ?p ?o } WHERE { ?s ?p ?o }", QueryForm.CONSTRUCT),
        ("DESCRIBE <http://x/SELECT>", QueryForm.DESCRIBE),
    ],
)
def test_the_form_is_told(text: str, form: QueryForm) -> None:
    assert guard(text) is form


@pytest.mark.parametrize("text", ["", "hello", "?s ?p ?o", "PREFIX select: <http://x/>", "<SELECT>"])
def test_what_is_no_query_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput, match="not a SPARQL query") as caught:
        guard(text)
    assert caught.value.remedy


@pytest.mark.parametrize(
    "text",
    [
        select("SERVICE <http://x/> { ?s ?p ?o }"),
        select("service silent<http://x/>{?s ?p ?o}"),
        select("{ ?s ?p ?o } UNION { SeRvIcE ?s { ?a ?b ?c } }"),
        select("?s ?p 'x'.SERVICE<http://x/>{}"),
        select("?s ?p ?o # comment\nSERVICE <http://x/> {}"),
        select("\\u0053ERVICE <http://x/> {}"),
        select("\\U00000053\\u0045RVICE <http://x/> {}"),
        select("?s ?p '\\u0027 . SERVICE <http://x/> {} #'"),
        select("?s ?p ex:a\\# SERVICE <http://x/> {}"),
        select("?s ?p '''it's''' SERVICE <http://x/> {}"),
        select('?s ?p "\\\\" SERVICE <http://x/> {} #"'),
        select("?s ?p ex:a'SERVICE' SERVICE <http://x/> {}"),
        "SELECT * WHERE { { SELECT * { SERVICE <http://x/> {} } } }",
        "DESCRIBE ?s WHERE { SERVICE <http://x/> { ?s ?p ?o } }",
    ],
)
def test_no_way_of_writing_service_passes(text: str) -> None:
    with pytest.raises(InvalidInput, match="SERVICE is not allowed"):
        guard(text)


@pytest.mark.parametrize(
    "text",
    [
        "INSERT DATA { <a:> <b:> <c:> }",
        "PREFIX x: <http://x/> DELETE WHERE { ?s ?p ?o }",
        "WITH <g:> DELETE { ?s ?p ?o } WHERE { ?s ?p ?o }",
        *(f"{word} <http://x/>" for word in ("LOAD", "CLEAR GRAPH", "DROP", "CREATE GRAPH", "COPY", "MOVE", "add")),
        "SELECT * { ?s ?p ?o } ; LOAD <http://x/>",
        "L\\u004fAD <http://x/>",
    ],
)
def test_updates_are_refused_with_the_way_that_there_is(text: str) -> None:
    with pytest.raises(InvalidInput, match="update") as caught:
        guard(text)
    assert "management API" in caught.value.remedy


@pytest.mark.parametrize(
    "text",
    [
        select("?service ex:service 'SERVICE', \"LOAD\", '''INSERT''' ; <http://x/SERVICE> service:x # SERVICE"),
        select('?s ?p \'x\'@service, """a "quoted" SERVICE""", \'it\\\'s a SERVICE\''),
        select("?s ?p ?o FILTER(?a<?b&&?c>?d)"),
        select("?s ?p 1.5, .5, 1e3, -2, true, _:b"),
        select("?s (ex:a/^ex:b)+|!(ex:c|^ex:d) ?o"),
        select("?s ?p ?o FILTER(!(!(?a) && -?b + -1 = 2))"),
        select("?s ?p ?o FILTER regex(?o, '^" + "a" * 250 + "', 'i')"),
        select("GRAPH ?g { ?s ?p [ ex:a ( 1 2 3 ) ] }"),
    ],
)
def test_honest_queries_pass(text: str) -> None:
    assert guard(text) is QueryForm.SELECT


def test_nesting_is_bounded() -> None:
    for left, right in ("{}", "()"):
        inner = "1" if left == "(" else ""
        frame = "FILTER%s" if left == "(" else "%s"
        for depth, passes in ((63, True), (64, False), (3000, False), (5000, False)):
            text = select(frame % (left * depth + inner + right * depth))
            if passes:
                guard(text)
            else:
                with pytest.raises(InvalidInput, match="brackets within brackets"):
                    guard(text)
    with pytest.raises(InvalidInput, match="brackets within brackets"):
        guard("{" * 3000)
    with pytest.raises(InvalidInput, match="brackets within brackets"):
        guard(select("FILTER(?a<" + "(" * 100 + "1" + ")" * 100 + ">?b)"))


@pytest.mark.parametrize("unit", ["?s ?p ?o . ", "; ?p ?o ", ", ?o ", "/ex:p", "/^ex:p", "?s ?p ?o OPTIONAL {} "])
def test_triple_patterns_are_counted_however_they_are_written(unit: str) -> None:
    first = "?s ?p ?o " if unit[0] in ";," else "?s ex:p" if unit[0] == "/" else ""
    last = " ?o" if unit[0] == "/" else ""

    def text(count: int) -> str:
        return select(first + unit * (count - bool(first)) + last)

    guard(text(60))
    with pytest.raises(InvalidInput, match="60 triple patterns") as caught:
        guard(text(61))
    assert caught.value.facts["most"] == 60


@pytest.mark.parametrize(
    "text",
    [
        "CONSTRUCT WHERE { " + "?s ?p ?o . " * 61 + "}",
        select("{ SELECT ?s { " + "?s ?p ?o . " * 61 + "} }"),
        select("GRAPH ?g { " + "?s ?p ?o . " * 61 + "}"),
        select("FILTER EXISTS { " + "?s ?p ?o . " * 61 + "}"),
        select("FILTER(?a && NOT EXISTS { " + "?s ?p ?o . " * 61 + "})"),
        select("?s ?p " + "[ ex:p " * 30 + "[ a ?b ]" + "]" * 30 + " , ?x" * 40),
        select("".join("{ ?s ?p ?o } UNION " for _ in range(61)) + "{}"),
        select("VALUES ?x { 1 } " + "?s ?p ?o . " * 61),
        "SELECT (COUNT(?s) AS ?n) { " + "?s ?p ?o . " * 61 + "} GROUP BY ?s",
    ],
)
def test_triple_patterns_do_not_hide(text: str) -> None:
    with pytest.raises(InvalidInput, match="triple patterns"):
        guard(text)


def test_what_the_planner_never_sees_is_not_counted() -> None:
    guard("CONSTRUCT { " + "?s ?p ?o . " * 200 + "} WHERE { ?s ?p ?o }")
    guard(select("VALUES (?a ?b) { " + "(1 'x') " * 500 + "} ?a ?b ?c"))
    guard(select("?s ?p ?o FILTER(?o IN (" + ", ".join(["1"] * 500) + "))"))
    guard("SELECT " + " ".join(f"?v{n}" for n in range(200)) + " { ?s ?p ?o }")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (select("{} UNION " * 101 + "{}"), "100 UNION"),
        (select("OPTIONAL {} " * 101), "100 UNION"),
        (select("?s " + "(" * 9 + "ex:p" + ")" * 9 + " ?o"), "in a path"),
        (select("FILTER(" + "!" * 9 + "?a)"), "in a row"),
        (select("FILTER(" + "! " * 9 + "?a)"), "in a row"),
        (select("FILTER(" + "!(" * 9 + "?a" + ")" * 10), "in a row"),
        (select("FILTER(" + "-" * 9 + "?a)"), "in a row"),
        (select("FILTER(" + "||".join(["?a"] * 502) + ")"), "500 operators"),
        (select("FILTER(" + "&&".join(["1"] * 502) + ")"), "500 operators"),
        (select("?s " + "|".join(["ex:p"] * 502) + " ?o"), "500 operators"),
        (select("FILTER regex(?o, '" + "a" * 257 + "')"), "256 characters"),
        (select("BIND(replace(?o, CONCAT('" + "(a{900}){900}" * 20 + "'), 'x') AS ?x)"), "256 characters"),
    ],
)
def test_other_bounds(text: str, says: str) -> None:
    with pytest.raises(InvalidInput, match=says) as caught:
        guard(text)
    assert caught.value.remedy


def test_length_is_bounded() -> None:
    guard(select("") + " " * (16_384 - len(select(""))))
    with pytest.raises(TooLarge, match="16 KB"):
        guard(select("") + " " * 16_384)
    with pytest.raises(TooLarge):
        guard(select("") + "#" + "é" * 8_200)


def test_half_a_character_is_refused() -> None:
    with pytest.raises(InvalidInput, match="unpaired surrogate"):
        guard(select("?s ?p '\ud800'"))


@pytest.mark.parametrize("escape", ["\\uD800", "\\U00110000"])
def test_escapes_that_are_no_characters_are_refused(escape: str) -> None:
    with pytest.raises(InvalidInput, match="not a valid character"):
        guard(select(f"?s ?p '{escape}'"))


@pytest.mark.parametrize(
    "text",
    [
        *("a." * 8000, '"' * 16_000, "<a" * 8000, '"""' + "a" * 16_000, "ex:" * 5000, ":." * 8000),
        *("'" * 15_000, "a" * 16_000, "a:" + "." * 16_000, "\\u0041" * 2700, "\\" * 16_000, "?" * 16_000),
        *("1." * 8000, "@a-" * 5000),
    ],
)
def test_the_scan_itself_is_quick(text: str) -> None:
    began = time.perf_counter()
    with pytest.raises(InvalidInput):
        guard(text)
    assert time.perf_counter() - began < 0.5, "20 ms when measured on a quiet machine"


def test_the_largest_that_passes_does_not_hurt_the_engine() -> None:
    largest = [
        select("FILTER" + "(" * 63 + "1" + ")" * 63),
        select("{" * 63 + "}" * 63),
        select("FILTER(" + "||".join(["1"] * 500) + ")"),
        select("FILTER(" + "&&".join(["?a"] * 500) + ")"),
        select("?s " + "|".join(["<urn:p>"] * 500) + " ?o"),
        select("?s " + "/".join(["<urn:p>"] * 60) + " ?o"),
        select("?s ?p ?o . " * 60),
        select("OPTIONAL { ?s ?p ?o } " * 50),
    ]
    store = Store()
    for text in largest:
        guard(text)
        began = time.perf_counter()
        store.query(text)
        assert time.perf_counter() - began < 2.0


def test_the_queries_of_the_w3c_tests_pass() -> None:
    folder = data("w3c-tests/sparql11")
    refused = []
    queries = sorted(folder.glob("**/*.rq"))
    for path in queries:
        try:
            guard(path.read_text(encoding="utf-8"))
        except InvalidInput as fault:
            refused.append((path.parent.name, path.name, fault.detail.split()[0]))
    expected = [entry for entry in refused if entry[2] == "SERVICE" and entry[0] in ("service", "syntax-fed")]
    others = [entry for entry in refused if entry not in expected]
    assert len(queries) > 400
    assert len(expected) == 10
    assert [name for _, name, _ in others] == ["syn-invalid-codepoint-escaped-bad-01.rq"], "a bad query, on purpose"


def test_naughty_queries_are_refused_or_harmless() -> None:
    queries = json.loads(Path(data("naughty/naughty-dataspace.json")).read_text())[
        "sparql_must_be_refused_or_bounded"
    ]
    passed = []
    for text in queries:
        try:
            guard(str(text))
        except (InvalidInput, TooLarge):
            continue
        passed.append(str(text).upper())
    assert not [text for text in passed if "SERVICE <" in text or "LOAD" in text]
    assert len(passed) < len(queries)


@pytest.mark.parametrize(
    ("form", "accept", "media_type"),
    [
        (QueryForm.SELECT, "", RESULT_TYPES[0]),
        (QueryForm.SELECT, "*/*", RESULT_TYPES[0]),
        (QueryForm.SELECT, "text/html,application/xhtml+xml,*/*;q=0.8", RESULT_TYPES[0]),
        (QueryForm.SELECT, "application/json", RESULT_TYPES[0]),
        (QueryForm.SELECT, "text/csv;q=0.5, application/sparql-results+xml", RESULT_TYPES[1]),
        (QueryForm.SELECT, "text/*", "text/csv"),
        (QueryForm.SELECT, "TEXT/Tab-Separated-Values ; Q=1", "text/tab-separated-values"),
        (QueryForm.SELECT, "text/csv;q=0, application/xml;q=0.1", RESULT_TYPES[1]),
        (QueryForm.SELECT, "image/png", RESULT_TYPES[0]),
        (QueryForm.SELECT, "text/csv;q=nonsense", RESULT_TYPES[0]),
        (QueryForm.ASK, "text/turtle", RESULT_TYPES[0]),
        (QueryForm.CONSTRUCT, "", GRAPH_TYPES[0]),
        (QueryForm.CONSTRUCT, "application/ld+json", "application/ld+json"),
        (QueryForm.DESCRIBE, "application/sparql-results+json, application/n-triples;q=0.2", "application/n-triples"),
    ],
)
def test_results_are_negotiated(form: QueryForm, accept: str, media_type: str) -> None:
    assert result_type(form, accept) == media_type

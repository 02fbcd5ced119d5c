"""Mappings in RML and YARRRML: what they make, that both mean the same, and what is refused."""

from __future__ import annotations

import json
import socket
from typing import Any

import pytest

from node.base.errors import HansaError, InvalidInput, TooLarge
from node.cage.cage import Cage
from node.scenarios.chain.interfaces import RML, YARRRML
from node.scenarios.model import Transformation
from node.scenarios.transformations.transformer import Transformer
from node.semantics.rml import jsonpaths, xpaths
from node.semantics.rml.engine import check_sources, statements
from node.semantics.rml.model import XML, LogicalSource
from node.semantics.rml.records import Input
from node.semantics.rml.turtle import read_turtle
from node.semantics.rml.yarrrml import read_yarrrml

HEAD = """
@prefix rr: <http://www.w3.org/ns/r2rml#> . @prefix old: <http://semweb.mmlab.be/ns/rml#> .
@prefix ql: <http://semweb.mmlab.be/ns/ql#> . @prefix rml: <http://w3id.org/rml/> .
@prefix ex: <https://gent.example/ns#> . @prefix xsd: <http://www.w3.org/2001/XMLSchema#> .
"""
OLD = """
ex:m old:logicalSource [ old:source "input" ; old:referenceFormulation ql:JSONPath ; old:iterator "$.stations[*]" ] ;
  rr:subjectMap [ rr:template "https://gent.example/{id}" ; rr:class ex:Station ] ;
  rr:predicateObjectMap [ rr:predicate ex:name ; rr:objectMap [ old:reference "name" ; rr:language "nl" ] ] ,
    [ rr:predicate ex:flow ; rr:objectMap [ old:reference "flow.hour" ; rr:datatype xsd:decimal ] ] ,
    [ rr:predicate ex:open ; rr:objectMap [ old:reference "open" ] ] .
"""
NEW = OLD.replace("old:", "rml:").replace("rr:", "rml:").replace("ql:", "rml:")
SHORT = """
prefixes: {ex: "https://gent.example/ns#"}
mappings:
  m:
    sources: [['input~jsonpath', '$.stations[*]']]
    s: https://gent.example/$(id)
    po:
      - [a, ex:Station]
      - [ex:name, $(name), nl~lang]
      - [ex:flow, $(flow.hour), xsd:decimal]
      - [ex:open, $(open)]
"""
DOCUMENT = {
    "stations": [
        {"id": "a b/ü", "name": "Dampoort", "flow": {"hour": 12.5}, "open": True},
        {"id": 7, "name": ["Zuid", "Sud"], "flow": {}, "open": None},
    ]
}
LINES = [
    "<https://gent.example/7> <http://www.w3.org/1999/02/22-rdf-syntax-ns#type> "
    "<https://gent.example/ns#Station> .\n",
    '<https://gent.example/7> <https://gent.example/ns#name> "Sud"@nl .\n',
    '<https://gent.example/7> <https://gent.example/ns#name> "Zuid"@nl .\n',
    "<https://gent.example/a%20b%2Fü> <http://www.w3.org/1999/02/22-rdf-syntax-ns#type> "
    "<https://gent.example/ns#Station> .\n",
    '<https://gent.example/a%20b%2Fü> <https://gent.example/ns#flow> "12.5"'
    "^^<http://www.w3.org/2001/XMLSchema#decimal> .\n",
    '<https://gent.example/a%20b%2Fü> <https://gent.example/ns#name> "Dampoort"@nl .\n',
    '<https://gent.example/a%20b%2Fü> <https://gent.example/ns#open> "true"'
    "^^<http://www.w3.org/2001/XMLSchema#boolean> .\n",
]


def of(document: Any) -> dict[str, Input]:
    return {"input": Input(rows=lambda: document, document=lambda: document)}


def card(language: str, definition: Any) -> Transformation:
    return Transformation(iri="x:map", version=1, titles={}, language=language, definition=definition)


@pytest.mark.parametrize("text", [OLD, NEW])
def test_both_vocabularies_make_the_same_statements(text: str) -> None:
    assert statements(read_turtle(HEAD + text), of(DOCUMENT)) == LINES


def test_yarrrml_is_the_same_in_short() -> None:
    assert statements(read_yarrrml(SHORT), of(DOCUMENT)) == LINES


def test_the_order_of_records_does_not_matter() -> None:
    reverse = {"stations": DOCUMENT["stations"][::-1]}
    assert statements(read_yarrrml(SHORT), of(reverse)) == LINES


def test_nodes_without_a_name_are_the_same_each_time() -> None:
    nameless = (
        OLD.replace("ex:m old:", "[] old:")
        .replace('rr:template "https://gent.example/{id}" ; rr:class ex:Station', "rr:termType rr:BlankNode")
        .replace("rr:predicate ex:open", "rr:object [] ; rr:predicate ex:open")
    )
    results = [
        statements(read_turtle(HEAD + nameless), {"input": Input(document=lambda: DOCUMENT)}) for _ in range(2)
    ]
    assert results[0] == results[1]
    assert any("/ns#open> _:" in line for line in results[0])


def test_brackets_in_each_other_are_refused_at_once() -> None:
    for text in ("[" * 400_000, "a: " + "{a: " * 100_000):
        with pytest.raises(TooLarge, match="nested"):
            read_yarrrml(text)


def test_joins_blank_nodes_graphs_and_tables() -> None:
    text = """
    mappings:
      stop:
        s: https://gent.example/stop/$(id)
        graphs: https://gent.example/g/$(line)
        po:
          - p: dct:isPartOf
            o: {mapping: line, condition: {function: equal, parameters: [[str1, $(line)], [str2, $(line)]]}}
      line:
        s: {value: $(line), type: blank}
        po: [[rdfs:label, Line $(line)]]
    """
    rows = [{"id": "1", "line": "4"}, {"id": "2", "line": "4"}, {"id": "3", "line": None}]
    lines = statements(read_yarrrml(text), of(rows))
    assert len(lines) == 3
    joined = [line for line in lines if "isPartOf" in line]
    assert len({line.split()[2] for line in joined}) == 1
    assert all(line.endswith("<https://gent.example/g/4> .\n") for line in joined)


def test_elements_of_xml_are_records() -> None:
    text = """
    mappings:
      m:
        sources: [['input~xpath', "//b:stop[@open='yes']"]]
        s: https://gent.example/$(@id)
        po:
          - [rdfs:label, $(name/text())]
          - [rdfs:seeAlso, $(../@city)]
    """
    xml = b"""<b:stops xmlns:b="urn:bus" city="Gent"><b:stop id="1" open="yes"><name>A &amp; B</name></b:stop>
    <b:stop id="2" open="no"/><stop id="3" open="yes"/></b:stops>"""
    lines = statements(read_yarrrml(text), {"input": Input(xml=xml)})
    label = "<http://www.w3.org/2000/01/rdf-schema#"
    assert lines == [
        f'<https://gent.example/1> {label}label> "A & B" .\n',
        f'<https://gent.example/1> {label}seeAlso> "Gent" .\n',
    ]


def source(text: str) -> str:
    return NEW.replace('rml:source "input"', text)


REFUSED: dict[str, tuple[str, str]] = {
    "a path": (source('rml:source "/etc/passwd"'), "reads /etc/passwd"),
    "a path upwards": (source('rml:source "../../settings.yaml"'), "nothing else"),
    "a described path": (
        source('rml:source [ a rml:RelativePathSource ; rml:root rml:MappingDirectory ; rml:path "keys.json" ]'),
        "reads keys.json",
    ),
    "an address": (source('rml:source "http://169.254.169.254/latest"'), "nothing else"),
    "JDBC": (
        source('rml:source [ <http://d2rq.example/D2RQ#jdbcDSN> "jdbc:postgresql://db/x" ]'),
        "reads jdbc:postgresql://db/x",
    ),
    "a query": (source('rml:source "input" ; rml:query "SELECT 1"'), "query for a database"),
    "a function": (
        NEW.replace('rml:reference "open"', "rml:functionExecution ex:f"),
        "calls a function",
    ),
    "no subject": (NEW.replace("rml:subjectMap", "ex:subjectMap"), "0 subject maps"),
    "two subjects": (NEW + "ex:m rml:subjectMap [ rml:constant ex:x ] .", "2 subject maps"),
    "a brace": (NEW.replace("{id}", "{id"), "without a partner"),
    "a language": (NEW.replace('"nl"', '"n_l"'), "is no language tag"),
    "a filter": (NEW.replace("$.stations[*]", "$.stations[?(@.open)]"), "is not read here"),
    "no Turtle": ("<a> <b", "cannot be read"),
    "no mapping": ("ex:a ex:b ex:c .", "no triples map"),
    "no parent": (
        NEW + "ex:m rml:predicateObjectMap [ rml:predicate ex:p ; rml:objectMap [ rml:parentTriplesMap ex:none ] ] .",
        "no triples map here",
    ),
}


@pytest.mark.parametrize("name", list(REFUSED))
def test_what_reads_anything_else_is_refused(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    text, why = REFUSED[name]

    def dial(*_: Any, **__: Any) -> None:
        raise AssertionError("an address was dialled")

    monkeypatch.setattr(socket.socket, "connect", dial)
    with pytest.raises(InvalidInput) as refusal:
        statements(read_turtle(HEAD + text), of(DOCUMENT))
    assert why in refusal.value.detail
    assert refusal.value.remedy


SHORT_REFUSED: dict[str, tuple[str, str]] = {
    "a path": (SHORT.replace("input~", "/etc/passwd~"), "reads /etc/passwd"),
    "a database": (
        "mappings: {m: {sources: [{access: 'http://db', type: mysql, query: SELECT 1}], s: $(a), po: [[a, b]]}}",
        "nothing else",
    ),
    "a target": (f"targets: {{t: x}}\n{SHORT}", "targets are not carried out"),
    "a function": (SHORT.replace("$(open)", "{function: ex:f}"), "function"),
    "a condition of another kind": (
        SHORT + "      - {p: ex:p, o: {mapping: m, condition: {function: ex:notEqual}}}\n",
        "other than equal",
    ),
    "an alias": ("a: &a [1]\nb: *a\n", "aliases"),
    "no YAML": ("mappings: [", "is no YAML"),
    "no mappings": ("prefixes: {}", "no mappings"),
    "a list": ("[1]", "no object"),
}


@pytest.mark.parametrize("name", list(SHORT_REFUSED))
def test_yarrrml_that_reads_anything_else_is_refused(name: str) -> None:
    text, why = SHORT_REFUSED[name]
    with pytest.raises(InvalidInput) as refusal:
        statements(read_yarrrml(text), of(DOCUMENT))
    assert why in refusal.value.detail
    assert refusal.value.remedy


@pytest.mark.parametrize(
    ("document", "why"),
    [
        ({"stations": [{"id": {"a": 1}}]}, "is an object"),
        ({"stations": [{"id": "1", "name": "x"}, {"id": ["a"] * 20_000}]}, "more than"),
    ],
)
def test_records_that_make_no_terms_are_named(document: Any, why: str) -> None:
    with pytest.raises(HansaError, match=why):
        statements(read_yarrrml(SHORT), of(document))


def test_columns_that_are_not_there_are_named() -> None:
    text = "mappings: {m: {s: 'https://gent.example/$(id)', po: [[rdfs:label, $(naam)]]}}"
    with pytest.raises(InvalidInput, match="record 1: there is no column naam") as refusal:
        statements(read_yarrrml(text), of([{"id": "1", "name": "x"}]))
    assert refusal.value.remedy == "the columns are id, name"


def test_a_join_that_multiplies_rows_is_ended() -> None:
    """Each of 20,000 rows belongs to each other: 400,000,000 statements."""
    text = """
    mappings:
      m:
        s: https://gent.example/$(id)
        po:
          - p: dct:relation
            o: {mapping: m, condition: {function: equal, parameters: [[str1, $(same)], [str2, $(same)]]}}
    """
    rows = [{"id": str(number), "same": "1"} for number in range(20_000)]
    with pytest.raises(TooLarge, match=r"multiplies its records|makes more than"):
        statements(read_yarrrml(text), of(rows))


def test_a_template_that_multiplies_values_is_ended() -> None:
    text = "mappings: {m: {sources: [[input~jsonpath, $]], s: 'x:$(a[*])/$(a[*])/$(a[*])', po: [[a, x:y]]}}"
    with pytest.raises(TooLarge, match="a template has more than"):
        statements(read_yarrrml(text), of({"a": list(range(100))}))


def test_paths_that_visit_everything_at_all_depths_are_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jsonpaths, "MOST_NODES", 1000)
    text = "mappings: {m: {sources: [[input~jsonpath, '$..*..*..*']], s: 'x:$(none)', po: [[a, x:y]]}}"
    deep: Any = {}
    for _ in range(100):
        deep = {"a": deep, "b": {"a": 1}}
    with pytest.raises(TooLarge, match="visits more than"):
        statements(read_yarrrml(text), of(deep))


def test_elements_that_a_path_passes_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(xpaths, "MOST_NODES", 500)
    document = Input(xml=b"<s>" + b"<a><b/></a>" * 500 + b"</s>")
    with pytest.raises(TooLarge, match="visits more than 500"):
        list(document.records(LogicalSource(name="input", form=XML, iterator="//missing")))


def test_xml_with_entities_is_refused() -> None:
    text = "mappings: {m: {sources: [[input~xpath, /a]], s: 'x:$(b)', po: [[a, x:y]]}}"
    bomb = b'<!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]><a><b>&b;</b></a>'
    with pytest.raises(InvalidInput):
        statements(read_yarrrml(text), {"input": Input(xml=bomb)})


def test_a_mapping_without_sources_reads_the_input() -> None:
    check_sources(read_yarrrml("mappings: {m: {s: 'x:$(a)', po: [[a, x:y]]}}"))


def test_it_runs_in_the_cage_as_rows_and_as_statements() -> None:
    with Cage(width=1) as cage:
        transformer = Transformer(cage)
        stations = card(YARRRML, SHORT.replace("$.stations[*]", "$[*]"))
        rows = transformer(stations, DOCUMENT["stations"])
        assert rows[0] == {
            "id": "https://gent.example/7", "type": "https://gent.example/ns#Station", "name": ["Sud", "Zuid"],
        }  # fmt: skip
        body = json.dumps(DOCUMENT).encode()
        answer = transformer.state(card(RML, HEAD + NEW), body, "application/json", comparison="".join(LINES[1:]))
        assert answer.nquads == "".join(LINES).encode()
        assert (len(answer.missing), len(answer.further)) == (0, 1)
        with pytest.raises(InvalidInput, match="reads XML, and the input is something else"):
            transformer.state(card(YARRRML, SHORT.replace("jsonpath", "xpath")), body, "application/json")
        with pytest.raises(InvalidInput, match="Parquet file is damaged"):
            transformer.state(stations, b"PAR1 and nothing", "application/vnd.apache.parquet")
        with pytest.raises(InvalidInput, match="no mappings"):
            transformer.check(card(YARRRML, {"mappings": {}}))

"""What is made to harm ontologies, schemas and transformations: one row for each kind, and the tests that send it.

The rows without a test elsewhere are tested here.
"""

from __future__ import annotations

import http.client
from collections.abc import Iterator
from importlib import import_module
from urllib.parse import urlsplit

import httpx2
import pytest

from tests.integration.egress_trap import trap
from tests.integration.meaning.test_terms import publish
from tests.nodes import Running

HERE = "tests.integration.meaning"
UNIT = "tests.unit.semantics"
ROWS: dict[str, tuple[str, ...]] = {
    "imports in a circle, and from inside": (
        f"{HERE}.test_hostile_ontologies:test_imports_in_a_circle_and_from_inside_are_not_fetched",
    ),
    "an ontology of 200 MB": (
        f"{HERE}.test_hostile_inputs:test_an_ontology_of_200_mb_is_refused_before_it_is_read",
        f"{HERE}.test_hostile_ontologies:test_an_ontology_that_is_too_large_is_refused_with_its_limit",
    ),
    "OWL that never classifies": (f"{HERE}.test_reasoning:test_one_that_takes_too_long_is_ended",),
    "an ontology that contradicts itself": (
        f"{HERE}.test_hostile_inputs:test_an_ontology_that_contradicts_itself_goes_through_every_door",
    ),
    "hierarchies without end": (
        f"{HERE}.test_hostile_ontologies:test_a_deep_hierarchy_is_laid_out_to_a_limit",
        f"{UNIT}.ontologies.test_ontologies:test_circles_in_the_hierarchy_end",
    ),
    "blank nodes in a knot": (f"{HERE}.test_large_ontologies:test_a_knot_of_blank_nodes_is_refused_in_words",),
    "rules with endless consequences": (
        f"{UNIT}.ontologies.test_entailment:test_more_inferences_than_the_limit_are_refused",
        "tests.integration.catalogue.test_inference_graphs:"
        "test_what_is_too_much_is_refused_and_not_tried_again_in_the_background",
    ),
    "an ontology that names code to load": (
        f"{HERE}.test_python_classes:test_hostile_statements_make_no_module_no_connection_and_no_file",
    ),
    "labels that act": (f"{HERE}.test_hostile_ontologies:test_labels_are_shown_as_text",),
    "patterns that explode": (
        f"{HERE}.test_data_checks:test_patterns_that_explode_and_references_to_elsewhere",
        f"{UNIT}.test_conformity:test_a_pattern_that_explodes_or_cannot_be_read_is_told",
    ),
    "references to themselves and to elsewhere": (
        f"{HERE}.test_data_checks:test_patterns_that_explode_and_references_to_elsewhere",
        f"{HERE}.test_schema_registry:test_what_is_too_large_too_deep_or_remote_is_bounded",
    ),
    "definitions that multiply": (f"{UNIT}.test_schema_languages:test_schemas_that_multiply_are_limited",),
    "schemas that are no schemas, or name files": (
        f"{HERE}.test_schema_documents:test_hostile_schemas_harm_nothing",
    ),
    "mappings that multiply rows": (f"{HERE}.test_transformations:test_a_query_that_multiplies_rows_ends",),
    "RML with paths of files and addresses of databases": (
        f"{HERE}.test_hostile_inputs:test_rml_with_paths_and_addresses_of_databases_reads_nothing",
    ),
}


@pytest.fixture(scope="module")
def client(city: Running) -> Iterator[httpx2.Client]:
    with httpx2.Client(base_url=city.url, headers=city.person(), timeout=120, trust_env=False) as client:
        yield client


@pytest.mark.parametrize("row", ROWS)
def test_each_row_has_its_tests(row: str) -> None:
    for name in ROWS[row]:
        module, _, function = name.partition(":")
        assert callable(getattr(import_module(module), function)), name


def test_an_ontology_of_200_mb_is_refused_before_it_is_read(city: Running, client: httpx2.Client) -> None:
    address = urlsplit(city.url)
    for path in ("/api/records", "/api/ontologies"):
        connection = http.client.HTTPConnection(str(address.hostname), address.port, timeout=30)
        headers = {**city.person(), "Content-Type": "application/json", "Content-Length": str(200 << 20)}
        connection.request("POST", path, headers=headers)
        answer = connection.getresponse()
        assert answer.status == 413, path
        assert b"bytes" in answer.read()
        connection.close()
    assert client.get("/ready").status_code == 200


CONTRADICTION = """
:Road a owl:Class ; rdfs:label "road"@en ; rdfs:comment "For vehicles."@en ; owl:disjointWith :River .
:River a owl:Class ; rdfs:label "river"@en ; rdfs:comment "Of water."@en .
:Ford a owl:Class ; rdfs:label "ford"@en ; rdfs:comment "Both."@en ; rdfs:subClassOf :Road , :River .
:F1 a owl:NamedIndividual , :Ford ; rdfs:label "F1"@en ; rdfs:comment "The only one."@en .
"""


def test_an_ontology_that_contradicts_itself_goes_through_every_door(city: Running, client: httpx2.Client) -> None:
    iri = publish(client, city.url, "contradiction", CONTRADICTION)
    rules = client.get("/api/catalogue/fairness", params={"iri": iri}).json()["pitfalls"]
    assert [rule["case"] for rule in rules] == ["empty-class"]
    verdict = client.post("/api/ontologies/reason", params={"ontology": iri}).json()["verdict"]
    assert verdict in ("inconsistent", "no-java", "not-confined")
    assert client.get("/api/catalogue/term", params={"iri": f"{iri}#Ford"}).json()["wider"] == [
        f"{iri}#River",
        f"{iri}#Road",
    ]
    query = f"SELECT ?c {{ <{iri}#F1> a ?c }}"
    answer = client.get(
        "/sparql", params={"query": query, "entailment": "rl"}, headers={"Accept": "application/sparql-results+json"}
    )
    classes = {row["c"]["value"] for row in answer.json()["results"]["bindings"]}
    assert {f"{iri}#Ford", f"{iri}#Road", f"{iri}#River"} <= classes
    assert client.get("/api/catalogue/imports", params={"iri": iri}).json()["imports"] == []
    for page, query_name in (("/terms", "ontology"), ("/ontology/fairness", "iri")):
        shown = client.get(page, params={query_name: iri}, headers={"Accept": "text/html"})
        assert shown.status_code == 200


RML = """
@prefix rml: <http://semweb.mmlab.be/ns/rml#> . @prefix ql: <http://semweb.mmlab.be/ns/ql#> .
@prefix d2rq: <http://www.wiwiss.fu-berlin.de/suhl/bizer/D2RQ/0.1#> .
<#db> a d2rq:Database ; d2rq:jdbcDSN "jdbc:postgresql://169.254.169.254/x" ; d2rq:username "u" .
<#map> rml:logicalSource [ rml:source "/etc/passwd" ; rml:referenceFormulation ql:CSV ] .
"""


def test_rml_with_paths_and_addresses_of_databases_reads_nothing(
    city: Running, client: httpx2.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    fetches = trap(city, monkeypatch)
    for language in ("RML", "SPARQL CONSTRUCT", "SPARQL UPDATE", "Python function", "SQL"):
        fields = {
            "kind": "transformation",
            "id": f"rml-{language.casefold().replace(' ', '-')}",
            "title": "RML",
            "description": "For a test.",
            "license": "CC-BY-4.0",
            "contact": {"name": "Mobility", "email": "m@example.org"},
            "version": "1",
            "language": language,
            "definition": RML,
        }
        answer = client.post("/api/records", json={"fields": fields, "conditions": "open"})
        assert answer.status_code in (201, 400, 422), answer.text
        if answer.status_code == 201:
            name = f"transformation/{fields['id']}"
            trial = client.post("/api/transformations/try", params={"transformation": name}, content=b"a,b\n1,2\n")
            assert trial.status_code in (400, 404, 422), (language, trial.text)
            assert "root:" not in trial.text
    assert fetches == []

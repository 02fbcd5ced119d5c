"""Ontologies of the size of real ones: published, browsed and compared; vocabularies in SKOS as they are."""

from __future__ import annotations

from collections.abc import Iterator

import httpx2
import pytest

from tests.integration.meaning.test_terms import HEAD, publish
from tests.nodes import Running

CLASSES = 1500
"""Twice the number of the largest ontologies of buildings; each class has two restrictions and a list."""


@pytest.fixture(scope="module")
def http(city: Running) -> Iterator[httpx2.Client]:
    headers = {"Authorization": f"Bearer {city.token}"}
    with httpx2.Client(base_url=city.url, headers=headers, timeout=120, trust_env=False) as client:
        yield client


def terms(demand: int = 1) -> str:
    head = ':p0 a owl:ObjectProperty ; rdfs:label "part"@en ; rdfs:comment "Is a part."@en .\n'
    return head + "".join(
        f':C{n} a owl:Class ; rdfs:label "class {n}"@en ; rdfs:comment "The class {n}."@en ; rdfs:subClassOf '
        f"{f':C{n // 2}, ' if n else ''}"
        f"[ a owl:Restriction ; owl:onProperty :p0 ; owl:minCardinality {demand if n == 7 else 1} ] , "
        f"[ a owl:Restriction ; owl:onProperty :p0 ; owl:allValuesFrom [ owl:unionOf ( :C1 :C2 :C{n % 9} ) ] ] .\n"
        for n in range(CLASSES)
    )


def test_an_ontology_with_thousands_of_restrictions_is_published_and_compared(
    city: Running, http: httpx2.Client
) -> None:
    iri = publish(http, city.url, "large", terms())
    answer = http.get("/api/catalogue/term", params={"iri": f"{iri}#C7"})
    assert answer.json()["wider"] == [f"{iri}#C3"]
    assert http.get("/terms", params={"ontology": iri}, headers={"Accept": "text/html"}).status_code == 200
    stricter = http.post(
        "/api/records",
        json={
            "document": HEAD.format(iri=iri, mark="#", title="large") + terms(demand=2),
            "mediaType": "text/turtle",
            "conditions": "open",
        },
    )
    assert stricter.status_code == 422
    changes = stricter.json()["impact"]["changes"]
    assert [change["subject"] for change in changes if change["breaking"]] == [f"{iri}#C7"]


def test_a_knot_of_blank_nodes_is_refused_in_words(city: Running, http: httpx2.Client) -> None:
    knot = "".join(f"_:n{a} rdfs:seeAlso _:n{b} .\n" for a in range(30) for b in range(30) if a != b)
    document = HEAD.format(iri=f"{city.url}/ontologies/knot", mark="#", title="knot") + knot
    answer = http.post("/api/records", json={"document": document, "mediaType": "text/turtle", "conditions": "open"})
    assert answer.status_code in (400, 422)
    assert "30 blank nodes that cannot be told apart" in answer.text
    assert answer.json()["remedy"]
    assert http.get("/ready").status_code == 200


def test_a_scheme_of_concepts_is_a_vocabulary(city: Running, http: httpx2.Client) -> None:
    scheme = """
    @prefix skos: <http://www.w3.org/2004/02/skos/core#> . @prefix owl: <http://www.w3.org/2002/07/owl#> .
    @prefix dct: <http://purl.org/dc/terms/> . @prefix rdfs: <http://www.w3.org/2000/01/rdf-schema#> .
    <http://codes.example/phase> a skos:ConceptScheme ; skos:prefLabel "Phases"@en ; owl:versionInfo "2" ;
      skos:definition "The phases of a plan."@en ; dct:issued "2016-11-16" ;
      dct:modified "2020-01-02" , "2019-01-02" .
    <http://codes.example/phase/draft> a skos:Concept ; rdfs:label "draft"@en ;
      skos:inScheme <http://codes.example/phase> .
    """
    answer = http.post("/api/records", json={"document": scheme, "mediaType": "text/turtle", "conditions": "open"})
    assert answer.status_code == 201, answer.text
    record = answer.json()
    assert record["iri"] == f"{city.url}/ontologies/phase"
    page = http.get("/ontologies/phase", headers={"Accept": "text/turtle"}).text
    assert 'dct:modified "2020-01-02"^^xsd:date' in page
    assert 'dct:issued "2016-11-16"^^xsd:date' in page
    names = http.get("/api/catalogue/terms", params={"q": "draft"}).json()
    assert "http://codes.example/phase/draft" in [term["iri"] for term in names["terms"]]

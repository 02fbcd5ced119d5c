"""FAIR points: each criterion is met by what it asks for and nothing else; labels are counted by language."""

from __future__ import annotations

import pytest
from pyoxigraph import RdfFormat, parse, serialize

from node.semantics.ontologies.fairness import FairReport, fairness
from node.texts.languages import LANGUAGES

IRI = "https://city.example/ontologies/roads"
PREFIXES = """
@prefix adms: <http://www.w3.org/ns/adms#> . @prefix dcat: <http://www.w3.org/ns/dcat#> .
@prefix dct: <http://purl.org/dc/terms/> . @prefix owl: <http://www.w3.org/2002/07/owl#> .
@prefix rdfs: <http://www.w3.org/2000/01/rdf-schema#> . @prefix skos: <http://www.w3.org/2004/02/skos/core#> .
@prefix vann: <http://purl.org/vocab/vann/> . @prefix xsd: <http://www.w3.org/2001/XMLSchema#> .
"""
HEADER = f"""
<{IRI}> a owl:Ontology ; dct:title "Roads"@en ; dct:description "Terms."@en ; dcat:keyword "road"@en ;
  dct:creator <https://city.example/> ; dct:issued "2026-01-01"^^xsd:date ; dct:modified "2026-01-02"^^xsd:date ;
  vann:preferredNamespacePrefix "r" ; vann:preferredNamespaceUri "{IRI}#" ; dcat:version "1.0.0" ;
  owl:versionIRI <{IRI}/1.0.0> ; dct:license <http://publications.europa.eu/resource/authority/licence/CC_BY_4_0> ;
  adms:status <http://purl.org/adms/status/Completed> ; adms:versionNotes "First."@en .
"""
TERMS = f"""
<{IRI}#Road> a owl:Class ; rdfs:label "road"@en , "weg"@nl ; rdfs:comment "A way."@en ;
  rdfs:subClassOf <https://schema.org/Place> ; skos:exactMatch <https://w3id.org/other#Road> .
<{IRI}#length> a owl:DatatypeProperty ; rdfs:label "length"@en , "lengte"@nl ; rdfs:comment "In metres."@en ;
  rdfs:domain <{IRI}#Road> ; rdfs:range xsd:decimal .
"""


def report(header: str = HEADER, terms: str = TERMS, *, is_public: bool = True) -> FairReport:
    quads = parse((PREFIXES + header + terms).encode(), RdfFormat.TURTLE)
    return fairness(serialize(quads, format=RdfFormat.N_TRIPLES) or b"", IRI, is_public=is_public)


def missing(lesser: FairReport) -> set[str]:
    return {criterion.key for criterion in lesser.criteria if not criterion.is_met}


def test_an_ontology_that_lacks_nothing_has_all_points() -> None:
    full = report()
    assert missing(full) == set()
    assert full.points == 100
    assert full.by_letter == dict.fromkeys("FAIR", (25, 25))
    assert full.first == ()


@pytest.mark.parametrize(
    ("key", "points", "text", "instead"),
    [
        ("addresses", 96, f"<{IRI}#length>", "<urn:x:length>"),
        ("version", 97, f"owl:versionIRI <{IRI}/1.0.0> ;", ""),
        ("metadata", 98, 'dcat:keyword "road"@en ;', ""),
        ("home", 93, f"<{IRI}#length>", "<https://other.example/length>"),
        ("structure", 92, f"rdfs:domain <{IRI}#Road> ; rdfs:range xsd:decimal", "a rdfs:Resource"),
        ("reuse", 92, "rdfs:subClassOf <https://schema.org/Place>", "a rdfs:Resource"),
        ("reuse", 92, "<https://schema.org/Place>", "owl:Thing"),
        ("alignments", 93, "skos:exactMatch <https://w3id.org/other#Road>", "a rdfs:Resource"),
        ("alignments", 93, "https://w3id.org/other#Road", f"{IRI}#length"),
        ("labels", 97, 'rdfs:label "length"@en , "lengte"@nl', "a rdfs:Resource"),
        ("definitions", 97, 'rdfs:comment "In metres."@en', "a rdfs:Resource"),
        ("languages", 98, '"length"@en , "lengte"@nl', '"length"@en'),
        ("licence", 94, "dct:license <http://publications.europa.eu/resource/authority/licence/CC_BY_4_0> ;", ""),
        ("provenance", 99, "adms:status <http://purl.org/adms/status/Completed> ;", ""),
        ("pitfalls", 97, "rdfs:range xsd:decimal", "a rdfs:Resource"),
    ],
)
def test_what_is_missing_costs_points_and_is_named_with_a_remedy(
    key: str, points: int, text: str, instead: str
) -> None:
    document = HEADER + TERMS
    assert text in document
    lesser = report("", document.replace(text, instead))
    assert key in missing(lesser)
    assert lesser.points <= points
    criterion = next(one for one in lesser.first if one.key == key)
    for language in LANGUAGES:
        assert criterion.title(language)
        assert criterion.remedy(language)


def test_a_remedy_names_only_what_the_header_lacks() -> None:
    lesser = report(HEADER.replace('dcat:keyword "road"@en ;', "").replace('; adms:versionNotes "First."@en', ""))
    remedies = {criterion.key: criterion.remedy("en") for criterion in lesser.first}
    assert remedies == {"metadata": "add: dcat:keyword", "provenance": "add: dcat:previousVersion"}


def test_an_ontology_for_members_alone_is_less_accessible() -> None:
    assert missing(report(is_public=False)) == {"public"}
    assert report(is_public=False).points == 88


def test_points_are_whole_only_if_nothing_is_missing() -> None:
    many = "".join(f'<{IRI}#T{n}> a owl:Class ; rdfs:label "t" ; rdfs:comment "t" .\n' for n in range(999))
    criteria = {one.key: one for one in report("", HEADER + TERMS + many + f"<{IRI}#Bare> a owl:Class .").criteria}
    assert criteria["labels"].points == 4
    assert criteria["languages"].points == 0


def test_an_ontology_without_terms_has_points_of_its_header_only() -> None:
    empty = report("", HEADER)
    assert empty.languages == ()
    assert empty.terms == 0
    assert {"addresses", "labels", "structure"} <= missing(empty)
    assert 0 < empty.points < 60


def test_documentation_is_counted_by_language_and_the_most_used_terms_come_first() -> None:
    terms = (
        TERMS
        + f"""
    <{IRI}#Bridge> a owl:Class ; rdfs:label "bridge"@en ; rdfs:subClassOf <{IRI}#Road> .
    <{IRI}#Tunnel> a owl:Class ; rdfs:label "tunnel"@nl ; rdfs:subClassOf <{IRI}#Road> .
    <{IRI}#Old> a owl:Class ; owl:deprecated true .
    """
    )
    rows = {row.language: row for row in report("", HEADER + terms).languages}
    assert {tag: (row.percent, row.labels, row.definitions, row.terms) for tag, row in rows.items()} == {
        "en": (62, 3, 2, 4),
        "nl": (37, 3, 0, 4),
    }
    gaps = [(gap.term.iri.rpartition("#")[2], gap.has_label, gap.has_definition) for gap in rows["nl"].gaps]
    assert gaps == [("Road", True, False), ("Bridge", False, False), ("Tunnel", True, False), ("length", True, False)]
    assert rows["en"].gaps[0].to_json("en") == {
        "iri": f"{IRI}#Tunnel",
        "label": "tunnel",
        "lacks": ["label", "definition"],
    }

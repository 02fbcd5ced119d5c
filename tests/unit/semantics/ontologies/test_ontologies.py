"""Looking into ontologies, and what a new version changes for their users."""

from __future__ import annotations

import pytest

from node.semantics.documents import canonical, parse
from node.semantics.ontologies.changes import compare
from node.semantics.ontologies.terms import Vocabulary, inspect

IRI = "https://gent.example/ns/mobility"
PREFIXES = f"""
@prefix m: <{IRI}#> .
@prefix owl: <http://www.w3.org/2002/07/owl#> .
@prefix rdf: <http://www.w3.org/1999/02/22-rdf-syntax-ns#> .
@prefix rdfs: <http://www.w3.org/2000/01/rdf-schema#> .
@prefix skos: <http://www.w3.org/2004/02/skos/core#> .
@prefix vann: <http://purl.org/vocab/vann/> .
"""
V1 = """
<https://gent.example/ns/mobility> a owl:Ontology ; owl:versionInfo "1.0" ;
  vann:preferredNamespaceUri "https://gent.example/ns/mobility#" ; owl:imports <http://www.w3.org/ns/sosa/> .
m:RoadSegment a owl:Class ; rdfs:label "wegsegment"@nl, "road segment"@en ; rdfs:comment "Stuk weg"@nl .
m:Bridge a owl:Class ; rdfs:label "brug"@nl, "bridge"@en ; rdfs:subClassOf m:RoadSegment, [ a owl:Restriction ] .
m:flow a owl:DatatypeProperty ; rdfs:label "stroom"@nl ; rdfs:domain m:RoadSegment ; rdfs:range rdfs:Literal .
m:car a skos:Concept ; skos:prefLabel "auto"@nl ; skos:closeMatch <https://data.vlaanderen.be/id/concept/auto> .
m:old a rdf:Property ; owl:deprecated true .
"""


def look(text: str) -> Vocabulary:
    nquads, _ = canonical(parse((PREFIXES + text).encode(), "text/turtle", base="http://x/"))
    return inspect(nquads, IRI)


def test_terms_and_what_they_mean() -> None:
    summary = look(V1)
    assert (summary.version, summary.namespace, summary.imports) == (
        "1.0",
        f"{IRI}#",
        ("http://www.w3.org/ns/sosa/",),
    )
    assert {iri.rpartition("#")[2]: term.kind for iri, term in summary.terms.items()} == {
        "RoadSegment": "class",
        "Bridge": "class",
        "flow": "property",
        "car": "concept",
        "old": "property",
    }
    bridge = summary.terms[f"{IRI}#Bridge"]
    assert (bridge.label("nl"), bridge.label("cs"), bridge.wider) == ("brug", "bridge", (f"{IRI}#RoadSegment",))
    assert summary.terms[f"{IRI}#old"].deprecated
    assert summary.terms[f"{IRI}#old"].label() == "old"
    assert summary.terms[f"{IRI}#car"].matches == ("https://data.vlaanderen.be/id/concept/auto",)
    assert summary.languages == ()
    assert summary.terms[f"{IRI}#flow"].to_json()["range"] == ["http://www.w3.org/2000/01/rdf-schema#Literal"]


def test_languages_that_all_terms_speak() -> None:
    only = "m:a a owl:Class ; rdfs:label 'a'@nl, 'b'@en . m:b a owl:Class ; rdfs:label 'c'@nl ."
    assert look(only).languages == ("nl",)


@pytest.mark.parametrize(
    ("piece", "instead", "what", "breaking", "text"),
    [
        ('m:car a skos:Concept ; skos:prefLabel "auto"@nl ;', "m:x m:y", "removed", True, "car was removed"),
        ("m:old a rdf:Property", "m:New a owl:Class . m:old a rdf:Property", "added", False, "New is new"),
        (
            "m:flow a owl:DatatypeProperty",
            "m:flow a owl:Class",
            "kind",
            True,
            "flow was a property and is now a class",
        ),
        ("Stuk weg", "Stuk fietspad", "meaning", True, "road segment has a new definition"),
        ('"bridge"@en', '"overpass"@en', "label", False, "overpass has another label now"),
        (
            "rdfs:domain m:RoadSegment",
            "rdfs:domain m:Bridge",
            "domain-narrowed",
            True,
            "flow now applies to fewer things: bridge (before: road segment)",
        ),
        (
            "rdfs:domain m:RoadSegment",
            "rdfs:domain m:Tram",
            "domain",
            True,
            "flow applied to road segment and now applies to Tram",
        ),
        (
            "rdfs:range rdfs:Literal",
            "rdfs:range rdfs:Resource",
            "range-widened",
            False,
            "flow now admits more values: Resource (before: Literal)",
        ),
        ("Stuk weg", "Stuk wegdek", "reworded", False, "the definition of road segment is worded differently"),
        (
            "rdfs:subClassOf m:RoadSegment, [",
            "rdfs:subClassOf [",
            "moved",
            True,
            "bridge is no longer below road segment: queries for road segment do not find it any more",
        ),
        ('"stroom"@nl ;', '"stroom"@nl ; owl:deprecated true ;', "deprecated", False, "flow is deprecated"),
    ],
)
def test_changes(piece: str, instead: str, what: str, breaking: bool, text: str) -> None:
    assert piece in V1
    second = V1.replace(piece, instead, 1)
    if what == "removed":
        second = V1[: V1.index("m:car")] + V1[V1.index("m:old") :]
    (change,) = compare(look(V1), look(second))
    assert (change.what, change.breaking) == (what, breaking)
    expected = {
        "flow applied": "stroom applied",
        "flow is": "stroom is",
        "flow now": "stroom now",
        "flow was": "stroom was",
        "car was": "auto was",
    }
    for name, label in expected.items():
        text = text.replace(name, label)
    assert change.text["en"] == text
    assert change.text.keys() == {"en", "nl", "cs", "fr", "de"}


def test_further_languages_and_matches_change_nothing() -> None:
    second = V1.replace('"stroom"@nl', '"stroom"@nl, "tok"@cs').replace("skos:closeMatch", "skos:exactMatch")
    assert compare(look(V1), look(second)) == ()


def test_the_breaking_come_first() -> None:
    second = V1.replace("Stuk weg", "x") + "m:New a owl:Class ."
    assert [change.breaking for change in compare(look(V1), look(second))] == [True, False]


RULES = """
m:Node a owl:Class ; rdfs:label "node"@en .
m:Junction a owl:Class ; rdfs:label "junction"@en ; rdfs:subClassOf m:Node ,
  [ a owl:Restriction ; owl:onProperty m:arm ; owl:minQualifiedCardinality 3 ; owl:onClass m:Road ] .
"""


def test_demands_on_a_class() -> None:
    (rule,) = look(RULES).terms[f"{IRI}#Junction"].restrictions
    assert rule.words("en") == "at least 3 × arm that is a Road"
    stricter, looser = RULES.replace("Cardinality 3", "Cardinality 4"), RULES.replace("owl:onProperty", "m:none")
    assert [(change.what, change.breaking) for change in compare(look(RULES), look(stricter))] == [
        ("rule-added", True),
        ("rule-removed", False),
    ]
    assert [change.what for change in compare(look(RULES), look(looser))] == ["rule-removed"]


def test_a_new_address_is_a_rename_where_label_or_statement_say_so() -> None:
    by_label = V1.replace("m:flow a", "m:trafficFlow a")
    (change,) = compare(look(V1), look(by_label))
    assert (change.what, change.breaking, change.new) == ("renamed", True, f"{IRI}#trafficFlow")
    old, new = "m:a a owl:Class .", "m:b a owl:Class ; owl:equivalentClass m:a ."
    assert [change.what for change in compare(look(old), look(new))] == ["renamed"]
    assert {change.what for change in compare(look(old), look("m:b a owl:Class ."))} == {"removed", "added"}


def test_a_class_between_two_others_moves_nothing() -> None:
    before = "m:A a owl:Class . m:C a owl:Class ; rdfs:subClassOf m:A ."
    after = "m:A a owl:Class . m:B a owl:Class ; rdfs:subClassOf m:A . m:C a owl:Class ; rdfs:subClassOf m:B ."
    assert [(change.what, change.breaking) for change in compare(look(before), look(after))] == [
        ("added", False),
        ("wider", False),
    ]


def test_circles_in_the_hierarchy_end() -> None:
    circle = "m:A a owl:Class ; rdfs:subClassOf m:B . m:B a owl:Class ; rdfs:subClassOf m:A ."
    assert [change.what for change in compare(look(circle), look(circle.replace("rdfs:subClassOf m:A", "m:x m:y")))]


def test_ten_thousand_terms_are_compared() -> None:
    def terms(count: int) -> str:
        return "".join(
            f'm:T{n} a owl:Class ; rdfs:label "term {n}"@en ; rdfs:subClassOf m:T{n // 2} .' for n in range(1, count)
        )

    changes = compare(look(terms(10_000)), look(terms(5_000)))
    assert len(changes) == 5_000
    assert {change.what for change in changes} == {"removed"}

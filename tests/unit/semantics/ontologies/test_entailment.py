"""What follows from statements: each rule, and never more than a full reasoner of OWL 2 RL says."""

from __future__ import annotations

from collections.abc import Callable

import owlrl
import pytest
import rdflib
from hypothesis import given, settings
from hypothesis import strategies as st
from pyoxigraph import NamedNode, RdfFormat, Triple, parse, serialize

from node.base.errors import TooLarge
from node.semantics import entailment
from node.semantics.entailment import entail

HEAD = """
@prefix : <http://a.example/> . @prefix owl: <http://www.w3.org/2002/07/owl#> .
@prefix rdfs: <http://www.w3.org/2000/01/rdf-schema#> . @prefix rdf: <http://www.w3.org/1999/02/22-rdf-syntax-ns#> .
"""


def statements(text: str) -> set[Triple]:
    return {quad.triple for quad in parse((HEAD + text).encode(), format=RdfFormat.TURTLE)}


RULES = {
    "classes below": (
        ":A rdfs:subClassOf :B . :B rdfs:subClassOf :C . :x a :A .",
        ":x a :B , :C . :A rdfs:subClassOf :C .",
    ),
    "a circle of classes": (":A rdfs:subClassOf :B . :B rdfs:subClassOf :A . :x a :A .", ":x a :B ."),
    "equal classes": (":A owl:equivalentClass :B . :x a :B . :y a :A .", ":x a :A . :y a :B . "),
    "properties below": (":p rdfs:subPropertyOf :q . :q rdfs:subPropertyOf :r . :x :p 1 .", ":x :q 1 ; :r 1 ."),
    "equal properties": (":p owl:equivalentProperty :q . :x :q :y .", ":x :p :y ."),
    "domain and range": (
        ":p rdfs:domain :A ; rdfs:range :B . :B rdfs:subClassOf :C . :x :p :y .",
        ":x a :A . :y a :B , :C .",
    ),
    "the range of a text": (":p rdfs:range :B . :x :p 'text' .", ""),
    "inverse properties": (":p owl:inverseOf :q . :x :p :y . :z :q :w .", ":y :q :x . :w :p :z ."),
    "symmetric properties": (":p a owl:SymmetricProperty . :x :p :y .", ":y :p :x ."),
    "transitive properties": (
        ":p a owl:TransitiveProperty . :a :p :b . :b :p :c . :c :p :d .",
        ":a :p :c , :d . :b :p :d .",
    ),
    "a domain of a property above": (":p rdfs:subPropertyOf :q . :q rdfs:domain :A . :x :p 1 .", ":x :q 1 ; a :A ."),
    "an intersection": (":A owl:equivalentClass [ owl:intersectionOf ( :B :C ) ] . :x a :A .", ":x a :B , :C ."),
    "a union": (":A owl:unionOf ( :B :C ) . :x a :B .", ":x a :A . :B rdfs:subClassOf :A ."),
    "names of the same thing": (":x owl:sameAs :y . :x :p 1 . :z :q :y .", ":y :p 1 ; owl:sameAs :x . :z :q :x ."),
    "a property above type": (
        ":is rdfs:subPropertyOf rdf:type . :A rdfs:subClassOf :B . :x :is :A .",
        ":x a :A , :B .",
    ),
    "rules about rules": ("rdf:type rdfs:subPropertyOf :p . rdfs:subClassOf a owl:SymmetricProperty . :x a :A .", ""),
}


@pytest.mark.parametrize("name", RULES)
def test_each_rule(name: str) -> None:
    before, expected = RULES[name]
    inferences = {one for one in entail(statements(before)) if "_:" not in str(one)}
    missing = statements(expected) - inferences
    assert not missing, missing
    if not expected:
        assert inferences == set()


NAMES = [NamedNode(f"http://a.example/{name}") for name in "abcd"]
PROPERTIES = [NamedNode(f"http://a.example/{name}") for name in "pq"] + [
    NamedNode(iri)
    for iri in (
        "http://www.w3.org/1999/02/22-rdf-syntax-ns#type",
        "http://www.w3.org/2000/01/rdf-schema#subClassOf",
        "http://www.w3.org/2002/07/owl#equivalentClass",
        "http://www.w3.org/2002/07/owl#sameAs",
    )
]
ABOUT_PROPERTIES = [
    NamedNode(iri)
    for iri in (
        "http://www.w3.org/2000/01/rdf-schema#subPropertyOf",
        "http://www.w3.org/2002/07/owl#inverseOf",
        "http://www.w3.org/2002/07/owl#equivalentProperty",
    )
]
CLASSES_OF_PROPERTIES = [
    NamedNode(f"http://www.w3.org/2002/07/owl#{name}") for name in ("SymmetricProperty", "TransitiveProperty")
]
facts = st.builds(Triple, st.sampled_from(NAMES), st.sampled_from(PROPERTIES), st.sampled_from(NAMES))
ranges = st.builds(
    Triple,
    st.sampled_from(PROPERTIES[:2]),
    st.sampled_from([NamedNode("http://www.w3.org/2000/01/rdf-schema#" + name) for name in ("domain", "range")]),
    st.sampled_from(NAMES),
)
links = st.builds(
    Triple, st.sampled_from(PROPERTIES[:2]), st.sampled_from(ABOUT_PROPERTIES), st.sampled_from(PROPERTIES[:2])
)
kinds = st.builds(
    Triple, st.sampled_from(PROPERTIES[:2]), st.just(PROPERTIES[2]), st.sampled_from(CLASSES_OF_PROPERTIES)
)


@given(st.sets(facts | ranges | links | kinds, min_size=1, max_size=8))
@settings(max_examples=60, deadline=None)
def test_nothing_is_inferred_that_a_full_reasoner_does_not_infer(asserted: set[Triple]) -> None:
    graph = rdflib.Graph().parse(data=serialize(asserted, format=RdfFormat.N_TRIPLES), format="nt")
    owlrl.DeductiveClosure(owlrl.OWLRL_Semantics).expand(graph)
    for inference in entail(asserted):
        parts = (inference.subject.value, inference.predicate.value, inference.object.value)
        assert tuple(map(rdflib.URIRef, parts)) in graph, inference


@pytest.mark.parametrize(
    "many",
    [
        lambda n: [(f"c{i}", "sub", f"c{j}") for i in range(n) for j in (i + 1, i + 2)],
        lambda n: [("p", "type", "transitive"), *((f"x{i}", "p", f"x{i + 1}") for i in range(n))],
        lambda n: [
            ("p", "type", "symmetric"),
            ("p", "type", "transitive"),
            *((f"x{i}", "p", "hub") for i in range(n)),
        ],
    ],
    ids=["a deep hierarchy", "a long chain", "a knot"],
)
def test_more_inferences_than_the_limit_are_refused(
    many: Callable[[int], list[tuple[str, str, str]]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(entailment, "MOST_INFERENCES", 2000)
    known = {
        "sub": "http://www.w3.org/2000/01/rdf-schema#subClassOf",
        "type": "http://www.w3.org/1999/02/22-rdf-syntax-ns#type",
        "transitive": "http://www.w3.org/2002/07/owl#TransitiveProperty",
        "symmetric": "http://www.w3.org/2002/07/owl#SymmetricProperty",
    }

    def node(name: str) -> NamedNode:
        return NamedNode(known.get(name, f"http://a.example/{name}"))

    with pytest.raises(TooLarge, match="follow from what you may see") as caught:
        entail({Triple(*map(node, one)) for one in many(200)})
    assert caught.value.remedy


def test_a_thing_with_very_many_names_gives_none_of_them_to_the_others() -> None:
    same = NamedNode("http://www.w3.org/2002/07/owl#sameAs")
    hub = NamedNode("http://a.example/hub")
    assert entail({Triple(NamedNode(f"http://a.example/{n}"), same, hub) for n in range(200)}) == set()


def test_more_statements_than_the_limit_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(entailment, "MOST_STATEMENTS", 1)
    with pytest.raises(TooLarge, match="2 statements"):
        entail(statements(":a :b :c , :d ."))

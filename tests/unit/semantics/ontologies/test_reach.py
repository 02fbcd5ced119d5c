"""Inferences from statements that are looked for: the same as from all of them; and which changes concern them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyoxigraph import Triple

from node.base.errors import TooLarge
from node.semantics.entailment import entail, infer
from tests.unit.semantics.ontologies.test_entailment import RULES, statements

NAMES = [f":n{number}" for number in range(5)]
PROPERTIES = (
    "a",
    "rdfs:subClassOf",
    "rdfs:subPropertyOf",
    "rdfs:domain",
    "rdfs:range",
    "owl:equivalentClass",
    "owl:inverseOf",
    "owl:sameAs",
    *NAMES,
)
OBJECTS = (*NAMES, "owl:SymmetricProperty", "owl:TransitiveProperty", "rdf:type", "'text'")


def finder(triples: Iterable[Triple]) -> Callable[[Any, Any, Any], list[Triple]]:
    def find(subject: Any, property_: Any, value: Any) -> list[Triple]:
        return [
            triple
            for triple in triples
            if subject in (None, triple.subject)
            and property_ in (None, triple.predicate)
            and value in (None, triple.object)
        ]

    return find


graphs = st.lists(
    st.tuples(st.sampled_from(NAMES), st.sampled_from(PROPERTIES), st.sampled_from(OBJECTS)), max_size=12
).map(lambda lines: statements(" ".join(f"{' '.join(line)} ." for line in lines)))


@pytest.mark.parametrize("name", RULES)
def test_each_rule(name: str) -> None:
    triples = statements(RULES[name][0])
    assert infer(finder(triples))[0] == entail(triples)


@settings(max_examples=400, deadline=None)
@given(graphs)
def test_statements_that_are_looked_for_give_the_same_as_all(triples: set[Triple]) -> None:
    assert infer(finder(triples))[0] == entail(triples)


@settings(max_examples=400, deadline=None)
@given(graphs, graphs)
def test_what_is_beyond_the_reach_changes_nothing(before: set[Triple], more: set[Triple]) -> None:
    inferences, reach = infer(finder(before))
    beyond = {triple for triple in more if not reach.has(triple)}
    after, _ = infer(finder(before | beyond))
    assert after == inferences, "added"
    harmless = {triple for triple in before if not reach.has(triple)}
    assert infer(finder(before - harmless))[0] == inferences, "removed"


def test_statements_without_consequences_are_not_counted() -> None:
    many = statements(" ".join(f":x{number} :title 'x' ; a :Dataset ." for number in range(500)))
    rules = statements(":A rdfs:subClassOf :B . :x1 a :A .")
    assert infer(finder(many | rules), limit=2)[0] == entail(rules)
    with pytest.raises(TooLarge) as error:
        infer(finder(many | rules), limit=1)
    assert error.value.remedy

"""Pitfalls of an ontology that can be found without a reasoner: circles, empty classes, vague properties."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from pyoxigraph import Dataset, NamedNode

from node.semantics.documents import quads
from node.semantics.findings.words import FINDINGS
from node.semantics.ontologies.terms import Term, Vocabulary, vocabulary
from node.semantics.triples import iris
from node.vocab.namespaces import OWL, RDFS

_DISJOINT: Final = f"{OWL}disjointWith"
MOST_NAMES: Final = 8
"""Terms of one pitfall that are named; all are counted."""
_VAGUE: Final = (f"{OWL}ObjectProperty", f"{OWL}DatatypeProperty")


@dataclass(frozen=True, slots=True)
class Pitfall:
    """A pitfall, and the labels of its terms. ``case``: ``circle``, ``empty-class``, ``no-domain``, ``no-range``."""

    case: str
    terms: tuple[str, ...]

    def words(self, language: str) -> dict[str, str]:
        """Return the pitfall and its remedy as sentences."""
        names = ", ".join(self.terms[:MOST_NAMES]) + (" …" if len(self.terms) > MOST_NAMES else "")
        key = f"file.pitfall-{self.case}"
        text = FINDINGS.say(language, key, terms=names, count=str(len(self.terms)))
        return {"text": text, "remedy": FINDINGS.say(language, f"{key}.remedy")}


def pitfalls(nquads: bytes, iri: str) -> list[Pitfall]:
    """Return the pitfalls of the ontology in canonical N-Quads; ``iri`` is its address here."""
    dataset = Dataset(quads(nquads))
    return pitfalls_of(dataset, vocabulary(dataset, NamedNode(iri)))


def pitfalls_of(dataset: Dataset, ontology: Vocabulary) -> list[Pitfall]:
    """Return the same, of an ontology that is read already."""
    terms = ontology.terms
    higher = {term.iri: _above(terms, term.iri) for term in terms.values()}
    disjoint = {
        (term.iri, other) for term in terms.values() for other in iris(dataset, NamedNode(term.iri), _DISJOINT)
    }
    cases: Mapping[str, Collection[Term]] = {
        "circle": [term for term in terms.values() if term.iri in higher[term.iri]],
        "empty-class": [
            term for term in terms.values() if disjoint and _is_empty({term.iri, *higher[term.iri]}, disjoint)
        ],
        "no-domain": _without(dataset, terms.values(), f"{RDFS}domain"),
        "no-range": _without(dataset, terms.values(), f"{RDFS}range"),
    }
    return [Pitfall(case, tuple(term.label() for term in members)) for case, members in cases.items() if members]


def _above(terms: Mapping[str, Term], iri: str) -> frozenset[str]:
    """Return the addresses above the term, over any number of steps; its own if it is in a circle."""
    nodes: set[str] = set()
    ahead = list(terms[iri].wider)
    while ahead:
        node = ahead.pop()
        if node not in nodes:
            nodes.add(node)
            ahead.extend(terms[node].wider if node in terms else ())
    return frozenset(nodes)


def _is_empty(classes: Collection[str], disjoint: Collection[tuple[str, str]]) -> bool:
    return any(first in classes and second in classes for first, second in disjoint)


def _without(dataset: Dataset, terms: Iterable[Term], property_: str) -> list[Term]:
    """Return the properties that have no ``property_``, not even one in several parts."""
    kinds = {NamedNode(kind) for kind in _VAGUE}
    predicate = NamedNode(property_)
    lacking = []
    for term in terms:
        if term.kind != "property" or term.wider or term.deprecated:
            continue
        facts = list(dataset.quads_for_subject(NamedNode(term.iri)))
        if any(fact.object in kinds for fact in facts) and not any(fact.predicate == predicate for fact in facts):
            lacking.append(term)
    return lacking

"""The axioms of an ontology: the statements that a reasoner uses, one by one, and each in words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from pyoxigraph import BlankNode, Dataset, NamedNode, Quad

from node.semantics.documents import quads
from node.semantics.findings.words import FINDINGS
from node.semantics.ontologies.restrictions import restriction_at
from node.semantics.ontologies.terms import Vocabulary, vocabulary
from node.vocab.namespaces import OWL, RDF, RDFS, XSD, local_name

_TYPE: Final = f"{RDF}type"
_DECLARATIONS: Final = frozenset(
    f"{OWL}{name}"
    for name in ("Class", "ObjectProperty", "DatatypeProperty", "AnnotationProperty", "NamedIndividual")
) | {f"{RDFS}Class", f"{RDFS}Datatype", f"{RDF}Property"}
_PROPERTIES: Final = frozenset({f"{OWL}ObjectProperty", f"{OWL}DatatypeProperty"})
_LOGICAL: Final = frozenset(f"{RDFS}{name}" for name in ("subClassOf", "subPropertyOf", "domain", "range"))
_NOT_LOGICAL: Final = frozenset(
    f"{OWL}{name}"
    for name in ("imports", "versionInfo", "versionIRI", "priorVersion", "deprecated", "backwardCompatibleWith",
                 "incompatibleWith", "annotatedSource", "annotatedProperty", "annotatedTarget")
)  # fmt: skip
_OF_CLASSES: Final = frozenset({f"{RDFS}subClassOf", f"{RDFS}domain", f"{OWL}disjointWith", f"{OWL}equivalentClass"})
_WORDS: Final[Mapping[str, str]] = {
    f"{RDFS}subClassOf": "below",
    f"{RDFS}subPropertyOf": "below",
    f"{RDFS}domain": "domain",
    f"{RDFS}range": "range",
    f"{OWL}disjointWith": "disjoint",
    f"{OWL}equivalentClass": "same",
    f"{OWL}equivalentProperty": "same",
    f"{OWL}complementOf": "complement",
    f"{OWL}sameAs": "same",
    f"{OWL}differentFrom": "different",
}
_CLASHES: Final = frozenset(
    f"{OWL}{name}"
    for name in ("disjointWith", "disjointUnionOf", "complementOf", "AllDisjointClasses", "Nothing",
                 "FunctionalProperty", "InverseFunctionalProperty", "maxCardinality", "maxQualifiedCardinality",
                 "cardinality", "qualifiedCardinality", "differentFrom", "AllDifferent", "oneOf", "hasSelf",
                 "AsymmetricProperty", "IrreflexiveProperty", "NegativePropertyAssertion", "propertyDisjointWith")
)  # fmt: skip
"""Words without which an ontology cannot contradict itself, except by its values."""


@dataclass(frozen=True, slots=True)
class Axiom:
    """One axiom as lines of N-Triples, the statement that it begins with, and the terms in it."""

    lines: tuple[str, ...]
    head: Quad
    terms: frozenset[str]


class Axioms:
    """The axioms of one ontology. ``declarations`` say which term is a class and which a property."""

    def __init__(self, nquads: bytes, iri: str) -> None:
        """``iri`` is the address of the record, whose own description is left out."""
        self._dataset = Dataset(quads(nquads))
        self._vocabulary: Vocabulary = vocabulary(self._dataset, NamedNode(iri))
        self._own = iri
        self.declarations: list[str] = []
        self.axioms: list[Axiom] = []
        self._classes: set[str] = set()
        self._properties: set[str] = set()
        self._read()

    @property
    def may_clash(self) -> bool:
        """Return whether the ontology has words by which it could contradict itself."""
        words = {NamedNode(word) for word in _CLASHES}
        return any(
            axiom.head.predicate in words or words & set(_nodes(self._dataset, axiom)) for axiom in self.axioms
        )

    def label(self, iri: str, language: str) -> str:
        """Return the label of a term, or its local name."""
        term = self._vocabulary.terms.get(iri)
        return term.label(language) if term is not None else local_name(iri)

    def words(self, axiom: Axiom, language: str) -> str:
        """Return an axiom as a sentence."""
        head = axiom.head
        predicate = head.predicate.value
        subject = self._name(head.subject, language)
        if predicate == _TYPE:
            return self._words_of_type(head, subject, language)
        if isinstance(head.object, BlankNode):
            rule = restriction_at(self._dataset, head.object)
            if rule is not None and predicate in (f"{RDFS}subClassOf", f"{OWL}equivalentClass"):
                terms = self._vocabulary.terms
                names = {iri: terms[iri].labels for iri in rule.iris if iri in terms}
                return FINDINGS.say(language, "axiom.rule", subject=subject, rule=rule.words(language, names))
            members = ", ".join(self._members(head.object, language))
            values = {"subject": subject, "predicate": local_name(predicate), "object": members}
            return FINDINGS.say(language, "axiom.expression", **values)
        value = self._name(head.object, language)
        key = _WORDS.get(predicate)
        if key is None:
            return FINDINGS.say(
                language, "axiom.fact", subject=subject, predicate=self.label(predicate, language), object=value
            )
        return FINDINGS.say(language, f"axiom.{key}", subject=subject, object=value)

    def _words_of_type(self, head: Quad, subject: str, language: str) -> str:
        kind = head.object.value if isinstance(head.object, NamedNode) else ""
        if kind in (f"{OWL}AllDisjointClasses", f"{OWL}AllDifferent"):
            members = ", ".join(self._members(head.subject, language))
            return FINDINGS.say(language, "axiom.all-disjoint", object=members)
        if kind.startswith(OWL):
            name = local_name(kind)
            key = "axiom.functional" if name == "FunctionalProperty" else "axiom.characteristic"
            return FINDINGS.say(language, key, subject=subject, object=name)
        return FINDINGS.say(language, "axiom.member", subject=subject, object=self._name(head.object, language))

    def _name(self, node: Any, language: str) -> str:
        return "…" if isinstance(node, BlankNode) else self.label(node.value, language)

    def _members(self, node: Any, language: str) -> Iterator[str]:
        """Yield the names of the terms below a blank node, in the order of their lists."""
        for quad in sorted(_closure(self._dataset, node), key=str):
            name = quad.object
            if isinstance(name, NamedNode) and not name.value.startswith((OWL, RDF)):
                yield self.label(name.value, language)

    def _read(self) -> None:
        own = NamedNode(self._own)
        statements = [quad for quad in self._dataset if quad.subject != own]
        for quad in statements:
            if quad.predicate.value == _TYPE and isinstance(quad.object, NamedNode):
                if quad.object.value in (f"{OWL}Class", f"{RDFS}Class"):
                    self._classes.add(quad.subject.value)
                if quad.object.value in _PROPERTIES:
                    self._properties.add(quad.subject.value)
        inner = {quad.object for quad in statements if isinstance(quad.object, BlankNode)}
        classes: set[str] = set()
        for quad in sorted(statements, key=str):
            if isinstance(quad.subject, BlankNode) and (quad.subject in inner or quad.predicate.value != _TYPE):
                continue
            if not self._is_logical(quad):
                continue
            if quad.predicate.value == _TYPE and quad.object.value in _DECLARATIONS:
                self.declarations.append(_line(quad))
                continue
            parts = [quad, *_closure(self._dataset, quad.object)]
            if isinstance(quad.subject, BlankNode):
                parts = [quad, *(part for part in _closure(self._dataset, quad.subject) if part != quad)]
            if quad.predicate.value in _OF_CLASSES:
                classes |= {
                    node.value
                    for node in (quad.object, *([quad.subject] if quad.predicate.value != f"{RDFS}domain" else []))
                    if isinstance(node, NamedNode) and not node.value.startswith((OWL, XSD, RDFS))
                }
            self.axioms.append(Axiom(tuple(map(_line, parts)), quad, frozenset(_terms(parts))))
        self.declarations += [f"<{iri}> <{_TYPE}> <{OWL}Class> ." for iri in sorted(classes - self._classes)]

    def _is_logical(self, quad: Quad) -> bool:
        predicate = quad.predicate.value
        if predicate == _TYPE:
            if not isinstance(quad.object, NamedNode) or quad.object.value in (f"{OWL}Ontology", f"{OWL}Axiom"):
                return False
            return quad.object.value.startswith((OWL, RDFS, RDF)) or quad.object.value in self._classes
        if predicate.startswith(OWL):
            return predicate not in _NOT_LOGICAL
        return predicate in _LOGICAL or predicate in self._properties


def _closure(dataset: Dataset, node: Any) -> list[Quad]:
    """Return the statements about a blank node, and about those that it refers to."""
    parts: list[Quad] = []
    nodes: set[BlankNode] = set()
    ahead = [node] if isinstance(node, BlankNode) else []
    while ahead:
        blank = ahead.pop()
        if blank in nodes:
            continue
        nodes.add(blank)
        for quad in sorted(dataset.quads_for_subject(blank), key=str):
            parts.append(quad)
            if isinstance(quad.object, BlankNode):
                ahead.append(quad.object)
    return parts


def _nodes(dataset: Dataset, axiom: Axiom) -> Iterator[Any]:
    yield axiom.head.object
    for quad in (*_closure(dataset, axiom.head.subject), *_closure(dataset, axiom.head.object)):
        yield quad.predicate
        yield quad.object


def _terms(parts: Sequence[Quad]) -> Iterator[str]:
    for quad in parts:
        for node in (quad.subject, quad.predicate, quad.object):
            if isinstance(node, NamedNode) and not node.value.startswith((OWL, RDFS, RDF, XSD)):
                yield node.value


def _line(quad: Quad) -> str:
    return f"{quad.subject} {quad.predicate} {quad.object} ."

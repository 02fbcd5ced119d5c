"""The terms of an ontology, and their meanings."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from pyoxigraph import BlankNode, Dataset, NamedNode

from node.semantics.documents import quads
from node.semantics.ontologies.restrictions import Restriction, restrictions_of
from node.semantics.triples import Node, first_text, iris, literals, subjects_of_type, texts
from node.vocab.namespaces import DCAT, DCT, OWL, RDF, RDFS, SKOS, local_name

_VANN: Final = "http://purl.org/vocab/vann/"
_KINDS: Final[tuple[tuple[str, tuple[str, ...]], ...]] = (
    ("class", (f"{OWL}Class", f"{RDFS}Class")),
    (
        "property",
        (
            f"{RDF}Property",
            f"{OWL}ObjectProperty",
            f"{OWL}DatatypeProperty",
            f"{OWL}AnnotationProperty",
        ),
    ),
    ("datatype", (f"{RDFS}Datatype",)),
    ("concept", (f"{SKOS}Concept",)),
    ("scheme", (f"{SKOS}ConceptScheme",)),
    ("individual", (f"{OWL}NamedIndividual",)),
)
_LABELS: Final = (f"{SKOS}prefLabel", f"{RDFS}label", f"{SKOS}altLabel")
_WIDER: Final = (f"{RDFS}subClassOf", f"{RDFS}subPropertyOf", f"{SKOS}broader")
_MATCHES: Final = (
    f"{SKOS}exactMatch",
    f"{SKOS}closeMatch",
    f"{OWL}equivalentClass",
    f"{OWL}equivalentProperty",
    f"{OWL}sameAs",
)
ALIGNMENTS: Final = tuple(
    f"{SKOS}{name}" for name in ("exactMatch", "closeMatch", "broadMatch", "narrowMatch", "relatedMatch")
)
"""Properties that align a term with one of another ontology."""
_ENDS: Final = ("Source", "Property", "Target")
_IN_SCHEME: Final = (f"{SKOS}inScheme", f"{SKOS}topConceptOf")
_NARROWER: Final = f"{SKOS}narrower"
_HAS_TOP: Final = f"{SKOS}hasTopConcept"
_REPLACED_BY: Final = (f"{DCT}isReplacedBy", "http://purl.obolibrary.org/obo/IAO_0100001")


@dataclass(frozen=True, slots=True, kw_only=True)
class Term:
    """One term. ``labels`` and ``definitions`` by language; ``synonyms``: further labels, as language and text;
    ``search_words``: labels for searches only, which are never shown (SKOS §5.1); ``wider``, ``domain``, ``range``,
    ``matches`` and ``schemes`` (of a concept): IRIs."""

    iri: str
    kind: str
    labels: Mapping[str, str]
    definitions: Mapping[str, str]
    wider: tuple[str, ...] = ()
    domain: tuple[str, ...] = ()
    range: tuple[str, ...] = ()
    matches: tuple[str, ...] = ()
    restrictions: tuple[Restriction, ...] = ()
    replaced_by: tuple[str, ...] = ()
    deprecated: bool = False
    schemes: tuple[str, ...] = ()
    synonyms: tuple[tuple[str, str], ...] = ()
    search_words: tuple[str, ...] = ()

    def label(self, language: str = "en") -> str:
        """Return the label of the term; its local name if it has no label."""
        local = local_name(self.iri)
        return self.labels.get(language) or self.labels.get("en") or next(iter(self.labels.values()), local)

    def to_json(self) -> dict[str, Any]:
        members: dict[str, Any] = {
            "iri": self.iri,
            "kind": self.kind,
            "labels": dict(self.labels),
            "definitions": dict(self.definitions),
        }
        for name in ("wider", "domain", "range", "matches", "schemes"):
            if getattr(self, name):
                members[name] = list(getattr(self, name))
        if self.synonyms:
            members["synonyms"] = self.synonyms_by_language
        if self.deprecated:
            members["deprecated"] = True
        return members

    @property
    def synonyms_by_language(self) -> dict[str, list[str]]:
        by_language: dict[str, list[str]] = {}
        for language, text in self.synonyms:
            by_language.setdefault(language, []).append(text)
        return by_language


@dataclass(frozen=True, slots=True, kw_only=True)
class Vocabulary:
    """An ontology: its own IRI, version, namespace and imports, its terms by IRI, and the alignments that it states
    as (subject, property, object)."""

    iri: str
    version: str
    namespace: str
    imports: tuple[str, ...]
    terms: Mapping[str, Term]
    alignments: tuple[tuple[str, str, str], ...] = ()

    @property
    def languages(self) -> tuple[str, ...]:
        """Return the languages in which every term has a label."""
        tags = [set(term.labels) for term in self.terms.values()]
        return tuple(sorted(set.intersection(*tags))) if tags else ()


def inspect(nquads: bytes, iri: str) -> Vocabulary:
    """Return the vocabulary that canonical N-Quads describe; ``iri`` is the ontology's address here."""
    return vocabulary(Dataset(quads(nquads)), NamedNode(iri))


def vocabulary(dataset: Dataset, subject: Node) -> Vocabulary:
    """Return the same as ``inspect``, for a dataset that is parsed already."""
    terms: dict[str, Term] = {}
    for kind, classes in _KINDS:
        for class_ in classes:
            for node in subjects_of_type(dataset, class_):
                if not isinstance(node, BlankNode) and node.value not in terms:
                    terms[node.value] = _term(dataset, node, kind)
    return Vocabulary(
        iri=subject.value,
        version=first_text(dataset, subject, f"{DCAT}version", f"{OWL}versionInfo"),
        namespace=first_text(dataset, subject, f"{_VANN}preferredNamespaceUri"),
        imports=tuple(iris(dataset, subject, f"{OWL}imports")),
        terms=dict(sorted(terms.items())),
        alignments=tuple(sorted(_alignments(dataset))),
    )


def _alignments(dataset: Dataset) -> Iterator[tuple[str, str, str]]:
    """Yield the alignments that are statements, and those with an address of their own, as SSSOM has them in RDF."""
    for predicate in ALIGNMENTS:
        for quad in dataset.quads_for_predicate(NamedNode(predicate)):
            if isinstance(quad.subject, NamedNode) and isinstance(quad.object, NamedNode):
                yield quad.subject.value, predicate, quad.object.value
    for node in subjects_of_type(dataset, f"{OWL}Axiom"):
        subjects, predicates, values = (iris(dataset, node, f"{OWL}annotated{end}") for end in _ENDS)
        if subjects and values and predicates and predicates[0] in ALIGNMENTS:
            yield subjects[0], predicates[0], values[0]


def _pointers(dataset: Dataset, node: NamedNode, property_: str) -> set[str]:
    """Return the subjects that have ``node`` as ``property_``: SKOS lets a vocabulary state only this direction."""
    predicate = NamedNode(property_)
    return {
        quad.subject.value
        for quad in dataset.quads_for_object(node)
        if quad.predicate == predicate and isinstance(quad.subject, NamedNode)
    }


def _term(dataset: Dataset, node: NamedNode, kind: str) -> Term:
    wider = {iri for p in _WIDER for iri in iris(dataset, node, p)}
    schemes: set[str] = set()
    if kind == "concept":
        wider |= _pointers(dataset, node, _NARROWER)
        schemes = {iri for p in _IN_SCHEME for iri in iris(dataset, node, p)} | _pointers(dataset, node, _HAS_TOP)
    labels = texts(dataset, node, f"{SKOS}prefLabel", f"{RDFS}label", f"{DCT}title")
    further = {
        (literal.language or "und", literal.value)
        for property_ in _LABELS
        for literal in literals(dataset, node, property_)
    }
    return Term(
        iri=node.value,
        kind=kind,
        labels=labels,
        synonyms=tuple(sorted(further - labels.items())),
        search_words=tuple(sorted({literal.value for literal in literals(dataset, node, f"{SKOS}hiddenLabel")})),
        definitions=texts(dataset, node, f"{SKOS}definition", f"{RDFS}comment", f"{DCT}description"),
        wider=tuple(sorted(wider)),
        schemes=tuple(sorted(schemes)),
        domain=tuple(iris(dataset, node, f"{RDFS}domain")),
        range=tuple(iris(dataset, node, f"{RDFS}range")),
        matches=tuple(sorted({iri for p in _MATCHES for iri in iris(dataset, node, p)})),
        restrictions=restrictions_of(dataset, node) if kind == "class" else (),
        replaced_by=tuple(sorted({iri for p in _REPLACED_BY for iri in iris(dataset, node, p)})),
        deprecated=any(literal.value in ("true", "1") for literal in literals(dataset, node, f"{OWL}deprecated")),
    )

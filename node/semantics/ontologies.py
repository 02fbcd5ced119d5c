"""Ontologies as assets: their terms, the meanings of these, and the changes of a new version for their users."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from pyoxigraph import BlankNode, Dataset, NamedNode

from node.semantics.documents import quads
from node.semantics.findings.words import FINDINGS
from node.semantics.triples import Node, first_text, iris, literals, subjects_of_type, texts
from node.texts.languages import LANGUAGES
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
    ("concept", (f"{SKOS}Concept",)),
    ("scheme", (f"{SKOS}ConceptScheme",)),
    ("individual", (f"{OWL}NamedIndividual",)),
)
_WIDER: Final = (f"{RDFS}subClassOf", f"{RDFS}subPropertyOf", f"{SKOS}broader")
_MATCHES: Final = (
    f"{SKOS}exactMatch",
    f"{SKOS}closeMatch",
    f"{OWL}equivalentClass",
    f"{OWL}equivalentProperty",
    f"{OWL}sameAs",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Term:
    """One term. ``labels`` and ``definitions`` by language; ``wider``, ``domain``, ``range``, ``matches``: IRIs."""

    iri: str
    kind: str
    labels: Mapping[str, str]
    definitions: Mapping[str, str]
    wider: tuple[str, ...] = ()
    domain: tuple[str, ...] = ()
    range: tuple[str, ...] = ()
    matches: tuple[str, ...] = ()
    deprecated: bool = False

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
        for name in ("wider", "domain", "range", "matches"):
            if getattr(self, name):
                members[name] = list(getattr(self, name))
        if self.deprecated:
            members["deprecated"] = True
        return members


@dataclass(frozen=True, slots=True, kw_only=True)
class Vocabulary:
    """An ontology: its own IRI, version, namespace and imports, and its terms by IRI."""

    iri: str
    version: str
    namespace: str
    imports: tuple[str, ...]
    terms: Mapping[str, Term]

    @property
    def languages(self) -> tuple[str, ...]:
        """Return the languages in which every term has a label."""
        tags = [set(term.labels) for term in self.terms.values()]
        return tuple(sorted(set.intersection(*tags))) if tags else ()


@dataclass(frozen=True, slots=True, kw_only=True)
class TermChange:
    """A change of one term. ``breaking``: data or queries that use the term may have another meaning now."""

    iri: str
    what: str
    breaking: bool
    text: Mapping[str, str]


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
    )


def _term(dataset: Dataset, node: NamedNode, kind: str) -> Term:
    return Term(
        iri=node.value,
        kind=kind,
        labels=texts(dataset, node, f"{SKOS}prefLabel", f"{RDFS}label", f"{DCT}title"),
        definitions=texts(dataset, node, f"{SKOS}definition", f"{RDFS}comment", f"{DCT}description"),
        wider=tuple(sorted({iri for p in _WIDER for iri in iris(dataset, node, p)})),
        domain=tuple(iris(dataset, node, f"{RDFS}domain")),
        range=tuple(iris(dataset, node, f"{RDFS}range")),
        matches=tuple(sorted({iri for p in _MATCHES for iri in iris(dataset, node, p)})),
        deprecated=any(literal.value in ("true", "1") for literal in literals(dataset, node, f"{OWL}deprecated")),
    )


def compare(old: Vocabulary, new: Vocabulary) -> tuple[TermChange, ...]:
    """Return the changes in ``new``, breaking ones first. Further languages and matches of terms are not counted."""
    changes = [_change("removed", term, breaking=True) for iri, term in old.terms.items() if iri not in new.terms]
    changes += [_change("added", term, breaking=False) for iri, term in new.terms.items() if iri not in old.terms]
    for iri, before in old.terms.items():
        after = new.terms.get(iri)
        if after is not None:
            changes.extend(_differences(before, after))
    return tuple(sorted(changes, key=lambda change: (not change.breaking, change.iri, change.what)))


def _differences(before: Term, after: Term) -> list[TermChange]:
    differences = []
    if before.kind != after.kind:
        differences.append(_change("kind", after, before.kind, after.kind, breaking=True))
    if _differs(before.definitions, after.definitions):
        differences.append(_change("meaning", after, breaking=True))
    if _differs(before.labels, after.labels):
        differences.append(_change("label", after, breaking=False))
    for what in ("wider", "domain", "range"):
        if getattr(before, what) != getattr(after, what):
            differences.append(_change(what, after, breaking=what != "wider"))
    if after.deprecated and not before.deprecated:
        differences.append(_change("deprecated", after, breaking=False))
    return differences


def _differs(before: Mapping[str, str], after: Mapping[str, str]) -> bool:
    """Return whether an existing text was changed or removed; texts in further languages do not count."""
    return any(after.get(tag) != text for tag, text in before.items())


def _change(what: str, term: Term, *values: str, breaking: bool) -> TermChange:
    facts = dict(zip(("first", "second"), values, strict=False))
    text = {
        language: FINDINGS.say(language, f"ontology.{what}", name=term.label(language), **facts)
        for language in LANGUAGES
    }
    return TermChange(iri=term.iri, what=what, breaking=breaking, text=text)

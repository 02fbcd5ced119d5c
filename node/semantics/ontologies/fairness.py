"""FAIR points of an ontology: how well it can be found, read, combined and used again, criterion by criterion.

The criteria follow the FAIR principles (Wilkinson et al. 2016) as far as a record, the header of its ontology and its
terms tell them; the words of the header are those of ADMS, MOD and VANN. Nothing is fetched: whether an address on
another server answers is not judged. A criterion gives its points in proportion to the terms or statements that meet
it, and all points only if none is missing. A hundred points are all.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from pyoxigraph import Dataset, NamedNode

from node.semantics.documents import quads
from node.semantics.findings.words import FINDINGS
from node.semantics.ontologies.documentation import LanguageCoverage, coverage, own_terms
from node.semantics.ontologies.imports import addresses, comparable
from node.semantics.ontologies.pitfalls import Pitfall, pitfalls_of
from node.semantics.ontologies.terms import Term, Vocabulary, vocabulary
from node.semantics.triples import objects
from node.vocab.namespaces import ADMS, CC, DCAT, DCT, FOAF, OWL, PROV, RDF, RDFS, SCHEMA, XSD

_VANN: Final = "http://purl.org/vocab/vann/"
_MOD: Final = "https://w3id.org/mod#"
_PAV: Final = "http://purl.org/pav/"
_LANGUAGE_OF_ALL: Final = (RDF, RDFS, OWL, XSD)
"""Namespaces that every ontology is written with: their use is no reuse."""

_METADATA: Final[tuple[tuple[str, ...], ...]] = (
    (f"{DCT}title",),
    (f"{DCT}description",),
    (f"{DCAT}keyword", f"{DCT}subject", f"{DCAT}theme"),
    (f"{DCT}creator", f"{DCT}contributor", f"{FOAF}maker", f"{PROV}wasAttributedTo", f"{SCHEMA}creator"),
    (f"{DCT}issued", f"{DCT}created"),
    (f"{DCT}modified",),
    (f"{_VANN}preferredNamespacePrefix",),
    (f"{_VANN}preferredNamespaceUri",),
)
"""A header has one property of each row (MOD 2); a remedy names the first of the rows that are missing."""
_PROVENANCE: Final[tuple[tuple[str, ...], ...]] = (
    (f"{DCT}creator", f"{DCT}contributor", f"{DCT}publisher", f"{SCHEMA}creator"),
    (f"{ADMS}status", f"{_MOD}status"),
    (
        f"{DCAT}previousVersion",
        f"{OWL}priorVersion",
        f"{PROV}wasDerivedFrom",
        f"{PROV}wasRevisionOf",
        f"{DCT}source",
        f"{_PAV}previousVersion",
        f"{ADMS}versionNotes",
        f"{RDFS}seeAlso",
    ),
)
_ROWS: Final[Mapping[str, tuple[tuple[str, ...], ...]]] = {"metadata": _METADATA, "provenance": _PROVENANCE}
_PREFIXES: Final[Mapping[str, str]] = {DCT: "dct:", DCAT: "dcat:", ADMS: "adms:", _VANN: "vann:"}
_LICENCE: Final = (f"{DCT}license", f"{CC}license", f"{SCHEMA}license")


@dataclass(frozen=True, slots=True, kw_only=True)
class Criterion:
    """One criterion: ``share`` (0 to 1) of what it asks for is there, and gives that share of ``most`` points.
    ``principle`` is the FAIR principle, such as ``F1``; ``missing``: the properties that a header lacks."""

    key: str
    principle: str
    most: int
    share: float
    missing: tuple[str, ...] = ()

    @property
    def points(self) -> int:
        """Return whole points, rounded down: all of them only if nothing is missing."""
        return self.most if self.share >= 1 else min(int(self.share * self.most), self.most - 1)

    @property
    def is_met(self) -> bool:
        return self.share >= 1

    def title(self, language: str) -> str:
        return FINDINGS.say(language, f"fair.{self.key}")

    def remedy(self, language: str) -> str:
        """Return what to do for the missing points; empty if none is missing."""
        if self.is_met:
            return ""
        return FINDINGS.say(language, f"fair.{self.key}.remedy", properties=", ".join(self.missing))

    def to_json(self, language: str) -> dict[str, Any]:
        return {
            "key": self.key,
            "principle": self.principle,
            "points": self.points,
            "most": self.most,
            "percent": int(self.share * 100),
            "title": self.title(language),
            "remedy": self.remedy(language),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class FairReport:
    """The points of an ontology, the documentation of its terms by language, and its pitfalls."""

    criteria: tuple[Criterion, ...]
    languages: tuple[LanguageCoverage, ...]
    pitfalls: tuple[Pitfall, ...]
    terms: int

    @property
    def points(self) -> int:
        return sum(criterion.points for criterion in self.criteria)

    @property
    def by_letter(self) -> Mapping[str, tuple[int, int]]:
        """Return the points and the most points for each of F, A, I and R."""
        return {
            letter: (
                sum(one.points for one in self.criteria if one.principle[0] == letter),
                sum(one.most for one in self.criteria if one.principle[0] == letter),
            )
            for letter in "FAIR"
        }

    @property
    def first(self) -> tuple[Criterion, ...]:
        """Return what to correct, the most points first."""
        missing = [criterion for criterion in self.criteria if not criterion.is_met]
        return tuple(sorted(missing, key=lambda one: one.points - one.most))

    def to_json(self, language: str) -> dict[str, Any]:
        return {
            "points": self.points,
            "most": sum(criterion.most for criterion in self.criteria),
            "terms": self.terms,
            "byLetter": {letter: {"points": own, "most": most} for letter, (own, most) in self.by_letter.items()},
            "criteria": [criterion.to_json(language) for criterion in self.criteria],
            "first": [criterion.key for criterion in self.first],
            "languages": [row.to_json(language) for row in self.languages],
            "pitfalls": [
                {"case": pitfall.case, "terms": list(pitfall.terms[:20]), "count": len(pitfall.terms),
                 **pitfall.words(language)}
                for pitfall in self.pitfalls
            ],
        }  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class _Subject:
    """An ontology as the criteria see it."""

    dataset: Dataset
    node: NamedNode
    vocabulary: Vocabulary
    terms: Sequence[Term]
    homes: tuple[str, ...]
    pitfalls: Sequence[Pitfall]
    is_public: bool

    def has(self, *properties: str) -> bool:
        return any(objects(self.dataset, self.node, property_) for property_ in properties)

    def share_of(self, rows: Collection[tuple[str, ...]]) -> float:
        return sum(self.has(*row) for row in rows) / len(rows)

    def missing(self, rows: Collection[tuple[str, ...]]) -> tuple[str, ...]:
        """Return the first property of each row of which the header has none, with its usual prefix."""
        return tuple(_short_name(row[0]) for row in rows if not self.has(*row))

    def share(self, test: Callable[[Term], bool], among: Sequence[Term] | None = None) -> float:
        terms = self.terms if among is None else among
        return sum(test(term) for term in terms) / len(terms) if terms else 0.0

    def is_own(self, iri: str) -> bool:
        return iri.startswith(self.homes)

    def is_foreign(self, iri: str) -> bool:
        return not self.is_own(iri) and not iri.startswith(_LANGUAGE_OF_ALL)


def fairness(nquads: bytes, iri: str, *, is_public: bool) -> FairReport:
    """Return the FAIR points of the ontology in canonical N-Quads; ``iri`` is its address here, and ``is_public``
    says whether everybody may see it."""
    dataset = Dataset(quads(nquads))
    terms = vocabulary(dataset, NamedNode(iri))
    own = own_terms(terms)
    names = {comparable(iri), *addresses(nquads, iri), comparable(terms.namespace)} - {""}
    subject = _Subject(
        dataset=dataset,
        node=NamedNode(iri),
        vocabulary=terms,
        terms=own,
        homes=tuple(f"{name}{mark}" for name in names for mark in "#/"),
        pitfalls=pitfalls_of(dataset, terms),
        is_public=is_public,
    )
    criteria = tuple(
        Criterion(
            key=key, principle=principle, most=most, share=share(subject), missing=subject.missing(_ROWS.get(key, ()))
        )
        for key, principle, most, share in _CRITERIA
    )
    return FairReport(criteria=criteria, languages=coverage(terms), pitfalls=tuple(subject.pitfalls), terms=len(own))


def _short_name(iri: str) -> str:
    return next(f"{prefix}{iri.removeprefix(base)}" for base, prefix in _PREFIXES.items() if iri.startswith(base))


def _is_web_address(iri: str) -> bool:
    return iri.startswith(("https://", "http://"))


def _version(subject: _Subject) -> float:
    has_address = subject.has(f"{OWL}versionIRI")
    has_number = subject.has(f"{DCAT}version", f"{OWL}versionInfo")
    return (has_address + has_number) / 2


def _structure(subject: _Subject) -> float:
    """Concepts stand in a scheme or below others; properties say what they apply to or have; classes are linked."""
    structural = [term for term in subject.terms if term.kind in ("class", "property", "concept")]
    targets = {iri for term in structural for iri in (*term.wider, *term.domain, *term.range) if iri != term.iri}
    return subject.share(
        lambda term: bool(
            term.wider or term.domain or term.range or term.restrictions or term.schemes or term.iri in targets
        ),
        structural,
    )


def _reuse(subject: _Subject) -> float:
    others = subject.vocabulary.imports or any(
        subject.is_foreign(iri)
        for term in subject.vocabulary.terms.values()
        for iri in (*term.wider, *term.domain, *term.range)
    )
    return 1.0 if others else 0.0


def _alignments(subject: _Subject) -> float:
    matches = (iri for term in subject.vocabulary.terms.values() for iri in term.matches)
    stated = (iri for first, _, second in subject.vocabulary.alignments for iri in (first, second))
    return 1.0 if any(subject.is_foreign(iri) for iri in (*matches, *stated)) else 0.0


_CRITERIA: Final[tuple[tuple[str, str, int, Callable[[_Subject], float]], ...]] = (
    ("addresses", "F1", 8, lambda one: one.share(lambda term: _is_web_address(term.iri))),
    ("version", "F1", 6, _version),
    ("metadata", "F2", 11, lambda one: one.share_of(_METADATA)),
    ("home", "A1", 13, lambda one: one.share(lambda term: one.is_own(term.iri))),
    ("public", "A1", 12, lambda one: 1.0 if one.is_public else 0.0),
    ("structure", "I1", 10, _structure),
    ("reuse", "I2", 8, _reuse),
    ("alignments", "I3", 7, _alignments),
    ("labels", "R1", 5, lambda one: one.share(lambda term: bool(term.labels))),
    ("definitions", "R1", 5, lambda one: one.share(lambda term: bool(term.definitions))),
    ("languages", "R1", 3, lambda one: one.share(lambda term: len(term.labels.keys() - {"und"}) > 1)),
    ("licence", "R1.1", 6, lambda one: 1.0 if one.has(*_LICENCE) else 0.0),
    ("provenance", "R1.2", 3, lambda one: one.share_of(_PROVENANCE)),
    ("pitfalls", "R1.3", 3, lambda one: 0.0 if one.pitfalls else 1.0),
)
"""Key, FAIR principle, most points, and the share that is met: 25 points for each letter."""

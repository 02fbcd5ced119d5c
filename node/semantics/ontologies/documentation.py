"""The documentation of an ontology: how complete its labels and definitions are in each language, and what is missing
where it matters most."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from node.semantics.ontologies.terms import Term, Vocabulary

SHOWN: Final = 10
"""Terms without a label or a definition that are named for each language."""
_MOST_LANGUAGES: Final = 40


@dataclass(frozen=True, slots=True, kw_only=True)
class UndocumentedTerm:
    """A term without a label or a definition in a language; ``references`` counts the terms that refer to it."""

    term: Term
    has_label: bool
    has_definition: bool
    references: int

    def to_json(self, language: str) -> dict[str, Any]:
        lacks = [name for name, is_there in (("label", self.has_label), ("definition", self.has_definition))
                 if not is_there]  # fmt: skip
        return {"iri": self.term.iri, "label": self.term.label(language), "lacks": lacks}


@dataclass(frozen=True, slots=True, kw_only=True)
class LanguageCoverage:
    """The terms with a label and with a definition in ``language`` (``und``: in none that is named), of ``terms`` in
    all; ``gaps`` are the first terms to correct: those that most others refer to."""

    language: str
    labels: int
    definitions: int
    terms: int
    gaps: tuple[UndocumentedTerm, ...] = ()

    @property
    def percent(self) -> int:
        """Return the labels and definitions that are there, in per cent; 100 only if none is missing."""
        return 100 * (self.labels + self.definitions) // (2 * self.terms) if self.terms else 0

    def to_json(self, language: str) -> dict[str, Any]:
        return {
            "language": self.language,
            "percent": self.percent,
            "labels": self.labels,
            "definitions": self.definitions,
            "terms": self.terms,
            "first": [gap.to_json(language) for gap in self.gaps],
        }


def own_terms(vocabulary: Vocabulary) -> list[Term]:
    """Return the terms that are to be documented: all but deprecated ones."""
    return [term for term in vocabulary.terms.values() if not term.deprecated]


def coverage(vocabulary: Vocabulary) -> tuple[LanguageCoverage, ...]:
    """Return how complete the documentation is in each language in which there is any, the most complete first."""
    terms = own_terms(vocabulary)
    languages = {tag for term in terms for tag in (*term.labels, *term.definitions)}
    references = Counter(iri for term in terms for iri in _references(term))
    rows = [_of_language(tag, terms, references) for tag in sorted(languages)[:_MOST_LANGUAGES]]
    return tuple(sorted(rows, key=lambda row: (-row.labels - row.definitions, row.language)))


def _references(term: Term) -> Iterator[str]:
    yield from {
        *term.wider,
        *term.domain,
        *term.range,
        *term.schemes,
        *(rule.property_ for rule in term.restrictions),
    }


def _of_language(language: str, terms: list[Term], references: Counter[str]) -> LanguageCoverage:
    gaps = [
        UndocumentedTerm(
            term=term,
            has_label=language in term.labels,
            has_definition=language in term.definitions,
            references=references[term.iri],
        )
        for term in terms
        if language not in term.labels or language not in term.definitions
    ]
    gaps.sort(key=lambda gap: (-gap.references, gap.has_label, gap.term.iri))
    return LanguageCoverage(
        language=language,
        labels=sum(language in term.labels for term in terms),
        definitions=sum(language in term.definitions for term in terms),
        terms=len(terms),
        gaps=tuple(gaps[:SHOWN]),
    )

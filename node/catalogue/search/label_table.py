"""The labels of the terms of an ontology, as a search compares them: in lower case, without accents.

They are read from the lines of the canonical statements. To lay out whole terms, as a page does, takes far longer
(``node.semantics.ontologies.terms``).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from node.catalogue.nquads import language_of, text_of
from node.catalogue.search.suggestions import fold_words
from node.vocab.namespaces import OWL, RDF, RDFS, SKOS

SHORTEST: Final = 3
"""Letters of a label that counts: shorter ones are codes, or match everything."""
LONGEST: Final = 80
"""Characters of a label that counts."""
WORDS: Final = 12
"""Words of a search that are compared, and of a label."""
MOST: Final = 20_000
"""Labels of one ontology that count."""
_PER_TERM: Final = 24
"""Other labels of one term."""
_TERMS: Final = 8
"""Terms of one ontology with the same label."""

_CLASSES: Final = (f"{SKOS}Concept", f"{OWL}Class", f"{RDFS}Class", f"{OWL}NamedIndividual")
_TYPED: Final = re.compile(
    rf"^<([^<>\n]*)> <{re.escape(RDF)}type> <(?:{'|'.join(map(re.escape, _CLASSES))})> \.$", re.MULTILINE
)
_RANKS: Final = {f"{SKOS}prefLabel": 0, f"{RDFS}label": 0, f"{SKOS}altLabel": 1, f"{SKOS}hiddenLabel": 2}
_HIDDEN: Final = 2
"""The rank of labels that are for searches only: they lead to the others and are never shown (SKOS §5.1)."""
_LABEL: Final = re.compile(
    rf"^<([^<>\n]*)> <({'|'.join(map(re.escape, _RANKS))})> "
    r'("[^"\\\n]*(?:\\.[^"\\\n]*)*"(?:@[A-Za-z0-9-]+)?) \.$',
    re.MULTILINE,
)
_WORD: Final = re.compile(r"[^\W_]+")
_FIRST_LANGUAGES: Final = ("en", "nl", "fr", "de", "cs")


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelTable:
    """``terms``: label in plain form (see ``fold``) → numbers of its terms. Each term has a row of labels."""

    terms: Mapping[str, tuple[int, ...]]
    rows: tuple[str, ...]

    @property
    def size(self) -> int:
        """Return the number of labels in memory."""
        return len(self.terms) + sum(row.count("\n") + 1 for row in self.rows)

    def labels(self, number: int) -> list[tuple[str, str]]:
        """Return the labels of a term, each with its language: preferred ones first."""
        pairs = [row.partition("\t") for row in self.rows[number].split("\n") if row]
        return [(label, language) for language, _, label in pairs]


def fold(text: str) -> str:
    """Return the words of ``text`` without case and accents, with one blank between them."""
    return " ".join(fold_words(text))


def spans(text: str) -> Iterator[tuple[int, int, str, str]]:
    """Yield each run of words of ``text`` that may be a label: its first word, the one behind its last, the words as
    they are written, and plain; the longest first."""
    words = [match[0] for match in _WORD.finditer(text)][:WORDS]
    parts = [fold(word) for word in words]
    for length in range(len(words), 0, -1):
        for start in range(len(words) - length + 1):
            plain = " ".join(parts[start : start + length])
            if SHORTEST <= len(plain) <= LONGEST:
                yield start, start + length, " ".join(words[start : start + length]), plain


def label_table(nquads: bytes) -> LabelTable:
    """Return the labels of the classes, concepts and individuals in canonical N-Quads, at most ``MOST``."""
    text = nquads.decode("utf-8", "replace")
    subjects = {match[1] for match in _TYPED.finditer(text)}
    labels: dict[str, list[tuple[int, bool, str, str, str]]] = {}
    remaining = MOST
    for match in _LABEL.finditer(text) if subjects else ():
        subject, predicate, literal = match.groups()
        # An escape is at most six characters for one.
        if subject not in subjects or len(literal) > 6 * LONGEST + 40:
            continue
        label, language = " ".join(text_of(literal).split()), language_of(literal).lower().partition("-")[0]
        plain = fold(label) if len(label) <= LONGEST else ""
        if len(plain) >= SHORTEST and plain.count(" ") < WORDS:
            entry = (_RANKS[predicate], language not in _FIRST_LANGUAGES, language, label, plain)
            labels.setdefault(subject, []).append(entry)
            remaining -= 1
            if not remaining:
                break
    terms: dict[str, tuple[int, ...]] = {}
    for number, entries in enumerate(labels.values()):
        for plain in {entry[-1] for entry in entries}:
            numbers = terms.get(plain, ())
            if len(numbers) < _TERMS:
                terms[plain] = (*numbers, number)
    return LabelTable(terms=terms, rows=tuple(_row(entries) for entries in labels.values()))


def _row(entries: list[tuple[int, bool, str, str, str]]) -> str:
    first: dict[str, str] = {}
    for rank, _, language, label, plain in sorted(entries):
        if rank != _HIDDEN and len(first) < _PER_TERM:
            first.setdefault(plain, f"{language}\t{label}")
    return "\n".join(first.values())

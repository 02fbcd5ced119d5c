"""The labels of the terms of an ontology, as a search compares them: in lower case, without accents.

They are read from the lines of the canonical statements. To lay out whole terms, as a page does, takes far longer
(``node.semantics.ontologies.terms``).
"""

from __future__ import annotations

import hashlib
import re
from array import array
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import chain, islice, takewhile
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

_NUMBER_BITS: Final = 20
_NUMBERS: Final = (1 << _NUMBER_BITS) - 1
"""Terms of one ontology at most. The other 44 bits of a key are of the digest: with a million labels, fewer than one
word in ten million is taken for another one."""

StemPhrase = Callable[[str, str], str]
"""Returns the stems of the words of a text by the rules of a language, with a blank between them; "" if they are not
known."""
_STEMMED_WORDS: Final = 5
"""Words of a search that follow each other and are compared in other forms, too: few labels have more."""

Entry = tuple[int, bool, str, str, str]
"""A label: its rank, whether its language is none of the portal's, its language, its text, its plain form."""

CLASSES: Final = (f"{SKOS}Concept", f"{OWL}Class", f"{RDFS}Class", f"{OWL}NamedIndividual")
_TYPED: Final = re.compile(
    rf"^<([^<>\n]*)> <{re.escape(RDF)}type> <(?:{'|'.join(map(re.escape, CLASSES))})> \.$", re.MULTILINE
)
RANKS: Final = {f"{SKOS}prefLabel": 0, f"{RDFS}label": 0, f"{SKOS}altLabel": 1, f"{SKOS}hiddenLabel": 2}
_HIDDEN: Final = 2
"""The rank of labels that are for searches only: they lead to the others and are never shown (SKOS §5.1)."""
_LABEL: Final = re.compile(
    rf"^<([^<>\n]*)> <({'|'.join(map(re.escape, RANKS))})> "
    r'("[^"\\\n]*(?:\\.[^"\\\n]*)*"(?:@[A-Za-z0-9-]+)?) \.$',
    re.MULTILINE,
)
_WORD: Final = re.compile(r"[^\W_]+")
_FIRST_LANGUAGES: Final = ("en", "nl", "fr", "de", "cs")


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelTable:
    """The labels of an ontology: each term has a row of labels. A key has the digest of a label in plain form (see
    ``fold``) and the number of its term: eight bytes a label, where the texts of a large thesaurus would take a
    hundred. ``keys`` are in their order. ``stem_keys`` are the same for the stems of the labels in ``languages``."""

    keys: array[int]
    rows: tuple[str, ...]
    stem_keys: array[int] = field(default_factory=lambda: array("Q"))
    languages: tuple[str, ...] = ()

    @property
    def size(self) -> int:
        """Return the number of labels in memory."""
        return len(self.keys) + sum(row.count("\n") + 1 for row in self.rows)

    def numbers(self, plain: str) -> tuple[int, ...]:
        """Return the numbers of the terms with the label ``plain``, at most ``_TERMS``."""
        return _numbers(self.keys, _digest(plain))

    def numbers_of_stems(self, digests: Mapping[str, int]) -> tuple[int, ...]:
        """Return the numbers of the terms with a label that has these stems (see ``stem_digests``)."""
        numbers = [_numbers(self.stem_keys, digests[each]) for each in self.languages if each in digests]
        return tuple(dict.fromkeys(chain.from_iterable(numbers)))[:_TERMS]

    def labels(self, number: int) -> list[tuple[str, str]]:
        """Return the labels of a term, each with its language: preferred ones first."""
        pairs = [row.partition("\t") for row in self.rows[number].split("\n") if row]
        return [(label, language) for language, _, label in pairs]


def stem_digests(words: str, languages: Iterable[str], stem: StemPhrase) -> dict[str, int]:
    """Return for each language the digest of the stems of ``words``; nothing for more than ``_STEMMED_WORDS``."""
    if words.count(" ") >= _STEMMED_WORDS:
        return {}
    phrases = {language: stem(words, language) for language in languages}
    return {language: _stem_digest(phrase, language) for language, phrase in phrases.items() if phrase}


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


def label_table(nquads: bytes, stem: StemPhrase | None = None) -> LabelTable:
    """Return the labels of the classes, concepts and individuals in canonical N-Quads, at most ``MOST``. They are
    found in other forms by ``stem``."""
    text = nquads.decode("utf-8", "replace")
    subjects = {match[1] for match in _TYPED.finditer(text)}
    labels: dict[str, list[Entry]] = {}
    remaining = MOST
    for match in _LABEL.finditer(text) if subjects else ():
        subject, predicate, literal = match.groups()
        # An escape is at most six characters for one.
        if subject not in subjects or len(literal) > 6 * LONGEST + 40:
            continue
        entry = entry_of(RANKS[predicate], text_of(literal), language_of(literal))
        if entry is not None:
            labels.setdefault(subject, []).append(entry)
            remaining -= 1
            if not remaining:
                break
    return table_of(labels.values(), stem)


def entry_of(rank: int, text: str, language: str) -> Entry | None:
    """Return a label of a term, or None if it is too short or too long to count."""
    label, main = " ".join(text.split()), language.lower().partition("-")[0]
    plain = fold(label) if len(label) <= LONGEST else ""
    if len(plain) < SHORTEST or plain.count(" ") >= WORDS:
        return None
    return rank, main not in _FIRST_LANGUAGES, main, label, plain


def table_of(terms: Iterable[list[Entry]], stem: StemPhrase | None = None) -> LabelTable:
    """Return the table of these terms, of each the labels."""
    keys: list[int] = []
    stem_keys: set[int] = set()
    languages: set[str] = set()
    rows = []
    for number, entries in enumerate(islice(terms, _NUMBERS)):
        keys += [_digest(plain) | number for plain in {entry[-1] for entry in entries}]
        for _, _, language, label, _ in entries if stem else ():
            if stem and language and (phrase := stem(label, language)):
                stem_keys.add(_stem_digest(phrase, language) | number)
                languages.add(language)
        rows.append(_row(entries))
    return LabelTable(
        keys=array("Q", sorted(keys)),
        rows=tuple(rows),
        stem_keys=array("Q", sorted(stem_keys)),
        languages=tuple(sorted(languages)),
    )


def _numbers(keys: array[int], digest: int) -> tuple[int, ...]:
    place = bisect_left(keys, digest)
    fitting = takewhile(lambda key: key - digest <= _NUMBERS, keys[place : place + _TERMS])
    return tuple(key & _NUMBERS for key in fitting)


def _stem_digest(phrase: str, language: str) -> int:
    return _digest(f"{language}:{phrase}")


def _digest(plain: str) -> int:
    digest = hashlib.blake2b(plain.encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return int.from_bytes(digest, "big") & ~_NUMBERS


def _row(entries: list[Entry]) -> str:
    first: dict[str, str] = {}
    for rank, _, language, label, plain in sorted(entries):
        if rank != _HIDDEN and len(first) < _PER_TERM:
            first.setdefault(plain, f"{language}\t{label}")
    return "\n".join(first.values())

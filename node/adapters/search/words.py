"""The words of a search, and the other forms in which each of them may occur in a text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from node.adapters.search.stems import fold_words, lower_words, stem_pairs, stems_of_word
from node.adapters.search.stems import stems as stems_of_text
from node.adapters.search.synonyms import Synonyms, synonyms_of
from node.catalogue.searches import OtherLabel

MAX_WORDS: Final = 12


@dataclass(frozen=True, slots=True)
class LabelWords:
    """A label that is looked for instead of words of a search: folded words, the stems of a single word, and those
    of several words in pairs: for each language that the label may be in, the pairs that a text must have all."""

    words: tuple[str, ...]
    stems: frozenset[str] = frozenset()
    pairs: tuple[frozenset[str], ...] = ()


@dataclass(frozen=True, slots=True)
class Word:
    """A word of a search: folded, with its stems in every language, its synonyms and other labels for it."""

    text: str
    stems: frozenset[str] = field(compare=False)
    synonyms: Synonyms = field(compare=False)
    labels: tuple[LabelWords, ...] = field(compare=False, default=())


def words_of(text: str, labels: Sequence[OtherLabel] = ()) -> list[Word]:
    """Return the words to look for, each once, at most ``MAX_WORDS``; with ``labels`` for some of them."""
    words: dict[str, Word] = {}
    others: dict[str, dict[LabelWords, None]] = {}
    for other in labels:
        label = _label_words(other)
        for plain in fold_words(other.words) if label.words else ():
            others.setdefault(plain, {})[label] = None
    for raw in lower_words(text):
        for plain in fold_words(raw):
            stems = stems_of_word(raw)
            words.setdefault(plain, Word(plain, stems, synonyms_of(plain, stems), tuple(others.get(plain, ()))))
    return list(words.values())[:MAX_WORDS]


def _label_words(other: OtherLabel) -> LabelWords:
    words = tuple(fold_words(other.label))
    if len(words) == 1:
        return LabelWords(words, frozenset(stems_of_text(other.label, other.language)))
    return LabelWords(words, pairs=tuple(pairs for pairs in stem_pairs(other.label, other.language) if pairs))

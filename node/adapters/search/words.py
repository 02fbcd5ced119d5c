"""The words of a search, and the other forms in which each of them may occur in a text."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from node.adapters.search.stems import fold_words, lower_words, stems_of_word
from node.adapters.search.synonyms import Synonyms, synonyms_of

MAX_WORDS: Final = 12


@dataclass(frozen=True, slots=True)
class Word:
    """A word of a search: folded, with its stems in every language and its synonyms."""

    text: str
    stems: frozenset[str] = field(compare=False)
    synonyms: Synonyms = field(compare=False)


def words_of(text: str) -> list[Word]:
    """Return the words to look for, each once, at most ``MAX_WORDS``."""
    words: dict[str, Word] = {}
    for raw in lower_words(text):
        for plain in fold_words(raw):
            stems = stems_of_word(raw)
            words.setdefault(plain, Word(plain, stems, synonyms_of(plain, stems)))
    return list(words.values())[:MAX_WORDS]

"""Plural forms that the rules of a stemmer do not join with their singular: "fietspaden" and "fietspad".

Stemmers cut endings off. They do not know the nouns whose stem changes in the plural. Those are few in each language,
and often the last part of a compound: "paden" is also in "fietspaden". Such words are brought into the singular
before they are stemmed, also loan words whose ending the stemmer passes over. They are in ``plurals.json``: plural →
singular. In Dutch they are the nouns whose short vowel is long in the plural, and those with -eren (Algemene
Nederlandse Spraakkunst, 3.5): the stemmer knows "bomen". The French ending is one that the stemmer leaves ("vélos",
"menus"); shorter words end in it in the singular ("bus").
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType
from typing import Final

_WORD: Final = re.compile(r"\w+")


class Plurals:
    """The nouns of a language, plural → singular. ``heads`` are found at the end of longer words too; ``words``
    only alone, because longer words end like them by chance. ``ending`` is cut off, if it is given."""

    def __init__(self, *, heads: Mapping[str, str], words: Mapping[str, str], ending: str) -> None:
        self._heads, self._words = heads, words
        self._head = re.compile(f"(?:{'|'.join(self._heads)})$") if heads else None
        self._ending = re.compile(f"{ending}$") if ending else None
        self._singular = lru_cache(maxsize=16384)(self._of_word)

    def singular(self, text: str) -> str:
        """Return ``text``, which is in lower case and has its accents, with these nouns in the singular."""
        return _WORD.sub(lambda match: self._singular(match[0]), text)

    def _of_word(self, word: str) -> str:
        if (known := self._words.get(word)) is not None:
            return known
        if self._head is not None and (match := self._head.search(word)):
            return word[: match.start()] + self._heads[match[0]]
        return word if self._ending is None else self._ending.sub("", word)


def _read() -> dict[str, Plurals]:
    tables = json.loads(Path(__file__).with_name("plurals.json").read_text("utf-8"))
    return {language: Plurals(**table) for language, table in tables.items()}


PLURALS: Final[Mapping[str, Plurals]] = MappingProxyType(_read())
"""Language → its plural forms."""

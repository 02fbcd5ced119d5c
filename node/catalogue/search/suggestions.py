"""Suggestions while somebody types a search: keywords and titles of assets that the caller may see."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from node.catalogue.model import Record

MOST: Final = 10
"""Suggestions at most."""
SHORTEST: Final = 2
"""Characters of the last word from which it is completed."""
MAX_TEXT: Final = 100
READ: Final = 40
"""Records that are read for one suggestion."""
_LETTERS: Final = str.maketrans({"æ": "ae", "œ": "oe", "ø": "o", "ł": "l", "đ": "d", "ı": "i"})
"""Letters that have no accent to remove, and that the index writes otherwise."""
_KEYWORDS: Final = 5
_LONGEST: Final = 120


@dataclass(frozen=True, slots=True, kw_only=True)
class Suggestion:
    """A text to search for: a keyword, or the title of the asset ``iri``."""

    text: str
    iri: str = ""

    def to_json(self) -> dict[str, Any]:
        return (
            {"text": self.text, "type": "title", "iri": self.iri}
            if self.iri
            else {"text": self.text, "type": "keyword"}
        )


def is_completed(text: str) -> bool:
    """Return whether ``text`` ends in a word that is completed."""
    words = fold_words(text)
    return bool(words) and len(text) <= MAX_TEXT and len(words[-1]) >= SHORTEST


def suggestions(text: str, records: Sequence[Record], language: str) -> list[Suggestion]:
    """Return keywords of ``records`` with the words of ``text``, most frequent first, and then their titles."""
    words = fold_words(text)
    counts: Counter[str] = Counter()
    spellings: dict[str, str] = {}
    for record in records:
        for keyword in dict.fromkeys(record.keywords):
            if len(keyword) <= _LONGEST and _has(keyword, words):
                counts[keyword.casefold()] += 1
                spellings.setdefault(keyword.casefold(), keyword)
    terms = [Suggestion(text=spellings[key]) for key, _ in counts.most_common()]
    titles: dict[str, Suggestion] = {}
    for record in records:
        title = record.title(language)
        if title and _has(title, words):
            titles.setdefault(title.casefold(), Suggestion(text=title[:_LONGEST], iri=record.iri))
    shown = terms[: max(_KEYWORDS, MOST - len(titles))]
    known = {suggestion.text.casefold() for suggestion in shown}
    return [*shown, *(title for key, title in titles.items() if key not in known)][:MOST]


def fold_words(text: str) -> list[str]:
    """Return the words of ``text`` without case and accents."""
    plain = unicodedata.normalize("NFKD", text.casefold().translate(_LETTERS))
    return re.findall(r"[^\W_]+", "".join(letter for letter in plain if not unicodedata.combining(letter)))


def _has(text: str, words: Sequence[str]) -> bool:
    own = fold_words(text)
    return all(word in own for word in words[:-1]) and any(each.startswith(words[-1]) for each in own)

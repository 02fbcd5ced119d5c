"""A piece of a record's text around the words that were searched for, marked by « »."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import tantivy

from node.adapters.search.fields import COMPOUND_FROM, FUZZY_FROM, PART_FROM, PREFIX_FROM

_READ: Final = 6000
_SHOWN: Final = 200
_BEFORE: Final = 60

_QUOTES: Final = str.maketrans({"«": "‹", "»": "›"})


def snippet(analyzer: tantivy.TextAnalyzer, text: str, words: Sequence[str]) -> str:
    """About 200 characters of ``text`` (plain text), beginning shortly before the first of the folded ``words``."""
    text = " ".join(text[:_READ].split()).translate(_QUOTES)
    places: list[tuple[int, int]] = []
    for token in analyzer.pre_tokenize(text).tokens if words else ():
        if places and token.char_offset_from > places[0][0] + _SHOWN:
            break
        if any(matches(token.text, word) for word in words):
            places.append((token.char_offset_from, token.char_offset_to))
    begin = _word_begin(text, places[0][0] - _BEFORE) if places else 0
    end = _word_end(text, begin + _SHOWN)
    pieces, at = [], begin
    for start, stop in places:
        if stop > end:
            break
        pieces += [text[at:start], "«", text[start:stop], "»"]
        at = stop
    pieces.append(text[at:end])
    return ("… " if begin else "") + "".join(pieces).strip() + (" …" if end < len(text) else "")


def matches(token: str, word: str) -> bool:
    """Return whether a folded ``token`` of a text is a match of the folded ``word``, by the rules of the index."""
    if token == word or (len(word) >= PREFIX_FROM and token.startswith(word)):
        return True
    if len(word) >= PART_FROM and len(token) >= COMPOUND_FROM and word in token:
        return True
    return len(word) >= FUZZY_FROM and _one_apart(token, word)


def _one_apart(token: str, word: str) -> bool:
    """Return whether ``token`` and ``word`` differ by one letter added, removed or replaced, or by two exchanged."""
    if abs(len(token) - len(word)) > 1:
        return False
    start = 0
    while start < min(len(token), len(word)) and token[start] == word[start]:
        start += 1
    rest, other = token[start:], word[start:]
    return (
        rest[1:] == other[1:]
        or rest[1:] == other
        or rest == other[1:]
        or (rest[:2] == other[:2][::-1] and rest[2:] == other[2:])
    )


def _word_begin(text: str, at: int) -> int:
    if at <= 0:
        return 0
    space = text.find(" ", at)
    return space + 1 if 0 <= space < at + _BEFORE else at


def _word_end(text: str, at: int) -> int:
    if at >= len(text):
        return len(text)
    space = text.rfind(" ", 0, at)
    return space if space > at - _BEFORE else at

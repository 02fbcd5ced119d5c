"""A piece of a record's text around the words of a search, marked by « »."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final

import tantivy

from node.adapters.search.fields import COMPOUND_FROM, FUZZY_FROM, PART_FROM, PREFIX_FROM, VERY_FUZZY_FROM
from node.adapters.search.stems import stems_of_word
from node.adapters.search.words import Word

_READ: Final = 6000
_SHOWN: Final = 200
_BEFORE: Final = 60

_QUOTES: Final = str.maketrans({"«": "‹", "»": "›"})

_Place = tuple[int, int]


def snippet(
    analyzer: tantivy.TextAnalyzer, texts: Mapping[str, str], words: Sequence[Word], language: str = "en"
) -> str:
    """Return about 200 characters of one of ``texts`` (language → plain text), from shortly before the first match.

    A text with the words themselves is preferred to a text with other forms of them; then a text in ``language``, in
    English, in another language. Texts without a language come last: many of them are identifiers.
    """
    plain = [
        " ".join(texts[each][:_READ].split()).translate(_QUOTES)
        for each in sorted(texts, key=lambda tag: (tag != language, tag == "", tag != "en"))
    ]
    for match in (matches, _matches_otherwise) if words else ():
        for text in plain:
            if places := _places(analyzer, text, words, match):
                return _cut(text, places)
    labels = [label.words for word in words for label in word.labels]
    for text in plain if labels else ():
        if places := _label_places(analyzer, text, labels):
            return _cut(text, places)
    return _cut(plain[0], []) if plain else ""


def _places(
    analyzer: tantivy.TextAnalyzer, text: str, words: Sequence[Word], match: Callable[[str, Word], bool]
) -> list[_Place]:
    places: list[_Place] = []
    matches: dict[str, bool] = {}
    for token in analyzer.pre_tokenize(text).tokens:
        if places and token.char_offset_from > places[0][0] + _SHOWN:
            break
        form = token.text
        if form not in matches:
            matches[form] = any(match(form, word) for word in words)
        if matches[form]:
            places.append((token.char_offset_from, token.char_offset_to))
    return places


def _label_places(analyzer: tantivy.TextAnalyzer, text: str, labels: Sequence[tuple[str, ...]]) -> list[_Place]:
    """Return the places of words that follow each other as in one of ``labels``; the last may go on."""
    tokens = analyzer.pre_tokenize(text).tokens
    forms = [token.text for token in tokens]
    beginnings = {words[0][:PART_FROM] for words in labels}
    places: dict[_Place, None] = {}
    for at, form in enumerate(forms):
        if places and tokens[at].char_offset_from > next(iter(places))[0] + _SHOWN:
            break
        for words in labels if form[:PART_FROM] in beginnings else ():
            run = forms[at : at + len(words)]
            if len(run) == len(words) and tuple(run[:-1]) == words[:-1] and _goes_on(run[-1], words[-1]):
                places |= {
                    (token.char_offset_from, token.char_offset_to): None for token in tokens[at : at + len(run)]
                }
    return sorted(places)


def _goes_on(token: str, word: str) -> bool:
    return token == word or (len(word) >= PART_FROM and token.startswith(word))


def _cut(text: str, places: Sequence[_Place]) -> str:
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


def matches(token: str, query_word: Word) -> bool:
    """Return whether a folded ``token`` is the word, begins with it, has it as a part, or differs in one letter."""
    word = query_word.text
    if token == word or (len(word) >= PREFIX_FROM and token.startswith(word)):
        return True
    if len(word) >= PART_FROM and len(token) >= COMPOUND_FROM and word in token:
        return True
    return len(word) >= FUZZY_FROM and _apart(token, word, 1)


def _matches_otherwise(token: str, query_word: Word) -> bool:
    """Return whether ``token`` is another form of the word, a synonym, or differs in two letters."""
    names = stems_of_word(token)
    if names & query_word.stems or names & query_word.synonyms.stems:
        return True
    if query_word.synonyms.beginnings and token.startswith(query_word.synonyms.beginnings):
        return True
    return len(query_word.text) >= VERY_FUZZY_FROM and _apart(token, query_word.text, 2)


def _apart(token: str, word: str, most: int) -> bool:
    """Return whether at most ``most`` letters were added, removed, replaced or exchanged with their neighbours."""
    if token == word:
        return True
    if most == 0 or abs(len(token) - len(word)) > most:
        return False
    start = 0
    while start < min(len(token), len(word)) and token[start] == word[start]:
        start += 1
    rest, other = token[start:], word[start:]
    return (
        _apart(rest[1:], other[1:], most - 1)
        or _apart(rest[1:], other, most - 1)
        or _apart(rest, other[1:], most - 1)
        or (rest[:2] == other[:2][::-1] and _apart(rest[2:], other[2:], most - 1))
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

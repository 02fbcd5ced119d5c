"""Keywords as one line of a form: separated by commas, and in double quotes where a keyword has a comma itself."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Final

_SEPARATORS: Final = ",;\n"
_WORD: Final = re.compile(r'\s*(?:"((?:[^"]|"")*)"\s*(?=[,;\n]|$)|([^,;\n]*))(?:[,;\n]|$)')
"""A keyword in double quotes, in which two of them stand for one, or text without a separator; and the separator."""


def keywords_text(keywords: Iterable[str]) -> str:
    """Return the line that ``read_keywords`` reads as ``keywords``."""
    return ", ".join(map(_in_quotes_if_needed, keywords))


def read_keywords(text: str) -> list[str]:
    """Return the keywords in a line, without empty ones, and with one space where there are several."""
    return [word for word in (" ".join(part.split()) for part in _parts(text)) if word]


def _in_quotes_if_needed(keyword: str) -> str:
    needs_quotes = keyword.startswith('"') or any(separator in keyword for separator in _SEPARATORS)
    return '"' + keyword.replace('"', '""') + '"' if needs_quotes else keyword


def _parts(text: str) -> Iterator[str]:
    position = 0
    while position < len(text) and (match := _WORD.match(text, position)):
        quoted, bare = match.groups()
        yield bare if quoted is None else quoted.replace('""', '"')
        position = match.end()

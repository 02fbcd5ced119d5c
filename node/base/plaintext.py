"""Foreign text for a terminal: characters that a terminal would obey are escaped, so that they are only shown.

A title, a reason or an error of a peer may contain escape sequences (ECMA-48), C1 controls, which are escape
sequences in one character, line separators, and the overrides of the bidirectional algorithm (UAX #9), which make a
text read differently from its content.
"""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Final

_OBEYED: Final = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u206f\ud800-\udfff\ufeff\ufff9-\ufffb]"
)
"""Controls but tab and line feed; separators of lines; embeddings, overrides and isolates of direction; halves of
characters. The joiners and marks that scripts and emoji need are none of these."""


def visible(text: str) -> str:
    """``text`` with each character that a terminal obeys written as ``\\x1b`` or ``\\u202e``; tabs and lines stay."""
    return _OBEYED.sub(lambda match: _write_character(ord(match[0])), text)


def one_line(text: str) -> str:
    """Return ``visible`` text with line ends as blanks: for text in a fixed place on a line."""
    return visible(" ".join(text.split("\n")))


def in_json(document: str) -> str:
    """Return JSON with these characters as JSON's own escapes (RFC 8259 §7): the document keeps its meaning."""
    return _OBEYED.sub(lambda match: f"\\u{ord(match[0]):04x}", document)


def word(value: object) -> str:
    """Return ``value`` as one word of a command that a person copies into a shell; a file ``-x`` stays a file."""
    text = one_line(str(value))
    if isinstance(value, Path) and text.startswith("-"):
        text = f"./{text}"
    return shlex.quote(text)


def _write_character(code: int) -> str:
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"


def harmless(cell: str) -> str:
    """Return a cell that no spreadsheet takes as a formula (a leading ``= + - @`` or control gets an apostrophe)."""
    return f"'{cell}" if cell[:1] in ("=", "+", "-", "@", "\t", "\r", "\n") else cell

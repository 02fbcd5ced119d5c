"""File names from strangers, made safe to create and to show.

A name that comes with a manifest or an upload is a wish. What becomes of it can be created in one folder of
any common file system, cannot leave that folder, and does not pretend to be something else.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Final

MAX_BYTES: Final = 120
"""Of UTF-8, so that endings of ours still fit into the 255 bytes of a file system."""

_RESERVED: Final = re.compile(r"(?i)(con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³])(\..*)?")
_SEPARATORS: Final = frozenset("/\\:|<>\"'*?;`$&~\u2044\u2215\u29f8\uff0f\uff3c")


def safe_name(wish: str, fallback: str = "file") -> str:
    """A file name as close to ``wish`` as is safe; ``fallback`` where nothing is left.

    Only the part after the last separator counts. Control, format (also right-to-left) and unassigned
    characters and separators of all systems go; the ending stays when a long name is cut.
    """
    text = unicodedata.normalize("NFC", wish)
    last = re.split(r"[/\\\u2044\u2215\u29f8\uff0f\uff3c]", text)[-1]
    name = "".join("_" if character in _SEPARATORS else character for character in last if _printable(character))
    # Full-width full stops are dots to some file systems and to all readers.
    name = re.sub(r"\s+", " ", name).replace("\uff0e", ".").strip(" .").lstrip("-.")
    name = _shortened(name)
    if not name.strip(" ._-"):
        return fallback
    return f"_{name}" if _RESERVED.fullmatch(name) else name


def _printable(character: str) -> bool:
    return unicodedata.category(character) not in {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}


def _shortened(name: str) -> str:
    if len(name.encode()) <= MAX_BYTES:
        return name
    stem, dot, ending = name.rpartition(".")
    tail = f".{ending}" if dot and len(ending.encode()) <= 12 else ""
    stem = stem if tail else name
    room = MAX_BYTES - len(tail.encode())
    return stem.encode()[:room].decode(errors="ignore").rstrip(" .") + tail

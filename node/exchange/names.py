"""File names from strangers, made safe to create and to show.

The name in a manifest or an upload is only a wish. The safe name can be created in one folder of any common file
system, cannot lead out of that folder, and does not pretend to be another type of file.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Final

MAX_BYTES: Final = 120
"""The most bytes of a name in UTF-8, so that it fits into the 255 bytes of a file system with an ending of ours."""

_RESERVED: Final = re.compile(r"(?i)(con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³])(\..*)?")
_SEPARATORS: Final = frozenset("/\\:|<>\"'*?;`$&~\u2044\u2215\u29f8\uff0f\uff3c")


def safe_name(wish: str, fallback: str = "file") -> str:
    """Return a safe file name as close to ``wish`` as possible; ``fallback`` if nothing is left of it.

    Only the part after the last separator is used. Control, format (also right-to-left) and unassigned
    characters and separators of all systems are removed; the ending stays when a long name is cut.
    """
    text = unicodedata.normalize("NFC", wish)
    last = re.split(r"[/\\\u2044\u2215\u29f8\uff0f\uff3c]", text)[-1]
    name = "".join("_" if character in _SEPARATORS else character for character in last if _printable(character))
    # Some file systems and all readers take a full-width full stop for a dot.
    name = re.sub(r"\s+", " ", name).replace("\uff0e", ".").strip(" .").lstrip("-.")
    name = _shorten(name)
    if not name.strip(" ._-"):
        return fallback
    return f"_{name}" if _RESERVED.fullmatch(name) else name


def _printable(character: str) -> bool:
    return unicodedata.category(character) not in {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}


def _shorten(name: str) -> str:
    if len(name.encode()) <= MAX_BYTES:
        return name
    stem, dot, ending = name.rpartition(".")
    tail = f".{ending}" if dot and len(ending.encode()) <= 12 else ""
    stem = stem if tail else name
    room = MAX_BYTES - len(tail.encode())
    return stem.encode()[:room].decode(errors="ignore").rstrip(" .") + tail

"""Which keys of a catalogue the code asks for: read from the syntax of modules and from templates."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]

ASKING = frozenset({"t", "say", "in_all", "asks", "known", "names"})
"""Functions whose first or second argument is a key."""
FAMILIES = frozenset({"word", "keys", "_keys"})
"""Functions whose first argument is the beginning of a key."""

_QUOTED = re.compile(r"""["']([\w.-]+)["']""")
_COMPUTED = re.compile(r"""["']([\w.-]+\.)["']\s*~""")
_CALL = re.compile(r"""\b(?:t|say)\(\s*["']([\w.-]+)["']""")
_ATTRIBUTE = re.compile(r"\.([a-z]\w*)")
_FAMILY = re.compile(r"""\bword\(\s*["']([\w.-]+)["']""")


@dataclass
class Use:
    """Keys that are asked for, words that may be keys, beginnings of keys that the code makes, and attributes."""

    keys: set[str] = field(default_factory=set)
    words: set[str] = field(default_factory=set)
    families: set[str] = field(default_factory=set)
    attributes: set[str] = field(default_factory=set)

    def has(self, key: str) -> bool:
        """Whether the code asks for ``key``. A word without a dot may be anything: it counts as argument only."""
        if key in self.keys or ("." in key and key in self.words):
            return True
        return any(key.startswith(family) for family in self.families)


@cache
def use(*folders: str) -> Use:
    """Return what the code below ``folders`` asks for."""
    usage = Use()
    for folder in folders:
        for path in (ROOT / folder).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text("utf-8"))):
                _read(node, usage)
        for path in (ROOT / folder).rglob("*.html"):
            text = path.read_text("utf-8")
            usage.keys |= {key for key in _CALL.findall(text) if not key.endswith(".")}
            usage.attributes |= set(_ATTRIBUTE.findall(text))
            usage.words |= set(_QUOTED.findall(text))
            usage.families |= set(_COMPUTED.findall(text)) | {f"{name}." for name in _FAMILY.findall(text)}
    return usage


def _read(node: ast.AST, usage: Use) -> None:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        usage.words.add(node.value)
    elif isinstance(node, ast.Attribute):
        usage.attributes.add(node.attr)
    elif isinstance(node, ast.JoinedStr):
        first = node.values[0] if node.values else None
        if isinstance(first, ast.Constant) and re.fullmatch(r"[\w-]+(\.[\w-]+)*\.", str(first.value)):
            usage.families.add(str(first.value))
    elif isinstance(node, ast.Call):
        name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        texts = list(_texts(node))
        if name in ASKING:
            usage.keys |= {text for text in texts if not text.endswith(".")}
            usage.families |= {text for text in texts if text.endswith(".")}
        elif name in FAMILIES:
            usage.families |= {text if text.endswith(".") else f"{text}." for text in texts[:1]}


def _texts(call: ast.Call) -> Iterator[str]:
    for argument in call.args[:2]:
        # ``say("yes" if value else "no")`` asks for both.
        parts = [argument.body, argument.orelse] if isinstance(argument, ast.IfExp) else [argument]
        for part in parts:
            if isinstance(part, ast.Constant) and isinstance(part.value, str):
                yield part.value

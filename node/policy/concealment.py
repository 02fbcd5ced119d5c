"""Columns that a recipient gets in a less telling form, and groups that are too small to be given.

The forms are: a pseudonym, the same one for the same value under one agreement; a step of time, of numbers or of a
grid of places; or no value at all. They stand in the policy as text, like conditions for rows. A value of which no
such form can be made is left out: nothing is given as it is by mistake.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import ROUND_FLOOR, ROUND_HALF_EVEN, Decimal, InvalidOperation
from typing import Any, Final
from urllib.parse import quote, unquote

PSEUDONYM: Final = "pseudonym"
TIME: Final = "time"
BINS: Final = "bins"
GRID: Final = "grid"
SUPPRESS: Final = "suppress"
FORMS: Final = (PSEUDONYM, TIME, BINS, GRID, SUPPRESS)
TIME_STEPS: Final = ("minute", "hour", "day", "week", "month", "quarter", "year")
GROUP: Final = "group"
"""The name of the limit on groups, beside ``FORMS``, where the limits of a part are listed."""
LENGTH: Final = 32
"""The hexadecimal digits of a pseudonym."""
LARGEST_GROUP: Final = 10_000
_STEP: Final = re.compile(r"(?:[1-9][0-9]{0,8}(?:\.[0-9]{1,6})?|0\.[0-9]{0,8}[1-9])", re.ASCII)
_BLOCK: Final = 64


@dataclass(frozen=True, slots=True)
class Concealment:
    """A column with its form, and the step of a form that has one: a word of ``TIME_STEPS``, or a number."""

    column: str
    form: str
    step: str = ""

    @classmethod
    def read(cls, text: str) -> Concealment | None:
        """Return what a right operand states, such as ``day time hour``; None if it states none."""
        column, _, rest = text.partition(" ")
        form, _, step = rest.partition(" ")
        concealment = cls(unquote(column), form, step)
        return concealment if column and concealment.is_complete and concealment.text == text else None

    @property
    def is_complete(self) -> bool:
        """Return whether the form exists and has its step."""
        match self.form:
            case "time":
                return self.step in TIME_STEPS
            case "bins" | "grid":
                return bool(_STEP.fullmatch(self.step))
            case _:
                return self.form in FORMS and not self.step

    @property
    def text(self) -> str:
        """Return it as right operand."""
        return " ".join(filter(None, (quote(self.column, safe=""), self.form, self.step)))

    @property
    def decimals(self) -> int:
        """Return the digits after the point of its step."""
        return len(self.step.partition(".")[2])

    def apply(self, value: Any, key: bytes) -> Any:
        """Return the form of a value of JSON. A moment has no form here: see ``node.datasources.streams``."""
        if value is None:
            return None
        if self.form == PSEUDONYM:
            return pseudonym(_text(value), key)
        if self.form in (BINS, GRID) and isinstance(value, int | float | Decimal) and not isinstance(value, bool):
            return self._step(value)
        return None

    def _step(self, value: float | Decimal) -> int | float | None:
        width, rounding = Decimal(self.step), ROUND_FLOOR if self.form == BINS else ROUND_HALF_EVEN
        try:
            step = (Decimal(str(value)) / width).to_integral_value(rounding=rounding) * width
        except InvalidOperation:
            return None
        return int(step) if step == step.to_integral_value() and isinstance(value, int) else float(step)


@dataclass(frozen=True, slots=True)
class SmallestGroup:
    """The fewest rows that have the same values in ``columns``; rows of smaller groups are left out."""

    size: int
    columns: tuple[str, ...]

    @classmethod
    def read(cls, text: str) -> SmallestGroup | None:
        """Return what a right operand states, such as ``5 district age``; None if it states none."""
        size, *names = text.split(" ")
        if not (size.isascii() and size.isdigit() and len(size) < 6 and 2 <= int(size) <= LARGEST_GROUP):
            return None
        group = cls(int(size), tuple(map(unquote, names)))
        return group if names and all(names) and group.text == text else None

    @property
    def text(self) -> str:
        """Return it as right operand."""
        return " ".join([str(self.size), *(quote(name, safe="") for name in self.columns)])


def strictest(concealments: Iterable[Concealment]) -> tuple[Concealment, ...]:
    """Return one form for each column: none of its values, if several forms are stated for it."""
    by_column: dict[str, Concealment] = {}
    for concealment in concealments:
        other = by_column.setdefault(concealment.column, concealment)
        if other != concealment:
            by_column[concealment.column] = Concealment(concealment.column, SUPPRESS)
    return tuple(by_column.values())


def common_group(groups: Iterable[SmallestGroup]) -> SmallestGroup | None:
    """Return the group that is large enough for all of ``groups``: equal in all columns, with the largest size."""
    all_groups = tuple(groups)
    if not all_groups:
        return None
    columns = tuple(dict.fromkeys(name for group in all_groups for name in group.columns))
    return SmallestGroup(max(group.size for group in all_groups), columns)


def pseudonym(text: str, key: bytes) -> str:
    """Return the pseudonym of a text: the beginning of HMAC-SHA-256 (RFC 2104)."""
    return hmac.new(key, text.encode("utf-8", "surrogatepass"), hashlib.sha256).hexdigest()[:LENGTH]


def pads(key: bytes) -> tuple[str, str]:
    """Return the inner and the outer pad of HMAC-SHA-256 as hexadecimal digits, for engines with SHA-256 only."""
    block = key.ljust(_BLOCK, b"\0")
    return bytes(byte ^ 0x36 for byte in block).hex(), bytes(byte ^ 0x5C for byte in block).hex()


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return value if isinstance(value, str) else str(value)

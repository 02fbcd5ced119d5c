"""Columns that are read value by value: counts, bounds and examples with bounded memory."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import date, datetime
from datetime import time as clock_time
from typing import Any, Final

from node.semantics.profiles.model import ALL_VALUES, EXAMPLES, ColumnProfile, without_values
from node.semantics.profiles.suspicion import HOUSEHOLD, suspect
from node.semantics.profiles.units import unit_of

MAX_TEXT: Final = 80
"""Characters of a value that a draft shows; longer values are no examples."""

_DISTINCT: Final = 20_000
SAMPLED: Final = 3_000
"""Values of a column that are compared with the patterns of personal data."""

_NUMBERS: Final = {"integer", "number"}
_BOUNDED: Final = frozenset({"integer", "number", "date", "datetime", "time"})


class Collector:
    """Collects the facts of one column."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._rows = 0
        self._empty = 0
        self._types: set[str] = set()
        self._least: Any = None
        self._most: Any = None
        self._counts: dict[str, int] = {}

    def add(self, cells: Iterable[Any]) -> None:
        """Take further cells of the column."""
        for cell in cells:
            self._rows += 1
            if _is_empty(cell):
                self._empty += 1
                continue
            type_, value = _type_and_value(cell)
            self._types.add(type_)
            if type_ in _BOUNDED and self._is_ordered() and _is_finite(value):
                self._least = value if self._least is None or value < self._least else self._least
                self._most = value if self._most is None or value > self._most else self._most
            text = display_text(value)
            if text in self._counts or len(self._counts) < _DISTINCT:
                self._counts[text] = self._counts.get(text, 0) + 1

    def profile(self) -> ColumnProfile:
        """Return the facts collected."""
        type_ = _common(self._types)
        has_bounds = self._is_ordered() and self._least is not None
        usual = sorted(self._counts, key=lambda text: -self._counts[text])
        return complete(
            ColumnProfile(
                name=self.name,
                type=type_,
                rows=self._rows,
                empty=self._empty,
                # Beyond the limit nothing was counted.
                distinct=len(self._counts) if len(self._counts) < _DISTINCT else 0,
                minimum=display_text(self._least) if has_bounds else "",
                maximum=display_text(self._most) if has_bounds else "",
            ),
            usual[:SAMPLED],
        )

    def _is_ordered(self) -> bool:
        """Return whether all values so far can be compared: integers and decimals with each other, too."""
        return len(self._types) == 1 or self._types == _NUMBERS


def complete(column: ColumnProfile, usual: Sequence[str]) -> ColumnProfile:
    """Return ``column`` with unit, suspicion and values. ``usual``: different values, the most frequent first."""
    personal = suspect(column.name, column.type, usual, column.minimum)
    column = replace(column, personal=personal, unit=unit_of(column.name))
    if personal and personal != HOUSEHOLD:
        return without_values(column)
    if column.type != "text":
        return column
    fit = [text for text in usual if len(text) <= MAX_TEXT and text.isprintable()]
    complete = 0 < column.distinct <= ALL_VALUES and len(fit) == len(usual)
    return replace(column, values=tuple(sorted(fit) if complete else fit[:EXAMPLES]), complete=complete)


def display_text(value: Any) -> str:
    """Return a value as people write it: a whole number without a fraction, a moment without microseconds of zero."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() and abs(value) < 1e15 else f"{value:.6g}"
    if isinstance(value, datetime | date | clock_time):
        return value.isoformat()
    return str(value)


def _is_finite(value: Any) -> bool:
    """Return whether ``value`` can bound others: infinite numbers cannot."""
    return not isinstance(value, float) or math.isfinite(value)


def value_of(cell: str, *, comma: bool = False) -> int | float | str:
    """Return the number that a cell of text holds, else the text; codes with leading zeros stay texts.

    ``comma``: numbers may have a decimal comma.
    """
    text = cell.strip()
    if not text or (text[0] == "0" and text[1:2].isdigit()):
        return text
    try:
        if text.removeprefix("-").isdecimal() and len(text) < 16:
            return int(text)
        number = float(text.replace(",", ".", 1) if comma else text)
    except ValueError:
        return text
    return number if math.isfinite(number) else text


def _is_empty(cell: Any) -> bool:
    if cell is None or (isinstance(cell, str) and not cell.strip()):
        return True
    # Not a number, and not a time.
    return bool(cell != cell)  # noqa: PLR0124


def _type_and_value(cell: Any) -> tuple[str, Any]:
    """Return the type of a cell with its value; numbers and moments of numpy become those of Python."""
    value = cell.item() if hasattr(cell, "item") else cell
    if isinstance(value, bool):
        return "boolean", value
    if isinstance(value, int):
        # Moments with nanoseconds have no other form in Python.
        return ("datetime", str(cell)[:19]) if type(cell).__name__ == "datetime64" else ("integer", value)
    if isinstance(value, float):
        return "number", value
    if isinstance(value, datetime):
        return "datetime", value.replace(tzinfo=None)
    if isinstance(value, date):
        return "date", value
    if isinstance(value, clock_time):
        return "time", value
    if isinstance(value, bytes):
        return "binary", f"{len(value)} bytes"
    return ("text", value) if isinstance(value, str) else ("json", str(value))


def _common(types: set[str]) -> str:
    if not types:
        return "text"
    if len(types) == 1:
        return next(iter(types))
    return "number" if types == _NUMBERS else "text"

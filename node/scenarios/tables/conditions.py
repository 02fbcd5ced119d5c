"""Conditions on rows, as definitions write them: ``{Lden: {above: 55}, vehicleType: [passengerCar, van]}``."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from node.base.errors import InvalidInput
from node.scenarios.model import Row

_ORDERS: Final = ("above", "below", "at least", "at most")
_WORDS: Final = (*_ORDERS, "equals", "in")


@dataclass(frozen=True, slots=True)
class Condition:
    """One condition on one column."""

    column: str
    word: str
    value: Any

    def holds(self, row: Row) -> bool:
        """Return whether the row meets the condition. A value that is missing or of another type does not."""
        value = row.get(self.column)
        if self.word == "in":
            return any(_equal(value, item) for item in self.value)
        if self.word == "equals":
            return _equal(value, self.value)
        if isinstance(value, bool) or not isinstance(value, int | float):
            return False
        if self.word == "above":
            return bool(value > self.value)
        if self.word == "below":
            return bool(value < self.value)
        return bool(value >= self.value) if self.word == "at least" else bool(value <= self.value)


@dataclass(frozen=True, slots=True)
class Where:
    """Conditions that must all hold; without conditions every row matches."""

    conditions: tuple[Condition, ...] = ()

    def holds(self, row: Row) -> bool:
        return all(condition.holds(row) for condition in self.conditions)

    @property
    def columns(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(condition.column for condition in self.conditions))


EVERY: Final = Where()
"""Matches every row."""


def parse_where(value: Any, path: str) -> Where:
    """Read ``{column: condition}``: a value, a list of them, or ``{above: 55}`` (below, at least, at most, …).

    None means no condition. ``path`` names the member in the text of ``InvalidInput``.
    """
    if value is None:
        return EVERY
    if not isinstance(value, Mapping) or not value:
        raise InvalidInput(
            f"{path} is not a set of conditions",
            remedy="write {column: value} or {column: {above: 55}}",
            facts={"at": path},
        )
    conditions: list[Condition] = []
    for column, said in value.items():
        conditions += _conditions(str(column), said, f"{path}.{column}")
    return Where(tuple(conditions))


def _conditions(column: str, condition: Any, path: str) -> list[Condition]:
    if isinstance(condition, list | tuple):
        return [_check(column, "in", condition, path)]
    if not isinstance(condition, Mapping):
        return [_check(column, "equals", condition, path)]
    if not condition:
        raise InvalidInput(f"{path} says nothing", remedy=f"write one of {', '.join(_WORDS)}", facts={"at": path})
    return [_check(column, str(word).replace("_", " ").strip(), value, path) for word, value in condition.items()]


def _check(column: str, word: str, value: Any, path: str) -> Condition:
    if word not in _WORDS:
        raise InvalidInput(
            f"{path} says {word[:40]!r}",
            remedy=f"the words of a condition are {', '.join(_WORDS)}",
            facts={"at": path},
        )
    if word in _ORDERS and (
        isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value)
    ):
        raise InvalidInput(f"{path} compares with {str(value)[:40]!r}", remedy="write a number", facts={"at": path})
    if word == "in":
        values = tuple(value) if isinstance(value, list | tuple) else ()
        if not values or any(isinstance(one, Mapping | list | tuple) for one in values):
            raise InvalidInput(f"{path} names no values", remedy="write a list of them", facts={"at": path})
        return Condition(column, word, values)
    if isinstance(value, Mapping | list | tuple):
        raise InvalidInput(f"{path} compares with more than one value", remedy="use in: [...]", facts={"at": path})
    return Condition(column, word, value)


def _equal(a: Any, b: Any) -> bool:
    # True equals 1 in Python, but not for the author of a condition.
    return bool(a == b) and isinstance(a, bool) == isinstance(b, bool)

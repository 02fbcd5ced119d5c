"""Conditions on the values of attributes: the part of the query language of NGSI-LD (ETSI GS CIM 009 §4.9) that a
subscription may have. Comparisons and existence, all of which have to hold."""

from __future__ import annotations

import json
import operator
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from node.base.errors import InvalidInput

_TERM: Final = re.compile(
    r"(?P<name>[A-Za-z][A-Za-z0-9_]{0,99})(?:(?P<operator>==|!=|<=|>=|<|>)"
    r"(?P<value>\"[^\"\\]{0,200}\"|-?[0-9]{1,18}(?:\.[0-9]{1,18})?|true|false))?",
    re.ASCII,
)
_OPERATORS: Final[Mapping[str, Callable[[Any, Any], bool]]] = {
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
_LONGEST: Final = 2000
_MOST: Final = 20


@dataclass(frozen=True, slots=True)
class Condition:
    """An attribute that is compared with a value; without an operator, it only has to be there."""

    name: str
    operator: str = ""
    value: Any = None

    def holds(self, values: Mapping[str, Any]) -> bool:
        """Return whether it holds for the values of an entity. Values of different kinds are not alike."""
        if self.name not in values or not self.operator:
            return self.name in values
        value = values[self.name]
        if _kind(value) != _kind(self.value):
            return False
        return _OPERATORS[self.operator](value, self.value)


def read_conditions(query: Any) -> tuple[Condition, ...]:
    """Return the conditions in a query. Raises ``InvalidInput``."""
    if query == "":
        return ()
    terms = query.split(";") if isinstance(query, str) and len(query) <= _LONGEST else []
    matches = [_TERM.fullmatch(term) for term in terms]
    if not terms or len(terms) > _MOST or not all(matches):
        raise InvalidInput(
            "q is no query that this node follows for notifications",
            remedy='comparisons with numbers, "texts", true and false, joined by a semicolon: bikes>=20;wet==true',
        )
    return tuple(
        Condition(match["name"], match["operator"] or "", json.loads(match["value"]) if match["value"] else None)
        for match in matches
        if match is not None
    )


def _kind(value: Any) -> str:
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int | float):
        return "number"
    return "text" if isinstance(value, str) else "other"

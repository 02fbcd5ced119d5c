"""Rows of a table against the JSON Schema that they are said to conform to: which rows do not, in words.

What is looked at are the columns (``required``, ``additionalProperties``) and, cell by cell, ``type``, ``enum``,
``const``, bounds and lengths (JSON Schema 2020-12, Validation §6). Patterns are not tried: an expression from outside
can take for ever. An empty cell is a value that is missing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from node.semantics.schemas.changes import resolved

SHOWN: Final = 5
"""How many breaches are told in full; all are counted."""
MOST: Final = 2_000_000
"""Rows that are looked at."""

Check = Callable[[str], str]
"""A cell → what is wrong with it, or nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Breach:
    """Something that the schema does not allow: in which row (0: in all), in which column, and what."""

    row: int
    column: str
    what: str

    def words(self) -> str:
        return f"row {self.row}, {self.column}: {self.what}" if self.row else f"column {self.column} {self.what}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """How rows stand to a schema: the first breaches, the count of all, and how many rows were looked at."""

    breaches: tuple[Breach, ...]
    count: int
    rows: int
    whole: bool


def check(schema: Mapping[str, Any], columns: Iterable[str], rows: Iterable[list[str]]) -> Report:
    """Compare the columns and each row with ``schema`` (of one row, or of a list of them), with flat memory."""
    row_schema = resolved(schema, schema)
    if "properties" not in row_schema and "items" in row_schema:
        row_schema = resolved(schema, row_schema["items"])
    said = row_schema.get("properties")
    properties = said if isinstance(said, Mapping) else {}
    must = row_schema.get("required")
    required = [str(one) for one in must] if isinstance(must, list) else []
    names = list(columns)
    found = [Breach(row=0, column=name, what="is missing, and is required") for name in required if name not in names]
    if row_schema.get("additionalProperties") is False:
        found += [Breach(row=0, column=name, what="is not foreseen") for name in names if name not in properties]
    checks = [
        (place, name, _cell(resolved(schema, properties.get(name)), name in required))
        for place, name in enumerate(names)
        if name in properties
    ]
    count, looked = len(found), 0
    for cells in rows:
        if looked == MOST:
            return Report(breaches=tuple(found[:SHOWN]), count=count, rows=looked, whole=False)
        looked += 1
        for place, name, breach in checks:
            if place >= len(cells):
                continue
            what = breach(cells[place].strip())
            if what:
                count += 1
                if len(found) < SHOWN:
                    found.append(Breach(row=looked, column=name, what=what))
    return Report(breaches=tuple(found[:SHOWN]), count=count, rows=looked, whole=True)


def _cell(schema: Mapping[str, Any], required: bool) -> Check:
    said = schema.get("type")
    types = frozenset([said] if isinstance(said, str) else map(str, said) if isinstance(said, list) else ())
    numeric = bool(types) and types <= {"number", "integer", "null"}
    choices = schema.get("enum")
    if not isinstance(choices, list):
        choices = [schema["const"]] if "const" in schema else []
    allowed = frozenset(_text(choice) for choice in choices)
    empty = "" if not required or "null" in types else "is empty, and is required"
    low, under = _bound(schema, "minimum"), _bound(schema, "exclusiveMinimum")
    high, over = _bound(schema, "maximum"), _bound(schema, "exclusiveMaximum")
    shortest, longest = _bound(schema, "minLength"), _bound(schema, "maxLength")

    def breach(cell: str) -> str:
        if not cell:
            return empty
        if allowed and cell not in allowed:
            return f"{cell[:40]!r} is none of {', '.join(sorted(allowed))[:80]}"
        if numeric:
            try:
                value = float(cell)
            except ValueError:
                return f"{cell[:40]!r} is no number"
            if "number" not in types and not value.is_integer():
                return f"{cell[:40]} is no whole number"
            if (low is not None and value < low) or (under is not None and value <= under):
                return f"{cell[:40]} is less than is allowed ({low if low is not None else under:g})"
            if (high is not None and value > high) or (over is not None and value >= over):
                return f"{cell[:40]} is more than is allowed ({high if high is not None else over:g})"
        elif types == {"boolean"} and cell.casefold() not in ("true", "false"):
            return f"{cell[:40]!r} is neither true nor false"
        elif (shortest is not None and len(cell) < shortest) or (longest is not None and len(cell) > longest):
            return f"it has {len(cell)} characters"
        return ""

    return breach


def _bound(schema: Mapping[str, Any], name: str) -> float | None:
    value = schema.get(name)
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _text(value: Any) -> str:
    return {True: "true", False: "false"}[value] if isinstance(value, bool) else str(value)

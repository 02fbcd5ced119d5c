"""Find the rows of a table that do not conform to the JSON Schema in their description.

The check covers the columns (``required``, ``additionalProperties``) and, cell by cell, ``type``, ``enum``,
``const``, bounds, ``multipleOf``, lengths, ``pattern`` and ``format`` (JSON Schema 2020-12, Validation §6 and §7). An
empty cell is a missing value.
Rows of JSON: ``node.semantics.schemas.members``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal, InvalidOperation
from math import inf, isfinite
from typing import Any

from node.semantics.schemas.breaches import Breach, Report
from node.semantics.schemas.changes import resolve
from node.semantics.schemas.formats import format_check
from node.semantics.schemas.patterns import Misses
from node.semantics.schemas.tally import MOST, SHOWN, Tally

Problem = tuple[str, tuple[str, ...]]
"""The fault of a value: a key of the phrases, and their values."""
Check = Callable[[str], Problem | None]
"""A cell → its fault."""


def check(
    schema: Mapping[str, Any],
    columns: Iterable[str],
    rows: Iterable[list[str]],
    *,
    misses: Misses | None = None,
    limit: int = SHOWN,
    most: int = MOST,
) -> Report:
    """Compare the columns and each row with ``schema`` (of one row, or of a list of them), with flat memory.
    ``misses`` tries patterns; ``limit`` breaches are reported in full, and at most ``most`` rows are
    checked."""
    row_schema = resolve(schema, schema)
    if "properties" not in row_schema and "items" in row_schema:
        row_schema = resolve(schema, row_schema["items"])
    said = row_schema.get("properties")
    properties = said if isinstance(said, Mapping) else {}
    must = row_schema.get("required")
    required_names = [str(name) for name in must] if isinstance(must, list) else []
    names = list(columns)
    tally = Tally(misses, limit=limit)
    closed = row_schema.get("additionalProperties") is False
    for name in (name for name in required_names if name not in names):
        tally.add(Breach(row=0, column=name, what="missing"))
    for name in (name for name in names if closed and name not in properties):
        tally.add(Breach(row=0, column=name, what="unforeseen"))
    checks = []
    for place, name in enumerate(names):
        if name in properties:
            rules = resolve(schema, properties.get(name))
            checks.append((place, name, cell_check(rules, name in required_names), pattern_of(rules)))
    count = 0
    for cells in rows:
        if count == most:
            return tally.report(count, whole=False)
        count += 1
        for place, name, problem, pattern in checks:
            if place >= len(cells):
                continue
            cell = cells[place].strip()
            found = problem(cell)
            if found is not None:
                tally.add(Breach(row=count, column=name, what=found[0], values=found[1]))
            elif pattern and cell:
                breach = Breach(row=count, column=name, what="pattern", values=(repr(cell[:40]), pattern[:80]))
                tally.match(breach, pattern, cell)
    return tally.report(count, whole=True)


def pattern_of(rules: Mapping[str, Any]) -> str:
    """Return the pattern that a text has to match; empty if there is none."""
    pattern = rules.get("pattern")
    return pattern if isinstance(pattern, str) else ""


def types_of(rules: Mapping[str, Any]) -> frozenset[str]:
    """Return the types that a schema names; empty if it names none."""
    said = rules.get("type")
    return frozenset([said] if isinstance(said, str) else map(str, said) if isinstance(said, list) else ())


def choices_of(rules: Mapping[str, Any]) -> list[Any]:
    """Return the values that a schema admits; empty if it names none."""
    choices = rules.get("enum")
    if isinstance(choices, list):
        return choices
    return [rules["const"]] if "const" in rules else []


def bounds_check(rules: Mapping[str, Any]) -> Callable[[float, str], Problem | None]:
    """Return a function that checks whether a number, given with its notation, is beyond the bounds of ``rules``."""
    low, under = bound(rules, "minimum"), bound(rules, "exclusiveMinimum")
    high, over = bound(rules, "maximum"), bound(rules, "exclusiveMaximum")

    def problem(value: float, text: str) -> Problem | None:
        if low is not None and value < low:
            return "less", (text[:40], f"{low:g}")
        if under is not None and value <= under:
            return "not-more", (text[:40], f"{under:g}")
        if high is not None and value > high:
            return "more", (text[:40], f"{high:g}")
        if over is not None and value >= over:
            return "not-less", (text[:40], f"{over:g}")
        return None

    return problem


def cell_check(rules: Mapping[str, Any], required: bool) -> Check:
    """Return the constraints in ``rules`` on the cells of one column, apart from their pattern."""
    types = types_of(rules)
    numeric = bool(types) and types <= {"number", "integer", "null"}
    values = frozenset(_text(choice) for choice in choices_of(rules))
    all_choices = ", ".join(sorted(values))[:80]
    empty: Problem | None = None if not required or "null" in types else ("empty", ())
    beyond = bounds_check(rules)
    is_multiple = multiple_check(rules)
    shortest, longest = bound(rules, "minLength"), bound(rules, "maxLength")
    has_format, form = format_check(rules, in_cell=True), str(rules.get("format"))[:80]

    def problem(cell: str) -> Problem | None:
        if not cell:
            return empty
        if values and cell not in values:
            return "choice", (repr(cell[:40]), all_choices)
        if numeric:
            try:
                value = float(cell)
            except ValueError:
                return "number", (repr(cell[:40]),)
            if "number" not in types and not value.is_integer():
                return "whole", (cell[:40],)
            return beyond(value, cell) or (is_multiple(cell) if is_multiple is not None else None)
        if types == {"boolean"} and cell.casefold() not in ("true", "false"):
            return "truth", (repr(cell[:40]),)
        if (shortest is not None and len(cell) < shortest) or (longest is not None and len(cell) > longest):
            return "length", (str(len(cell)),)
        if has_format is not None and not has_format(cell):
            return "format", (repr(cell[:40]), form)
        return None

    return problem


def multiple_check(rules: Mapping[str, Any]) -> Check | None:
    """Return a function that checks whether a number, given as it is written, is a multiple of what ``rules`` say;
    None if they do not say it. Numbers are compared as decimals: 0.3 is a multiple of 0.1."""
    step = bound(rules, "multipleOf")
    if step is None or step <= 0 or not isfinite(step):
        return None
    of = Decimal(repr(rules["multipleOf"]))

    def problem(text: str) -> Problem | None:
        try:
            rest = Decimal(text) % of
        except InvalidOperation:  # so far from the step that their quotient has more digits than are computed
            return None
        return ("no-multiple", (text[:40], f"{of:f}"[:40])) if rest else None

    return problem


def bound(rules: Mapping[str, Any], name: str) -> float | None:
    """Return the number that ``rules`` give for ``name``; an infinite one if it is too large for a float."""
    value = rules.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        return float(value)
    except OverflowError:
        return inf if value > 0 else -inf


def _text(value: Any) -> str:
    return {True: "true", False: "false"}[value] if isinstance(value, bool) else str(value)

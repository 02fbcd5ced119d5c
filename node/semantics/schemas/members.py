"""Find the rows of JSON that do not conform to the JSON Schema in their description: objects of an array, properties
of GeoJSON features.

The check covers ``type``, ``enum``, ``const``, ``required``, ``additionalProperties``, bounds, ``multipleOf``,
lengths, ``pattern`` and ``format`` (JSON Schema 2020-12, Validation §6 and §7), in nested objects and arrays as well.
Other words of the language (``anyOf``, ``if`` …) are ignored: they cause no breach.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from node.semantics.schemas.breaches import Breach, Report
from node.semantics.schemas.changes import Resolver, resolve
from node.semantics.schemas.conformity import (
    Problem,
    bound,
    bounds_check,
    choices_of,
    multiple_check,
    pattern_of,
    types_of,
)
from node.semantics.schemas.formats import format_check
from node.semantics.schemas.patterns import Misses
from node.semantics.schemas.tally import MOST, SHOWN, Tally

MAX_DEPTH: Final = 16
MAX_ITEMS: Final = 100
"""Items of one array in one row that are checked."""


def check(
    schema: Mapping[str, Any],
    rows: Iterable[Any],
    *,
    features: bool = False,
    misses: Misses | None = None,
    limit: int = SHOWN,
    most: int = MOST,
) -> Report:
    """Compare each of ``rows`` with ``schema``. The schema describes one row or a list of rows; if the rows are
    properties of ``features``, also a feature or a collection of features. ``misses`` tries patterns; ``limit``
    breaches are reported in full.

    Raises ``InvalidInput`` if the rows cannot be read to their end.
    """
    walk = _Walk(schema, Tally(misses, limit=limit))
    rules = _row_schema(schema, features=features)
    count = 0
    for row in rows:
        if count == most:
            return walk.tally.report(count, whole=False)
        count += 1
        walk.row = count
        if isinstance(row, Mapping):
            walk.value(row, rules, "", 0)
        else:
            walk.tell("", ("no-row", ()))
    return walk.tally.report(count, whole=True)


class RowCheck:
    """Compares single rows with one schema; patterns are not tried."""

    def __init__(self, schema: Mapping[str, Any]) -> None:
        self._walk = _Walk(schema, Tally())
        self._rules = _row_schema(schema, features=False)

    def breach(self, row: Mapping[str, Any]) -> Breach | None:
        """Return the first breach of the schema in ``row``; None if it conforms."""
        self._walk.tally = Tally(limit=1)
        self._walk.value(row, self._rules, "", 0)
        return next(iter(self._walk.tally.report(1, whole=True).breaches), None)


def _row_schema(schema: Mapping[str, Any], *, features: bool) -> Mapping[str, Any]:
    rules = resolve(schema, schema)
    if "properties" not in rules and "items" in rules:
        rules = resolve(schema, rules["items"])
    if features:
        for name in ("features", "properties"):
            inside = _properties(rules)
            if name == "features" and name in inside:
                rules = resolve(schema, resolve(schema, inside[name]).get("items"))
            elif name == "properties" and name in inside and "geometry" in inside:
                rules = resolve(schema, inside[name])
    return rules


class _Walk:
    """Checks the rows of one file, value by value."""

    def __init__(self, schema: Mapping[str, Any], tally: Tally) -> None:
        self._resolve = Resolver(schema).resolve
        self.tally = tally
        self.row = 0

    def tell(self, path: str, problem: Problem) -> None:
        self.tally.add(Breach(row=self.row, column=path, what=problem[0], values=problem[1]))

    def value(self, value: Any, rules: Mapping[str, Any], path: str, depth: int) -> None:
        """Compare ``value``, at ``path`` in the row, with ``rules``."""
        problem = _problem(value, rules)
        if problem is not None:
            self.tell(path, problem)
            return
        pattern = pattern_of(rules)
        if pattern and isinstance(value, str):
            values = (repr(value[:40]), pattern[:80])
            self.tally.match(Breach(row=self.row, column=path, what="pattern", values=values), pattern, value)
        if depth == MAX_DEPTH:
            return
        if isinstance(value, Mapping):
            self._members(value, rules, path, depth)
        elif isinstance(value, list) and isinstance(rules.get("items"), Mapping):
            inside = self._resolve(rules["items"])
            for place, item in enumerate(value[:MAX_ITEMS]):
                self.value(item, inside, f"{path}[{place}]", depth + 1)

    def _members(self, value: Mapping[str, Any], rules: Mapping[str, Any], path: str, depth: int) -> None:
        properties = _properties(rules)
        must = rules.get("required")
        for name in must if isinstance(must, list) else ():
            if name not in value:
                self.tell(_join(path, str(name)), ("missing", ()))
        for name, member in value.items():
            if name in properties:
                self.value(member, self._resolve(properties[name]), _join(path, name), depth + 1)
            elif rules.get("additionalProperties") is False:
                self.tell(_join(path, name), ("unforeseen", ()))


def _problem(value: Any, rules: Mapping[str, Any]) -> Problem | None:
    types = types_of(rules)
    if types and types.isdisjoint(_types(value)):
        return "type", (_display_text(value), ", ".join(sorted(types)))
    choices = choices_of(rules)
    is_listed = isinstance(value, str) and value in choices
    if choices and not is_listed and not any(_same(value, choice) for choice in choices):
        return "choice", (_display_text(value), ", ".join(map(_display_text, choices))[:80])
    if isinstance(value, int | float) and not isinstance(value, bool):
        return _number_problem(value, rules)
    for kind, least, most, what in (
        (str, "minLength", "maxLength", "length"),
        (list, "minItems", "maxItems", "items"),
    ):
        if isinstance(value, kind):
            low, high = bound(rules, least), bound(rules, most)
            if (low is not None and len(value) < low) or (high is not None and len(value) > high):
                return what, (str(len(value)),)
    if isinstance(value, str) and "format" in rules:
        has_format = format_check(rules)
        if has_format is not None and not has_format(value):
            return "format", (_display_text(value), str(rules["format"])[:80])
    return None


def _number_problem(value: float, rules: Mapping[str, Any]) -> Problem | None:
    problem = bounds_check(rules)(value, _display_text(value))
    if problem is not None or "multipleOf" not in rules or value - value != 0:  # infinite, or not a number
        return problem
    is_multiple = multiple_check(rules)
    return is_multiple(repr(value)) if is_multiple is not None else None


def _types(value: Any) -> frozenset[str]:
    if value is None or isinstance(value, bool):
        return frozenset({"null" if value is None else "boolean"})
    if isinstance(value, int | float):
        # A whole number is an integer however it is written (JSON Schema 2020-12, Validation §6.1.1).
        whole = isinstance(value, int) or value.is_integer()
        return frozenset({"number", "integer"} if whole else {"number"})
    return frozenset({"string" if isinstance(value, str) else "array" if isinstance(value, list) else "object"})


def _same(value: Any, choice: Any) -> bool:
    return bool(value == choice) and isinstance(value, bool) == isinstance(choice, bool)


def _properties(rules: Mapping[str, Any]) -> Mapping[str, Any]:
    found = rules.get("properties")
    return found if isinstance(found, Mapping) else {}


def _join(path: str, name: str) -> str:
    return f"{path}.{name[:60]}" if path else name[:60]


def _display_text(value: Any) -> str:
    if isinstance(value, Mapping | list):
        return "{…}" if isinstance(value, Mapping) else "[…]"
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    return repr(value[:40]) if isinstance(value, str) else str(value)[:40]

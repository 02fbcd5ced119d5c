"""Compare one row of JSON with a schema, value by value, with the applicators that combine schemas (JSON Schema
2020-12, Core §10).

Whether a value fits one of several schemas (``anyOf``, ``oneOf``, ``not``, ``if``, ``contains``) has three answers:
yes, no, and unknown, where the schema has rules that are not compared here, where a pattern cannot be tried, and
where the schemas of one row are more than are looked at. Unknown is no breach.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from node.semantics.schemas.breaches import Breach
from node.semantics.schemas.changes import Resolver
from node.semantics.schemas.conformity import Problem, bound, pattern_of
from node.semantics.schemas.left_out import UNKNOWN, is_format_left_out
from node.semantics.schemas.row_values import display_text, same_value, value_problem
from node.semantics.schemas.tally import Tally

MAX_DEPTH: Final = 16
MAX_ITEMS: Final = 100
"""Items of one array in one row that are checked."""
MAX_SCHEMAS: Final = 5_000
"""Schemas that one row is compared with, before no more are combined."""
_COMBINED: Final = frozenset({
    "allOf", "anyOf", "oneOf", "not", "if", "dependentSchemas", "dependencies",
})  # fmt: skip
_REMARKS: Final = frozenset({"$ref", "title", "description", "$comment", "default", "examples", "deprecated"})
_OF_LISTS: Final = frozenset({"prefixItems", "items", "uniqueItems", "contains"})
_DEEPER: Final = (
    _COMBINED | _OF_LISTS | {"properties", "patternProperties", "additionalProperties", "required", "propertyNames"}
)
_SINGLE: Final = frozenset({str, int, float, bool, type(None)})


class RowWalk:
    """Compares rows with one schema; ``tally`` counts what does not fit in row number ``row``."""

    def __init__(self, schema: Mapping[str, Any], tally: Tally) -> None:
        self._follow = Resolver(schema).follow
        self.tally = tally
        self.row = 0
        self._left = MAX_SCHEMAS
        self._is_unsure = False
        self.left_out: dict[str, None] = {}
        """The rules that some row was not compared with to the end, each with the limit: ``items (> 100)``."""

    def compare(self, number: int, row: Any, schema: Any) -> None:
        """Compare row ``number`` with ``schema``, a part of that of this walk."""
        self.row, self._left = number, MAX_SCHEMAS
        self._inside(row, schema, "", -1)

    def _leave_out(self, words: Iterable[str], limit: int) -> None:
        self._is_unsure = True
        self.left_out.update(dict.fromkeys(f"{word} (> {limit})" for word in sorted(words)))

    def _tell(self, path: str, problem: Problem) -> None:
        self.tally.add(Breach(row=self.row, column=path, what=problem[0], values=problem[1]))

    def _value(self, value: Any, rules: Mapping[str, Any], path: str, depth: int) -> None:
        self._left -= 1
        if not UNKNOWN.isdisjoint(rules) or is_format_left_out(rules):
            self._is_unsure = True
        problem = value_problem(value, rules)
        if problem is not None:
            self._tell(path, problem)
            return
        pattern = pattern_of(rules)
        if pattern and isinstance(value, str):
            values = (repr(value[:40]), pattern[:80])
            self.tally.match(Breach(row=self.row, column=path, what="pattern", values=values), pattern, value)
        if depth == MAX_DEPTH:
            self._leave_out(_DEEPER & rules.keys(), MAX_DEPTH)
            return
        if isinstance(value, list):
            if not _OF_LISTS.isdisjoint(rules):
                self._items(value, rules, path, depth)
        elif type(value) not in _SINGLE and isinstance(value, Mapping):
            self._members(value, rules, path, depth)
        if not _COMBINED.isdisjoint(rules):
            self._combine(value, rules, path, depth)

    def _inside(self, value: Any, schema: Any, path: str, depth: int) -> None:
        """Compare ``value`` with ``schema``, which may refer to another one."""
        if type(schema) is dict and "$ref" not in schema:  # nearly all: the rest costs as much as the comparison
            self._value(value, schema, path, depth + 1)
            return
        if schema is False:
            self._tell(path, ("unforeseen", ()))
            return
        target = self._follow(schema)
        if isinstance(schema, Mapping) and target is not schema and not _REMARKS.issuperset(schema):
            # What stands beside a reference holds too (JSON Schema 2020-12, Core §8.2.3.1).
            self._value(value, {word: rule for word, rule in schema.items() if word != "$ref"}, path, depth + 1)
        self._value(value, target, path, depth + 1)

    def _members(self, value: Mapping[str, Any], rules: Mapping[str, Any], path: str, depth: int) -> None:
        properties = properties_of(rules)
        patterns = _mapping(rules, "patternProperties")
        more = rules.get("additionalProperties", True)
        must = rules.get("required")
        required_names = [str(name) for name in must] if isinstance(must, list) else []
        for word in ("dependentRequired", "dependencies"):
            for name, others in _mapping(rules, word).items():
                if name in value and isinstance(others, list):
                    required_names += map(str, others)
        for name in dict.fromkeys(required_names):
            if name not in value:
                self._tell(_join(path, name), ("missing", ()))
        for name, member in value.items():
            place = _join(path, name)
            is_known = name in properties
            if is_known:
                self._inside(member, properties[name], place, depth)
            for pattern, schema in patterns.items():
                mismatches = self.tally.mismatches(pattern, [name])
                is_known = is_known or not mismatches
                if mismatches is None:
                    self._is_unsure = True
                elif not mismatches:
                    self._inside(member, schema, place, depth)
            if not is_known and more is not True:
                self._inside(member, more, place, depth)
            if "propertyNames" in rules and self._fits(name, rules["propertyNames"], depth) is False:
                self._tell(place, ("name", ()))

    def _items(self, value: list[Any], rules: Mapping[str, Any], path: str, depth: int) -> None:
        first = rules.get("prefixItems")
        prefix = first if isinstance(first, list) else []
        rest = rules.get("items", True)
        if len(value) > MAX_ITEMS:
            self._leave_out(_OF_LISTS & rules.keys(), MAX_ITEMS)
        for place, item in enumerate(value[:MAX_ITEMS]):
            schema = prefix[place] if place < len(prefix) else rest
            if schema is not True and not isinstance(schema, list):
                self._inside(item, schema, f"{path}[{place}]", depth)
        if rules.get("uniqueItems") is True:
            pair = _first_pair(value[:MAX_ITEMS])
            if pair is not None:
                self._tell(path, ("repeated", (str(pair[0] + 1), str(pair[1] + 1))))
        if "contains" in rules:
            self._contains(value, rules, path, depth)

    def _contains(self, value: list[Any], rules: Mapping[str, Any], path: str, depth: int) -> None:
        answers = [self._fits(item, rules["contains"], depth) for item in value[:MAX_ITEMS]]
        sure = answers.count(True)
        possible = len(value) - answers.count(False)
        least, most = bound(rules, "minContains"), bound(rules, "maxContains")
        if possible < (1 if least is None else least) or (most is not None and sure > most):
            self._tell(path, ("contains", (str(sure),)))

    def _combine(self, value: Any, rules: Mapping[str, Any], path: str, depth: int) -> None:
        if self._left < 0:
            self._leave_out(_COMBINED & rules.keys(), MAX_SCHEMAS)
            return
        for schema in _schemas(rules, "allOf"):
            self._inside(value, schema, path, depth)
        if isinstance(value, Mapping):
            for word in ("dependentSchemas", "dependencies"):
                for name, schema in _mapping(rules, word).items():
                    if name in value and not isinstance(schema, list):
                        self._inside(value, schema, path, depth)
        for word in ("anyOf", "oneOf"):
            schemas = _schemas(rules, word)
            if schemas:
                self._choose(value, schemas, path, depth, only_one=word == "oneOf")
        if "not" in rules and self._fits(value, rules["not"], depth) is True:
            self._tell(path, ("excluded", (display_text(value),)))
        if "if" in rules and ("then" in rules or "else" in rules):
            fits = self._fits(value, rules["if"], depth)
            if fits is not None:
                self._inside(value, rules.get("then" if fits else "else", True), path, depth)

    def _choose(self, value: Any, schemas: list[Any], path: str, depth: int, *, only_one: bool) -> None:
        counts = [self._breaches(value, schema, depth) for schema in schemas]
        if all(counts):
            nearest = min(range(len(counts)), key=lambda place: counts[place] or 0)
            self._tell(path, ("none-of", (str(len(schemas)), str(nearest + 1))))
        elif only_one and counts.count(0) > 1:
            self._tell(path, ("several-of", (str(counts.count(0)),)))

    def _fits(self, value: Any, schema: Any, depth: int) -> bool | None:
        count = self._breaches(value, schema, depth)
        return None if count is None else not count

    def _breaches(self, value: Any, schema: Any, depth: int) -> int | None:
        """Return how many rules of ``schema`` are broken by ``value``; None if none is known to be, and none is
        certain."""
        if isinstance(schema, bool):
            return 0 if schema else 1
        outer, was_unsure = self.tally, self._is_unsure
        self.tally, self._is_unsure = self.tally.aside(), self._left < 0
        try:
            if self._left >= 0:
                self._inside(value, schema, "", depth)
            report = self.tally.report(1, whole=True)
            is_unsure = self._is_unsure or bool(report.patterns_left_out)
        finally:
            self.tally, self._is_unsure = outer, was_unsure
        self.tally.leave_out(report.patterns_left_out)
        if report.count:
            return report.count
        if is_unsure:
            self._is_unsure = True
            return None
        return 0


def properties_of(rules: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the schemas of the members that ``rules`` name."""
    return _mapping(rules, "properties")


def _mapping(rules: Mapping[str, Any], word: str) -> Mapping[str, Any]:
    value = rules.get(word)
    return value if isinstance(value, Mapping) else {}


def _schemas(rules: Mapping[str, Any], word: str) -> list[Any]:
    value = rules.get(word)
    return value if isinstance(value, list) else []


def _first_pair(items: list[Any]) -> tuple[int, int] | None:
    pairs: Iterator[tuple[int, int]] = (
        (before, place)
        for place, item in enumerate(items)
        for before in range(place)
        if same_value(items[before], item)
    )
    return next(pairs, None)


def _join(path: str, name: str) -> str:
    return f"{path}.{name[:60]}" if path else name[:60]

"""Filters in CQL2 (OGC 21-065r2) as conditions of SQL.

The library ``cql2`` reads text and JSON; what it gives is translated here, piece by piece: a name has to be a column,
a value becomes a literal, and an operation is one of these tables. Comparisons of geometries are carried out by the
caller, who gets them as ``SpatialTest`` and answers with a condition.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from node.adapters.profiles.filters import moments
from node.adapters.profiles.relations import quote_name, sql_text
from node.base.errors import InvalidInput

COMPARISONS: Final = {"=": "=", "<>": "<>", "<": "<", "<=": "<=", ">": ">", ">=": ">="}
ARITHMETIC: Final = {"+": "+", "-": "-", "*": "*", "/": "/", "%": "%", "^": "**", "div": "//"}
FUNCTIONS: Final = {"casei": "lower", "accenti": "strip_accents"}
SPATIAL: Final = {
    "s_intersects": "intersects",
    "s_equals": "equals",
    "s_disjoint": "disjoint",
    "s_touches": "touches",
    "s_within": "within",
    "s_overlaps": "overlaps",
    "s_crosses": "crosses",
    "s_contains": "contains",
}
"""The comparisons of geometries, with the names of their functions in shapely."""
_MIRRORED: Final = {"s_within": "s_contains", "s_contains": "s_within"}
MOST_SPATIAL: Final = 10
_DEEPEST: Final = 100
_DEEPEST_TEXT: Final = 12
"""Brackets in brackets of a filter in text: reading a wrong one takes twice as long with each."""
_SUCH: Final = "such as: kind = 'berth' AND passed > 10"
_QUOTED: Final = re.compile(r"'(?:[^'\\]|''|\\.)*'|\"[^\"]*\"")
_LONGEST_LIST: Final = 500
_NUMBERS: Final = ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT", "FLOAT", "DOUBLE", "DECIMAL")
_EXACT: Final = 1 << 53

NUMBER, TEXT, TRUTH, TIME, OTHER = "number", "text", "truth value", "time", "other"


@dataclass(frozen=True, slots=True)
class SpatialTest:
    """One comparison of the geometry of a feature with a literal (GeoJSON, or ``bbox``)."""

    name: str
    literal: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class _Value:
    """A value in SQL, of one of the kinds above. ``text`` is that of a literal."""

    sql: str
    kind: str
    text: str | None = None


def read(text: str, language: str) -> Any:
    """Return a filter as CQL2 JSON. ``language`` is ``cql2-json``, or else text. Raises ``InvalidInput``."""
    import cql2

    if language != "cql2-json":
        _check_brackets(text)
    try:
        expression = cql2.parse_json(text) if language == "cql2-json" else cql2.parse_text(text)
        return expression.to_json()
    except (cql2.ParseError, cql2.ValidationError, ValueError) as error:
        lines = [line.strip() for line in str(error).splitlines() if line.strip()]
        place = lines[0].removeprefix("--> 1:") if lines and lines[0].startswith("--> 1:") else ""
        detail = f"at character {place}" if place.isdigit() else (lines[0] if lines else "")[:200]
        raise InvalidInput(f"the filter cannot be read: {detail}", remedy=_SUCH) from error


def _check_brackets(text: str) -> None:
    depth = 0
    for sign in _QUOTED.sub("", text):
        depth += (sign == "(") - (sign == ")")
        if depth < 0:
            break
        if depth > _DEEPEST_TEXT:
            raise InvalidInput(
                f"the filter has more than {_DEEPEST_TEXT} brackets in one another", remedy="ask a shorter one"
            )
    if depth:
        raise InvalidInput("the brackets of the filter do not match", remedy=_SUCH)


def kind_of(type_: str) -> str:
    """Return what the values of a column are, by its type in SQL."""
    stem = type_.partition("(")[0]
    if type_.endswith("]"):
        return OTHER
    if stem.removeprefix("U") in _NUMBERS:
        return NUMBER
    if stem in ("VARCHAR", "UUID", "ENUM", "JSON"):
        return TEXT
    if stem.startswith("TIMESTAMP") or stem == "DATE":
        return TIME
    return TRUTH if stem == "BOOLEAN" else OTHER


class Translation:
    """Translates one filter. ``types`` are the columns with their types, ``geometry`` is the name of the geometry
    (empty: none), and ``compare`` returns the condition of a comparison of geometries."""

    def __init__(self, types: Mapping[str, str], geometry: str, compare: Callable[[SpatialTest], str]) -> None:
        self._types = types
        self._geometry = geometry
        self._compare = compare
        self._spatial = 0

    def condition(self, expression: Any, depth: int = 0) -> str:
        """Return the condition of an expression. Raises ``InvalidInput`` for what it cannot express."""
        if depth > _DEEPEST:
            raise InvalidInput("the filter is nested too deeply", remedy="ask a shorter one")
        if isinstance(expression, bool):
            return "TRUE" if expression else "FALSE"
        if not isinstance(expression, Mapping):
            raise _refusal_of(expression)
        if "property" in expression:
            value = self._value(expression, depth)
            if value.kind != TRUTH:
                raise InvalidInput(
                    f"{expression['property']!r} is no truth value", remedy="compare it with something: … = …"
                )
            return value.sql
        name, arguments = _operation(expression)
        if name in ("and", "or"):
            if not arguments:
                raise _refusal_of(expression)
            return f"({f' {name.upper()} '.join(self.condition(part, depth + 1) for part in arguments)})"
        if name == "not":
            (inner,) = _expect(name, arguments, 1)
            return f"(NOT {self.condition(inner, depth + 1)})"
        return self._predicate(name, arguments, depth)

    def _predicate(self, name: str, arguments: Sequence[Any], depth: int) -> str:
        if name in COMPARISONS:
            left, right = (self._value(part, depth) for part in _expect(name, arguments, 2))
            return f"({self._same(left, right)} {COMPARISONS[name]} {self._same(right, left)})"
        if name == "isnull":
            return self._is_null(_expect(name, arguments, 1)[0], depth)
        if name == "like":
            text, pattern = (self._value(part, depth) for part in _expect(name, arguments, 2))
            if text.kind != TEXT or pattern.kind != TEXT:
                raise InvalidInput("LIKE compares texts", remedy="such as: name LIKE 'Koren%'")
            return f"({text.sql} LIKE {pattern.sql} ESCAPE '\\')"
        if name == "between":
            value, low, high = (self._value(part, depth) for part in _expect(name, arguments, 3))
            return f"({value.sql} BETWEEN {self._same(low, value)} AND {self._same(high, value)})"
        if name == "in":
            value, choices = _expect(name, arguments, 2)
            return self._in(self._value(value, depth), choices, depth)
        if name in moments.RELATIONS:
            left_time, right_time = (self._period(part, depth) for part in _expect(name, arguments, 2))
            return moments.relation(name, left_time, right_time)
        if name in SPATIAL:
            return self._spatially(name, *_expect(name, arguments, 2))
        if name in ARITHMETIC or name in FUNCTIONS:
            raise InvalidInput(f"{name} alone is no condition", remedy="compare it with something: … = …")
        raise InvalidInput(f"there is no operation {name[:40]!r} here", remedy=f"there are: {', '.join(_ALL)}")

    def _is_null(self, part: Any, depth: int) -> str:
        if isinstance(part, Mapping) and part.get("property") == self._geometry and self._geometry:
            return f"({quote_name(self._geometry)} IS NULL)"
        return f"({self._value(part, depth).sql} IS NULL)"

    def _in(self, value: _Value, choices: Any, depth: int) -> str:
        if not isinstance(choices, list) or not 0 < len(choices) <= _LONGEST_LIST:
            raise InvalidInput(f"IN has between 1 and {_LONGEST_LIST} values", remedy="such as: kind IN ('a', 'b')")
        texts = [self._same(self._value(choice, depth), value) for choice in choices]
        return f"({value.sql} IN ({', '.join(texts)}))"

    def _same(self, value: _Value, other: _Value) -> str:
        """Return ``value`` for a comparison with ``other``. Raises ``InvalidInput`` if their kinds differ."""
        if value.kind == other.kind != OTHER:
            return value.sql
        if other.kind == TIME and value.text is not None:
            # Clients that know no literals of times write them as texts.
            # GDAL writes 2026/01/31, or 2026-01-31T for a day.
            return moments.literal(value.text.replace("/", "-").removesuffix("T")).begin
        if value.kind == TIME and other.text is not None:
            return value.sql
        raise InvalidInput(
            f"the filter compares a {value.kind} with a {other.kind}",
            remedy="texts stand in single quotes, numbers without, times as TIMESTAMP('2026-01-31T12:00:00Z')",
        )

    def _value(self, part: Any, depth: int) -> _Value:
        if depth > _DEEPEST:
            raise InvalidInput("the filter is nested too deeply", remedy="ask a shorter one")
        if isinstance(part, bool):
            return _Value("TRUE" if part else "FALSE", TRUTH)
        if isinstance(part, int | float):
            return _Value(_number(part), NUMBER)
        if isinstance(part, str):
            return _Value(sql_text(part), TEXT, part)
        if not isinstance(part, Mapping):
            raise _refusal_of(part)
        if "property" in part:
            return self._column(part["property"])
        for member in ("timestamp", "date"):
            if member in part:
                return _Value(moments.literal(part[member]).begin, TIME)
        name, arguments = _operation(part)
        if name in ARITHMETIC:
            values = [self._value(each, depth + 1) for each in _expect(name, arguments, 2)]
            if any(value.kind != NUMBER for value in values):
                raise InvalidInput(f"{name} needs numbers", remedy="such as: passed * 2 > 10")
            return _Value(f"({values[0].sql} {ARITHMETIC[name]} {values[1].sql})", NUMBER)
        if name in FUNCTIONS:
            (value,) = (self._value(each, depth + 1) for each in _expect(name, arguments, 1))
            if value.kind != TEXT:
                raise InvalidInput(f"{name.upper()} needs a text", remedy="such as: CASEI(name) = CASEI('Zuid')")
            return _Value(f"{FUNCTIONS[name]}({value.sql})", TEXT)
        raise InvalidInput(f"there is no function {name[:40]!r} here", remedy=f"there are: {', '.join(FUNCTIONS)}")

    def _column(self, name: Any) -> _Value:
        if name not in self._types:
            columns = ", ".join(quote_name(column) for column in list(self._types)[:40])
            raise InvalidInput(f"there is no column {str(name)[:60]!r}", remedy=f"the columns: {columns}")
        kind = kind_of(self._types[name])
        cell = quote_name(name)
        if kind == TIME:
            return _Value(f"CAST({cell} AS {moments.MOMENT})", kind)
        return _Value(f"CAST({cell} AS VARCHAR)" if kind == TEXT else cell, kind)

    def _period(self, part: Any, depth: int) -> moments.Period:
        if isinstance(part, Mapping):
            for member in ("timestamp", "date"):
                if member in part:
                    return moments.literal(part[member])
            if "interval" in part:
                begin, end = _expect("interval", part["interval"], 2)
                if isinstance(begin, str) and isinstance(end, str):
                    return moments.period(begin, end)
                first = moments.period(begin, "..") if isinstance(begin, str) else self._period(begin, depth)
                last = moments.period("..", end) if isinstance(end, str) else self._period(end, depth)
                return moments.Period(first.begin, last.end)
            if "property" in part:
                value = self._value(part, depth)
                if value.kind == TIME:
                    return moments.of_column(quote_name(part["property"]), self._types[part["property"]])
        raise InvalidInput(
            "a relation of time compares columns of days or moments with a time",
            remedy="such as: T_DURING(day, INTERVAL('2026-01-01', '2026-02-01'))",
        )

    def _spatially(self, name: str, left: Any, right: Any) -> str:
        if not self._is_geometry(left):
            left, right, name = right, left, _MIRRORED.get(name, name)
        is_literal = isinstance(right, Mapping) and ("bbox" in right or ("type" in right and "op" not in right))
        if not self._is_geometry(left) or not is_literal:
            column = self._geometry or "geometry"
            raise InvalidInput(
                f"{name.upper()} compares the geometry of the features with a geometry in the filter",
                remedy=f"such as: {name.upper()}({column}, BBOX(3.6, 51.0, 3.8, 51.1))",
            )
        self._spatial += 1
        if self._spatial > MOST_SPATIAL:
            raise InvalidInput(f"a filter has at most {MOST_SPATIAL} comparisons of geometries")
        return self._compare(SpatialTest(name, right))

    def _is_geometry(self, part: Any) -> bool:
        return bool(self._geometry) and isinstance(part, Mapping) and part.get("property") == self._geometry


_ALL: Final = ("and", "or", "not", *COMPARISONS, "like", "between", "in", "isNull", *SPATIAL, *moments.RELATIONS)


def _operation(expression: Mapping[str, Any]) -> tuple[str, Sequence[Any]]:
    name, arguments = expression.get("op"), expression.get("args")
    if not isinstance(name, str) or not isinstance(arguments, list):
        raise _refusal_of(expression)
    return name.lower(), arguments


def _expect(name: str, arguments: Any, count: int) -> Sequence[Any]:
    if not isinstance(arguments, list) or len(arguments) != count:
        raise InvalidInput(f"{name} has {count} arguments", remedy="see OGC 21-065r2")
    return arguments


def _number(value: float) -> str:
    if not math.isfinite(value):
        raise InvalidInput("a number of the filter is too large")
    return str(int(value)) if value == int(value) and abs(value) <= _EXACT else f"CAST({value!r} AS DOUBLE)"


def _refusal_of(expression: Any) -> InvalidInput:
    text = json.dumps(expression, ensure_ascii=False)[:80]
    return InvalidInput(
        f"the filter has {text} where there has to be something else",
        remedy="such as: kind = 'berth' AND passed > 10",
    )

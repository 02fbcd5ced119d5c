"""Single values of JSON against the rules of a schema for one value (JSON Schema 2020-12, Validation §6.1–§6.4)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from node.semantics.schemas.conformity import Problem, bound, bounds_check, choices_of, multiple_check, types_of
from node.semantics.schemas.formats import format_check


def value_problem(value: Any, rules: Mapping[str, Any]) -> Problem | None:
    """Return the first rule for one value that ``value`` breaks: its type, its choices, bounds, lengths, format; not
    its pattern, nor what is inside an object or a list."""
    types = types_of(rules)
    if types and types.isdisjoint(_types(value)):
        return "type", (display_text(value), ", ".join(sorted(types)))
    choices = choices_of(rules)
    is_listed = isinstance(value, str) and value in choices
    if choices and not is_listed and not any(same_value(value, choice) for choice in choices):
        return "choice", (display_text(value), ", ".join(map(display_text, choices))[:80])
    if isinstance(value, int | float) and not isinstance(value, bool):
        return _number_problem(value, rules)
    for kind, least, most, what in (
        (str, "minLength", "maxLength", "length"),
        (list, "minItems", "maxItems", "items"),
        (Mapping, "minProperties", "maxProperties", "properties"),
    ):
        if (least in rules or most in rules) and isinstance(value, kind):
            low, high = bound(rules, least), bound(rules, most)
            if (low is not None and len(value) < low) or (high is not None and len(value) > high):
                return what, (str(len(value)),)
    if isinstance(value, str) and "format" in rules:
        has_format = format_check(rules)
        if has_format is not None and not has_format(value):
            return "format", (display_text(value), str(rules["format"])[:80])
    return None


def same_value(value: Any, other: Any) -> bool:
    """Return whether two values of JSON are the same: 1 and 1.0 are, 1 and true are not (Core §4.2.2)."""
    ahead = [(value, other)]  # a list, and no call of itself: both may be nested as deeply as a parser reads
    while ahead:
        left, right = ahead.pop()
        if isinstance(left, Mapping) and isinstance(right, Mapping) and left.keys() == right.keys():
            ahead += [(member, right[name]) for name, member in left.items()]
        elif isinstance(left, list) and isinstance(right, list) and len(left) == len(right):
            ahead += zip(left, right, strict=True)
        elif isinstance(left, Mapping | list) or left != right or isinstance(left, bool) != isinstance(right, bool):
            return False
    return True


def display_text(value: Any) -> str:
    """Return ``value`` as a report shows it, in at most some forty characters."""
    if isinstance(value, Mapping | list):
        return "{…}" if isinstance(value, Mapping) else "[…]"
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    return repr(value[:40]) if isinstance(value, str) else str(value)[:40]


def _number_problem(value: float, rules: Mapping[str, Any]) -> Problem | None:
    problem = bounds_check(rules)(value, display_text(value))
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

"""Right operands as values that can be compared: moments, durations, numbers, versions.

A reader returns None for a value that it does not understand; the constraint then counts as unmet. Nothing is
guessed: ``P60M`` is sixty months (XML Schema 1.1 §3.3.6), a date is the whole day, and a moment without a time zone
is in UTC, so that both sides of an agreement read the same.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation

from node.base.clock import stamp
from node.policy.rules import Constraint, Value
from node.policy.terms import CREDENTIAL, PART_TYPES, VALUE_TYPES, ValueType, credential_type
from node.vocab.namespaces import XSD

_MOMENT = re.compile(
    r"(?P<day>\d{4}-\d\d-\d\d)"
    r"(?:T(?P<time>\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?))?"
    r"(?P<zone>Z|[+-](?:0\d|1[0-4]):[0-5]\d)?"
)
_DURATION = re.compile(
    r"P(?=[\dT])(?:(?P<years>\d{1,6})Y)?(?:(?P<months>\d{1,6})M)?(?:(?P<weeks>\d{1,6})W)?(?:(?P<days>\d{1,6})D)?"
    r"(?:T(?=\d)(?:(?P<hours>\d{1,6})H)?(?:(?P<minutes>\d{1,6})M)?(?:(?P<seconds>\d{1,6})S)?)?"
)
_VERSION = re.compile(r"(?P<base>.+)#v(?P<number>\d{1,9})")
_NUMBER = re.compile(r"[+-]?\d{1,18}(?:\.\d{1,9})?")


@dataclass(frozen=True, slots=True)
class Moment:
    """An instant (``start`` = ``end``), or a whole day from ``start`` to just before ``end``."""

    start: datetime
    end: datetime

    @property
    def is_day(self) -> bool:
        return self.start != self.end

    def holds(self, operator: str, at: datetime) -> bool | None:
        """Return whether ``at operator moment`` holds; None for an operator that does not order."""
        before = at < self.start
        after = at >= self.end if self.is_day else at > self.start
        match operator:
            case "lt":
                return before
            case "lteq":
                return not after
            case "gt":
                return after
            case "gteq":
                return not before
            case "eq":
                return not before and not after
            case "neq":
                return before or after
            case _:
                return None


@dataclass(frozen=True, slots=True)
class Duration:
    """An XSD duration, by its parts: months and days cannot be converted into one another."""

    parts: tuple[tuple[str, int], ...]


def moment(value: Value) -> Moment | None:
    """Return ``value`` as xsd:dateTime or xsd:date."""
    match = _MOMENT.fullmatch(value.text.strip())
    if match is None:
        return None
    day, time, zone = match["day"], match["time"], match["zone"]
    offset = "+00:00" if zone in {None, "Z"} else zone
    try:
        if time is None:
            start = datetime.fromisoformat(f"{day}T00:00:00{offset}").astimezone(UTC)
            return Moment(start, start + timedelta(days=1))
        midnight = re.fullmatch(r"24:00(:00(\.0+)?)?", time)
        instant = datetime.fromisoformat(f"{day}T{'00:00:00' if midnight else time}{offset}").astimezone(UTC)
        if midnight:
            instant += timedelta(days=1)
        return Moment(instant, instant)
    except (ValueError, OverflowError):
        return None


def in_utc(at: datetime) -> datetime:
    """Return ``at`` in UTC, for comparison; a datetime without zone is taken as UTC."""
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)


def duration(value: Value) -> Duration | None:
    """Return ``value`` as xsd:duration without sign; weeks are understood too (ISO 8601)."""
    match = _DURATION.fullmatch(value.text.strip())
    if match is None:
        return None
    parts = tuple((unit, int(count)) for unit, count in match.groupdict().items() if count is not None)
    return Duration(parts) if parts else None


def number(value: Value) -> Decimal | None:
    """Return ``value`` as a plain decimal number."""
    text = value.text.strip()
    if not _NUMBER.fullmatch(text):
        return None
    try:
        return Decimal(text)
    except InvalidOperation:
        return None


def compares(operator: str, left: Decimal, right: Decimal) -> bool | None:
    """Return whether ``left operator right`` holds; None for an operator that does not order numbers."""
    match operator:
        case "lt":
            return left < right
        case "lteq":
            return left <= right
        case "gt":
            return left > right
        case "gteq":
            return left >= right
        case "eq":
            return left == right
        case "neq":
            return left != right
        case _:
            return None


def version(iri: str) -> tuple[str, int | None]:
    """Return a version IRI ``<asset>#vN`` as asset and number; (``iri``, None) if it names no version."""
    match = _VERSION.fullmatch(iri)
    return (match["base"], int(match["number"])) if match else (iri, None)


def normal_values(constraint: Constraint) -> list[str]:
    """Return the right operand in one spelling, sorted and without repeats: equal values give equal text."""
    kind = VALUE_TYPES.get(constraint.left_operand)
    return sorted({_normal(value, kind, constraint.left_operand) for value in constraint.right_operand})


def _normal(value: Value, kind: ValueType | None, operand: str) -> str:
    if operand == CREDENTIAL:
        return credential_type(value.text)
    if kind is ValueType.IRI:
        return value.term
    if kind is ValueType.TEXT or kind in PART_TYPES:
        return value.text
    if kind is ValueType.MOMENT and (point := moment(value)) is not None:
        return f"{stamp(point.start)}/{stamp(point.end)}" if point.is_day else stamp(point.start)
    if kind is ValueType.NUMBER and (amount := number(value)) is not None:
        return format(amount.normalize(), "f")
    if kind is ValueType.DURATION and duration(value) is not None:
        return value.text.strip()
    mark = "@" + value.language if value.language else "^^" + value.datatype
    if value.iri:
        mark = "<>"
    return value.text + (mark if mark not in {"^^", f"^^{XSD}string"} else "")

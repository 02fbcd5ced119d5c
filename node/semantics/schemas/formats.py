"""Check texts against the formats of JSON Schema that have one sure meaning (JSON Schema 2020-12, Validation §7.3).

A value of JSON is written as its format says (RFC 3339 and others; a time may lack its seconds and its zone, as it
may in most of the languages that schemas come from). A cell of a table is a text in any case, and tables write days
and times in many ways: there, each way counts that names a day of the calendar, or a time of the day.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import date
from ipaddress import IPv4Address, IPv6Address
from types import MappingProxyType
from typing import Any, Final
from urllib.parse import urlsplit
from uuid import UUID

FormatCheck = Callable[[str], bool]
"""Returns whether a text has a format."""

WRITTEN: Final = "x-written"
"""The form of the values of a field, where its language gave one that JSON Schema has no word for."""
LONGEST: Final = 2048
"""Characters of a text that is checked; no value of these formats is longer."""
_DAY: Final = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_TIME: Final = re.compile(
    r"(\d{2}):(\d{2})(?::(\d{2})(?:\.\d{1,12})?)?(?:Z|[+-](\d{2}):?(\d{2}))?", re.ASCII | re.IGNORECASE
)
_DAY_OF_TABLE: Final = re.compile(r"(\d{1,4})([-/. ])(\d{1,2})\2(\d{1,4})", re.ASCII)
_TIME_OF_TABLE: Final = re.compile(
    r"(\d{1,2}):(\d{2})(?::(\d{2})(?:[.,]\d{1,12})?)?(?: ?(?:[AP]M|UTC|Z|[+-]\d{2}(?::?\d{2})?))?",
    re.ASCII | re.IGNORECASE,
)
_MONTH: Final = re.compile(r"\d{4}-(?:0[1-9]|1[0-2])", re.ASCII)
_DURATION: Final = re.compile(
    r"-?P(?=.)(?:\d+W|(?:\d+Y)?(?:\d+M)?(?:\d+D)?(?:T(?=.)(?:\d+H)?(?:\d+M)?(?:\d+(?:\.\d+)?S)?)?)", re.ASCII
)
_EMAIL: Final = re.compile(r"[^\s@\x00-\x1f\x7f]{1,64}@[^\s@\x00-\x1f\x7f]{1,255}")
_SCHEME: Final = re.compile(r"[a-z][a-z0-9+.-]*", re.IGNORECASE | re.ASCII)
_NOT_IN_IRIS: Final = re.compile(r'[\s<>"{}|\\^`\x00-\x1f\x7f]')


def format_check(rules: Mapping[str, Any], *, in_cell: bool = False) -> FormatCheck | None:
    """Return the check of the ``format`` that ``rules`` state; None if they state none that is compared here, or if
    the language of the schema gave the values a form of their own (``WRITTEN``). ``in_cell``: of a table."""
    name = rules.get("format")
    if not isinstance(name, str) or WRITTEN in rules:
        return None
    return (_OF_CELLS if in_cell else _OF_VALUES).get(name)


def _is_day(text: str) -> bool:
    return _DAY.fullmatch(text) is not None and _is_date(text[:4], text[5:7], text[8:])


def _is_date(year: str, month: str, day: str) -> bool:
    try:
        date(int(year), int(month), int(day))
    except ValueError:
        return False
    return True


def _is_time(text: str) -> bool:
    match = _TIME.fullmatch(text)
    if match is None:
        return False
    hour, minute, second, zone_hour, zone_minute = (int(number or 0) for number in match.groups())
    # A minute may have a leap second (RFC 3339 §5.6).
    return hour < 24 and minute < 60 and second < 61 and zone_hour < 24 and zone_minute < 60


def _is_date_time(text: str) -> bool:
    return text[10:11] in ("T", "t", " ") and _is_day(text[:10]) and _is_time(text[11:])


def _is_day_of_table(text: str) -> bool:
    match = _DAY_OF_TABLE.fullmatch(text)
    if match is None:
        return False
    first, middle, last = match[1], match[3], match[4]
    if len(first) > 2:
        return _is_date(first, middle, last)
    year = last if len(last) > 2 else f"20{last:0>2}"
    orders = ((year, middle, first), (year, first, middle), (f"20{first:0>2}", middle, last))
    return any(_is_date(*order) for order in orders)


def _is_time_of_table(text: str) -> bool:
    match = _TIME_OF_TABLE.fullmatch(text)
    return match is not None and int(match[1]) < 25 and int(match[2]) < 60 and int(match[3] or 0) < 61


def _is_date_time_of_table(text: str) -> bool:
    # A column of times may have days that begin at midnight and are written without it.
    if _is_day_of_table(text):
        return True
    places = [place for place, sign in enumerate(text) if sign in "Tt "]
    return any(_is_day_of_table(text[:place]) and _is_time_of_table(text[place + 1 :]) for place in places[:3])


def _is_uuid(text: str) -> bool:
    try:
        return str(UUID(text)) == text.lower()
    except ValueError:
        return False


def _is_iri(text: str) -> bool:
    scheme, colon, rest = text.partition(":")
    if not colon or not rest or _SCHEME.fullmatch(scheme) is None or _NOT_IN_IRIS.search(text):
        return False
    try:
        urlsplit(text)
    except ValueError:  # brackets of a host that is no address
        return False
    return True


def _is_address(kind: Callable[[str], object]) -> FormatCheck:
    def check(text: str) -> bool:
        try:
            kind(text)
        except ValueError:
            return False
        return "%" not in text

    return check


def _limit(check: FormatCheck) -> FormatCheck:
    return lambda text: len(text) <= LONGEST and check(text)


_OF_VALUES: Final[Mapping[str, FormatCheck]] = MappingProxyType(
    {
        name: _limit(check)
        for name, check in {
            "date": _is_day,
            "time": _is_time,
            "date-time": _is_date_time,
            "year-month": lambda text: _MONTH.fullmatch(text) is not None,
            "duration": lambda text: _DURATION.fullmatch(text) is not None,
            "email": lambda text: _EMAIL.fullmatch(text) is not None,
            "uuid": _is_uuid,
            "uri": _is_iri,
            "iri": _is_iri,
            "ipv4": _is_address(IPv4Address),
            "ipv6": _is_address(IPv6Address),
        }.items()
    }
)
_OF_CELLS: Final[Mapping[str, FormatCheck]] = MappingProxyType(
    {
        **_OF_VALUES,
        "date": _limit(_is_day_of_table),
        "time": _limit(_is_time_of_table),
        "date-time": _limit(_is_date_time_of_table),
    }
)

"""Dates, times, numbers and sizes as a reader's language writes them, by CLDR.

Do not use these texts in data that is signed or hashed: a later edition of CLDR may format a date differently.
"""

from __future__ import annotations

import math
import re
from datetime import datetime, timedelta, tzinfo
from decimal import Context, localcontext
from typing import Final

from node.texts.catalogue import Catalogue
from node.texts.languages import locale

HARD: Final = "\u00a0"
"""A no-break space."""

_OWN: Final = Catalogue("formats")
"""Words that Babel lacks in some of our languages, or lacks in the case of a word that stands alone (Czech days)."""

_SPANS: Final = ("year", "month", "day", "hour", "minute", "second")
_DURATION: Final = re.compile(
    r"P(?=.)(?:(\d{1,6})Y)?(?:(\d{1,6})M)?(?:(\d{1,6})D)?"
    r"(?:T(?=.)(?:(\d{1,6})H)?(?:(\d{1,6})M)?(?:(\d{1,6})(?:\.\d+)?S)?)?"
)
_UNITS: Final = ("kilobyte", "megabyte", "gigabyte", "terabyte", "petabyte")
_MOST_DIGITS: Final = 400
"""Largest number of digits: a float has at most 309 before its point."""


def number_text(value: float, language: str, decimals: int | None = None) -> str:
    """Return a number; fractions keep ``decimals`` places, or up to three."""
    from babel.numbers import format_decimal

    pattern = "#,##0.###" if decimals is None else f"#,##0.{'0' * decimals}".rstrip(".")
    with localcontext(Context(prec=_MOST_DIGITS)):
        return str(format_decimal(value, format=pattern, locale=locale(language)))


def size_text(octets: int, language: str) -> str:
    """Return a number of bytes in decimal units (1 MB = 1 000 000 bytes), with up to three figures."""
    from babel.units import format_unit

    if octets < 1000:
        return _OWN.say(language, "bytes", octets, n=octets).replace(" ", HARD)
    place = min(int(math.log10(octets)) // 3, len(_UNITS))
    if place < len(_UNITS) and octets / 1000**place >= 999.5:
        place += 1
    value = octets / 1000**place
    pattern = "#,##0" if value >= 99.95 else "#,##0.0"
    text = format_unit(value, f"digital-{_UNITS[place - 1]}", "short", format=pattern, locale=locale(language))
    return str(text).replace(" ", HARD)


def day_text(moment: datetime, zone: tzinfo, language: str) -> str:
    """Return the date written out: ``20 November 2026``."""
    from babel.dates import format_date

    local = moment.astimezone(zone)
    # CLDR has no ordinals, and French writes the first of a month with one.
    pattern = "'1er' MMMM y" if language == "fr" and local.day == 1 else "long"
    return str(format_date(local.date(), pattern, locale(language))).replace(" ", HARD)


def minute_text(moment: datetime, zone: tzinfo, language: str) -> str:
    """Return date and time of day, with the zone's name as clocks there show it (``CET``)."""
    from babel.dates import format_time, get_datetime_format

    local = moment.astimezone(zone)
    time = format_time(local.time(), "short", locale=locale(language))
    joined = str(get_datetime_format("medium", locale=locale(language)))
    text = joined.replace("{1}", day_text(moment, zone, language)).replace("{0}", time)
    return f"{text} {local.tzname() or 'UTC'}"


def second_text(moment: datetime, zone: tzinfo, language: str) -> str:
    """Return the time of day to the second, for time lines."""
    from babel.dates import format_time

    return str(format_time(moment.astimezone(zone).time(), "medium", locale=locale(language)))


def distance_text(distance: timedelta, language: str) -> str:
    """Return how long ago something was, or how far ahead if ``distance`` is negative, in the largest unit."""
    from babel.dates import format_timedelta

    if abs(distance) < timedelta(minutes=1):
        return _OWN.say(language, "now")
    return str(format_timedelta(-distance, threshold=1, add_direction=True, locale=locale(language)))


def duration_text(duration: str, language: str) -> str:
    """Return an xsd:duration such as ``PT15M`` or ``P30D`` in words; return any other text unchanged."""
    match = _DURATION.fullmatch(duration)
    amounts = zip(_SPANS, match.groups() if match else (), strict=False)
    words = [_OWN.say(language, f"span.{unit}", int(n), n=number_text(int(n), language)) for unit, n in amounts if n]
    return " ".join(words) or duration

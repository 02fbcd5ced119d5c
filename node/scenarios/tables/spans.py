"""Steps in time: ISO 8601 durations that have the same length every day.

Months and years have no fixed length, and XML Schema has no weeks (xsd:dayTimeDuration), so neither is read here.
"""

from __future__ import annotations

import re
from datetime import timedelta
from enum import StrEnum
from typing import Final

from node.base.errors import InvalidInput

_DURATION: Final = re.compile(
    r"P(?:(?P<days>\d{1,6})D)?(?:T(?:(?P<hours>\d{1,6})H)?(?:(?P<minutes>\d{1,6})M)?(?:(?P<seconds>\d{1,6}(?:\.\d{1,6})?)S)?)?"
)
_NAMED: Final = ((timedelta(days=1), "day"), (timedelta(hours=1), "hour"), (timedelta(minutes=1), "minute"))


class Order(StrEnum):
    """The relation of one step to another."""

    SAME = "same"
    FINER = "finer"
    """A whole number of it makes the other: sums and means are possible."""
    COARSER = "coarser"
    ASKEW = "askew"
    """Neither is a whole multiple of the other."""


def parse_step(text: str) -> timedelta:
    """Return ``PT15M``, ``PT1H``, ``P1D`` as a duration. Raises ``InvalidInput`` for other texts, and for a zero
    duration."""
    match = _DURATION.fullmatch(text.strip())
    if match is None or text.strip().endswith(("P", "T")):
        hint = "months and years have no fixed length" if re.match(r"P[^T]*[YMW]", text.strip()) else ""
        raise InvalidInput(
            f"{text[:40]!r} is not a time step{': ' + hint if hint else ''}",
            remedy="write days, hours, minutes or seconds as PT15M, PT1H or P1D",
        )
    seconds = match["seconds"] or "0"
    step = timedelta(
        days=int(match["days"] or 0),
        hours=int(match["hours"] or 0),
        minutes=int(match["minutes"] or 0),
        seconds=int(seconds.partition(".")[0]),
        microseconds=int((seconds.partition(".")[2] + "000000")[:6]),
    )
    if not step:
        raise InvalidInput(f"{text[:40]!r} is not a time step: it lasts no time", remedy="write PT15M, PT1H or P1D")
    return step


def step_text(step: timedelta) -> str:
    """Return a positive duration as ISO 8601: ``PT15M``; 24 hours are ``P1D``."""
    days, rest = step.days, step.seconds
    parts = [f"{rest // 3600}H" if rest >= 3600 else "", f"{rest // 60 % 60}M" if rest // 60 % 60 else ""]
    if rest % 60 or step.microseconds:
        fraction = f".{step.microseconds:06}".rstrip("0") if step.microseconds else ""
        parts.append(f"{rest % 60}{fraction}S")
    time = "".join(parts)
    return f"P{f'{days}D' if days else ''}{f'T{time}' if time else ''}"


def step_words(step: timedelta) -> str:
    """Return a positive duration in English: ``15 minutes``, ``an hour``."""
    if step == timedelta(minutes=15):
        return "a quarter of an hour"
    for length, name in _NAMED:
        count, rest = divmod(step, length)
        if count and not rest:
            return f"{count} {name}s" if count > 1 else f"{'an' if name == 'hour' else 'a'} {name}"
    return f"{step.total_seconds():g} seconds"


def compare_steps(a: timedelta, b: timedelta) -> Order:
    """Return whether ``a`` is the same step as ``b``, a finer or a coarser one, or one that does not fit into it."""
    if a == b:
        return Order.SAME
    if a < b:
        return Order.ASKEW if b % a else Order.FINER
    return Order.ASKEW if a % b else Order.COARSER

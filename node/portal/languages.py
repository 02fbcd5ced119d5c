"""The languages of the interface: which one a reader gets, plurals, dates and numbers.

The texts are the catalogue ``portal`` of ``node.texts``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from typing import Any, Final

from node.portal.markup import language_tag
from node.texts.catalogue import Catalogue

LANGUAGES: Final[dict[str, str]] = {
    "en": "English",
    "nl": "Nederlands",
    "cs": "Čeština",
    "fr": "Français",
    "de": "Deutsch",
}
"""Tag → the language's own name."""

FALLBACK: Final = "en"

_PORTAL: Final = Catalogue("portal")
_NAME: Final = re.compile(r"\{(\w+)\}")
_THIN: Final = "\u202f"
_HARD: Final = "\u00a0"

_NUMBERS: Final[dict[str, tuple[str, str]]] = {
    "en": (",", "."),
    "nl": (".", ","),
    "cs": (_HARD, ","),
    "fr": (_THIN, ","),
    "de": (".", ","),
}
"""Tag → (between thousands, before the fraction)."""


def texts(language: str) -> Mapping[str, Any]:
    """The texts of a language of ``LANGUAGES``."""
    return _PORTAL.texts(language)


def plural(language: str, count: int) -> str:
    """The CLDR plural form of a whole number in ``language``."""
    match language:
        case "cs":
            return "one" if count == 1 else "few" if 2 <= count <= 4 else "other"
        case "fr":
            return "one" if count in (0, 1) else "other"
        case _:
            return "one" if count == 1 else "other"


def chosen(*wishes: str | None, accept: str = "") -> str:
    """The first of ``wishes`` (query, cookie) that we speak, else what ``accept`` (RFC 9110 §12.5.4) prefers."""
    for wish in wishes:
        if wish and wish.lower()[:2] in LANGUAGES and language_tag(wish):
            return wish.lower()[:2]
    weighed: list[tuple[float, int, str]] = []
    for place, part in enumerate(accept.split(",")[:30]):
        tag, _, parameters = part.strip().partition(";")
        quality = re.fullmatch(r"\s*q=([01](?:\.\d{0,3})?)\s*", parameters)
        weight = float(quality[1]) if quality else 0.0 if parameters else 1.0
        if weight > 0 and tag.lower()[:2] in LANGUAGES and language_tag(tag):
            weighed.append((-weight, place, tag.lower()[:2]))
    return min(weighed)[2] if weighed else FALLBACK


def pick(texts_by_tag: Mapping[str, str], language: str) -> tuple[str, str]:
    """(text, its language) for a reader of ``language``: that, a variant of it, English, or what there is."""
    if not texts_by_tag:
        return "", ""
    for wanted in (language, FALLBACK):
        if texts_by_tag.get(wanted):
            return texts_by_tag[wanted], wanted
        for tag, text in texts_by_tag.items():
            if text and tag.lower().startswith(f"{wanted}-"):
                return text, tag
    return next(((text, tag) for tag, text in texts_by_tag.items() if text), ("", ""))


@dataclass(frozen=True, slots=True)
class Speaker:
    """Says things in one language and one time zone."""

    language: str
    zone: tzinfo
    now: datetime

    def say(self, key: str, count: int | None = None, /, **values: object) -> str:
        """The text of ``key``; raises ``KeyError`` where there is none, so that a test notices."""
        found = texts(self.language)[key]
        if isinstance(found, dict):
            form = plural(self.language, count or 0)
            found = found.get(form) or found["other"]
        if count is not None:
            values = {"n": self.number(count), **values}
        # Not str.format: values come from strangers and must not be able to name attributes.
        return _NAME.sub(lambda match: str(values.get(match[1], match[0])), str(found))

    def known(self, key: str) -> bool:
        return key in texts(self.language)

    def asks(self, key: str) -> frozenset[str]:
        """The names of the values that the text of ``key`` is filled with."""
        found = texts(self.language)[key]
        return frozenset(_NAME.findall(" ".join(found.values()) if isinstance(found, dict) else str(found)))

    def word(self, family: str, value: str) -> str:
        """The word for a value of a closed list (``kind.dataset``), or the value itself where it is unknown."""
        key = f"{family}.{value}"
        return self.say(key) if self.known(key) else value

    def number(self, value: float, decimals: int | None = None) -> str:
        """A number in the reader's format; fractions keep ``decimals`` places, or up to three."""
        thousands, point = _NUMBERS[self.language]
        if isinstance(value, int) or decimals == 0:
            text = f"{round(value):,}"
        else:
            text = f"{value:,.{3 if decimals is None else decimals}f}"
            if decimals is None:
                text = text.rstrip("0").rstrip(".")
        return text.replace(",", "\0").replace(".", point).replace("\0", thousands)

    def size(self, octets: int) -> str:
        """Bytes in decimal units (1 MB = 1 000 000 bytes), three figures."""
        if octets < 1000:
            return f"{octets}{_HARD}B"
        value = float(octets)
        unit = "B"
        for unit in ("kB", "MB", "GB", "TB", "PB"):  # noqa: B007 - the last one reached is used
            value /= 1000
            if value < 999.5:
                break
        decimals = 0 if value >= 99.95 else 1
        return f"{self.number(value, decimals)}{_HARD}{unit}"

    def day(self, moment: datetime) -> str:
        """The date written out: ``20 November 2026``."""
        local = moment.astimezone(self.zone)
        month = texts(self.language)["months"].split()[local.month - 1]
        first = self.language == "fr" and local.day == 1
        return self.say("date", day="1er" if first else local.day, month=month, year=local.year).replace(" ", _HARD)

    def minute(self, moment: datetime) -> str:
        """Date and time of day, with the zone's name."""
        local = moment.astimezone(self.zone)
        return self.say("datetime", date=self.day(moment), time=f"{local:%H:%M}", zone=local.tzname() or "UTC")

    def second(self, moment: datetime) -> str:
        """The time of day to the second, for time lines."""
        return f"{moment.astimezone(self.zone):%H:%M:%S}"

    def ago(self, moment: datetime) -> str:
        """How long ago, or how far ahead, in the largest whole unit."""
        distance = self.now - moment
        side = "ago" if distance >= timedelta(0) else "ahead"
        seconds = abs(distance).total_seconds()
        for unit, length in (("year", 31_557_600), ("month", 2_629_800), ("day", 86_400), ("hour", 3600)):
            if seconds >= length:
                return self.say(f"{side}.{unit}", int(seconds // length))
        return self.say(f"{side}.minute", int(seconds // 60)) if seconds >= 60 else self.say("ago.now")

    def duration(self, text: str) -> str:
        """An xsd:duration such as ``PT15M`` or ``P30D`` in words; anything else comes back as it is."""
        found = re.fullmatch(
            r"P(?=.)(?:(\d{1,6})Y)?(?:(\d{1,6})M)?(?:(\d{1,6})D)?"
            r"(?:T(?=.)(?:(\d{1,6})H)?(?:(\d{1,6})M)?(?:(\d{1,6})(?:\.\d+)?S)?)?",
            text,
        )
        if not found:
            return text
        units = ("year", "month", "day", "hour", "minute", "second")
        said = [
            self.say(f"span.{unit}", int(amount))
            for unit, amount in zip(units, found.groups(), strict=True)
            if amount
        ]
        return " ".join(said) or text

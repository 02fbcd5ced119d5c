"""The language of a page, with dates and numbers in the format of that language."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from typing import Final

from node.portal.markup import language_tag
from node.texts import formats
from node.texts.catalogue import Catalogue
from node.texts.languages import FALLBACK, LANGUAGES

PORTAL: Final = Catalogue("portal")
"""The texts of the pages."""


def choose_language(*wishes: str | None, accept: str = "") -> str:
    """Return the first supported of ``wishes`` (query, cookie), else by ``accept`` (RFC 9110 §12.5.4)."""
    for wish in wishes:
        if wish and wish.lower()[:2] in LANGUAGES and language_tag(wish):
            return wish.lower()[:2]
    choices: list[tuple[float, int, str]] = []
    for place, part in enumerate(accept.split(",")[:30]):
        tag, _, parameters = part.strip().partition(";")
        quality = re.fullmatch(r"\s*q=([01](?:\.\d{0,3})?)\s*", parameters)
        weight = float(quality[1]) if quality else 0.0 if parameters else 1.0
        if weight > 0 and tag.lower()[:2] in LANGUAGES and language_tag(tag):
            choices.append((-weight, place, tag.lower()[:2]))
    return min(choices)[2] if choices else FALLBACK


@dataclass(frozen=True, slots=True)
class Speaker:
    """Texts, dates and numbers in one language and one time zone."""

    language: str
    zone: tzinfo
    now: datetime

    def say(self, key: str, count: int | None = None, /, **values: object) -> str:
        """Return the text of ``key``; raises ``KeyError`` if there is none, so that a test notices."""
        if count is not None:
            values = {"n": self.number(count), **values}
        return PORTAL.say(self.language, key, count, **values)

    def knows(self, key: str) -> bool:
        return PORTAL.knows(key)

    def asks(self, key: str) -> frozenset[str]:
        """Return the names of the values that the text of ``key`` needs."""
        return PORTAL.names(key, self.language)

    def word(self, family: str, value: str) -> str:
        """Return the word for a value of a closed list (``kind.dataset``), or the value itself if it is unknown."""
        key = f"{family}.{value}"
        return self.say(key) if self.knows(key) else value

    def number(self, value: float, decimals: int | None = None) -> str:
        """Return a number in the reader's format; fractions have ``decimals`` places, or up to three."""
        return formats.number_text(value, self.language, decimals)

    def size(self, octets: int) -> str:
        """Return bytes in decimal units (1 MB = 1 000 000 bytes), three figures."""
        return formats.size_text(octets, self.language)

    def day(self, moment: datetime) -> str:
        """Return the date written out: ``20 November 2026``."""
        return formats.day_text(moment, self.zone, self.language)

    def minute(self, moment: datetime) -> str:
        """Return date and time of day, with the zone's name."""
        return formats.minute_text(moment, self.zone, self.language)

    def second(self, moment: datetime) -> str:
        """Return the time of day to the second, for time lines."""
        return formats.second_text(moment, self.zone, self.language)

    def universal(self, moment: datetime) -> str:
        """Return date and time of day in UTC, for the pointer."""
        return formats.minute_text(moment, UTC, self.language)

    def ago(self, moment: datetime) -> str:
        """Return how long ago, or how far ahead, in the largest unit."""
        return formats.distance_text(self.now - moment, self.language)

    def duration(self, text: str) -> str:
        """Return an xsd:duration such as ``PT15M`` or ``P30D`` in words; any other text unchanged."""
        return formats.duration_text(text, self.language)

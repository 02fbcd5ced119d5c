"""What a page says to its reader: in which language, with dates and numbers as that language writes them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, tzinfo
from typing import Final

from node.portal.markup import language_tag
from node.texts import formats
from node.texts.catalogue import Catalogue
from node.texts.languages import FALLBACK, LANGUAGES

PORTAL: Final = Catalogue("portal")
"""The texts of the pages."""


def chosen(*wishes: str | None, accept: str = "") -> str:
    """The first of ``wishes`` (query, cookie) that is supported, else what ``accept`` (RFC 9110 §12.5.4) prefers."""
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


@dataclass(frozen=True, slots=True)
class Speaker:
    """Says things in one language and one time zone."""

    language: str
    zone: tzinfo
    now: datetime

    def say(self, key: str, count: int | None = None, /, **values: object) -> str:
        """The text of ``key``; raises ``KeyError`` where there is none, so that a test notices."""
        if count is not None:
            values = {"n": self.number(count), **values}
        return PORTAL.say(self.language, key, count, **values)

    def known(self, key: str) -> bool:
        return PORTAL.known(key)

    def asks(self, key: str) -> frozenset[str]:
        """The names of the values that the text of ``key`` is filled with."""
        return PORTAL.names(key, self.language)

    def word(self, family: str, value: str) -> str:
        """The word for a value of a closed list (``kind.dataset``), or the value itself where it is unknown."""
        key = f"{family}.{value}"
        return self.say(key) if self.known(key) else value

    def number(self, value: float, decimals: int | None = None) -> str:
        """A number in the reader's format; fractions keep ``decimals`` places, or up to three."""
        return formats.number_text(value, self.language, decimals)

    def size(self, octets: int) -> str:
        """Bytes in decimal units (1 MB = 1 000 000 bytes), three figures."""
        return formats.size_text(octets, self.language)

    def day(self, moment: datetime) -> str:
        """The date written out: ``20 November 2026``."""
        return formats.day_text(moment, self.zone, self.language)

    def minute(self, moment: datetime) -> str:
        """Date and time of day, with the zone's name."""
        return formats.minute_text(moment, self.zone, self.language)

    def second(self, moment: datetime) -> str:
        """The time of day to the second, for time lines."""
        return formats.second_text(moment, self.zone, self.language)

    def ago(self, moment: datetime) -> str:
        """How long ago, or how far ahead, in the largest unit."""
        return formats.distance_text(self.now - moment, self.language)

    def duration(self, text: str) -> str:
        """An xsd:duration such as ``PT15M`` or ``P30D`` in words; anything else comes back as it is."""
        return formats.duration_text(text, self.language)

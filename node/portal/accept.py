"""The choice between a page for people and data for machines (RFC 9110 §12.5.1)."""

from __future__ import annotations

import re
from typing import Final

_PAGES: Final = ("text/html", "application/xhtml+xml")
_QUALITY: Final = re.compile(r"\s*q\s*=\s*([01](?:\.\d{0,3})?)\s*", re.I)


def prefers_page(accept: str) -> bool:
    """Return whether ``accept`` names HTML, and nothing else with more weight.

    A header that does not name HTML (an absent one, or ``*/*`` alone, which command-line clients send) asks for data.
    At equal weight the page wins: browsers name other types of image and XML beside HTML.
    """
    best_page = best_other = 0.0
    for part in accept.split(",")[:50]:
        media, *parameters = part.split(";")
        weight = 1.0
        for parameter in parameters:
            if found := _QUALITY.fullmatch(parameter):
                weight = float(found[1])
        name = media.strip().lower()
        if name in _PAGES:
            best_page = max(best_page, weight)
        elif name and "*" not in name:
            best_other = max(best_other, weight)
    return best_page > 0 and best_page >= best_other

"""Areas as people write them: four edges in degrees, or the name of a place."""

from __future__ import annotations

import re
from typing import Final

from node.base.errors import InvalidInput
from node.semantics.codelists.places import PLACES, place_named, places_like

Box = tuple[float, float, float, float]
"""West, south, east, north, in degrees (WGS 84)."""

_WRITTEN: Final = re.compile(r"(?:\s*-?\d{1,3}(?:\.\d{1,12})?\s*(?:,|$)){4}")


def area(text: str) -> Box | None:
    """Return the area that ``west,south,east,north`` says; None for an empty text. Raises ``InvalidInput``."""
    if not text:
        return None
    if not _WRITTEN.fullmatch(text) or text.count(",") != 3:
        raise InvalidInput(
            "the area is not four numbers",
            remedy="write bbox=west,south,east,north in degrees (WGS 84)",
            facts={"case": "area"},
        )
    west, south, east, north = (float(part) for part in text.split(","))
    if not (-180 <= west <= east <= 180 and -90 <= south <= north <= 90):
        raise InvalidInput(
            "the area is not valid",
            remedy="write bbox=west,south,east,north, smaller numbers first",
            facts={"case": "area"},
        )
    return west, south, east, north


def area_searched(name: str, box: Box | None) -> Box | None:
    """Return the area of the place ``name`` of the gazetteer, in any language, or ``box`` without a name. Raises
    ``InvalidInput`` for a place that is not in the gazetteer, and for both."""
    if not name:
        return box
    if box is not None:
        raise InvalidInput(
            "a search has a place or an area, not both", remedy="leave out one", facts={"case": "place-and-area"}
        )
    place = place_named(name)
    if place is None:
        near = places_like(name) or tuple(known.name for known in PLACES)
        raise InvalidInput(
            f"the place {name[:80]!r} is not known here",
            remedy=f"use {', '.join(near)}, or an area: bbox=west,south,east,north",
            facts={"case": "place"},
        )
    return place.bbox

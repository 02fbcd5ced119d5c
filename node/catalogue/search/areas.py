"""Areas as people write them: four edges in degrees."""

from __future__ import annotations

import re
from typing import Final

from node.base.errors import InvalidInput

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

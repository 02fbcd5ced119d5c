"""From the path of a file to features for a map. The cage reads it (``node.adapters.profiles.features``)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from node.cage.model import AsyncCage, Limits, remedy_against_limits
from node.semantics.codelists.lookup import fold
from node.semantics.model import BBox
from node.semantics.profiles.cage_client import OWN_GROUP
from node.semantics.profiles.places import EAST, NORTH

TARGET: Final = "tables.features"
LIMITS: Final = Limits(memory=1536 << 20, cpu=20, wall=20.0, answer=32 << 20)
"""The limits of one reading."""

MOST: Final = 5_000
"""The most features of one reading."""
MOST_POSITIONS: Final = 150_000
"""The most positions of their geometries."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MapColumn:
    """A column of the features."""

    name: str
    numeric: bool = False
    temporal: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class FeatureSet:
    """Features of a file as GeoJSON in degrees (``features``: the array, as text).

    ``shown`` is how many there are, of ``total`` in the file; ``omissions`` have no geometry that a map can show.
    """

    features: bytes
    columns: tuple[MapColumn, ...]
    shown: int
    total: int
    omissions: int = 0

    def to_geojson(self) -> bytes:
        """Return a document of GeoJSON (RFC 7946), with facts about it as a foreign member."""
        import json

        facts: Mapping[str, Any] = {
            "shown": self.shown,
            "total": self.total,
            "skipped": self.omissions,
            "columns": [
                {"name": column.name, "numeric": column.numeric, "temporal": column.temporal}
                for column in self.columns
            ],
        }
        head = json.dumps({"type": "FeatureCollection", "facts": facts}, ensure_ascii=False)
        return b"".join((head[:-1].encode("utf-8", errors="replace"), b', "features": ', self.features, b"}"))


def has_places(columns: tuple[str, ...]) -> bool:
    """Return whether two of these columns are longitude and latitude."""
    names = {"".join(c for c in fold(column) if c.isalpha()) for column in columns}
    return bool(names & EAST) and bool(names & NORTH)


class StoredFeatures:
    """The files of this node with places. ``place`` returns the path of a SHA-256, or raises ``NotFound``."""

    def __init__(self, cage: AsyncCage, place: Callable[[str], Path]) -> None:
        self._cage = cage
        self._place = place

    async def __call__(self, sha256: str, name: str, box: BBox | None = None, *, most: int = MOST) -> FeatureSet:
        """Return features of the stored file ``name``. Raises the errors of ``read``, and ``NotFound``."""
        return await self.read(await asyncio.to_thread(self._place, sha256), name, box, most=most)

    async def read(self, file: Path, name: str, box: BBox | None = None, *, most: int = MOST) -> FeatureSet:
        """Return at most ``most`` features of ``file``, which people call ``name``, those in ``box`` if it is given.

        Raises ``InvalidInput`` for a file without places, or with places in an unknown coordinate reference system,
        and ``Overloaded`` for one that is too large.
        """
        path = str(await asyncio.to_thread(file.resolve))
        order = {"path": path, "name": name, "box": box, "most": min(most, MOST), "positions": MOST_POSITIONS}
        with remedy_against_limits("choose a part of the map, or download the file"):
            facts, blobs = await self._cage.call(TARGET, order, limits=LIMITS, readable=[path, OWN_GROUP])
        return FeatureSet(
            features=blobs[0],
            columns=tuple(
                MapColumn(name=name, numeric=numeric, temporal=temporal)
                for name, numeric, temporal in facts["columns"]
            ),
            shown=facts["shown"],
            total=facts["total"],
            omissions=facts["skipped"],
        )

"""From the path of a file to objects in three dimensions. The cage reads it (``node.adapters.profiles.scenes``)."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from node.cage.model import AsyncCage, Limits, remedy_against_limits
from node.semantics.profiles.cage_client import OWN_GROUP

TARGET: Final = "scenes.read"
TILE_TARGET: Final = "scenes.tile"
LIMITS: Final = Limits(memory=1536 << 20, cpu=30, wall=30.0, answer=48 << 20)
"""The limits of one reading."""

MOST: Final = 5_000
"""The most objects of one reading."""
MOST_CORNERS: Final = 400_000
"""The most corners of their surfaces."""
HEAD: Final = 4_096
"""Bytes from the beginning of a file that say whether it is a scene."""

_TYPES: Final = ("application/city+json", "application/json+3dtiles")
_PERHAPS: Final = (".json", ".zip", ".3tz")
_ENDINGS: Final = (".city.json", ".cityjson", "tileset.json", ".3tz", ".3dtiles.zip")
_CITYJSON: Final = re.compile(rb'"type"\s*:\s*"CityJSON"')
_TILESET: Final = re.compile(rb'"asset"\s*:\s*\{[^{}]{0,400}"version"')


@dataclass(frozen=True, slots=True, kw_only=True)
class SceneColumn:
    """An attribute of the objects."""

    name: str
    numeric: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectScene:
    """Objects of a file (``objects``: an object of JSON with the vertices, as text), and facts about all of them.

    ``extent`` is in the coordinates of ``crs``: the lowest of each axis, then the highest; for 3D Tiles west, south,
    east and north in degrees, the lowest and the highest point. ``size`` is in metres. ``shown`` objects are here, of
    ``total``; ``omissions`` of them have a geometry with an error. Sets of tiles have the name of their description
    (``root``), the number of their tiles, and of those that are not in the file.
    """

    objects: bytes
    format: str
    version: str = ""
    crs: str = ""
    extent: tuple[float, ...] = ()
    size: tuple[float, ...] = ()
    types: tuple[tuple[str, int], ...] = ()
    lods: tuple[str, ...] = ()
    columns: tuple[SceneColumn, ...] = ()
    shown: int = 0
    total: int = 0
    omissions: int = 0
    tiles: int = 0
    absences: int = 0
    root: str = ""

    @classmethod
    def read(cls, facts: Mapping[str, Any], objects: bytes) -> ObjectScene:
        """Return the scene of an answer of the cage."""
        return cls(
            objects=objects,
            format=facts["format"],
            version=facts["version"],
            crs=facts["crs"],
            extent=tuple(facts["extent"]),
            size=tuple(facts["size"]),
            types=tuple((name, count) for name, count in facts["types"]),
            lods=tuple(facts["lods"]),
            columns=tuple(SceneColumn(name=name, numeric=numeric) for name, numeric in facts["columns"]),
            shown=facts["shown"],
            total=facts["total"],
            omissions=facts["skipped"],
            tiles=facts.get("tiles", 0),
            absences=facts.get("absent", 0),
            root=facts.get("root", ""),
        )

    @property
    def has_tiles(self) -> bool:
        return self.root != ""

    def items(self) -> Sequence[Mapping[str, Any]]:
        """Return the objects, each with ``id``, ``type``, ``height`` and ``properties``."""
        return list(json.loads(self.objects)["objects"])

    def to_json(self) -> bytes:
        """Return the facts and the objects as JSON."""
        facts: Mapping[str, Any] = {
            "format": self.format,
            "version": self.version,
            "crs": self.crs,
            "extent": self.extent,
            "size": self.size,
            "types": self.types,
            "lods": self.lods,
            "columns": [{"name": column.name, "numeric": column.numeric} for column in self.columns],
            "shown": self.shown,
            "total": self.total,
            "skipped": self.omissions,
            "tiles": self.tiles,
            "absent": self.absences,
        }
        head = json.dumps(facts, ensure_ascii=False).encode("utf-8", errors="replace")
        return b"".join((b'{"facts": ', head, b", ", self.objects[1:]))


def is_scene(name: str, media_type: str, head: Callable[[], bytes | None] | bytes | None = None) -> bool:
    """Return whether a file is CityJSON or 3D Tiles, by its media type, its name, or its first bytes (``head``)."""
    if media_type.partition(";")[0].strip() in _TYPES or name.lower().endswith(_ENDINGS):
        return True
    begin = head() if callable(head) else head
    if not begin or not may_be_scene(name, media_type):
        return False
    if begin.startswith(b"PK\x03\x04"):
        return b"tileset.json" in begin
    return bool(_CITYJSON.search(begin) or _TILESET.search(begin))


def may_be_scene(name: str, media_type: str) -> bool:
    """Return whether the first bytes of a file may say that it is CityJSON or 3D Tiles."""
    kind = media_type.partition(";")[0].strip()
    return kind in (*_TYPES, "application/json", "application/zip") or name.lower().endswith(_PERHAPS)


class StoredScenes:
    """The files of this node with objects. ``place`` returns the path of a SHA-256, or raises ``NotFound``."""

    def __init__(self, cage: AsyncCage, place: Callable[[str], Path]) -> None:
        self._cage = cage
        self._place = place

    async def __call__(self, sha256: str, name: str, *, most: int = MOST) -> ObjectScene:
        """Return objects of the stored file ``name``. Raises the errors of ``read``, and ``NotFound``."""
        return await self.read(await asyncio.to_thread(self._place, sha256), name, most=most)

    async def read(self, file: Path, name: str, *, most: int = MOST) -> ObjectScene:
        """Return at most ``most`` objects of ``file``, which people call ``name``.

        Raises ``InvalidInput`` for a file that is not CityJSON or 3D Tiles, and ``Overloaded`` or ``TooLarge`` for
        one that is too large.
        """
        path = str(await asyncio.to_thread(file.resolve))
        order = {"path": path, "name": name, "most": min(most, MOST), "corners": MOST_CORNERS}
        with remedy_against_limits("download the file, and open it in another program"):
            facts, blobs = await self._cage.call(TARGET, order, limits=LIMITS, readable=[path, OWN_GROUP])
        return ObjectScene.read(facts, blobs[0])

    async def tile_of(self, sha256: str, name: str, member: str) -> bytes:
        """Return a tile of the stored set of tiles ``name``. Raises the errors of ``tile``, and ``NotFound``."""
        return await self.tile(await asyncio.to_thread(self._place, sha256), name, member)

    async def tile(self, file: Path, name: str, member: str) -> bytes:
        """Return the file ``member`` of a set of tiles. Raises ``InvalidInput``, ``NotFound`` and ``TooLarge``."""
        path = str(await asyncio.to_thread(file.resolve))
        order = {"path": path, "name": name, "member": member}
        with remedy_against_limits("download the file, and open it in another program"):
            _, blobs = await self._cage.call(TILE_TARGET, order, limits=LIMITS, readable=[path, OWN_GROUP])
        return blobs[0]

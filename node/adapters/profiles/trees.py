"""JSON documents: GeoJSON, CityJSON, 3D Tiles, and lists of records."""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final
from zipfile import ZipFile

from node.adapters.profiles.columns import Collector
from node.base.errors import InvalidInput, TooLarge
from node.base.plaintext import one_line
from node.semantics.profiles.model import MAX_COLUMNS, Profile, TableProfile
from node.semantics.profiles.places import in_degrees

_MOST: Final = 64 << 20
_GEOJSON: Final = re.compile(rb'"type"\s*:\s*"(?:FeatureCollection|Feature)"')
_CITYJSON: Final = re.compile(rb'"type"\s*:\s*"CityJSON"')
EPSG: Final = re.compile(r"EPSG(?:/[\d.]+/|:+)(\d{4,6})")
_HEAD: Final = 64 * 1024
_TITLE: Final = 500
"""Characters of a title that a draft shows."""


def tree(path: Path, _name: str) -> Profile:
    """Return the profile of a JSON document. Raises ``InvalidInput`` for a form that is not known."""
    with path.open("rb") as file:
        head = file.read(_HEAD)
    if _GEOJSON.search(head) and not _CITYJSON.search(head):
        # Read piece by piece: the document may be large.
        from node.adapters.profiles.layers import geojson

        return geojson(path)
    try:
        content = document(path)
        if isinstance(content, list):
            return _records(content)
        if content.get("type") == "CityJSON":
            return _city(content)
        if "root" in content and isinstance(content.get("asset"), dict):
            return _tiles(content)
    except (TypeError, ValueError, AttributeError, KeyError, IndexError) as error:
        raise InvalidInput(f"the JSON document has an error of form: {error}", remedy="correct the file") from error
    raise InvalidInput(
        "the JSON document is not GeoJSON, CityJSON, 3D Tiles or a list of records",
        remedy="describe it by hand, or give one of these",
    )


def document(path: Path) -> Any:
    """Return the JSON document at ``path``. Raises ``TooLarge`` and ``InvalidInput``."""
    _check_length(path.stat().st_size)
    return parse(path.read_bytes())


def _check_length(length: int) -> None:
    if length > _MOST:
        raise TooLarge(
            f"a JSON document of more than {_MOST >> 20} MB cannot be profiled",
            remedy="describe it by hand, or give a part of it",
        )


def parse(content: bytes) -> Any:
    try:
        return json.loads(content)
    except ValueError as error:
        raise InvalidInput(f"the file begins as JSON, but {error}", remedy="correct the file") from error


def _records(rows: Sequence[Any]) -> Profile:
    if not rows or not all(isinstance(row, dict) for row in rows):
        raise InvalidInput("the JSON document is not a list of records", remedy="describe it by hand")
    names = list(dict.fromkeys(str(name) for row in rows for name in row))
    collectors = {name: Collector(name) for name in names[:MAX_COLUMNS]}
    for row in rows:
        for name, collector in collectors.items():
            collector.add([row.get(name)])
    columns = tuple(collector.profile() for collector in collectors.values())
    return Profile(
        format="JSON", tables=(TableProfile(rows=len(rows), columns=columns, omitted=len(names) - len(columns)),)
    )


def _city(content: Mapping[str, Any]) -> Profile:
    """CityJSON 1.0 to 2.0: its objects by type, and their attributes as columns (§2, §5)."""
    objects = [item for item in content["CityObjects"].values() if isinstance(item, dict)]
    kinds = Counter(str(item.get("type", "?")) for item in objects)
    names = list(dict.fromkeys(str(name) for item in objects for name in item.get("attributes") or {}))
    collectors = [Collector("type"), *(Collector(name) for name in names[:MAX_COLUMNS])]
    for item in objects:
        attributes = item.get("attributes") or {}
        collectors[0].add([str(item.get("type", ""))])
        for name, collector in zip(names, collectors[1:], strict=False):
            collector.add([attributes.get(name)])
    from node.adapters.profiles.layers import box_in_degrees

    metadata = content.get("metadata") or {}
    match = EPSG.search(str(metadata.get("referenceSystem", "")))
    crs = f"EPSG:{match[1]}" if match else ""
    extent = metadata.get("geographicalExtent") or _corners(content)
    edges = [float(extent[place]) for place in (0, 1, 3, 4)] if extent else []
    note = ", ".join(f"{count} {kind}" for kind, count in kinds.most_common(8))
    return Profile(
        format="CityJSON",
        tables=(TableProfile(rows=len(objects), columns=tuple(collector.profile() for collector in collectors)),),
        title=one_line(str(metadata.get("title") or ""))[:_TITLE],
        bbox=box_in_degrees(edges, crs) if edges and crs else None,
        crs=crs,
        geometry="Solid",
        notes=(f"it has {note}",) if note else (),
    )


def _corners(content: Mapping[str, Any]) -> list[float] | None:
    vertices = content.get("vertices") or []
    if not vertices:
        return None
    transform = content.get("transform") or {"scale": [1, 1, 1], "translate": [0, 0, 0]}
    edges = [f(float(vertex[axis]) for vertex in vertices) for f in (min, max) for axis in range(3)]
    return [
        edge * float(transform["scale"][place % 3]) + float(transform["translate"][place % 3])
        for place, edge in enumerate(edges)
    ]


def packed_tiles(archive: ZipFile, description: str) -> Profile:
    """Return the profile of the 3D Tiles in a zip file, of which ``description`` is the outermost ``tileset.json``.
    Raises ``InvalidInput`` and ``TooLarge``."""
    _check_length(archive.getinfo(description).file_size)
    content = parse(archive.read(description))
    try:
        profile = _tiles(content)
    except (TypeError, ValueError, AttributeError, KeyError, IndexError) as error:
        raise InvalidInput(f"{description[:100]} has an error of form: {error}", remedy="correct the file") from error
    count = sum(not name.endswith(("/", ".json")) for name in archive.namelist())
    return replace(profile, notes=(*profile.notes, f"{count} {'file' if count == 1 else 'files'} with tiles"))


def _tiles(content: Mapping[str, Any]) -> Profile:
    """3D Tiles 1.0 and 1.1: a region is in radians (§ bounding volumes)."""
    volume = content["root"].get("boundingVolume") or {}
    region = volume.get("region")
    box = in_degrees([math.degrees(float(edge)) for edge in region[:4]]) if region else None
    version = str(content["asset"].get("version", ""))[:10]
    note = f"3D Tiles {version}".strip()
    return Profile(
        format="3D Tiles", bbox=box, notes=(note,) if box else (note, "its extent is not given as a region")
    )

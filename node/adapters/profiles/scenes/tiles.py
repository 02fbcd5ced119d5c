"""A set of 3D Tiles in a zip file: what its ``tileset.json`` says, the objects of its first tiles, and a tile.

The viewer asks for tiles one by one, as it comes near to them. Sizes in the directory of an archive are its own word,
so reading stops at the stated size.
"""

from __future__ import annotations

import json
import math
import posixpath
import struct
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import unquote
from zipfile import ZipFile

from node.adapters.profiles.scenes.city import LONGEST, MOST_COLUMNS
from node.base.errors import InvalidInput, NotFound, TooLarge
from node.semantics.profiles.places import in_degrees

MOST_TILES: Final = 20_000
LARGEST: Final = 24 << 20
"""Bytes of a tile that the viewer may load."""

_TABLES: Final = 20
"""Tiles whose tables of objects are read."""
_HEAD: Final = 28
_FORMATS: Final[Mapping[bytes, str]] = {
    b"b3dm": "b3dm",
    b"i3dm": "i3dm",
    b"pnts": "pnts",
    b"cmpt": "cmpt",
    b"glTF": "glTF",
}
_NUMBERS: Final = {
    "BYTE": "b",
    "UNSIGNED_BYTE": "B",
    "SHORT": "h",
    "UNSIGNED_SHORT": "H",
    "INT": "i",
    "UNSIGNED_INT": "I",
    "FLOAT": "f",
    "DOUBLE": "d",
}
_HEIGHTS: Final = ("height", "hoogte", "hauteur", "höhe", "hoehe", "výška", "vyska", "measuredheight")
_ERRORS: Final = (TypeError, ValueError, KeyError, IndexError, AttributeError, OverflowError, struct.error)


@dataclass(frozen=True, slots=True)
class _Tile:
    """A tile with the names of its contents in the archive."""

    depth: int
    contents: tuple[str, ...]


def read_tiles(
    content: Mapping[str, Any], archive: ZipFile | None, description: str, most: int
) -> tuple[dict[str, Any], bytes]:
    """Return the facts of a set of tiles whose ``description`` is the name of its ``tileset.json``, and at most
    ``most`` objects of its first tiles. Raises ``InvalidInput``."""
    try:
        version = str(content["asset"].get("version", ""))[:10]
        region = (content["root"].get("boundingVolume") or {}).get("region")
        edges = [float(edge) for edge in region] if region else []
        box = in_degrees([math.degrees(edge) for edge in edges[:4]]) if edges else None
        tiles = list(_walk(content["root"], posixpath.dirname(description)))
    except _ERRORS as error:
        raise InvalidInput(f"the set of tiles has an error of form: {error}", remedy="export it again") from error
    names = [name for tile in tiles for name in tile.contents]
    packed = set(archive.namelist()) if archive else set()
    here = [name for name in dict.fromkeys(names) if name in packed]
    objects: list[dict[str, Any]] = []
    formats: Counter[str] = Counter()
    total = 0
    for name in [name for name in here if not name.endswith(".json")][:_TABLES]:
        assert archive is not None
        body = member(archive, name)
        kind = _FORMATS.get(body[:4], "?")
        formats[kind] += 1
        try:
            count, rows = _objects(body, kind, most - len(objects))
        except _ERRORS:
            continue
        total += count
        objects.extend({**row, "type": kind} for row in rows)
    columns = list(dict.fromkeys(name for item in objects for name in item["properties"]))[:MOST_COLUMNS]
    for item in objects:
        item["properties"] = {name: item["properties"][name] for name in columns if name in item["properties"]}
    facts = {
        "format": "3D Tiles",
        "version": version,
        "crs": "EPSG:4979" if edges else "",
        "extent": [math.degrees(edge) for edge in edges[:4]] + edges[4:6] if len(edges) == 6 and box else [],
        "size": _size(edges) if len(edges) == 6 and box else [],
        "types": formats.most_common(),
        "lods": [str(depth) for depth in sorted({tile.depth for tile in tiles if tile.contents})][:20],
        "columns": [[name, _is_numeric(objects, name)] for name in columns],
        "shown": len(objects),
        "total": total,
        "skipped": 0,
        "tiles": len(set(names)),
        "absent": len(set(names)) - len(here),
        "root": description,
    }
    return facts, json.dumps({"objects": objects}, ensure_ascii=False, allow_nan=False).encode(errors="replace")


def member(archive: ZipFile, name: str) -> bytes:
    """Return a file of the archive. Raises ``NotFound``, and ``TooLarge`` for one that no page can carry."""
    try:
        entry = archive.getinfo(name)
    except KeyError as error:
        raise NotFound("the zip file has no such tile") from error
    if entry.file_size > LARGEST:
        raise TooLarge(
            f"a tile of {entry.file_size >> 20} MB cannot be shown", remedy="make smaller tiles, or download the file"
        )
    with archive.open(entry) as file:
        return file.read(LARGEST)


def _walk(root: Mapping[str, Any], folder: str) -> Iterator[_Tile]:
    """Return the tiles from the largest to the smallest."""
    level = [root]
    depth = count = 0
    while level and count < MOST_TILES:
        below: list[Mapping[str, Any]] = []
        for tile in level[: MOST_TILES - count]:
            count += 1
            contents = [tile["content"]] if tile.get("content") else tile.get("contents") or []
            addresses = [str(part.get("uri") or part.get("url") or "") for part in contents]
            yield _Tile(depth, tuple(_place(folder, address) for address in addresses if address))
            below.extend(child for child in tile.get("children") or [] if isinstance(child, dict))
        level, depth = below, depth + 1


def _place(folder: str, address: str) -> str:
    return posixpath.normpath(posixpath.join(folder, unquote(address.partition("?")[0])))


def _objects(body: bytes, kind: str, most: int) -> tuple[int, list[dict[str, Any]]]:
    """Return how many objects a tile has, and at most ``most`` of them."""
    if kind == "b3dm":
        return _batch(body, most)
    if kind == "glTF":
        return _nodes(body, most)
    return 0, []


def _batch(body: bytes, most: int) -> tuple[int, list[dict[str, Any]]]:
    """The batch table of a b3dm tile: a list, or binary numbers, for each name."""
    features, beyond, table, binary = struct.unpack_from("<4I", body, 12)
    count = int(json.loads(body[_HEAD : _HEAD + features] or b"{}").get("BATCH_LENGTH", 0))
    begin = _HEAD + features + beyond
    columns = json.loads(body[begin : begin + table].strip() or b"{}")
    numbers = body[begin + table : begin + table + binary]
    limit = max(min(count, most), 0)
    cells = {
        str(name)[:LONGEST]: _column(values, numbers, limit)
        for name, values in columns.items()
        if name not in ("extensions", "extras", "HIERARCHY")
    }
    rows = []
    for place in range(limit):
        properties = {name: value for name, values in cells.items() if (value := values[place]) is not None}
        rows.append({"id": str(place), "height": _height(properties), "properties": properties})
    return count, rows


def _column(values: Any, numbers: bytes, count: int) -> list[Any]:
    if isinstance(values, list):
        return [_value(value) for value in values[:count]] + [None] * (count - len(values))
    if values.get("type") != "SCALAR":
        return [None] * count
    values = struct.unpack_from(f"<{count}{_NUMBERS[values['componentType']]}", numbers, int(values["byteOffset"]))
    return [_value(value) for value in values]


def _nodes(body: bytes, most: int) -> tuple[int, list[dict[str, Any]]]:
    """The nodes of a glTF tile that have a shape, with their names and extras."""
    (length,) = struct.unpack_from("<I", body, 12)
    document = json.loads(body[20 : 20 + length])
    nodes = [(place, node) for place, node in enumerate(document.get("nodes") or []) if "mesh" in node]
    rows = []
    for place, node in nodes[: max(most, 0)]:
        extras = node.get("extras")
        properties = {
            str(name)[:LONGEST]: value
            for name, text in (extras.items() if isinstance(extras, dict) else ())
            if (value := _value(text)) is not None
        }
        row = {
            "id": str(node.get("name") or place)[:LONGEST],
            "height": _height(properties),
            "properties": properties,
        }
        rows.append(row)
    return len(nodes), rows


def _height(properties: Mapping[str, Any]) -> float | None:
    for name, value in properties.items():
        if name.lower() in _HEIGHTS and isinstance(value, int | float) and not isinstance(value, bool):
            return float(value)
    return None


def _value(value: Any) -> str | float | int | bool | None:
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int | float):
        return value if math.isfinite(value) and abs(value) <= 1 << 53 else None
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"


def _is_numeric(objects: Sequence[Mapping[str, Any]], name: str) -> bool:
    values = [item["properties"].get(name) for item in objects]
    known = [value for value in values if value is not None]
    return bool(known) and all(isinstance(value, int | float) and not isinstance(value, bool) for value in known)


def _size(edges: Sequence[float]) -> list[float]:
    """Return the metres of a region (west, south, east, north in radians, lowest, highest)."""
    west, south, east, north, low, high = edges
    radius = 6_371_000.0
    across = (east - west) * math.cos((south + north) / 2) * radius
    return [round(across, 1), round((north - south) * radius, 1), round(high - low, 1)]

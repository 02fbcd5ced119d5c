"""A layer of a map server as it describes it: WMS 1.3.0 (OGC 06-042) and WMTS 1.0.0 (OGC 07-057r7)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from node.adapters.datasources.ogc.xml import Document, Element, attribute, child, children, local, text, unusable

CRS: Final = re.compile(r"[A-Za-z0-9:/._-]{1,120}", re.ASCII)
IMAGES: Final = ("image/png", "image/png8", "image/png; mode=8bit", "image/jpeg", "image/gif", "image/webp")
FACTS: Final = ("text/plain", "application/json", "application/geo+json", "application/geojson")
"""Formats in which facts about a place pass: text and JSON, whose links can be taken out."""
_NAME: Final = re.compile(r"[^\x00-\x1f\x7f/\\,]{1,200}")
_TOKEN: Final = re.compile(r"[\w.:-]{1,100}")
_NUMBER: Final = re.compile(r"-?[0-9]{1,12}(\.[0-9]{1,20})?([eE][+-]?[0-9]{1,2})?", re.ASCII)
_MOST: Final = 60
_DIRECTIONS: Final = ("westBoundLongitude", "southBoundLatitude", "eastBoundLongitude", "northBoundLatitude")

Box = tuple[str, str, str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class MapLayer:
    """``box`` is west, south, east, north. ``boxes`` are those of the systems, as the server states them."""

    name: str
    title: str
    abstract: str
    systems: tuple[str, ...]
    box: Box | None
    boxes: tuple[tuple[str, Box], ...]
    styles: tuple[tuple[str, str], ...]
    times: str
    is_queryable: bool
    images: tuple[str, ...]
    facts: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class TileMatrix:
    """One level of a set of tiles; all values are those of the server."""

    name: str
    scale: str
    corner: tuple[str, str]
    tile: tuple[str, str]
    size: tuple[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class TileSet:
    """The levels of tiles in one system."""

    name: str
    system: str
    levels: tuple[TileMatrix, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class TileLayer:
    """A layer in tiles."""

    name: str
    title: str
    abstract: str
    box: Box | None
    styles: tuple[tuple[str, bool], ...]
    images: tuple[str, ...]
    facts: tuple[str, ...]
    sets: tuple[TileSet, ...]


def map_layers(document: Document) -> Iterator[MapLayer]:
    """Yield the layers with a name. What a layer inherits is written with it (§7.2.4.8). Raises
    ``DataSourceUnreachable`` if the server offers no WMS 1.3."""
    root = document.root
    if local(root) != "WMS_Capabilities" or not attribute(root, "version").startswith("1.3"):
        raise unusable("it offers no WMS 1.3; check the address")
    capability = child(root, "Capability")
    request = child(capability, "Request")
    images = _formats(child(request, "GetMap"), IMAGES)
    facts = _formats(child(request, "GetFeatureInfo"), FACTS)
    for layer in children(capability, "Layer"):
        yield from _map_layers(layer, _Heritage((), None, (), ()), images, facts)


@dataclass(frozen=True, slots=True)
class _Heritage:
    systems: tuple[str, ...]
    box: Box | None
    boxes: tuple[tuple[str, Box], ...]
    styles: tuple[tuple[str, str], ...]


def _map_layers(
    layer: Element, above: _Heritage, images: tuple[str, ...], facts: tuple[str, ...]
) -> Iterator[MapLayer]:
    systems = [text(entry) for entry in children(layer, "CRS")]
    styles = [(text(entry, "Name"), text(entry, "Title")) for entry in children(layer, "Style")]
    boxes = [
        (attribute(entry, "CRS"), numbers)
        for entry in children(layer, "BoundingBox")
        if (numbers := _box([attribute(entry, key) for key in ("minx", "miny", "maxx", "maxy")]))
    ]
    place = child(layer, "EX_GeographicBoundingBox")
    own = _Heritage(
        tuple(dict.fromkeys([*(name for name in systems if CRS.fullmatch(name)), *above.systems]))[:_MOST],
        _box([text(place, key) for key in _DIRECTIONS]) if place is not None else above.box,
        tuple((name, box) for name, box in boxes if CRS.fullmatch(name))[:_MOST] or above.boxes,
        (*((name, title) for name, title in styles if _TOKEN.fullmatch(name)), *above.styles)[:_MOST],
    )
    name = text(layer, "Name")
    if _NAME.fullmatch(name):
        times = [text(entry) for entry in children(layer, "Dimension") if attribute(entry, "name") == "time"]
        yield MapLayer(
            name=name,
            title=text(layer, "Title"),
            abstract=text(layer, "Abstract"),
            systems=own.systems,
            box=own.box,
            boxes=own.boxes,
            styles=own.styles,
            times=times[0] if times else "",
            is_queryable=attribute(layer, "queryable") in ("1", "true") and bool(facts),
            images=images,
            facts=facts,
        )
    for inner in children(layer, "Layer"):
        yield from _map_layers(inner, own, images, facts)


def tile_layers(document: Document) -> Iterator[TileLayer]:
    """Yield the layers in tiles. Raises ``DataSourceUnreachable`` if the server offers no WMTS 1.0."""
    root = document.root
    contents = child(root, "Contents")
    if local(root) != "Capabilities" or contents is None or child(contents, "TileMatrixSet") is None:
        raise unusable("it offers no WMTS 1.0; check the address")
    sets = {text(entry, "Identifier"): entry for entry in children(contents, "TileMatrixSet")}
    for layer in children(contents, "Layer"):
        name = text(layer, "Identifier")
        if not _NAME.fullmatch(name):
            continue
        links = [text(link, "TileMatrixSet") for link in children(layer, "TileMatrixSetLink")]
        place = child(layer, "WGS84BoundingBox")
        yield TileLayer(
            name=name,
            title=text(layer, "Title"),
            abstract=text(layer, "Abstract"),
            box=_box([*text(place, "LowerCorner").split(), *text(place, "UpperCorner").split()]),
            styles=tuple(
                (style, attribute(entry, "isDefault") == "true")
                for entry in children(layer, "Style")
                if _TOKEN.fullmatch(style := text(entry, "Identifier"))
            )[:_MOST],
            images=tuple(kind for entry in children(layer, "Format") if (kind := text(entry)) in IMAGES),
            facts=tuple(kind for entry in children(layer, "InfoFormat") if (kind := text(entry)) in FACTS),
            sets=tuple(_tile_set(sets[link]) for link in links if link in sets and _TOKEN.fullmatch(link)),
        )


def _tile_set(entry: Element) -> TileSet:
    system = text(entry, "SupportedCRS")
    levels = []
    for level in list(children(entry, "TileMatrix"))[:_MOST]:
        corner = text(level, "TopLeftCorner").split()
        keys = ("ScaleDenominator", "TileWidth", "TileHeight", "MatrixWidth", "MatrixHeight")
        numbers = [text(level, key) for key in keys]
        if len(corner) != 2 or not all(_NUMBER.fullmatch(number) for number in (*numbers, *corner)):
            raise unusable("a set of tiles has no numbers")
        levels.append(
            TileMatrix(
                name=text(level, "Identifier"),
                scale=numbers[0],
                corner=(corner[0], corner[1]),
                tile=(numbers[1], numbers[2]),
                size=(numbers[3], numbers[4]),
            )
        )
    levels = [level for level in levels if _TOKEN.fullmatch(level.name)]
    return TileSet(
        name=text(entry, "Identifier"), system=system if CRS.fullmatch(system) else "", levels=tuple(levels)
    )


def _formats(operation: Element | None, kinds: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(kind for entry in children(operation, "Format") if (kind := text(entry)) in kinds)


def _box(numbers: list[str]) -> Box | None:
    if len(numbers) != 4 or not all(_NUMBER.fullmatch(number) for number in numbers):
        return None
    return numbers[0], numbers[1], numbers[2], numbers[3]

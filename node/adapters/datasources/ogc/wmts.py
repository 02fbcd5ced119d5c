"""Layers in tiles over WMTS 1.0.0 (OGC 07-057r7, keys and values) as a data source: its layers are the items."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Final

from node.adapters.datasources.ogc import feature_answers, map_answers
from node.adapters.datasources.ogc.keywords import (
    MAP,
    Keywords,
    is_description,
    operation_of,
    refusal,
    service_address,
)
from node.adapters.datasources.ogc.map_layers import TileLayer, TileMatrix, tile_layers
from node.adapters.datasources.ogc.maps import MapServer, require_choice
from node.adapters.egress.client import Egress
from node.base.errors import HansaError, NotFound
from node.datasources.model import Setup
from node.datasources.ports import Abilities, DataConnection, Extract, Item, Parameters, Question
from node.exchange.offloop import once

_OPERATIONS: Final = ("GetCapabilities", "GetTile", "GetFeatureInfo")
_USES: Final = ("GetTile", "GetFeatureInfo")
_COMMON: Final = frozenset(("service", "version", "request"))
_TILE: Final = ("layer", "style", "format", "tilematrixset", "tilematrix", "tilerow", "tilecol")
_KNOWN: Final = {
    "GetCapabilities": _COMMON | {"acceptversions", "sections", "acceptformats"},
    "GetTile": _COMMON | {*_TILE},
    "GetFeatureInfo": _COMMON | {*_TILE, "i", "j", "infoformat"},
}
_NUMBER: Final = re.compile(r"[0-9]{1,9}", re.ASCII)


class WmtsConnector:
    """``node.datasources.ports.Connector`` for WMTS 1.0."""

    kind = "wmts"
    options: tuple[str, ...] = (MAP,)

    def __init__(self, egress: Egress) -> None:
        self._egress = egress

    def check(self, setup: Setup) -> None:
        service_address(self._egress, setup)

    def connect(self, setup: Setup) -> DataConnection:
        return WmtsConnection(self._egress, setup)


class WmtsConnection:
    """A connection to a server of tiles."""

    def __init__(self, egress: Egress, setup: Setup) -> None:
        self._server = MapServer(egress, setup, "WMTS")

    @property
    def abilities(self) -> Abilities:
        return Abilities(questions=("style", "format", "tilematrixset", "tilematrix", "tilerow", "tilecol"))

    async def items(self, limit: int) -> Sequence[Item]:
        choices = list(tile_layers(await self._server.capabilities("1.0.0")))
        return [
            Item(path=layer.name, title=layer.title[:200], media_type=next(iter(layer.images), "image/png"))
            for layer in choices[:limit]
        ]

    def is_description(self, item: str, path: str, parameters: Parameters = ()) -> bool:
        del item, path
        return is_description(parameters, _USES)

    async def sample(self, item: str) -> Parameters:
        layer = await self._layer(item)
        tiles = next((entry for entry in layer.sets if entry.levels), None)
        if tiles is None:
            return (("request", "GetCapabilities"),)
        place = (
            ("tilematrixset", tiles.name),
            ("tilematrix", tiles.levels[0].name),
            ("tilerow", "0"),
            ("tilecol", "0"),
        )
        return (("request", "GetTile"), *place)

    def error_document(self, error: HansaError, question: Question) -> tuple[str, bytes]:
        del question
        return map_answers.XML, feature_answers.exception(error, version="1.0.0")

    @asynccontextmanager
    async def read(self, item: str, question: Question) -> AsyncIterator[Extract]:
        if question.path.strip("/"):
            raise NotFound(
                "this WMTS takes keys and values", remedy="leave out the path, and ask with request=GetTile"
            )
        keywords = Keywords(question.parameters)
        operation = operation_of(keywords, "WMTS", _OPERATIONS)
        keywords.check(operation, _KNOWN[operation])
        if operation in _USES and not question.wants_body:
            # Whatever the server answers would tell of the data, and no read would be counted.
            yield Extract(media_type="image/png", chunks=once(b""))
            return
        if keywords.get("layer") not in ("", item):
            raise refusal("value", "there is no such layer", f"the layer is {item}", "layer")
        layer = await self._layer(item)
        if operation == "GetCapabilities":
            body = map_answers.tile_capabilities(question.base, layer)
            yield Extract(media_type=map_answers.XML, chunks=once(body), size=len(body), total=len(body))
            return
        place = _place(keywords, layer)
        common = (("version", "1.0.0"), ("request", operation), ("layer", item))
        if operation == "GetTile":
            async with self._server.picture((*common, *place)) as extract:
                yield extract
            return
        if not layer.facts:
            raise refusal("operation", "the layer gives no facts about a place", locator="request")
        kind = require_choice(keywords.get("infoformat") or layer.facts[0], layer.facts, "infoformat")
        spot = tuple((name, _number(keywords.require(name), name)) for name in ("i", "j"))
        yield await self._server.facts((*common, *place, *spot, ("infoformat", kind)))

    async def _layer(self, item: str) -> TileLayer:
        for layer in tile_layers(await self._server.capabilities("1.0.0")):
            if layer.name == item:
                return layer
        raise NotFound("the data source has no such layer", remedy="hansa source test lists them")


def _place(keywords: Keywords, layer: TileLayer) -> Parameters:
    """Return style, format and tile for the server. Raises ``InvalidInput`` for a tile that there is not."""
    styles = tuple(name for name, _ in layer.styles)
    default = next((name for name, is_default in layer.styles if is_default), next(iter(styles), ""))
    style = keywords.get("style")
    if style:
        require_choice(style, (*styles, "default"), "style")
    kind = require_choice(keywords.get("format") or next(iter(layer.images), "image/png"), layer.images, "format")
    sets = {entry.name: entry for entry in layer.sets}
    tiles = sets[require_choice(keywords.require("tilematrixset"), tuple(sets), "tilematrixset")]
    levels = {level.name: level for level in tiles.levels}
    level = levels[require_choice(keywords.require("tilematrix"), tuple(levels), "tilematrix")]
    return (
        ("style", style or default),
        ("format", kind),
        ("tilematrixset", tiles.name),
        ("tilematrix", level.name),
        ("tilerow", _within(keywords, "tilerow", level, 1)),
        ("tilecol", _within(keywords, "tilecol", level, 0)),
    )


def _within(keywords: Keywords, name: str, level: TileMatrix, side: int) -> str:
    value = _number(keywords.require(name), name)
    if int(value) >= float(level.size[side]):
        raise refusal("value", f"{name} lies outside the layer", f"less than {level.size[side]}", name)
    return value


def _number(value: str, name: str) -> str:
    if not _NUMBER.fullmatch(value):
        raise refusal("value", f"{name} is no number", "such as 0", name)
    return value

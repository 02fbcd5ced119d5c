"""Layers of a GIS server over WMS 1.3.0 (OGC 06-042) as a data source: its layers are the items.

Readers get a WMS with one layer. A map is a picture, of which no part can be left out exactly: parts are refused.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Final

from node.adapters.datasources.ogc import map_answers as answers
from node.adapters.datasources.ogc.keywords import (
    MAP,
    Keywords,
    is_description,
    operation_of,
    refusal,
    service_address,
)
from node.adapters.datasources.ogc.map_layers import CRS, MapLayer, map_layers
from node.adapters.datasources.ogc.maps import MapServer, require_choice
from node.adapters.egress.client import Egress
from node.base.errors import HansaError, NotFound
from node.datasources.model import Setup
from node.datasources.ports import Abilities, DataConnection, Extract, Item, Parameters, Question
from node.exchange.offloop import once

WIDEST: Final = 4096
"""The largest side of a map, in pixels."""
_OPERATIONS: Final = ("GetCapabilities", "GetMap", "GetFeatureInfo", "GetLegendGraphic")
_USES: Final = ("GetMap", "GetFeatureInfo")
_COMMON: Final = frozenset(("service", "version", "request", "format", "exceptions"))
_MAP: Final = (
    "version",
    "crs",
    "srs",
    "bbox",
    "width",
    "height",
    "styles",
    "format",
    "transparent",
    "bgcolor",
    "time",
)
_PLACE: Final = ("i", "j", "x", "y", "info_format", "feature_count")
_LEGEND: Final = ("version", "format", "style", "width", "height", "sld_version", "scale")
_QUALITY: Final = ("dpi", "map_resolution", "format_options", "tiled")
"""Parameters that ordinary clients send to servers of several makers: they are left out."""
_KNOWN: Final = {
    "GetCapabilities": _COMMON,
    "GetMap": _COMMON | {*_MAP, *_QUALITY, "layers"},
    "GetFeatureInfo": _COMMON | {*_MAP, *_QUALITY, *_PLACE, "layers", "query_layers"},
    "GetLegendGraphic": _COMMON | {*_LEGEND, *_QUALITY, "layer"},
}
_VALUE: Final = re.compile(r"[A-Za-z0-9:;/._, =+-]{1,400}", re.ASCII)


class WmsConnector:
    """``node.datasources.ports.Connector`` for WMS 1.3."""

    kind = "wms"
    options: tuple[str, ...] = (MAP,)

    def __init__(self, egress: Egress) -> None:
        self._egress = egress

    def check(self, setup: Setup) -> None:
        service_address(self._egress, setup)

    def connect(self, setup: Setup) -> DataConnection:
        return WmsConnection(self._egress, setup)


class WmsConnection:
    """A connection to a server of maps."""

    def __init__(self, egress: Egress, setup: Setup) -> None:
        self._server = MapServer(egress, setup, "WMS")

    @property
    def abilities(self) -> Abilities:
        return Abilities(questions=("crs", "bbox", "width", "height", "styles", "format", "transparent", "time"))

    async def items(self, limit: int) -> Sequence[Item]:
        choices = list(map_layers(await self._server.capabilities("1.3.0")))
        return [Item(path=layer.name, title=layer.title[:200], media_type="image/png") for layer in choices[:limit]]

    def is_description(self, item: str, path: str, parameters: Parameters = ()) -> bool:
        del item, path
        return is_description(parameters, _USES)

    async def sample(self, item: str) -> Parameters:
        layer = await self._layer(item)
        system, box = next(iter(layer.boxes), ("CRS:84", layer.box or ("-180", "-90", "180", "90")))
        image = next(iter(layer.images), "image/png")
        place = (("crs", system), ("bbox", ",".join(box)), ("width", "64"), ("height", "64"))
        return (("request", "GetMap"), ("version", "1.3.0"), ("layers", item), ("format", image), *place)

    def error_document(self, error: HansaError, question: Question) -> tuple[str, bytes]:
        del question
        return answers.XML, answers.map_exception(error)

    @asynccontextmanager
    async def read(self, item: str, question: Question) -> AsyncIterator[Extract]:
        if question.path.strip("/"):
            raise NotFound("a WMS has one address", remedy="leave out the path")
        keywords = Keywords(question.parameters)
        operation = operation_of(keywords, "WMS", _OPERATIONS)
        keywords.check(operation, _KNOWN[operation])
        if operation in _USES and not question.wants_body:
            # Whatever the server answers would tell of the data, and no read would be counted.
            yield Extract(media_type="image/png", chunks=once(b""))
            return
        for name in ("layers", "query_layers", "layer"):
            if keywords.get(name) not in ("", item):
                raise refusal("value", "there is no such layer", f"the layer is {item}", name)
        layer = await self._layer(item)
        if operation == "GetCapabilities":
            body = answers.map_capabilities(question.base, layer, WIDEST)
            yield Extract(media_type=answers.XML, chunks=once(body), size=len(body), total=len(body))
        elif operation == "GetFeatureInfo":
            if not layer.is_queryable:
                raise refusal("operation", "the layer gives no facts about a place", locator="request")
            wish = _choose(keywords, layer, (*_MAP, *_PLACE))
            kind = require_choice(keywords.get("info_format") or layer.facts[0], layer.facts, "info_format")
            names = (("layers", item), ("query_layers", item), ("info_format", kind))
            pairs = tuple(pair for pair in wish if pair[0] != "info_format")
            yield await self._server.facts((("request", operation), *pairs, *names))
        elif operation == "GetMap":
            keywords.require("bbox")
            wish = (("request", operation), ("layers", item), *_choose(keywords, layer, _MAP))
            async with self._server.picture(wish) as extract:
                yield extract
        else:
            wish = (("request", operation), ("layer", item), *_choose(keywords, layer, _LEGEND))
            if not keywords.get("sld_version"):
                wish = (*wish, ("sld_version", "1.1.0"))
            async with self._server.picture(wish) as extract:
                yield extract

    async def _layer(self, item: str) -> MapLayer:
        for layer in map_layers(await self._server.capabilities("1.3.0")):
            if layer.name == item:
                return layer
        raise NotFound("the data source has no such layer", remedy="hansa source test lists them")


def _choose(keywords: Keywords, layer: MapLayer, names: tuple[str, ...]) -> Parameters:
    """Return what goes to the server. Raises ``InvalidInput`` for values that are no such thing."""
    pairs = dict(keywords.choose(*names))
    for name, value in pairs.items():
        if not _VALUE.fullmatch(value):
            raise refusal("value", f"{name} has another form", locator=name)
    version = pairs.setdefault("version", "1.3.0")
    require_choice(version, ("1.3.0", "1.1.1", "1.1.0"), "version")
    for name in ("width", "height"):
        value = pairs.get(name, "1")
        if not (value.isdigit() and 0 < int(value) <= WIDEST):
            raise refusal("value", f"{name} is from 1 to {WIDEST} pixels", "ask for a smaller map", name)
    if system := pairs.get("crs") or pairs.get("srs"):
        require_choice(system, (*layer.systems, "CRS:84"), "crs" if "crs" in pairs else "srs")
        if not CRS.fullmatch(system):
            raise refusal("value", "this is no system of coordinates", locator="crs")
    styles = tuple(name for name, _ in layer.styles)
    for name in ("styles", "style"):
        if pairs.get(name):
            require_choice(pairs[name], (*styles, "default"), name)
    if "styles" in names:
        pairs.setdefault("styles", "")
    if "format" in names:
        pairs["format"] = require_choice(
            pairs.get("format") or next(iter(layer.images), "image/png"), layer.images, "format"
        )
    return tuple(pairs.items())

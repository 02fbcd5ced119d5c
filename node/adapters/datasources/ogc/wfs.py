"""Layers of a GIS server over WFS 2.0 (OGC 09-025r2) as a data source: its types of features are the items.

Readers get a WFS with one type. Capabilities and schema are written here; features are read, checked and written
anew.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final
from urllib.parse import quote, urlencode

from node.adapters.datasources import feature_documents as geojson
from node.adapters.datasources.ogc import feature_answers as answers
from node.adapters.datasources.ogc.features import Layer, Schema, layers, schema
from node.adapters.datasources.ogc.filters import (
    SYSTEM,
    check_filter,
    check_identifiers,
    check_number,
    filter_of,
    require_column,
)
from node.adapters.datasources.ogc.keywords import (
    MAP,
    Keywords,
    is_description,
    operation_of,
    query,
    refusal,
    service_address,
)
from node.adapters.datasources.ogc.members import MemberStream
from node.adapters.datasources.ogc.selection import KINDS, FeatureSelection
from node.adapters.datasources.ogc.xml import Document, parse
from node.adapters.datasources.requests import credential_headers, document, fetch
from node.adapters.egress.client import Egress
from node.base.errors import HansaError, InvalidInput, NotFound
from node.base.jsons import read_object
from node.datasources.errors import DataSourceUnreachable
from node.datasources.model import Setup
from node.datasources.ports import Abilities, DataConnection, Extract, Item, Parameters, Question
from node.exchange.offloop import off_loop, once

_OPERATIONS: Final = ("GetCapabilities", "DescribeFeatureType", "GetFeature")
_USES: Final = ("GetFeature",)
_COMMON: Final = frozenset(
    ("service", "version", "request", "typenames", "typename", "outputformat", "namespaces", "namespace")
)
_PAGING: Final = frozenset(("count", "maxfeatures", "startindex", "propertyname"))
_KNOWN: Final = {
    "GetCapabilities": frozenset(("service", "version", "request", "acceptversions", "sections", "acceptformats")),
    "DescribeFeatureType": _COMMON,
    "GetFeature": _COMMON
    | _PAGING
    | {"srsname", "bbox", "sortby", "resulttype", "filter", "filter_language", "resourceid", "featureid"},
}
_PART: Final = _COMMON | _PAGING | {"srsname"}
_GML: Final = frozenset(
    (answers.GML_TYPE, "text/xml; subtype=gml/3.2", "text/xml; subtype=gml/3.2.1", "gml32", "gml3.2", "gml3")
)
_JSON: Final = frozenset(
    (
        *("application/json", "application/json; subtype=geojson", "application/geo+json", "geojson", "json"),
        "application/vnd.geo+json",
    )
)
_MOST_DOCUMENT: Final = 8 << 20
_MOST_PAGE: Final = 16 << 20


class WfsConnector:
    """``node.datasources.ports.Connector`` for WFS 2.0."""

    kind = "wfs"
    options: tuple[str, ...] = (MAP,)

    def __init__(self, egress: Egress) -> None:
        self._egress = egress

    def check(self, setup: Setup) -> None:
        service_address(self._egress, setup)

    def connect(self, setup: Setup) -> DataConnection:
        return WfsConnection(self._egress, setup)


class WfsConnection:
    """A connection to a server of features."""

    def __init__(self, egress: Egress, setup: Setup) -> None:
        self._egress = egress
        self._address = service_address(egress, setup)
        self._host = "/".join(self._address.split("/")[:3]).partition("?")[0]
        self._headers = credential_headers(setup.credentials)

    @property
    def abilities(self) -> Abilities:
        questions = ("count", "startindex", "bbox", "filter", "propertyname", "sortby", "srsname")
        return Abilities(questions=questions, portions=KINDS)

    async def items(self, limit: int) -> Sequence[Item]:
        choices = layers(await self._document(("request", "GetCapabilities"), ("acceptversions", "2.0.0")))
        return [
            Item(path=layer.name, title=layer.title[:200], media_type=answers.GML_TYPE) for layer in list(choices)
        ][:limit]

    def is_description(self, item: str, path: str, parameters: Parameters = ()) -> bool:
        del item, path
        return is_description(parameters, _USES)

    async def sample(self, item: str) -> Parameters:
        del item
        return ("request", "GetFeature"), ("count", "1")

    def error_document(self, error: HansaError, question: Question) -> tuple[str, bytes]:
        del question
        return answers.XML, answers.exception(error)

    @asynccontextmanager
    async def read(self, item: str, question: Question) -> AsyncIterator[Extract]:
        if question.path.strip("/"):
            raise NotFound("a WFS has one address", remedy="leave out the path")
        keywords = Keywords(question.parameters)
        operation = operation_of(keywords, "WFS", _OPERATIONS)
        keywords.check(operation, _KNOWN[operation])
        _check_version(keywords)
        if operation == "GetFeature" and not question.wants_body:
            # Whatever the server answers would tell of the data, and no read would be counted.
            yield Extract(media_type=answers.GML_TYPE, chunks=once(b""))
            return
        layer = await self._layer(item)
        name = keywords.get("typenames", "typename")
        if operation != "GetCapabilities" and name not in ("", layer.name, layer.local):
            raise refusal("value", f"there is no type {name[:60]!r}", f"the type is {layer.name}", "typenames")
        shape = await self._schema(layer)
        selection = FeatureSelection(question.portion, shape)
        if operation == "GetFeature":
            async with self._features(layer, shape, selection, keywords, question) as extract:
                yield extract
            return
        if operation == "GetCapabilities":
            formats = [answers.GML_TYPE, *(["application/json"] if _json_of(layer, selection) else [])]
            body = answers.capabilities(
                question.base, layer, shape.namespace, formats, filters=not selection.leaves_out_features
            )
        else:
            body = answers.description(shape, layer, selection.columns)
        yield Extract(media_type=answers.XML, chunks=once(body), size=len(body), total=len(body))

    @asynccontextmanager
    async def _features(
        self, layer: Layer, shape: Schema, selection: FeatureSelection, keywords: Keywords, question: Question
    ) -> AsyncIterator[Extract]:
        _check_choice(layer, selection, keywords)
        kind = keywords.get("outputformat") or answers.GML_TYPE
        is_json = kind.lower() in _JSON
        if is_json:
            kind = _json_of(layer, selection)
        if not kind or not (is_json or kind.lower() in _GML):
            raise refusal("value", "features are not given in this format", answers.GML_TYPE, "outputformat")
        own = keywords.choose("count", "startindex", "propertyname", "sortby", "bbox", "filter", "srsname")
        own += keywords.choose("resulttype", "resourceid")
        to_source = [
            ("request", "GetFeature"),
            ("version", "2.0.0"),
            ("typenames", layer.name),
            ("outputformat", kind),
            *own,
        ]
        if keywords.get("maxfeatures") and not keywords.get("count"):
            to_source.append(("count", keywords.get("maxfeatures")))
        if keywords.get("featureid"):
            to_source.append(("resourceid", keywords.get("featureid")))
        if selection.leaves_out_features:
            to_source = [pair for pair in to_source if pair[0] not in ("srsname", "propertyname")]
            condition = filter_of(question.portion, layer, shape)
            to_source += [("filter", condition)] if condition else []
            to_source += [("srsname", SYSTEM)] if question.portion.boxes else []
        url = query(self._address, ("service", "WFS"), *to_source)
        if is_json:
            body = await self._geojson(url)
            yield Extract(media_type=geojson.GEOJSON, chunks=once(body), size=len(body), total=len(body))
            return
        constants = [
            ("service", "WFS"),
            ("version", "2.0.0"),
            ("request", "GetFeature"),
            *keywords.choose(*sorted(_KNOWN["GetFeature"] - {"service", "version", "request", "startindex"})),
        ]
        stream = MemberStream(
            selection,
            namespace=shape.namespace,
            local=layer.local,
            locations=answers.schema_locations(question.base, layer, shape.namespace),
            host=self._host,
            link=lambda start: f"{question.base}?{urlencode([*constants, ('startindex', start)], quote_via=quote)}",
        )
        async with fetch(self._egress, url, self._headers, parameters=True) as extract:
            _require_xml(extract.media_type)
            yield Extract(media_type=answers.GML_TYPE, chunks=_rewrite(stream, extract.chunks))

    async def _geojson(self, url: str) -> bytes:
        """Return the members of a page of GeoJSON that are known."""
        body, _ = await document(self._egress, url, self._headers, most=_MOST_PAGE, parameters=True)
        return await off_loop(_narrow, body)

    async def _layer(self, item: str) -> Layer:
        choices = layers(await self._document(("request", "GetCapabilities"), ("acceptversions", "2.0.0")))
        for layer in choices:
            if layer.name == item:
                return layer
        raise NotFound("the data source has no such layer", remedy="hansa source test lists them")

    async def _schema(self, layer: Layer) -> Schema:
        pairs = (("request", "DescribeFeatureType"), ("version", "2.0.0"), ("typenames", layer.name))
        return schema(await self._document(*pairs), layer)

    async def _document(self, *pairs: tuple[str, str]) -> Document:
        url = query(self._address, ("service", "WFS"), *pairs)
        try:
            body, _ = await document(self._egress, url, self._headers, most=_MOST_DOCUMENT)
        except NotFound as error:
            raise DataSourceUnreachable(
                "there is no WFS at this address", remedy="its steward checks the address: hansa source test"
            ) from error
        return await off_loop(parse, body)


async def _rewrite(stream: MemberStream, chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    async for chunk in chunks:
        for start in range(0, len(chunk), 1 << 16):
            if piece := await off_loop(stream.feed, chunk[start : start + (1 << 16)]):
                yield piece
    if piece := await off_loop(stream.close):
        yield piece


def _check_version(keywords: Keywords) -> None:
    versions = keywords.get("version", "acceptversions").split(",")
    if versions != [""] and not any(version.strip().startswith("2.0") for version in versions):
        raise refusal("version", "this is a WFS of version 2.0.0", "ask with version=2.0.0", "version")


def _check_choice(layer: Layer, selection: FeatureSelection, keywords: Keywords) -> None:
    """Raise ``InvalidInput`` for a choice of features that the reader's part does not allow."""
    if selection.leaves_out_features:
        keywords.check("GetFeature of a part", _PART)
        if keywords.get("srsname") not in ("", SYSTEM):
            raise refusal("value", "a part is given in EPSG:4326", SYSTEM, "srsname")
    for name in ("count", "maxfeatures", "startindex"):
        if value := keywords.get(name):
            check_number(value, name)
    for column in filter(None, keywords.get("propertyname").strip("()").split(",")):
        require_column(column.strip(), layer, selection.shows, "propertyname")
    for column in filter(None, keywords.get("sortby").split(",")):
        require_column(column.strip().split(" ")[0].split("+")[0], layer, selection.shows, "sortby")
    if keywords.get("bbox") and not selection.is_whole and not selection.shows("geometry"):
        raise refusal("value", "the agreement does not give the places of features", "leave out bbox", "bbox")
    if value := keywords.get("filter"):
        check_filter(value, layer, selection.shows)
    if value := keywords.get("resourceid", "featureid"):
        if not selection.shows_ids:
            raise refusal("value", "the agreement does not give identifiers", "ask without resourceid", "resourceid")
        check_identifiers(value, layer, "resourceid")


def _json_of(layer: Layer, selection: FeatureSelection) -> str:
    """Return the name under which the server gives GeoJSON; empty if it does not, or not to a reader of a part."""
    if not selection.is_whole:
        return ""
    return next((name for name in layer.formats if name.lower() in _JSON), "")


def _require_xml(media_type: str) -> None:
    plain = media_type.partition(";")[0].strip().lower()
    if not (plain.endswith(("/xml", "+xml")) or plain.startswith("application/vnd.ogc")) or plain.endswith(
        "html+xml"
    ):
        raise DataSourceUnreachable(
            f"the data source answers with {plain[:60] or 'no type'} instead of GML",
            remedy="its steward checks it: hansa source test",
        )


def _narrow(body: bytes) -> bytes:
    try:
        content: dict[str, Any] = read_object(body)
    except InvalidInput as error:
        raise DataSourceUnreachable("the data source labels its answer as JSON, but it is not") from error
    page = geojson.page("", {**content, "links": []}, "", "")
    return geojson.write({name: value for name, value in page.items() if name != "links"})

"""OGC API - Records, Part 1: Core (OGC 20-004r1): the catalogue as a searchable catalogue of records.

It answers from the search index, for what the caller may see. Records are features of GeoJSON
(``node.catalogue.export.ogc_records``). Errors are those of the other OGC APIs here.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from datetime import date
from typing import Any, Final
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from node.base.errors import InvalidInput
from node.catalogue.browse import MAX_LIMIT, Browse
from node.catalogue.export.ogc_records import GEOJSON, RECORD_CORE, NoSuchRecord, feature, iri_of_id
from node.catalogue.model import Record
from node.catalogue.representations import HTML, VARY, acceptable, language_in
from node.catalogue.search.periods import first_day, last_day
from node.catalogue.searches import Order, Query
from node.identity.model import Caller
from node.semantics.kinds import KINDS
from node.transfer.addresses import OGC_PATH
from node.web.ogc.answers import answering, limit_of, link
from node.web.replies import kept_for

CATALOGUE: Final = "catalogue"
"""The identifier of the only collection."""

_RECORDS: Final = "http://www.opengis.net/spec/ogcapi-records-1/1.0/conf/"
_FEATURES: Final = "http://www.opengis.net/spec/ogcapi-features-1/1.0/conf/"
CONFORMS: Final = (
    "http://www.opengis.net/spec/ogcapi-common-1/1.0/conf/core",
    "http://www.opengis.net/spec/ogcapi-common-2/1.0/conf/collections",
    f"{_FEATURES}core",
    f"{_FEATURES}geojson",
    *(
        _RECORDS + name
        for name in ("searchable-catalog", "record-core", "record-collection", "record-core-query-parameters", "json")
    ),
)
_PARAMETERS: Final = ("q", "bbox", "datetime", "limit", "type", "ids", "externalIds", "sortby", "cursor", "language")
_ORDERS: Final = {
    "updated": (Order.OLDEST, Order.NEWEST),
    "created": (Order.PUBLISHED, Order.ADDED),
    "quality": (Order.POOREST, Order.QUALITY),
}
"""The properties that records are sorted by, from the lowest and from the highest."""
_SORTABLES: Final[dict[str, Any]] = {
    "updated": {"title": "Last change of the record", "type": "string", "format": "date-time"},
    "created": {"title": "Publication in this catalogue", "type": "string", "format": "date-time"},
    "quality": {
        "title": "Quality of the description: points of data.europa.eu",
        "type": "integer",
        "minimum": 0,
        "maximum": 405,
    },
}
_QUERYABLES: Final[dict[str, Any]] = {
    "id": {"title": "Identifier of the record", "type": "string"},
    "type": {"title": "Kind of asset", "type": "string", "enum": list(KINDS)},
    "externalIds": {"title": "Identifiers that the sources gave", "type": "string"},
    "geometry": {"title": "Place", "format": "geometry-polygon"},
    "time": {"title": "Period that the data are about", "type": "string", "format": "date"},
}
_JSON: Final = "application/json"
_SCHEMA: Final = "application/schema+json"
_MOST_VALUES: Final = 100
_DEFAULT_LIMIT: Final = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class OgcRecords:
    """The routes of the catalogue below ``base`` + ``/ogc``; ``title`` is the name of the node."""

    browse: Browse
    identify: Callable[[Request], Awaitable[Caller]]
    base: str
    title: str

    def routes(self) -> list[BaseRoute]:
        """Return the routes, which are beside those of processes."""
        operations: tuple[tuple[str, Callable[[Request], Awaitable[Response]]], ...] = (
            ("", self._collections),
            (f"/{CATALOGUE}", self._catalogue),
            (f"/{CATALOGUE}/items", self._items),
            (f"/{CATALOGUE}/items/{{record}}", self._item),
            (f"/{CATALOGUE}/queryables", self._queryables),
            (f"/{CATALOGUE}/sortables", self._sortables),
        )
        return [Route(f"{OGC_PATH}/collections{path}", answering(show), methods=["GET"]) for path, show in operations]

    @property
    def landing_links(self) -> list[dict[str, str]]:
        """Return the links of the landing page."""
        return [
            link(f"{self._root}/collections", "data", _JSON, "the catalogue as records"),
            link(self._collection, "http://www.opengis.net/def/rel/ogc/1.0/ogc-catalog", _JSON),
        ]

    @property
    def _root(self) -> str:
        return f"{self.base}{OGC_PATH}"

    @property
    def _collection(self) -> str:
        return f"{self._root}/collections/{CATALOGUE}"

    async def _collections(self, request: Request) -> Response:
        _check(request, ())
        own = link(f"{self._root}/collections", "self", _JSON)
        return JSONResponse({"collections": [self._description()], "links": [own]}, headers={"Vary": VARY})

    async def _catalogue(self, request: Request) -> Response:
        _check(request, ())
        return JSONResponse(self._description(), headers={"Vary": VARY})

    def _description(self) -> dict[str, Any]:
        """Return the collection (table 8): its records are what the caller may see."""
        relation = "http://www.opengis.net/def/rel/ogc/1.0/"
        return {
            "id": CATALOGUE,
            "type": "Collection",
            "itemType": "record",
            "title": f"Catalogue of {self.title}",
            "description": "Datasets, services, models, ontologies and other assets that are found here.",
            "conformsTo": [RECORD_CORE, f"{_RECORDS}searchable-catalog"],
            "extent": {"spatial": {"bbox": [[-180, -90, 180, 90]]}, "temporal": {"interval": [[None, None]]}},
            "crs": ["http://www.opengis.net/def/crs/OGC/1.3/CRS84"],
            "contacts": [{"organization": self.title, "roles": ["publisher"]}],
            "defaultSortOrder": [{"field": "updated", "direction": "desc"}],
            "links": [
                link(self._collection, "self", _JSON),
                link(f"{self._collection}/items", "items", GEOJSON),
                link(f"{self._collection}/queryables", f"{relation}queryables", _SCHEMA),
                link(f"{self._collection}/sortables", f"{relation}sortables", _SCHEMA),
                link(f"{self.base}/search", "alternate", HTML),
                link(f"{self.base}/catalog", "alternate", "text/turtle", "the catalogue as DCAT-AP"),
            ],
        }

    async def _queryables(self, request: Request) -> Response:
        return self._schema(request, "queryables", _QUERYABLES)

    async def _sortables(self, request: Request) -> Response:
        return self._schema(request, "sortables", _SORTABLES)

    def _schema(self, request: Request, name: str, properties: dict[str, Any]) -> Response:
        _check(request, ())
        members = {
            "$schema": "https://json-schema.org/draft/2019-09/schema",
            "$id": f"{self._collection}/{name}",
            "type": "object",
            "title": f"Catalogue of {self.title}",
            "properties": properties,
            "additionalProperties": False,
        }
        return JSONResponse(members, media_type=_SCHEMA)

    async def _items(self, request: Request) -> Response:
        _check(request, _PARAMETERS)
        if acceptable(request.headers.get("accept"), (GEOJSON, _JSON, HTML)) == HTML:
            return RedirectResponse(f"{self.base}/search", status_code=303, headers={"Vary": VARY})
        caller, language = await self.identify(request), _language(request)
        query = self._query(request, language)
        page = await self.browse.search(query, caller)
        features = await asyncio.to_thread(self._features, [hit.record for hit in page.hits], language)
        own = f"{self._collection}/items"
        pairs = request.query_params.multi_items()
        links = [
            link(f"{own}?{urlencode(pairs)}" if pairs else own, "self", GEOJSON),
            link(self._collection, "collection", _JSON),
        ]
        if page.cursor:
            others = [pair for pair in pairs if pair[0] != "cursor"]
            links.append(link(f"{own}?{urlencode([*others, ('cursor', page.cursor)])}", "next", GEOJSON))
        members = {
            "type": "FeatureCollection",
            "numberMatched": page.total,
            "numberReturned": len(features),
            "features": features,
            "links": links,
        }
        return JSONResponse(members, media_type=GEOJSON, headers=kept_for(caller))

    async def _item(self, request: Request) -> Response:
        _check(request, ("language",))
        iri = iri_of_id(request.path_params["record"], self.base)
        if acceptable(request.headers.get("accept"), (GEOJSON, _JSON, HTML)) == HTML:
            return RedirectResponse(iri, status_code=303, headers={"Vary": VARY})
        caller = await self.identify(request)
        record = await self.browse.record(iri, caller)
        (members,) = await asyncio.to_thread(self._features, [record], _language(request))
        return JSONResponse(members, media_type=GEOJSON, headers=kept_for(caller))

    def _features(self, records: Iterable[Record], language: str) -> list[dict[str, Any]]:
        return [feature(record, base=self.base, collection=self._collection, language=language) for record in records]

    def _query(self, request: Request, language: str) -> Query:
        parameters = request.query_params
        iris = tuple(self._iris(_values(parameters.get("ids"), "ids")))
        external = _values(parameters.get("externalIds"), "externalIds")
        return Query(
            phrases=_values(parameters.get("q"), "q"),
            kinds=_values(parameters.get("type"), "type"),
            iris=iris,
            identifiers=external,
            bbox=_box(parameters.get("bbox")),
            period=_period(parameters.get("datetime")),
            order=_order(parameters.get("sortby")),
            limit=min(limit_of(request, MAX_LIMIT), MAX_LIMIT) if "limit" in parameters else _DEFAULT_LIMIT,
            cursor=parameters.get("cursor", ""),
            language=language,
        )

    def _iris(self, identifiers: Iterable[str]) -> Iterable[str]:
        for identifier in identifiers:
            try:
                yield iri_of_id(identifier, self.base)
            except NoSuchRecord:
                yield f"urn:hansa:no-record:{identifier}"


def _check(request: Request, names: tuple[str, ...]) -> None:
    """Raise ``InvalidInput`` for a parameter that there is not, or that comes twice (OGC 17-069r4 §7.15)."""
    for name in request.query_params:
        if name not in names:
            known = ", ".join(names) or "none"
            raise InvalidInput(f"there is no parameter {name[:60]!r} here", remedy=f"parameters: {known}")
        if len(request.query_params.getlist(name)) > 1:
            raise InvalidInput(f"the parameter {name} comes twice", remedy="separate its values by commas")


def _language(request: Request) -> str:
    return language_in(request.query_params.get("language") or request.headers.get("accept-language"))


def _values(text: str | None, name: str) -> tuple[str, ...]:
    if text is None:
        return ()
    values = tuple(dict.fromkeys(part.strip() for part in text.split(",") if part.strip()))
    if not values or len(values) > _MOST_VALUES or len(text) > 20_000:
        raise InvalidInput(
            f"{name} has no values, or too many", remedy=f"give 1 to {_MOST_VALUES}, separated by commas"
        )
    return values


def _box(text: str | None) -> tuple[float, float, float, float] | None:
    """Return the box of ``bbox``; of six numbers, the heights do not count. West may be behind east."""
    if text is None:
        return None
    fault = InvalidInput(
        "bbox is not four or six numbers", remedy="write bbox=west,south,east,north in degrees (WGS 84)"
    )
    try:
        edges = [float(part) for part in text.split(",")]
    except ValueError as error:
        raise fault from error
    if len(edges) == 6:
        del edges[5], edges[2]
    if len(edges) != 4:
        raise fault
    west, south, east, north = edges
    if not (-180 <= west <= 180 and -180 <= east <= 180 and -90 <= south <= north <= 90):
        raise fault
    return west, south, east, north


def _period(text: str | None) -> tuple[date | None, date | None] | None:
    """Return the days of ``datetime``: a moment, or an interval that may be open (OGC 17-069r4 §7.15.4)."""
    if text is None:
        return None
    fault = InvalidInput(
        "datetime is not a moment or an interval",
        remedy="write datetime=2024-05-17, datetime=2024-01-01/2024-12-31 or datetime=2024-01-01/..",
    )
    begin, slash, end = text.partition("/")
    open_ends = ("", "..")
    first = None if slash and begin in open_ends else first_day(begin)
    last = None if slash and end in open_ends else last_day(end if slash else begin)
    if (first is None and begin not in open_ends) or (last is None and (end if slash else begin) not in open_ends):
        raise fault
    if first is None and last is None:
        if slash:
            return None
        raise fault
    if first and last and last < first:
        raise fault
    return first, last


def _order(text: str | None) -> Order:
    if text is None:
        return Order.NEWEST
    name = text.strip().lstrip("+-")
    if name not in _ORDERS:
        raise InvalidInput(
            f"records cannot be sorted by {name[:60]!r}",
            remedy=f"sort by one of {', '.join(_ORDERS)}, with - in front for the highest first",
        )
    return _ORDERS[name][text.strip().startswith("-")]

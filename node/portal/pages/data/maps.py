"""Maps of open and received files: the features as GeoJSON, and a page of one or several files.

The page is whole without scripts: a drawing of the server, and a table of the first features. Where the node has the
files of maps, a script makes a map of it that one can move, zoom and ask.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote, unquote, urlencode

from starlette.responses import Response

from node.base.errors import HansaError, InvalidInput
from node.catalogue.model import Record
from node.catalogue.representations import VARY
from node.catalogue.search.areas import area
from node.catalogue.searches import Query
from node.portal import headers
from node.portal.description.previews import shapes
from node.portal.drawing.maps import Mark, Picture, draw
from node.portal.map_files import ARCHIVES, BASE_MAP, LIBRARY, WORKER
from node.portal.pages.data.open_files import cell, named_file, script_text
from node.portal.visit import Visit
from node.semantics.codelists.places import PLACES
from node.semantics.model import BBox
from node.semantics.profiles.features_client import FeatureSet, has_places

if TYPE_CHECKING:
    from node.portal.responder import Responder

TYPES: Final = frozenset({"application/geo+json", "application/vnd.geo+json", "application/geopackage+sqlite3"})
"""Media types of files that have a map; tables have one if two columns are longitude and latitude."""
ENDINGS: Final = (".geojson", ".gpkg")
"""Endings of the names of received files that have a map."""
MOST_LAYERS: Final = 6
COLOURS: Final = ("#2c7fb8", "#d95f02", "#1b9e77", "#7570b3", "#e7298a", "#a6761d")
"""The colours of the layers of a map, on light and dark ground."""
LISTED: Final = 50
"""Features in the table of the page."""

_DRAWN: Final = 500
_MATCHES: Final = 30
_LONGEST: Final = 300
_MOST_POSITIONS: Final = 6_000
_GEOJSON: Final = "application/geo+json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Layer:
    """A file on a map. ``address`` gives its features as GeoJSON; ``page`` is that of the asset."""

    file: str
    titles: Mapping[str, str]
    iri: str
    address: str
    page: str
    without: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class StillMap:
    """The map of a page without scripts: a picture of the first features, and a table of them."""

    picture: Picture | None
    layer: Layer
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    shown: int
    total: int
    omissions: int


def live_map(responder: Responder, visit: Visit, layers: Sequence[Layer], *, is_page: bool = False) -> str:
    """Return the facts that the script needs for a map of ``layers``, as JSON; empty if the node lacks its files."""
    files = responder.settings.maps
    if files is None:
        return ""
    facts: dict[str, Any] = {
        "library": responder.map_file(LIBRARY),
        "worker": responder.map_file(WORKER),
        "archives": responder.map_file(ARCHIVES),
        "base": responder.map_file(BASE_MAP),
        "attribution": files.attribution,
        "language": visit.language,
        "isPage": is_page,
        "places": _towns() if files.base_map is None else [],
        "layers": [
            {
                "name": f"{visit.translate(layer.titles).text or layer.iri} – {layer.file}",
                "address": layer.address,
                "page": layer.page,
                "colour": COLOURS[number % len(COLOURS)],
            }
            for number, layer in enumerate(layers)
        ],
        "texts": {key: script_text(visit, f"map.{key}") for key in _TEXTS},
    }
    return json.dumps(facts, ensure_ascii=False)


def _towns() -> list[list[Any]]:
    """Return the towns of the gazetteer, which the countries of Natural Earth lack: name, longitude, latitude, and
    their order, the largest first."""
    widths = [(place, place.bbox[2] - place.bbox[0]) for place in PLACES]
    return [
        [place.name, *(round(degrees, 3) for degrees in place.centre), -round(width * 100)]
        for place, width in widths
        if width < 1
    ]


_TEXTS: Final = (
    "all",
    "arrows",
    "attribution",
    "colour",
    "colour.none",
    "failed",
    "feature",
    "gesture",
    "hint",
    "in",
    "label",
    "loading",
    "next",
    "none",
    "other",
    "out",
    "part",
    "previous",
    "time",
    "time.all",
    "time.column",
    "touch",
)
"""Texts of the script, by the end of their keys."""


async def record_features(responder: Responder, visit: Visit) -> Response:
    """``/record/map.geojson?iri=…&file=…``: features of an open file; of a part of the map with ``bbox``."""
    record, file, _ = await named_file(responder, visit)
    features = await responder.node.catalogue.assets.features(record, file, _box(visit))
    return _answer(visit, features)


async def received_features(responder: Responder, visit: Visit) -> Response:
    """``/received/{pid}/map.geojson``: features of a received file, for people who may read it."""
    pid = visit.request.path_params["pid"]
    return _answer(visit, await responder.node.work.data_receipts.features(pid, visit.caller, _box(visit)))


async def record_map(responder: Responder, visit: Visit) -> Response:
    """``/record/map?iri=…&file=…&layer=…``: a map of open files. Each ``layer`` is a further one: the name of the
    file, a space, and the IRI of the asset."""
    record, file, version = await named_file(responder, visit)
    first = layer_of(visit, record, file, version)
    drawing = _drawing(visit, first, await responder.node.catalogue.assets.features(record, file, None, most=_DRAWN))
    pairs = [_pair(text) for text in dict.fromkeys(visit.request.query_params.getlist("layer"))]
    if len(pairs) >= MOST_LAYERS:
        raise InvalidInput(f"a map has at most {MOST_LAYERS} layers", remedy="remove some from the address")
    others = []
    for name, iri in pairs:
        try:
            other = await responder.node.catalogue.browse.record(iri, visit.caller)
        except HansaError:
            # A shared address may name what this reader may not see.
            continue
        others.append(layer_of(visit, other, name, "", without=_without(visit, f"{name} {iri}")))
    layers = [first, *others]
    return _page(responder, visit, layers, drawing, back=first.page, more=await _more(responder, visit, layers))


async def received_map(responder: Responder, visit: Visit) -> Response:
    """``/received/{pid}/map``: a map of a received file, for people who may read it."""
    pid = visit.request.path_params["pid"]
    features = await responder.node.work.data_receipts.features(pid, visit.caller, None, most=_DRAWN)
    item = await responder.node.work.data_receipts.get(pid)
    address = visit.url(f"/received/{quote(pid, safe='')}")
    layer = Layer(
        file=item.reception.name if item.reception else "",
        titles=item.conversation.titles,
        iri=item.agreement.dataset,
        address=f"{address}/map.geojson",
        page=address,
    )
    return _page(responder, visit, [layer], _drawing(visit, layer, features), back=address, more=None)


def _page(
    responder: Responder,
    visit: Visit,
    layers: Sequence[Layer],
    drawing: StillMap,
    *,
    back: str,
    more: Sequence[Layer] | None,
) -> Response:
    """Return the page. ``more`` are layers that can be added; None if none can."""
    return responder.render(
        visit,
        "map.html",
        layers=layers,
        colours=COLOURS,
        drawing=drawing,
        back=back,
        more=more if len(layers) < MOST_LAYERS else None,
        find=visit.request.query_params.get("find", "")[:_LONGEST],
        parameters=[pair for pair in visit.parameters() if pair[0] != "find"],
        live=live_map(responder, visit, layers, is_page=True),
    )


def layer_of(visit: Visit, record: Record, file: str, version: str, *, without: str = "") -> Layer:
    """Return the layer of an open file of ``record``; ``without`` is the address of the map without it."""
    return Layer(
        file=file,
        titles=record.titles,
        iri=record.iri,
        address=visit.url("/record/map.geojson", iri=record.iri, file=file, version=version),
        page=visit.asset(record, version=version),
        without=without,
    )


async def _more(responder: Responder, visit: Visit, layers: Sequence[Layer]) -> Sequence[Layer]:
    """Return the layers that a search of the reader finds (``find``); ``page`` is the address of the map with it."""
    text = visit.request.query_params.get("find", "")[:_LONGEST]
    if not text.strip():
        return ()
    query = Query(text=text, kinds=("dataset",), language=visit.language, limit=_MATCHES)
    matches = await responder.node.catalogue.browse.search(query, visit.caller)
    layers_here = {(layer.file, layer.iri) for layer in layers}
    parameters = [pair for pair in visit.parameters() if pair[0] != "find"]
    more = []
    for record in (hit.record for hit in matches.hits):
        for file in record.files:
            if (
                has_map(file.media_type)
                and file.open
                and visit.owns(record.iri)
                and (file.name, record.iri) not in layers_here
            ):
                address = (
                    f"{visit.url(visit.path)}?{urlencode([*parameters, ('layer', f'{file.name} {record.iri}')])}"
                )
                more.append(Layer(file=file.name, titles=record.titles, iri=record.iri, address="", page=address))
    return more


def map_of(
    responder: Responder, visit: Visit, record: Record, columns: Mapping[str, Sequence[str]], version: str
) -> tuple[Layer | None, str]:
    """Return the first open file of an own record that has a map, and the facts for the script (empty: no script).
    ``columns`` are those of tables that were looked at."""
    for file in record.files:
        if file.open and (has_map(file.media_type) or has_places(tuple(columns.get(file.name, ())))):
            layer = layer_of(visit, record, file.name, version)
            return layer, live_map(responder, visit, [layer])
    return None, ""


def has_map(media_type: str) -> bool:
    """Return whether files of this media type have a map, whatever their columns are."""
    return media_type.partition(";")[0].strip() in TYPES


def _drawing(visit: Visit, layer: Layer, features: FeatureSet) -> StillMap:
    """Return the first features as a picture and a table, as many as a page may carry."""
    marks: list[Mark] = []
    rows: list[Sequence[str]] = []
    positions = 0
    columns = [column.name for column in features.columns]
    for feature in json.loads(features.features):
        values = feature["properties"]
        cells = [cell(values.get(column)) for column in columns]
        positions += sum(len(path) for _, path in shapes(feature["geometry"]))
        if positions <= _MOST_POSITIONS:
            words = next((cell for cell in cells if cell), visit.t("map.feature"))
            marks.append(Mark(id=str(feature["id"]), geometry=feature["geometry"], words=words, colour=COLOURS[0]))
        if len(rows) < LISTED:
            rows.append(cells)
    return StillMap(
        picture=draw(marks),
        layer=layer,
        columns=columns,
        rows=rows,
        shown=len(marks),
        total=features.total,
        omissions=features.omissions,
    )


def _pair(text: str) -> tuple[str, str]:
    """Return the name of the file and the IRI of a ``layer``. Raises ``InvalidInput``."""
    name, _, iri = text[:4096].rpartition(" ")
    if not name or not iri:
        raise InvalidInput("a layer is the name of a file, a space, and the IRI of its asset", remedy="add it anew")
    return name, iri


def _without(visit: Visit, layer: str) -> str:
    pairs = [(name, value) for name, value in visit.parameters() if (name, value) != ("layer", layer)]
    return f"{visit.url(visit.path)}?{urlencode(pairs)}"


def _box(visit: Visit) -> BBox | None:
    text = visit.request.query_params.get("bbox", "")
    return area(unquote(text)) if text else None


def _answer(visit: Visit, features: FeatureSet) -> Response:
    response = Response(features.to_geojson(), headers={"Content-Type": _GEOJSON, "Vary": VARY})
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Cache-Control"] = headers.cache_control(signed_in=not visit.caller.is_anonymous)
    return response

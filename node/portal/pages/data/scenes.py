"""Views in 3D of open and received files: their objects as JSON, the tiles of sets of tiles, and the page.

The page is whole without scripts: facts about the objects, and a table of the first ones. Where the node has the
library, a script makes a view of it that one can turn, zoom and ask.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

from starlette.responses import Response

from node.catalogue.representations import VARY
from node.portal import headers
from node.portal.map_files import SCENE_TILES, SCENES
from node.portal.pages.data.open_files import cell, named_file, script_text
from node.portal.visit import Visit
from node.semantics.profiles.scenes_client import ObjectScene

if TYPE_CHECKING:
    from node.portal.responder import Responder

LISTED: Final = 50
"""Objects in the table of the page."""

_LONGEST_NAME: Final = 1024
_BYTES: Final = {
    # A tile is for the viewer of this page; opened by itself it is nothing.
    "Content-Security-Policy": "default-src 'none'; sandbox",
    "X-Content-Type-Options": "nosniff",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class SceneSource:
    """A file with objects: ``address`` gives them as JSON, ``tiles`` a tile, ``page`` is the asset's."""

    file: str
    titles: Mapping[str, str]
    iri: str
    address: str
    tiles: str
    page: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectRow:
    """An object in the table, as text; ``height`` is in metres."""

    id: str
    type: str
    height: float | None
    cells: Sequence[str]


async def record_view(responder: Responder, visit: Visit) -> Response:
    """``/record/3d?iri=…&file=…``: the view of an open file."""
    record, file, version = await named_file(responder, visit)
    parameters = {"iri": record.iri, "file": file, "version": version}
    source = SceneSource(
        file=file,
        titles=record.titles,
        iri=record.iri,
        address=visit.url("/record/3d.json", **parameters),
        tiles=visit.url("/record/3d/tile", **parameters),
        page=visit.asset(record, version=version),
    )
    scene = await responder.node.catalogue.assets.scene(record, file, most=LISTED)
    return _page(responder, visit, source, scene)


async def record_objects(responder: Responder, visit: Visit) -> Response:
    """``/record/3d.json?iri=…&file=…``: the objects of an open file."""
    record, file, _ = await named_file(responder, visit)
    return _answer(visit, await responder.node.catalogue.assets.scene(record, file))


async def record_tile(responder: Responder, visit: Visit) -> Response:
    """``/record/3d/tile?iri=…&file=…&member=…``: a tile of an open set of tiles."""
    record, file, _ = await named_file(responder, visit)
    return _tile(visit, await responder.node.catalogue.assets.scene_tile(record, file, _member(visit)))


async def received_view(responder: Responder, visit: Visit) -> Response:
    """``/received/{pid}/3d``: the view of a received file, for people who may read it."""
    pid = visit.request.path_params["pid"]
    scene = await responder.node.work.data_receipts.scene(pid, visit.caller, most=LISTED)
    item = await responder.node.work.data_receipts.get(pid)
    address = visit.url(f"/received/{quote(pid, safe='')}")
    source = SceneSource(
        file=item.reception.name if item.reception else "",
        titles=item.conversation.titles,
        iri=item.agreement.dataset,
        address=f"{address}/3d.json",
        tiles=f"{address}/3d/tile",
        page=address,
    )
    return _page(responder, visit, source, scene)


async def received_objects(responder: Responder, visit: Visit) -> Response:
    """``/received/{pid}/3d.json``: the objects of a received file, for people who may read it."""
    pid = visit.request.path_params["pid"]
    return _answer(visit, await responder.node.work.data_receipts.scene(pid, visit.caller))


async def received_tile(responder: Responder, visit: Visit) -> Response:
    """``/received/{pid}/3d/tile?member=…``: a tile of a received set of tiles, for people who may read it."""
    pid = visit.request.path_params["pid"]
    return _tile(visit, await responder.node.work.data_receipts.scene_tile(pid, visit.caller, _member(visit)))


def _member(visit: Visit) -> str:
    # Nothing is refused here: who may not read the file learns that first.
    return visit.request.query_params.get("member", "")[:_LONGEST_NAME]


def _page(responder: Responder, visit: Visit, source: SceneSource, scene: ObjectScene) -> Response:
    columns = [column.name for column in scene.columns]
    rows = [
        ObjectRow(
            id=str(item["id"]),
            type=str(item["type"]),
            height=item["height"],
            cells=[cell(item["properties"].get(name)) for name in columns],
        )
        for item in scene.items()[:LISTED]
    ]
    return responder.render(
        visit,
        "scene.html",
        source=source,
        scene=scene,
        columns=columns,
        rows=rows,
        live=_live(responder, visit, source, scene),
    )


def _live(responder: Responder, visit: Visit, source: SceneSource, scene: ObjectScene) -> str:
    """Return the facts that the script needs, as JSON; empty if the node lacks the library, or no tile is there."""
    files = responder.settings.maps
    if files is None or not files.has_scenes or (scene.has_tiles and scene.tiles == scene.absences):
        return ""
    facts = {
        "library": responder.map_file(SCENES),
        "tileLibrary": responder.map_file(SCENE_TILES),
        "address": source.address,
        "tiles": source.tiles if scene.has_tiles else "",
        "root": scene.root,
        "name": source.file,
        "language": visit.language,
        "texts": {
            **{key: script_text(visit, f"map.{key}") for key in _OF_MAPS},
            **{key: script_text(visit, f"scene.{key}") for key in _TEXTS},
        },
    }
    return json.dumps(facts, ensure_ascii=False)


_OF_MAPS: Final = ("all", "colour", "colour.none", "in", "next", "other", "out", "previous", "time", "time.all")
_TEXTS: Final = (
    "colours",
    "failed",
    "feature",
    "flatter",
    "height",
    "hint",
    "hint.tiles",
    "id",
    "label",
    "left",
    "loading",
    "lod",
    "none",
    "parent",
    "part",
    "right",
    "steeper",
    "type",
    "unshown",
)
"""Texts of the script, by the end of their keys."""


def _answer(visit: Visit, scene: ObjectScene) -> Response:
    response = Response(scene.to_json(), headers={"Content-Type": "application/json", "Vary": VARY})
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Cache-Control"] = headers.cache_control(signed_in=not visit.caller.is_anonymous)
    return response


def _tile(visit: Visit, body: bytes) -> Response:
    response = Response(body, headers={"Content-Type": "application/octet-stream", "Vary": VARY, **_BYTES})
    response.headers["Cache-Control"] = headers.cache_control(signed_in=not visit.caller.is_anonymous)
    return response

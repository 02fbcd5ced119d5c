"""Change layers: proposed changes to data that stay as they are, drawn and edited on a map by links."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

from starlette.responses import Response

from node.base.errors import HansaError, InvalidInput, NotFound
from node.portal.drawing import maps
from node.portal.pages.runs import scenarios_of
from node.portal.runs import edits
from node.portal.views.drawn_layers import LayerView
from node.portal.visit import Visit
from node.scenarios.model import GEOMETRY, Layer, Operation, OperationType, Row
from node.scenarios.tables.rows import row_id

if TYPE_CHECKING:
    from node.portal.responder import Responder

MAX_LISTED: Final = 120
MAX_TITLE: Final = 200
MAX_REASON: Final = 2000

COLOURS: Final = {OperationType.UPDATE: "#f1a340", OperationType.ADD: "#2c7fb8"}
PLAIN: Final = "#aab2b5"


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """An operation in the list: each member as (name, value that the author saw, new value)."""

    operation: Operation
    members: tuple[tuple[str, str, str], ...]


async def layers(responder: Responder, visit: Visit) -> Response:
    """``/layers``: all, or those of ``?target=``."""
    target = visit.request.query_params.get("target", "")
    layers_shown = await scenarios_of(responder).layers.of(target or None)
    titles: dict[str, Mapping[str, str]] = {}
    for layer_ in layers_shown:
        if layer_.target not in titles:
            try:
                titles[layer_.target] = (
                    await responder.node.catalogue.browse.record(layer_.target, visit.caller)
                ).titles
            except NotFound:
                titles[layer_.target] = {}
    return responder.render(visit, "layers.html", layers=layers_shown, titles=titles, target=target)


async def new(responder: Responder, visit: Visit) -> Response:
    """``/layers/new?target=``: the same page as for a stored layer; the first change stores it."""
    drawn = await _draft(responder, visit, visit.request.query_params, names=_names(visit))
    return _page(responder, visit, drawn)


async def create(responder: Responder, visit: Visit) -> Response:
    """``POST /layers/new``."""
    return await _edit(responder, visit, await _draft(responder, visit, visit.fields))


async def layer(responder: Responder, visit: Visit) -> Response:
    """``/layers/{id}``: the map with the changes; ``?feature=`` opens the form of a feature, ``?add=1`` that of a new
    one, filled like ``?like=``."""
    name = visit.request.path_params["id"]
    view = await scenarios_of(responder).drawn_layers.get(name, visit.caller, names=_names(visit))
    return _page(responder, visit, view)


async def edit(responder: Responder, visit: Visit) -> Response:
    """``POST /layers/{id}``."""
    return await _edit(
        responder,
        visit,
        await scenarios_of(responder).drawn_layers.get(visit.request.path_params["id"], visit.caller),
    )


def _names(visit: Visit) -> list[str]:
    """Return the features that the page shows, by name."""
    query = visit.request.query_params
    return [query.get("feature", ""), query.get("like", "")]


async def _draft(
    responder: Responder, visit: Visit, values: Mapping[str, str], *, names: Sequence[str] | None = None
) -> LayerView:
    target, version = values.get("target", ""), values.get("version", "")
    if not target:
        raise InvalidInput(
            "no dataset is chosen", remedy="start on the page of a dataset", facts={"case": "no-dataset"}
        )
    number = int(version) if version.isdecimal() and 0 < len(version) < 10 else None
    return await scenarios_of(responder).drawn_layers.draft(
        target, visit.caller, version=number, file=values.get("file") or None, names=names
    )


async def _edit(responder: Responder, visit: Visit, view: LayerView) -> Response:
    """Apply a change, and show the page again: with the change, or with the errors beside the form."""
    fields = visit.fields
    try:
        wanted = _with_title(_apply(view, fields), visit)
        layer = await scenarios_of(responder).drawn_layers.save(wanted, visit.caller, after=fields.get("after", ""))
    except NotFound:
        raise
    except HansaError as error:
        if error.status >= 500:
            raise
        return _page(responder, visit, view, trouble=error)
    feature = fields.get("feature", "") if fields.get("do") in ("set", "add") else ""
    target = visit.url(f"/layers/{quote(layer.id, safe='')}", feature=feature, done="kept")
    return responder.go(visit, target)


def _apply(view: LayerView, fields: Mapping[str, str]) -> Layer:
    feature = fields.get("feature", "").strip()[:200]
    match fields.get("do"):
        case "set":
            return edits.change_feature(view.layer, view.rows, feature, fields)
        case "remove":
            return edits.remove_feature(view.layer, view.rows, feature)
        case "add":
            return edits.add_feature(view.layer, view.rows, feature, fields)
        case "undo":
            return edits.undone(view.layer, feature)
        case "title":
            return view.layer
    raise InvalidInput("no action was chosen", remedy="use one of the buttons", facts={"case": "no-action"})


def _with_title(layer_: Layer, visit: Visit) -> Layer:
    title = visit.fields.get("title", layer_.title).strip()[:MAX_TITLE]
    reason = visit.fields.get("reason", layer_.reason).strip()[:MAX_REASON]
    if not title or not reason:
        raise InvalidInput(
            "a change layer needs a title and a reason", remedy="fill in both", facts={"case": "untitled-layer"}
        )
    return replace(layer_, title=title, reason=reason)


def _page(responder: Responder, visit: Visit, view: LayerView, *, trouble: HansaError | None = None) -> Response:
    query, layer_ = visit.request.query_params, view.layer
    feature = visit.fields.get("feature", "") or query.get("feature", "")
    adding = visit.fields.get("do") == "add" or query.get("add") == "1"
    like = query.get("like", "")
    by_id = {operation.id: operation for operation in layer_.operations}
    row = edits.find(view.rows, layer_.key, feature)
    known = row is not None or feature in by_id
    sample = edits.find(view.rows, layer_.key, like)
    return responder.render(
        visit,
        "layer.html",
        status=trouble.status if trouble else 200,
        drawn=view,
        layer=layer_,
        lines=[_line(operation, edits.find(view.rows, layer_.key, operation.id)) for operation in layer_.operations],
        map=_map(visit, view, feature),
        feature=feature if known and not adding else "",
        asked=feature,
        missing=bool(feature) and not known and not adding,
        adding=adding,
        like=like,
        operation=by_id.get(feature),
        cells=edits.cells(view.rows, layer_, like if adding else feature, view.shapes),
        spelled=edits.spell_geometry(sample.get(GEOMETRY) if sample else None),
        located=any(isinstance(one.get(GEOMETRY), Mapping) for one in view.rows),
        listed=[row_id(one, edits.names_of(layer_.key)) for one in view.rows[:MAX_LISTED]],
        trouble=trouble,
        typed=visit.fields,
        OperationType=OperationType,
        colours={str(change): colour for change, colour in COLOURS.items()},
        action=visit.url(f"/layers/{quote(layer_.id, safe='')}" if layer_.id else "/layers/new"),
        base=_base(visit, layer_),
    )


def _base(visit: Visit, layer_: Layer) -> Any:
    """Return a function for addresses of this page: with a feature chosen, or with the form of a new one."""

    def address(**query: object) -> str:
        if layer_.id:
            return visit.url(f"/layers/{quote(layer_.id, safe='')}", **query)
        return visit.url("/layers/new", target=layer_.target, version=layer_.version, file=layer_.file, **query)

    return address


def _line(operation: Operation, row: Row | None) -> Line:
    """Return ``operation`` for the list. The old values are those stored in the layer; if it has none, those of
    ``row``, the row of the pinned data that it changes."""
    old = {**(row or {}), **operation.before}
    names = dict.fromkeys([*operation.set, *operation.before, *operation.unset])
    members = []
    for name in names:
        value = operation.set.get(name)
        if isinstance(value, Mapping):
            after = f"× {edits.plain(value.get('factor'))}"
        elif name in operation.set:
            after = edits.plain(value)
        else:
            after = ""
        members.append((name, edits.plain(old.get(name)), after))
    return Line(operation=operation, members=tuple(members))


def _map(visit: Visit, view: LayerView, feature: str) -> maps.Picture | None:
    layer_, address = view.layer, _base(visit, view.layer)
    by_id = {operation.id: operation for operation in layer_.operations}
    marks = []
    for row in view.rows:
        geometry = row.get(GEOMETRY)
        if isinstance(geometry, Mapping):
            name = row_id(row, edits.names_of(layer_.key))
            marks.append(_mark(visit, name, geometry, by_id.get(name), chosen=name == feature, link=address))
    for operation in layer_.operations:
        if operation.op is OperationType.ADD and operation.geometry:
            marks.append(
                _mark(
                    visit, operation.id, operation.geometry, operation, chosen=operation.id == feature, link=address
                )
            )
    return maps.draw(marks)


def _mark(
    visit: Visit, name: str, geometry: Mapping[str, Any], operation: Operation | None, *, chosen: bool, link: Any
) -> maps.Mark:
    word = f"{name}: {visit.t(f'layer.{operation.op}')}" if operation else name
    return maps.Mark(
        id=name,
        geometry=geometry,
        words=word,
        colour=""
        if operation and operation.op is OperationType.REMOVE
        else COLOURS[operation.op]
        if operation
        else PLAIN,
        width=6.5 if operation else 3.0,
        weight=1.0 if operation else 0.0,
        dashed=operation is not None and operation.op is OperationType.REMOVE,
        chosen=chosen,
        link=f"{link(feature=name)}#edit",
    )

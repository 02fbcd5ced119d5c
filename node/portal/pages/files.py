"""Downloads: a result's table, its map, the whole run; an agreement with its evidence."""

from __future__ import annotations

import csv
import io
import json
from typing import TYPE_CHECKING

from starlette.responses import Response

from node.base.errors import NotFound
from node.base.plaintext import harmless
from node.catalogue.representations import VARY
from node.evidence.archive import file_name
from node.portal import headers
from node.portal.pages.runs import scenarios_of
from node.portal.runs import results
from node.portal.runs.results import RunFigure
from node.portal.visit import Visit
from node.scenarios.run_model import Run

if TYPE_CHECKING:
    from node.portal.responder import Responder


async def table_csv(responder: Responder, visit: Visit) -> Response:
    """``/runs/{pid}/table.csv``: the figure that the page shows, feature by feature (RFC 4180)."""
    run, results = await _gather(responder, visit)
    sheet = io.StringIO()
    writer = csv.writer(sheet)
    unit = results.figure.variable.unit or ""
    writer.writerow((harmless(results.shape_by_key.key or "id"), "before", "after", "change", "unit"))
    for change in results.changes:
        by = change.by
        figures = [change.before, change.after, round(by, 9) if by is not None else None]
        writer.writerow([harmless(change.id), *("" if f is None else f for f in figures), harmless(unit)])
    return _file(visit, sheet.getvalue().encode(), "text/csv; charset=utf-8; header=present", f"{_name(run)}.csv")


async def map_geojson(responder: Responder, visit: Visit) -> Response:
    """``/runs/{pid}/map.geojson``: the same with geometry (RFC 7946)."""
    run, results = await _gather(responder, visit)
    own = next((place for place in results.places if place.key == results.shape_by_key.key), None)
    if own is None:
        raise NotFound
    column = results.figure.column
    features = [
        {
            "type": "Feature",
            "id": change.id,
            "geometry": own.geometries[change.id],
            "properties": {
                own.key: change.id,
                f"{column}_before": change.before,
                f"{column}_after": change.after,
                f"{column}_change": round(change.by, 9) if change.by is not None else None,
            },
        }
        for change in results.changes
        if change.id in own.geometries
    ]
    body = json.dumps({"type": "FeatureCollection", "features": features}, ensure_ascii=False)
    return _file(visit, body.encode(), "application/geo+json", f"{_name(run)}.geojson")


async def crate_zip(responder: Responder, visit: Visit) -> Response:
    """``/runs/{pid}/crate.zip``: everything about the run as an RO-Crate."""
    scenarios = scenarios_of(responder)
    pid = visit.request.path_params["pid"]
    body = await scenarios.release.crate(pid, visit.caller)
    return _file(visit, body, "application/zip", f"{_name(await scenarios.runs.run(pid))}.zip")


async def agreement_zip(responder: Responder, visit: Visit) -> Response:
    """``/agreements/{id}/evidence.zip``: the agreement with everything that proves it."""
    agreement_id = visit.request.path_params["id"]
    content = await responder.node.contracts.proofs.export(agreement_id)
    return _file(visit, content, "application/zip", file_name(agreement_id))


async def _gather(responder: Responder, visit: Visit) -> tuple[Run, RunFigure]:
    scenarios = scenarios_of(responder)
    run = await scenarios.runs.run(visit.request.path_params["pid"])
    gathering = await results.gather(scenarios.watches, visit.caller, run, dict(visit.parameters()))
    if gathering is None:
        raise NotFound
    return run, gathering


def _name(run: Run) -> str:
    """Return a name for the file: the scenario and the beginning of the result's hash, which tells runs apart."""
    slug = run.template.iri.rstrip("/").rsplit("/", 1)[-1]
    safe = "".join(c for c in slug if c.isascii() and (c.isalnum() or c in "-_"))[:60] or "scenario"
    return f"{safe}-{(run.result or run.binding.key)[:8]}"


def _file(visit: Visit, body: bytes, media_type: str, name: str) -> Response:
    return Response(
        body,
        headers={
            "Content-Type": media_type,
            "Content-Disposition": f'attachment; filename="{name}"',
            "X-Content-Type-Options": "nosniff",
            "Vary": VARY,
            "Cache-Control": headers.cache_control(signed_in=not visit.caller.is_anonymous),
        },
    )

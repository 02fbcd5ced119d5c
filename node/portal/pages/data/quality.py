"""The page of the quality of the catalogue: now, over time, by publisher, and of one record."""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from typing import TYPE_CHECKING, Final

from anyio.to_thread import run_sync
from markupsafe import Markup
from starlette.responses import Response

from node.base.errors import NotFound
from node.catalogue.export.catalog import PATH as CATALOG_PATH
from node.catalogue.measurement.model import Day, Series
from node.catalogue.measurement.tables import csv_of, dqv_of
from node.catalogue.representations import VARY
from node.portal import headers
from node.portal.drawing.curve import curve
from node.portal.visit import Visit
from node.semantics.metrics import DIMENSIONS, MAXIMUM
from node.semantics.quality import advice

if TYPE_CHECKING:
    from node.portal.responder import Responder

SHOWN: Final = 100
"""Publishers on the page, those with the most records."""
DAYS: Final = 60
"""Days in the table, the newest first."""


async def quality(responder: Responder, visit: Visit) -> Response:
    """``GET /quality``: the whole catalogue; ``?publisher=`` one publisher; ``?record=`` one record."""
    query = visit.request.query_params
    if iri := query.get("record"):
        points = await run_sync(responder.node.catalogue.harvests.quality.of_record, iri, visit.caller)
        days = [(item.at.date(), float(item.points)) for item in points]
        return responder.render(
            visit,
            "quality.html",
            record=iri,
            points=points[::-1],
            drawing=_drawing(visit, days),
            of=MAXIMUM,
            series=None,
            profiles=(),
        )
    series = await run_sync(responder.node.catalogue.harvests.quality.series, visit.caller)
    key = query.get("publisher", "")
    current = next((item for item in series if item.key == key), None)
    if current is None and (key or series):
        raise NotFound("no records of such a publisher have points", remedy="choose a publisher of the list")
    return responder.render(
        visit,
        "quality.html",
        record="",
        series=current,
        drawing=None if current is None else _series_drawing(visit, current),
        days=() if current is None else [(_noon(day), day) for day in current.days[::-1][:DAYS]],
        publishers=series[1 : SHOWN + 1] if not key else (),
        dimensions=DIMENSIONS,
        profiles=() if key else responder.node.catalogue.harvests.profiles.uses,
        gains=() if current is None else [(advice(name), points) for name, points in current.gains],
        of=MAXIMUM,
    )


async def profile(responder: Responder, visit: Visit) -> Response:
    """``GET /quality/profiles/{name}``: a profile, and whether the node understands the shapes in its files."""
    profiles = responder.node.catalogue.harvests.profiles
    check = await run_sync(profiles.check, visit.request.path_params["name"], visit.caller)
    use = next((use for use in profiles.uses if use.name == check.name), None)
    return responder.render(
        visit, "profile-check.html", name=check.name, use=use, check=check.to_json(visit.language)
    )


async def quality_csv(responder: Responder, visit: Visit) -> Response:
    """``GET /quality.csv``: the quality over time as a table."""
    series = await run_sync(responder.node.catalogue.harvests.quality.series, visit.caller)
    return _file(await run_sync(csv_of, series), "text/csv; charset=utf-8; header=present", "quality.csv")


async def quality_nt(responder: Responder, visit: Visit) -> Response:
    """``GET /quality.nt``: the quality over time in the Data Quality Vocabulary."""
    series = await run_sync(responder.node.catalogue.harvests.quality.series, visit.caller)
    catalogue = visit.settings.public_url.rstrip("/") + CATALOG_PATH
    return _file(await run_sync(dqv_of, series, catalogue), "application/n-triples", "quality.nt")


def _file(body: bytes, media_type: str, name: str) -> Response:
    return Response(
        body,
        headers={
            "Content-Type": media_type,
            "Content-Disposition": f'attachment; filename="{name}"',
            "Vary": VARY,
            "Cache-Control": headers.cache_control(signed_in=True),
            "X-Content-Type-Options": "nosniff",
        },
    )


def _noon(day: Day) -> datetime:
    """Return a moment of the day, so that it is this day for the reader too."""
    return datetime.combine(day.day, time(12), UTC)


def _series_drawing(visit: Visit, series: Series) -> Markup:
    return _drawing(visit, [(day.day, day.points) for day in series.days])


def _drawing(visit: Visit, days: list[tuple[date, float]]) -> Markup:
    return curve(days, until=max(visit.now.date(), days[-1][0]), maximum=MAXIMUM, label=visit.t("quality.chart"))

"""The quality of the catalogue: now and over time, of all records, of each publisher, and of one record."""

from __future__ import annotations

from typing import Annotated, Any

from anyio.to_thread import run_sync
from fastapi import APIRouter, Query, Request
from fastapi.responses import Response

from node.base.clock import stamp
from node.catalogue.measurement.data_checks import DataState
from node.catalogue.measurement.history import QualityHistory
from node.catalogue.measurement.link_model import LinkState
from node.catalogue.measurement.link_report import MOST, LinkReport
from node.catalogue.measurement.model import Series
from node.catalogue.measurement.tables import csv_of, dqv_of
from node.semantics.metrics import MAXIMUM
from node.semantics.quality import advice
from node.web.api_router import PlacedApiRouter
from node.web.caller_checks import knowing
from node.web.management.person import Person, language_of


def router(*, person: Person, quality: QualityHistory, links: LinkReport, catalogue: str) -> APIRouter:
    """Return the routes. ``catalogue`` is the IRI of the catalogue."""
    api = PlacedApiRouter(prefix="/api/quality", tags=["publishing"], route_class=knowing(person))

    @api.get(
        "",
        summary="The quality of the catalogue and of each publisher, over time",
        description=(
            "Points of data.europa.eu (405 at most) on average, in all and by dimension; `days` are those on which "
            "it changed, and `gains` the steps that would raise the average most. The first item, without "
            "`publisher`, is the whole catalogue: what this node published and harvested."
        ),
    )
    async def show_quality(
        request: Request, language: Annotated[str, Query(max_length=16)] = ""
    ) -> list[dict[str, Any]]:
        caller = await person(request)
        language = language_of(request, language)
        return [series_json(item, language) for item in await run_sync(quality.series, caller)]

    @api.get("/record", summary="The quality of a record over time: the points of each version")
    async def show_record(request: Request, iri: Annotated[str, Query(max_length=2048)] = "") -> list[dict[str, Any]]:
        points = await run_sync(quality.of_record, iri, await person(request))
        return [{"at": stamp(item.at), "version": item.version, "points": item.points} for item in points]

    @api.get("/table.csv", summary="The quality over time as a table", response_class=Response)
    async def show_table(request: Request) -> Response:
        series = await run_sync(quality.series, await person(request))
        return Response(await run_sync(csv_of, series), media_type="text/csv; charset=utf-8; header=present")

    @api.get(
        "/measurements.nt", summary="The quality over time in the Data Quality Vocabulary", response_class=Response
    )
    async def show_measurements(request: Request) -> Response:
        series = await run_sync(quality.series, await person(request))
        return Response(await run_sync(dqv_of, series, catalogue), media_type="application/n-triples")

    @api.get(
        "/links",
        summary="The links in the records of this node: which work, and which are broken",
        description=(
            "The node checks the addresses in the background. `counts` are those of all addresses by state, "
            "`sources` those of each source of harvested records. The addresses are in their order; `next` is the "
            "`after` of the next page. With `iri`, only the addresses of this record; with `source`, those in the "
            "records of this source. `reason` is `status`, `unreachable`, `busy`, `robots`, `forbidden` or "
            "`exception`, empty before the first check."
        ),
    )
    async def show_links(
        request: Request,
        state: Annotated[LinkState | None, Query()] = None,
        iri: Annotated[str, Query(max_length=2048)] = "",
        source: Annotated[str, Query(max_length=2048)] = "",
        after: Annotated[str, Query(max_length=2048)] = "",
        limit: Annotated[int, Query(ge=1, le=MOST)] = 100,
    ) -> dict[str, Any]:
        caller = await person(request)
        counts = await run_sync(links.counts, caller)
        sources = await run_sync(links.counts_by_source, caller)
        if iri:
            lines = await run_sync(links.of_record, iri, caller)
            lines = [line for line in lines if state in (None, line.check.state)]
        else:
            lines = await run_sync(lambda: links.lines(caller, state=state, source=source, after=after, limit=limit))
        is_full = not iri and len(lines) == limit
        return {
            "days": links.interval.days if links.interval else 0,
            "counts": {str(name): number for name, number in counts.items()},
            "sources": [
                {"source": name, **{str(each): number for each, number in of_source.items()}}
                for name, of_source in sources.items()
            ],
            "links": [line.to_json() for line in lines],
            "next": lines[-1].check.address if is_full else None,
        }

    @api.post("/links/check", summary="Have all links, or those of one record, checked soon")
    async def check_links(request: Request, iri: Annotated[str, Query(max_length=2048)] = "") -> dict[str, Any]:
        return {"links": await run_sync(links.check_again, await person(request), iri)}

    @api.get(
        "/data",
        summary="Harvested data that say that they conform to a schema: which do",
        description=(
            "The node fetches such files in the background, as politely as it checks links, and compares each row "
            "with the schema. `counts` are those of all files by state (`conforms`, `breaks`, `unknown`), "
            "`latest` is the moment of the last check. `reason` "
            "says why nothing is known: `robots`, `forbidden`, `unreachable`, `busy`, `status`, `exception`, "
            "`too-large`, `unreadable` or `partly`. `breaches` are the first ten in words, `count` counts all. With "
            "`iri`, only those of this dataset; `next` is the `after` of the next page."
        ),
    )
    async def show_data(
        request: Request,
        state: Annotated[DataState | None, Query()] = None,
        iri: Annotated[str, Query(max_length=2048)] = "",
        after: Annotated[str, Query(max_length=2048)] = "",
        limit: Annotated[int, Query(ge=1, le=MOST)] = 100,
        language: Annotated[str, Query(max_length=16)] = "",
    ) -> dict[str, Any]:
        caller = await person(request)
        tongue = language_of(request, language)
        counts = await run_sync(links.data_counts, caller)
        latest = await run_sync(links.last_data_check, caller)
        if iri:
            checks = await run_sync(links.data_of_record, iri, caller)
            checks = [check for check in checks if state in (None, check.state)]
        else:
            checks = await run_sync(lambda: links.data_lines(caller, state=state, after=after, limit=limit))
        return {
            "counts": {str(name): number for name, number in counts.items()},
            "latest": None if latest is None else stamp(latest),
            "files": [check.to_json(tongue) for check in checks],
            "next": checks[-1].iri if not iri and len(checks) == limit else None,
        }

    return api


def series_json(series: Series, language: str = "en") -> dict[str, Any]:
    """Return a series as JSON, for API and terminal, with advice in ``language``."""
    return {
        "publisher": series.key,
        "name": series.name,
        "records": series.now.records,
        "points": series.now.points,
        "of": MAXIMUM,
        "band": series.band,
        "dimensions": dict(series.dimensions),
        "gains": [
            {"metric": name, "points": points, "advice": advice(name).get(language) or advice(name)["en"]}
            for name, points in series.gains
        ],
        "days": [{"date": day.day.isoformat(), "records": day.records, "points": day.points} for day in series.days],
    }

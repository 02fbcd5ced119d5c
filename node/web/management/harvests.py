"""Scheduled harvests: register, run, pause and remove sources, and read the reports of their runs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Final

from anyio import CapacityLimiter
from anyio.to_thread import run_sync
from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, ConfigDict, Field

from node.base.clock import stamp
from node.catalogue.harvest.kept_report import LineFilter
from node.catalogue.harvest.schedule import Run, ScheduledSource
from node.catalogue.harvest.schedules import Schedules
from node.catalogue.subscriptions.harvest_reports import MOST, SendReports
from node.semantics.harvest.refusals import problem_in
from node.web.api_router import PlacedApiRouter
from node.web.caller_checks import knowing
from node.web.management.person import Person, language_of

READERS: Final = 2
"""Reports that are read at the same time: a search in a long report occupies a processor."""

Outcome = Annotated[str, Query(max_length=16, pattern="^(new|changed|renamed|refused|withdrawn|faults|)$")]


class NewSource(BaseModel):
    """A source to harvest every so often. The other members are those of `POST /api/imports`."""

    model_config = ConfigDict(extra="forbid")

    url: str = Field(max_length=2048, description="Address of a DCAT file, or of the API of a CKAN.")
    every: str = Field("1d", max_length=8, description="Time between two runs: `30m`, `12h`, `1d`, `2w`.")
    source: str = Field("", max_length=2048)
    audience: str | None = Field(None, max_length=64)
    rules: list[Annotated[str, Field(max_length=64)]] = Field(default_factory=list, max_length=64)
    agreed: bool = False
    fewer: bool = False


class NewReport(BaseModel):
    """The report of a run for the publishers of a source. Without `to`, only a link to it is made."""

    model_config = ConfigDict(extra="forbid")

    to: list[Annotated[str, Field(max_length=255)]] = Field(
        default_factory=list, max_length=MOST, description="E-mail addresses."
    )
    language: str = Field("", max_length=16, description="Language of the e-mail and of the report.")


def router(*, person: Person, schedules: Schedules, reports: SendReports) -> APIRouter:
    """Return the routes."""
    readers = CapacityLimiter(READERS)
    api = PlacedApiRouter(prefix="/api/harvests", tags=["publishing"], route_class=knowing(person))

    @api.get("", summary="Sources that are harvested on a schedule, each with its newest run")
    async def list_sources(request: Request) -> Any:
        await person(request)
        language = language_of(request, "")
        return [source_json(source, [run] if run else (), language) for source, run in await run_sync(schedules.all)]

    @api.put(
        "/{name}",
        summary="Harvest a source on a schedule, or change how",
        description=(
            "The first run begins at once. Runs act in the name of the caller, as long as their role allows it. "
            "A source of this name is replaced; its reports stay."
        ),
    )
    async def register(request: Request, name: str, new: NewSource) -> Any:
        caller = await person(request)
        options = new.model_dump(exclude={"url", "every"})
        source = await run_sync(lambda: schedules.register(name, new.url, new.every, options, caller))
        return source_json(source, ())

    @api.get("/{name}", summary="A source and its runs, newest first")
    async def show_source(request: Request, name: str) -> Any:
        await person(request)
        return source_json(*await run_sync(schedules.source, name), language_of(request, ""))

    @api.delete("/{name}", status_code=204, summary="Stop harvesting a source; its records stay")
    async def remove(request: Request, name: str) -> None:
        await run_sync(schedules.remove, name, await person(request))

    @api.post("/{name}/run", status_code=202, summary="Begin a run of a source now")
    async def run_now(request: Request, name: str) -> Any:
        return run_json(await run_sync(schedules.run_now, name, await person(request)))

    @api.post("/{name}/pause", summary="Pause a source: no further runs begin")
    async def pause(request: Request, name: str) -> Any:
        return source_json(await run_sync(schedules.pause, name, await person(request)), ())

    @api.post("/{name}/resume", summary="Begin a run of a paused source now, and go on by the schedule")
    async def resume(request: Request, name: str) -> Any:
        return source_json(await run_sync(schedules.resume, name, await person(request)), ())

    @api.get(
        "/{name}/runs/{run}",
        summary="The report of a run: its figures, and a line for each record that is not as it was",
        description=(
            "`run` is an id, or `latest`. `outcome` is new, changed, renamed, refused, withdrawn, or faults for "
            "records with an error or a finding; `q` is sought in titles, IRIs and faults. `next` is the offset of "
            "the lines that follow, or null. Texts are in `language`, or in that of `Accept-Language`."
        ),
    )
    async def report(
        request: Request,
        name: str,
        run: str,
        outcome: Outcome = "",
        q: Annotated[str, Query(max_length=200)] = "",
        offset: Annotated[int, Query(ge=0, le=10_000_000)] = 0,
        limit: Annotated[int, Query(ge=1, le=1000)] = 100,
        language: Annotated[str, Query(max_length=16)] = "",
    ) -> Any:
        await person(request)
        language = language_of(request, language)
        facts = await run_sync(schedules.run, name, run)
        only = LineFilter(outcome=outcome, text=q, offset=offset, limit=limit)
        lines, end, more = await run_sync(schedules.reports.lines, facts.id, only, language, limiter=readers)
        return {**run_json(facts, language), "records": lines, "next": end if more else None}

    @api.get(
        "/{name}/runs/{run}/contacts",
        summary="The e-mail addresses that records of a run name as contact or publisher",
    )
    async def contacts(request: Request, name: str, run: str) -> Any:
        caller = await person(request)
        addresses = await run_sync(reports.contacts, name, run, caller, limiter=readers)
        return [{"address": item.address, "name": item.name, "records": item.records} for item in addresses]

    @api.get("/{name}/reports", summary="The reports of a source that were sent, newest first")
    async def sent_reports(request: Request, name: str) -> Any:
        return [report.to_json() for report in await run_sync(reports.history, name, await person(request))]

    @api.post(
        "/{name}/runs/{run}/reports",
        summary="Send the report of a run by e-mail, or make a link to it",
        description=(
            "The answer has the `link`: whoever has it may read the report as a table, as long as the node keeps "
            "the run. Nothing is sent without this request."
        ),
    )
    async def send_report(request: Request, name: str, run: str, new: NewReport) -> Any:
        caller, language = await person(request), language_of(request, new.language)
        report, link = await run_sync(reports.send, name, run, new.to, language, caller)
        return {**report.to_json(), "link": link}

    return api


def source_json(source: ScheduledSource, runs: Sequence[Run], language: str = "en") -> dict[str, Any]:
    """Return a source with its runs as JSON, for API and terminal, with their problems in ``language``."""
    return {
        "name": source.name,
        "url": source.url,
        "every": source.every,
        **source.options,
        "by": source.by,
        "at": stamp(source.at),
        "paused": source.is_paused,
        "next": stamp(source.due) if source.due else None,
        "failures": source.failures,
        "running": source.run is not None,
        "runs": [run_json(run, language) for run in runs],
    }


def run_json(run: Run, language: str = "en") -> dict[str, Any]:
    """Return a run as JSON, for API and terminal, with its problem in ``language``.

    ``interrupted`` counts how often it was interrupted and went on.
    """
    return {
        "run": run.id,
        "state": str(run.state),
        "by": run.by,
        "queued": stamp(run.queued),
        "started": stamp(run.started) if run.started else None,
        "ended": stamp(run.ended) if run.ended else None,
        "interrupted": max(0, run.attempt - 1),
        "opened": dict(run.opened),
        "counts": dict(run.counts),
        "problem": problem_in(language, run.problem) or None,
    }

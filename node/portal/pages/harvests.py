"""Catalogues that are harvested on a schedule: their list on the page of imports, and the reports of their runs."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final

from anyio import CapacityLimiter
from anyio.to_thread import run_sync
from starlette.responses import Response

from node.base.errors import Conflict, HansaError, InvalidInput, TooMany
from node.base.plaintext import harmless
from node.catalogue.harvest.kept_report import LineFilter
from node.catalogue.harvest.schedules import LATEST, Schedules
from node.catalogue.representations import VARY
from node.catalogue.subscriptions.harvest_reports import SentReport
from node.identity.model import Caller
from node.identity.roles import UseCase, allowed
from node.portal import headers
from node.portal.pages.imports import page_of_imports
from node.portal.visit import Visit

if TYPE_CHECKING:
    from node.portal.responder import Responder

SHOWN: Final = 100
"""Records on a page of a report."""
OUTCOMES: Final = ("new", "changed", "renamed", "refused", "withdrawn", "faults")
_MAX_OFFSET: Final = 10_000_000
_READERS: Final = CapacityLimiter(2)
"""The most reports that are read at the same time: a search in a long one takes a whole processor."""
_COLUMNS: Final = ("outcome", "title", "iri", "address", "version", "conforms", "points")


async def add(responder: Responder, visit: Visit) -> Response:
    """``POST /imports/sources``: harvest a source on a schedule, or show the form again with the reason."""
    fields = visit.fields
    options = {
        "audience": fields.get("audience") or None,
        "rules": ["safe"] if fields.get("repair") else [],
        "agreed": bool(fields.get("agreed")),
    }
    name, url, every = (fields.get(field, "").strip() for field in ("name", "url", "every"))
    try:
        await run_sync(lambda: _schedules(responder).register(name, url, every, options, visit.caller))
    except (InvalidInput, Conflict) as error:
        return await page_of_imports(responder, visit, trouble=error)
    return responder.go(visit, visit.url("/imports", done="source-added") + "#sources")


async def run_now(responder: Responder, visit: Visit) -> Response:
    """``POST /imports/{name}/run``: start a run now."""
    return await _act(responder, visit, _schedules(responder).run_now, "source-run")


async def pause(responder: Responder, visit: Visit) -> Response:
    """``POST /imports/{name}/pause``: start no further runs."""
    return await _act(responder, visit, _schedules(responder).pause, "source-pause")


async def resume(responder: Responder, visit: Visit) -> Response:
    """``POST /imports/{name}/resume``: continue with the schedule."""
    return await _act(responder, visit, _schedules(responder).resume, "source-resume")


async def remove(responder: Responder, visit: Visit) -> Response:
    """``POST /imports/{name}/remove``: stop harvesting the source."""
    return await _act(responder, visit, _schedules(responder).remove, "source-remove")


async def _act(responder: Responder, visit: Visit, action: Callable[[str, Caller], object], notice: str) -> Response:
    await run_sync(action, visit.request.path_params["name"], visit.caller)
    return responder.go(visit, visit.url("/imports", done=notice) + "#sources")


async def source(
    responder: Responder,
    visit: Visit,
    *,
    trouble: HansaError | None = None,
    link: str = "",
    report: SentReport | None = None,
) -> Response:
    """``/imports/{name}``: the runs of a source, and the report of one of them (``?run=``), filtered."""
    query = visit.request.query_params
    name = visit.request.path_params["name"]
    run_id = query.get("run") or visit.fields.get("run") or LATEST
    source_facts, runs = await run_sync(_schedules(responder).source, name)
    run = await run_sync(_schedules(responder).run, name, run_id) if runs else None
    outcome = query.get("outcome", "")
    only = LineFilter(
        outcome=outcome if outcome in OUTCOMES else "",
        text=query.get("q", "")[:200],
        offset=_offset(query.get("offset", "")),
        limit=SHOWN,
    )
    lines, end, more = (
        await run_sync(_schedules(responder).reports.lines, run.id, only, visit.language, limiter=_READERS)
        if run is not None
        else ([], 0, False)
    )
    may = allowed(visit.caller, UseCase.SCHEDULE_HARVESTS)
    reports = responder.node.catalogue.harvests.reports
    return responder.render(
        visit,
        "harvest.html",
        status=trouble.status if trouble is not None else 200,
        trouble=trouble,
        link=link,
        report=report,
        sends_mail=reports.sends_mail,
        history=await run_sync(reports.history, name, visit.caller) if may else (),
        contacts=await run_sync(reports.contacts, name, run.id, visit.caller, limiter=_READERS)
        if may and run is not None and run.ended
        else (),
        source=source_facts,
        runs=runs,
        run=run,
        lines=lines,
        only=only,
        next=end if more else None,
        outcomes=OUTCOMES,
        may=may,
    )


async def send_report(responder: Responder, visit: Visit) -> Response:
    """``POST /imports/{name}/reports``: send the report of a run, or make a link, which is shown once."""
    fields, name = visit.fields, visit.request.path_params["name"]
    to = fields.get("to", "").replace(",", " ").split()
    language = fields.get("language") or visit.language
    reports = responder.node.catalogue.harvests.reports
    try:
        report, link = await run_sync(reports.send, name, fields.get("run") or LATEST, to, language, visit.caller)
    except (InvalidInput, Conflict, TooMany) as error:
        return await source(responder, visit, trouble=error)
    return await source(responder, visit, link=link, report=report)


async def open_report(responder: Responder, visit: Visit) -> Response:
    """``GET /reports/{secret}``: the report that a link leads to, as a table, for whoever has the link."""
    reports = responder.node.catalogue.harvests.reports
    name, run, language = await run_sync(reports.open, visit.request.path_params["secret"])
    body = await run_sync(lambda: _sheet(responder, run.id, language), limiter=_READERS)
    return _table(name, body, signed_in=False)


async def report_csv(responder: Responder, visit: Visit) -> Response:
    """``/imports/{name}/report.csv``: every line of the report of a run as a table (RFC 4180)."""
    name, run_id = visit.request.path_params["name"], visit.request.query_params.get("run") or LATEST
    run = await run_sync(_schedules(responder).run, name, run_id)
    body = await run_sync(lambda: _sheet(responder, run.id, visit.language), limiter=_READERS)
    return _table(name, body, signed_in=True)


def _table(name: str, body: bytes, *, signed_in: bool) -> Response:
    return Response(
        body,
        headers={
            "Content-Type": "text/csv; charset=utf-8; header=present",
            "Content-Disposition": f'attachment; filename="{name}.csv"',
            "Vary": VARY,
            "Cache-Control": headers.cache_control(signed_in=True) if signed_in else "no-store",
            "X-Robots-Tag": "noindex",
            "X-Content-Type-Options": "nosniff",
        },
    )


def _schedules(responder: Responder) -> Schedules:
    return responder.node.catalogue.harvests.schedules


def _sheet(responder: Responder, run_id: str, language: str) -> bytes:
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow((*_COLUMNS, "faults", "repairs", "why", "former", "note"))
    for line in _schedules(responder).reports.all(run_id, language):
        faults = "; ".join(f"{finding['field']}: {finding['message']}" for finding in line["findings"])
        repairs = "; ".join(repair_text(repair) for repair in line["repairs"])
        row = [*("" if line[name] is None else str(line[name]) for name in _COLUMNS), faults, repairs, line["error"]]
        row += [line["former"], line["note"]]
        writer.writerow([harmless(cell) for cell in row])
    return text.getvalue().encode("utf-8", errors="replace")


def repair_text(repair: Mapping[str, Any]) -> str:
    """Return the change by a rule in one line."""
    before, after = repair.get("forms", ("", ""))
    left = f"{repair['before']} ({before})" if before else repair["before"]
    right = f"{repair['after']} ({after})" if after else repair["after"]
    return f"{repair['rule']}: {left} → {right}"


def _offset(text: str) -> int:
    return min(int(text), _MAX_OFFSET) if text.isascii() and text.isdigit() and len(text) < 12 else 0

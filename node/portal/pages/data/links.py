"""The page of the links in the catalogue: which work, which are broken, and since when that is known."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from anyio.to_thread import run_sync
from starlette.responses import Response

from node.catalogue.measurement.link_model import LinkState
from node.catalogue.measurement.link_report import LinkReport
from node.identity.roles import UseCase, allowed
from node.portal.visit import Visit

if TYPE_CHECKING:
    from node.portal.responder import Responder

SHOWN: Final = 100
"""Addresses on a page."""
_LONGEST: Final = 4096


async def links(responder: Responder, visit: Visit) -> Response:
    """``GET /quality/links``: addresses in one state (``?state=``, else the broken ones), in the records of
    one ``?source=``, or all of one ``?record=``."""
    query, report = visit.request.query_params, _report(responder)
    record = query.get("record", "")[:_LONGEST]
    name = query.get("state", "")
    source = query.get("source", "")[:_LONGEST]
    state = LinkState(name) if name in set(LinkState) else LinkState.BROKEN
    if record:
        lines = await run_sync(report.of_record, record, visit.caller)
    else:
        after = query.get("after", "")[:_LONGEST]
        lines = await run_sync(
            lambda: report.lines(visit.caller, state=state, source=source, after=after, limit=SHOWN + 1),
        )
    by_source = await run_sync(report.counts_by_source, visit.caller)
    counts = by_source[source] if source in by_source else await run_sync(report.counts, visit.caller)
    page = lines if record else lines[:SHOWN]
    return responder.render(
        visit,
        "links.html",
        record=record,
        source=source,
        sources=by_source,
        counts=[(str(each), counts[each]) for each in (LinkState.BROKEN, LinkState.UNKNOWN, LinkState.WORKS)],
        chosen=str(state),
        lines=page,
        next=page[-1].check.address if len(lines) > len(page) else "",
        days=report.interval.days if report.interval else 0,
        may=allowed(visit.caller, UseCase.CHECK_LINKS),
    )


async def check_again(responder: Responder, visit: Visit) -> Response:
    """``POST /quality/links``: have all links, or those of one record, checked soon."""
    record = visit.fields.get("record", "")
    await run_sync(_report(responder).check_again, visit.caller, record)
    place = {"record": record} if record else {}
    return responder.go(visit, visit.url("/quality/links", **place, done="links-again"))


def _report(responder: Responder) -> LinkReport:
    return responder.node.catalogue.harvests.links

"""The page on which publishers and stewards import the catalogue of another portal, once or on a schedule."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from anyio.to_thread import run_sync
from starlette.responses import Response

from node.base.errors import HansaError
from node.catalogue.harvest.endings import MEDIA_TYPES
from node.identity.roles import UseCase, allowed
from node.portal.visit import Visit

if TYPE_CHECKING:
    from node.portal.responder import Responder

ENDINGS: Final = tuple(MEDIA_TYPES)
"""Files that the form takes; the script of the page knows the media type of each."""
TIMES: Final = ("1h", "6h", "12h", "1d", "1w", "4w")
"""Intervals between two runs that the form offers; terminal and API accept others too."""


async def imports(responder: Responder, visit: Visit) -> Response:
    """``/imports``: the form; its script sends it to the API and shows the report as it comes. Below it the sources
    that are harvested on a schedule."""
    return await page_of_imports(responder, visit)


async def page_of_imports(responder: Responder, visit: Visit, *, trouble: HansaError | None = None) -> Response:
    """The page; with ``trouble`` the form of a new source again, and why it was not registered."""
    harvests = allowed(visit.caller, UseCase.SCHEDULE_HARVESTS)
    return responder.render(
        visit,
        "imports.html",
        status=200 if trouble is None else trouble.status,
        may=allowed(visit.caller, UseCase.PUBLISH),
        endings=ENDINGS,
        times=TIMES,
        sources=await run_sync(responder.node.catalogue.harvests.schedules.all),
        tables=await run_sync(responder.node.catalogue.harvests.value_tables.all, visit.caller) if harvests else (),
        trouble=None if trouble is None else visit.explain(trouble),
        fields=visit.fields,
    )

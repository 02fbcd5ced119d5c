"""Received files that are sent to data sources of the city: the form on the page of the data, and the list."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote

from anyio.to_thread import run_sync
from starlette.responses import Response

from node.identity.roles import UseCase, allowed
from node.portal.visit import Visit

if TYPE_CHECKING:
    from node.portal.responder import Responder

PAGE = 50
_MOST_PAGES = 500


async def shipments(responder: Responder, visit: Visit) -> Response:
    """``GET /shipments``: what was sent, the newest first, and the orders."""
    page = visit.request.query_params.get("page", "")
    number = min(max(int(page), 1), _MOST_PAGES) if page.isascii() and page.isdecimal() and len(page) < 5 else 1
    shipping = responder.node.work.shipments
    items = await run_sync(lambda: shipping.newest(visit.caller, PAGE + 1, offset=(number - 1) * PAGE))
    return responder.render(
        visit,
        "shipments.html",
        items=items[:PAGE],
        number=number,
        more=len(items) > PAGE,
        orders=await run_sync(shipping.orders, visit.caller),
        sinks=await run_sync(shipping.sinks, visit.caller),
        may_note_removal=allowed(visit.caller, UseCase.CONFIRM_DELETION),
    )


async def send(responder: Responder, visit: Visit) -> Response:
    """``POST /received/{pid}/send``: send the file, and everything that arrives later if that is chosen."""
    pid = visit.request.path_params["pid"]
    source, place = visit.fields.get("source", "").strip(), visit.fields.get("place", "").strip()
    shipping = responder.node.work.shipments
    shipment = await run_sync(lambda: shipping.send(pid, source, visit.caller, place=place))
    if visit.fields.get("always"):
        await run_sync(lambda: shipping.order(shipment.agreement, source, visit.caller, place=place))
    return responder.go(visit, visit.url(f"/received/{quote(pid, safe='')}") + "#sent")


async def retry(responder: Responder, visit: Visit) -> Response:
    """``POST /shipments/{id}/retry``."""
    await run_sync(responder.node.work.shipments.again, visit.request.path_params["id"], visit.caller)
    return responder.go(visit, visit.url("/shipments"))


async def note_removal(responder: Responder, visit: Visit) -> Response:
    """``POST /shipments/{id}/removed``: the reader states that the copy was deleted by hand."""
    await run_sync(responder.node.work.shipments.note_removal, visit.request.path_params["id"], visit.caller)
    return responder.go(visit, visit.url("/shipments"))


async def stop(responder: Responder, visit: Visit) -> Response:
    """``POST /shipments/orders/{id}/stop``."""
    await run_sync(responder.node.work.shipments.stop, visit.request.path_params["id"], visit.caller)
    return responder.go(visit, visit.url("/shipments") + "#orders")

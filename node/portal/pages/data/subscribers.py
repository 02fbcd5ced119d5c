"""The page of partners who are notified of data of this node: how far they are, and what was refused."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from starlette.responses import Response

from node.base.errors import HansaError, LocalFault, NotFound
from node.portal.reasons import whys
from node.portal.visit import Visit
from node.transfer.notifications.dead_letters import ResendReport

if TYPE_CHECKING:
    from node.portal.responder import Responder

PAGE: Final = 50
_MOST_PAGES: Final = 500


async def subscribers(responder: Responder, visit: Visit) -> Response:
    """``GET /subscribers``: all of them, or with ``asset`` those of an asset."""
    return await _list(responder, visit)


async def send_again(responder: Responder, visit: Visit) -> Response:
    """``POST /subscribers/{key}/resend``: the page with the result, or with the reason why nothing was sent."""
    key = visit.request.path_params["key"]
    try:
        report = await responder.node.contracts.subscribers.send_again(key, visit.caller)
    except HansaError as error:
        if isinstance(error, NotFound) or (isinstance(error, LocalFault) and not error.is_public):
            raise
        return await _list(responder, visit, key=key, trouble=error)
    return await _list(responder, visit, key=key, report=report)


async def end(responder: Responder, visit: Visit) -> Response:
    """``POST /subscribers/{key}/end``."""
    await responder.node.contracts.subscribers.end(visit.request.path_params["key"], visit.caller)
    return responder.go(visit, visit.url("/subscribers", done="subscriber-ended"))


async def _list(
    responder: Responder,
    visit: Visit,
    *,
    key: str = "",
    report: ResendReport | None = None,
    trouble: HansaError | None = None,
) -> Response:
    asset, page = (visit.request.query_params.get(name, "") for name in ("asset", "page"))
    number = min(max(int(page), 1), _MOST_PAGES) if page.isascii() and page.isdecimal() and len(page) < 5 else 1
    pages = responder.node.contracts.subscribers
    views = await pages.views(visit.caller, dataset=asset)
    # A result is shown at its subscription, wherever that is in the list.
    selection = [view for view in views if view.subscription.key == key] if key else []
    return responder.render(
        visit,
        "subscribers.html",
        status=200 if trouble is None else trouble.status,
        items=await pages.with_agreements(selection or views[(number - 1) * PAGE : number * PAGE]),
        number=number,
        more=not selection and len(views) > number * PAGE,
        is_part=bool(asset or selection),
        key=key,
        report=report,
        trouble=None if trouble is None else visit.explain(trouble),
        whys=whys,
    )

"""The pages on which stewards register webhooks, test them, and send again what could not be delivered."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from urllib.parse import quote

from anyio.to_thread import run_sync
from starlette.responses import Response

from node.base.errors import Conflict, ForbiddenAddress, HansaError, InvalidInput
from node.operation.webhooks.model import DeliveryState
from node.operation.webhooks.usecases import WebhookTrial
from node.portal.visit import Visit

if TYPE_CHECKING:
    from node.portal.responder import Responder

PAGE: Final = 50
_MOST_LETTERS: Final = 100
_MOST_PAGES: Final = 100
_PREFIX: Final = "hansa."


async def webhooks(responder: Responder, visit: Visit) -> Response:
    """``GET /webhooks``."""
    return await _list(responder, visit)


async def add(responder: Responder, visit: Visit) -> Response:
    """``POST /webhooks``: register a webhook and show its secret, this once, or the form again with the reason."""
    fields = visit.fields
    kinds = [kind for kind in responder.node.work.webhooks.kinds if fields.get(kind)]
    name, address = fields.get("name", "").strip(), fields.get("address", "").strip()
    try:
        _, secret = await run_sync(
            lambda: responder.node.work.webhooks.add(
                name, address, visit.caller, kinds=kinds, is_signed=bool(fields.get("sign"))
            )
        )
    except (InvalidInput, Conflict, ForbiddenAddress) as error:
        return await _list(responder, visit, trouble=error)
    if not secret:
        return responder.go(visit, _place(visit, name))
    return await _details(responder, visit, name, secret=secret)


async def webhook(responder: Responder, visit: Visit) -> Response:
    """``GET /webhooks/{name}``: its state, the newest events, and what could not be delivered."""
    return await _details(responder, visit, visit.request.path_params["name"])


async def test(responder: Responder, visit: Visit) -> Response:
    """``POST /webhooks/{name}/test``: the page with what the program answered."""
    name = visit.request.path_params["name"]
    trial = await responder.node.work.webhooks.test(name, visit.caller)
    return await _details(responder, visit, name, trial=trial)


async def pause(responder: Responder, visit: Visit) -> Response:
    """``POST /webhooks/{name}/pause``."""
    name = visit.request.path_params["name"]
    await run_sync(responder.node.work.webhooks.pause, name, visit.caller)
    return responder.go(visit, _place(visit, name))


async def resume(responder: Responder, visit: Visit) -> Response:
    """``POST /webhooks/{name}/resume``."""
    name = visit.request.path_params["name"]
    await run_sync(responder.node.work.webhooks.resume, name, visit.caller)
    return responder.go(visit, _place(visit, name))


async def retry(responder: Responder, visit: Visit) -> Response:
    """``POST /webhooks/{name}/retry``: send one event again, or all that could not be delivered."""
    name, delivery = visit.request.path_params["name"], visit.fields.get("delivery", "")
    count = await run_sync(lambda: responder.node.work.webhooks.retry(name, visit.caller, delivery_id=delivery))
    done = "webhook-retried" if count else "webhook-no-letters"
    return responder.go(visit, visit.url(f"/webhooks/{quote(name, safe='')}", done=done))


async def remove(responder: Responder, visit: Visit) -> Response:
    """``POST /webhooks/{name}/remove``: forget a webhook."""
    await run_sync(responder.node.work.webhooks.remove, visit.request.path_params["name"], visit.caller)
    return responder.go(visit, visit.url("/webhooks", done="webhook-removed"))


def _place(visit: Visit, name: str) -> str:
    return visit.url(f"/webhooks/{quote(name, safe='')}")


async def _list(responder: Responder, visit: Visit, *, trouble: HansaError | None = None) -> Response:
    return responder.render(
        visit,
        "webhooks.html",
        status=200 if trouble is None else trouble.status,
        views=await run_sync(responder.node.work.webhooks.all, visit.caller),
        event_kinds=tuple(responder.node.work.webhooks.kinds),
        prefix=_PREFIX,
        trouble=None if trouble is None else visit.explain(trouble),
        fields=visit.fields if trouble else {},
    )


async def _details(
    responder: Responder, visit: Visit, name: str, *, secret: str = "", trial: WebhookTrial | None = None
) -> Response:
    page = visit.request.query_params.get("page", "")
    number = min(max(int(page), 1), _MOST_PAGES) if page.isascii() and page.isdecimal() and len(page) < 5 else 1
    parts = responder.node.work.webhooks
    view = await run_sync(parts.webhook, name, visit.caller)
    items = await run_sync(lambda: parts.deliveries(name, visit.caller, limit=PAGE + 1, offset=(number - 1) * PAGE))
    letters = await run_sync(
        lambda: parts.deliveries(name, visit.caller, state=DeliveryState.DEAD, limit=_MOST_LETTERS)
    )
    return responder.render(
        visit,
        "webhook.html",
        view=view,
        event_kinds=tuple(parts.kinds),
        items=items[:PAGE],
        number=number,
        more=len(items) > PAGE,
        letters=letters,
        prefix=_PREFIX,
        secret=secret,
        trial=trial,
    )

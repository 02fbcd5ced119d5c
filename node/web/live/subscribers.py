"""Subscriptions of partners, for the people of this node."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from anyio.to_thread import run_sync
from fastapi import APIRouter, Request

from node.identity.model import Caller
from node.transfer.notifications.dead_letters import ResendDeadLetters
from node.transfer.notifications.usecases import PartnerSubscriptions


def add_subscribers(
    api: APIRouter,
    *,
    person: Callable[[Request], Awaitable[Caller]],
    subscriptions: PartnerSubscriptions,
    resend: ResendDeadLetters,
) -> None:
    """Add the routes."""

    @api.get(
        "/subscribers",
        summary="The subscriptions of partners to streams and entities of this node, and how far they are",
        description="`state` is `active`, `failing` (it is tried again), `paused`, `expired` or `ended`: then "
        "`error`, `remedy` and `reasons` say why. `dead` counts notifications that the receiver refused.",
    )
    async def list_subscribers(request: Request) -> Any:
        caller = await person(request)
        return [view.to_json() for view in await run_sync(subscriptions.of_node, caller)]

    @api.post(
        "/subscribers/{key}/resend",
        summary="Send the refused notifications of a subscription again",
        description="They are made anew out of what is still kept. The first that is refused again ends it.",
    )
    async def send_again(request: Request, key: str) -> Any:
        report = await resend(key, await person(request))
        return {"sent": report.deliveries, "left": report.remainder, "reason": report.reason}

    @api.delete("/subscribers/{key}", status_code=204, summary="End the subscription of a partner, and forget it")
    async def end(request: Request, key: str) -> None:
        await run_sync(subscriptions.end, key, await person(request))

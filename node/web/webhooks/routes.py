"""Webhooks: programs that are told about the node's events, with what became of each event."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Annotated, Any, Final

from anyio.to_thread import run_sync
from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, ConfigDict, Field

from node.base.clock import stamp
from node.identity.model import Caller
from node.operation.webhooks.events import KINDS
from node.operation.webhooks.model import DeliveryState, WebhookDelivery
from node.operation.webhooks.usecases import MOST_LISTED, Webhooks, WebhookTrial, WebhookView
from node.web.api_router import PlacedApiRouter
from node.web.caller_checks import knowing

Person = Callable[[Request], Awaitable[Caller]]
PATH: Final = "/api/webhooks"


class NewWebhook(BaseModel):
    """A program that is told about events from now on."""

    model_config = ConfigDict(extra="forbid")

    name: str = Field(max_length=63)
    address: str = Field(
        max_length=2048,
        description="Where events are sent, by POST: `https://…`; or `broker:NAME/TOPIC`, a data source of the kind "
        "`kafka` or `mqtt` and a topic of it.",
    )
    kinds: list[Annotated[str, Field(max_length=100)]] = Field(
        default_factory=list,
        max_length=100,
        description="The kinds of events, as in `GET /api/webhooks`; none: all CloudEvents.",
    )
    sign: bool = Field(True, description="Sign what is sent, as Standard Webhooks describes it.")


class RetryOfLetters(BaseModel):
    """The dead letters that are sent again."""

    model_config = ConfigDict(extra="forbid")

    delivery: str = Field("", max_length=100, description="The id of one delivery; without it, all dead letters.")


def router(*, person: Person, webhooks: Webhooks) -> APIRouter:
    """Return the routes."""
    api = PlacedApiRouter(prefix=PATH, tags=["operation"], route_class=knowing(person))

    @api.get("", summary="Webhooks, and the kinds of events that there are")
    async def list_webhooks(request: Request) -> Any:
        views = await run_sync(webhooks.all, await person(request))
        return {"webhooks": [webhook_json(view) for view in views], "kinds": dict(webhooks.kinds)}

    @api.post(
        "",
        status_code=201,
        summary="Register a webhook: events from now on are sent to it",
        description="Events are CloudEvents 1.0. A webhook of the kinds of OpenLineage is sent events of that form, "
        "and no others. `secret` of the answer is what signatures are verified with. It is never shown again.",
    )
    async def add(request: Request, new: NewWebhook) -> Any:
        caller = await person(request)
        view, secret = await run_sync(
            lambda: webhooks.add(new.name, new.address, caller, kinds=new.kinds, is_signed=new.sign)
        )
        return {**webhook_json(view), "secret": secret or None}

    @api.get("/{name}", summary="A webhook with its state, without its secret")
    async def show(request: Request, name: str) -> Any:
        return webhook_json(await run_sync(webhooks.webhook, name, await person(request)))

    @api.delete("/{name}", status_code=204, summary="Forget a webhook, and the events that wait for it")
    async def remove(request: Request, name: str) -> None:
        await run_sync(webhooks.remove, name, await person(request))

    @api.get("/{name}/deliveries", summary="The events for a webhook, the newest first, with the last answer")
    async def list_deliveries(
        request: Request,
        name: str,
        state: DeliveryState | None = None,
        limit: Annotated[int, Query(ge=1, le=MOST_LISTED)] = 50,
        offset: Annotated[int, Query(ge=0, le=1_000_000)] = 0,
    ) -> Any:
        caller = await person(request)
        deliveries = await run_sync(
            lambda: webhooks.deliveries(name, caller, state=state, limit=limit, offset=offset)
        )
        return {"deliveries": [delivery_json(delivery) for delivery in deliveries]}

    @api.post(
        "/{name}/test",
        summary="Send a webhook an event of the kind hansa.webhook.test now, and say what it answered",
        description="Faults of the receiver are part of the answer.",
    )
    async def test(request: Request, name: str) -> Any:
        return trial_json(await webhooks.test(name, await person(request)))

    @api.post("/{name}/pause", summary="Send a webhook nothing until it is resumed; events wait")
    async def pause(request: Request, name: str) -> Any:
        return webhook_json(await run_sync(webhooks.pause, name, await person(request)))

    @api.post("/{name}/resume", summary="Go on where a webhook was paused")
    async def resume(request: Request, name: str) -> Any:
        return webhook_json(await run_sync(webhooks.resume, name, await person(request)))

    @api.post("/{name}/retry", status_code=202, summary="Send dead letters of a webhook again")
    async def retry(request: Request, name: str, letters: RetryOfLetters) -> Any:
        caller = await person(request)
        return {"queued": await run_sync(lambda: webhooks.retry(name, caller, delivery_id=letters.delivery))}

    return api


def webhook_json(view: WebhookView) -> dict[str, Any]:
    """Return a webhook as JSON, for API and terminal, without its secret."""
    webhook = view.webhook
    return {
        "name": webhook.name,
        "address": webhook.address,
        "kinds": list(webhook.kinds or KINDS),
        "signed": webhook.secret is not None,
        "state": "paused" if webhook.paused else "active",
        "reason": webhook.reason,
        "waiting": view.waiting,
        "deadLetters": view.dead,
        "delivered": None if webhook.delivered is None else stamp(webhook.delivered),
        "by": webhook.by,
        "at": stamp(webhook.at),
    }


def delivery_json(delivery: WebhookDelivery) -> dict[str, Any]:
    """Return an event for a webhook as JSON, for API and terminal."""
    return {
        "id": delivery.id,
        "event": delivery.event,
        "type": delivery.kind,
        "subject": delivery.subject,
        "time": stamp(delivery.at),
        "state": str(delivery.state),
        "attempts": delivery.attempts,
        "answer": delivery.answer,
        "changed": stamp(delivery.changed),
    }


def trial_json(trial: WebhookTrial) -> dict[str, Any]:
    """Return the end of a test as JSON, for API and terminal."""
    return {"passed": trial.passed, "status": trial.status, "answer": trial.answer, "remedy": trial.remedy}

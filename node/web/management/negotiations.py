"""Conditions, negotiations, and the decisions that wait for a person."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Annotated, Any, Protocol

from anyio.to_thread import run_sync
from fastapi import APIRouter, Query, Request
from fastapi.routing import APIRoute

from node.base.changes import Changes
from node.ledger.model import Entry
from node.negotiation.acquire import Acquire
from node.negotiation.decisions import Decisions
from node.negotiation.model import Negotiation
from node.negotiation.usecases import Negotiations
from node.transfer.overview import NegotiationInFull
from node.web.api_router import PlacedApiRouter
from node.web.management.commands import carry_out
from node.web.management.json_forms import (
    conditions_json,
    decision_json,
    negotiation_json,
    process_json,
)
from node.web.management.person import Person
from node.web.management.requests import Ask, AskFor, State, Terms, Verdict, Wait, Why, read_ask
from node.web.search import VersionNumber

LONGEST_WAIT = 30.0


class NegotiationReader(Protocol):
    """Reads negotiations (``node.transfer.overview``)."""

    def negotiations(self, *, state: str | None = None) -> list[Negotiation]: ...

    def negotiation(self, pid: str) -> NegotiationInFull: ...

    def settled_negotiation(self, pid: str) -> NegotiationInFull | None: ...

    def may_settle(self, entry: Entry) -> bool: ...


def router(
    *,
    person: Person,
    acquire: Acquire,
    negotiations: Negotiations,
    decisions: Decisions,
    reading: NegotiationReader,
    changes: Changes,
    region: Callable[[], str | None],
    is_stuck: Callable[[str], bool],
    route_class: type[APIRoute],
    with_names: Callable[[str], str] = str,
) -> APIRouter:
    """Return the routes. ``region`` is the region of conditions that name none; ``is_stuck`` returns whether a
    delivery that a negotiation waits for was given up; ``with_names`` replaces DIDs by names."""
    api = PlacedApiRouter(prefix="/api", tags=["exchange"], route_class=route_class)

    @api.get(
        "/conditions",
        summary="Conditions of an asset, whether this node meets them, and existing agreements",
        description="With `version`, `agreementId` is an agreement that was made for that version, if there is one.",
    )
    async def conditions(
        request: Request,
        iri: Annotated[str, Query(max_length=2048)],
        purpose: str | None = None,
        ask: Ask = None,
        version: VersionNumber = None,
    ) -> Any:
        await person(request)
        asking = read_ask(ask) if ask is not None else None
        return conditions_json(
            await acquire.conditions(iri, purpose=purpose, asking=asking, version=version), with_names
        )

    @api.post("/negotiations", status_code=202, summary="Request an asset on its offered terms or on others")
    async def negotiate(request: Request, ask: AskFor) -> Any:
        negotiation = await acquire.request(
            ask.dataset,
            await person(request),
            offer_id=ask.offer_id,
            purpose=ask.purpose,
            asking=ask.ask,
            least=ask.least,
        )
        return {"pid": negotiation.pid, "state": negotiation.state, "provider": negotiation.peer}

    @api.get("/negotiations", summary="The newest negotiations, optionally only those in one state")
    async def all_negotiations(request: Request, state: State = None) -> Any:
        await person(request)
        return [process_json(one) for one in await run_sync(lambda: reading.negotiations(state=state))]

    @api.get("/negotiations/{pid}", summary="A negotiation with its messages; can wait for a change")
    async def one_negotiation(request: Request, pid: str, wait: Wait = 0.0) -> Any:
        await person(request)
        until = time.monotonic() + min(wait, LONGEST_WAIT)

        def look() -> dict[str, Any] | None:
            waits_on = time.monotonic() < until
            settled = reading.settled_negotiation(pid) if waits_on else reading.negotiation(pid)
            return None if settled is None else negotiation_json(*settled, stuck=is_stuck(pid))

        with changes.watch(pid, reading.may_settle) as watch:
            while (negotiation := await run_sync(look)) is None:
                await watch.wait(min(watch.pause, max(until - time.monotonic(), 0.0)))
        return negotiation

    @api.post("/negotiations/{pid}/terminate", summary="End a negotiation")
    async def terminate(request: Request, pid: str, why: Why) -> Any:
        caller = await person(request)
        return await carry_out(lambda: negotiations.terminate(pid, "ended-by-person", why.reasons, by=caller))

    @api.post("/negotiations/{pid}/counter", summary="Request other terms than those that the provider offers")
    async def counter(request: Request, pid: str, terms: Terms) -> Any:
        caller = await person(request)
        return await carry_out(lambda: negotiations.counter(pid, terms.ask, region=region(), by=caller))

    @api.post("/negotiations/{pid}/accept", summary="Accept the provider's current offer")
    async def accept(request: Request, pid: str) -> Any:
        caller = await person(request)
        return await carry_out(lambda: negotiations.accept(pid, by=caller))

    @api.get("/decisions", summary="Decisions that wait for a person")
    async def waiting(request: Request) -> Any:
        await person(request)
        return [decision_json(one) for one in await run_sync(decisions.waiting)]

    @api.post("/decisions/{decision_id}", summary="Decide")
    async def decide(request: Request, decision_id: str, verdict: Verdict) -> Any:
        caller = await person(request)
        decided = await decisions.decide(decision_id, approve=verdict.approve, by=caller, reason=verdict.reason)
        return decision_json(decided)

    return api

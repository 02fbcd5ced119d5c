"""Conditions, negotiations, and the decisions that wait for a person."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable
from typing import Annotated, Any, Final, Protocol

from anyio.to_thread import run_sync
from fastapi import APIRouter, Query, Request
from fastapi.routing import APIRoute
from starlette.responses import JSONResponse, Response

from node.base.changes import Changes
from node.base.threads import read_briefly
from node.base.work import UnitOfWork
from node.identity.model import Caller
from node.ledger.model import Entry
from node.negotiation.acquire import Acquire
from node.negotiation.decisions import Decisions
from node.negotiation.machine import TABLE
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
from node.web.repetitions.routes import HEADER
from node.web.search import VersionNumber
from node.web.short_way import ShortRoute

LONGEST_WAIT = 30.0
_WAIT: Final = re.compile(rb"(?:wait=([0-9]{1,6}(?:\.[0-9]{1,6})?))?")


class NegotiationReader(Protocol):
    """Reads negotiations (``node.transfer.overview``)."""

    def negotiations(self, *, state: str | None = None) -> list[Negotiation]: ...

    def negotiation(self, pid: str) -> NegotiationInFull: ...

    def settled_negotiation(self, pid: str) -> NegotiationInFull | None: ...

    def may_settle(self, entry: Entry) -> bool: ...


class NegotiationDesk:
    """Requests assets and shows negotiations, for each way on which a request for that may come. ``is_stuck`` returns
    whether a delivery that a negotiation waits for was given up."""

    def __init__(
        self,
        *,
        uow: UnitOfWork,
        acquire: Acquire,
        reading: NegotiationReader,
        changes: Changes,
        is_stuck: Callable[[str], bool],
    ) -> None:
        self._uow = uow
        self._acquire = acquire
        self._reading = reading
        self._changes = changes
        self._is_stuck = is_stuck

    async def request(self, ask: AskFor, by: Caller) -> dict[str, Any]:
        """Request an asset. Raises as ``Acquire.request``."""
        negotiation = await self._acquire.request(
            ask.dataset, by, offer_id=ask.offer_id, purpose=ask.purpose, asking=ask.ask, least=ask.least
        )
        return {"pid": negotiation.pid, "state": negotiation.state, "provider": negotiation.peer}

    async def negotiation(self, pid: str, wait: float) -> dict[str, Any]:
        """Return a negotiation with its messages; up to ``wait`` seconds later if it is not settled before. Raises
        ``NotFound``."""
        until = time.monotonic() + min(wait, LONGEST_WAIT)

        def look() -> dict[str, Any] | None:
            waits_on = time.monotonic() < until
            facts = self._reading.settled_negotiation(pid) if waits_on else self._reading.negotiation(pid)
            if facts is None:
                return None
            stuck = facts[0].state not in TABLE.terminal and self._is_stuck(pid)
            return negotiation_json(*facts, stuck=stuck)

        with self._changes.watch(pid, concerns=self._reading.may_settle) as watch:
            while (negotiation := await read_briefly(self._uow, look)) is None:
                await watch.wait(min(watch.pause, max(until - time.monotonic(), 0.0)))
        return negotiation


def short_routes(desk: NegotiationDesk, person: Person) -> list[ShortRoute]:
    """Return the short way to a request for an asset and to the negotiation about it. What is not written in the
    usual form, or has to be carried out once only, takes the long way."""

    async def negotiate(request: Request) -> Response | None:
        caller = await person(request)
        if HEADER in request.headers or request.headers.get("content-type", "") != "application/json":
            return None
        try:
            ask = AskFor.model_validate(json.loads(await request.body()))
        except (ValueError, RecursionError):  # Not JSON, nested too deeply, or not a request.
            return None
        return JSONResponse(await desk.request(ask, caller), status_code=202)

    async def one_negotiation(request: Request) -> Response | None:
        await person(request)
        query = _WAIT.fullmatch(request.scope["query_string"])
        if query is None:
            return None
        return JSONResponse(await desk.negotiation(request.path_params["pid"], float(query[1] or 0.0)))

    return [
        ShortRoute("POST", "/api/negotiations", negotiate),
        ShortRoute("GET", "/api/negotiations/{pid}", one_negotiation),
    ]


def router(
    *,
    person: Person,
    acquire: Acquire,
    desk: NegotiationDesk,
    negotiations: Negotiations,
    decisions: Decisions,
    reading: NegotiationReader,
    region: Callable[[], str | None],
    route_class: type[APIRoute],
    with_names: Callable[[str], str] = str,
) -> APIRouter:
    """Return the routes. ``region`` is the region of conditions that name none; ``with_names`` replaces DIDs by
    names."""
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
        return await desk.request(ask, await person(request))

    @api.get("/negotiations", summary="The newest negotiations, optionally only those in one state")
    async def all_negotiations(request: Request, state: State = None) -> Any:
        await person(request)
        return [process_json(one) for one in await run_sync(lambda: reading.negotiations(state=state))]

    @api.get("/negotiations/{pid}", summary="A negotiation with its messages; can wait for a change")
    async def one_negotiation(request: Request, pid: str, wait: Wait = 0.0) -> Any:
        await person(request)
        return await desk.negotiation(pid, wait)

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

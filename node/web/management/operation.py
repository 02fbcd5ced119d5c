"""Operation of a node: its status, waiting deliveries and dead letters, proofs, and the region's search."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Protocol

from anyio.to_thread import run_sync
from fastapi import APIRouter, Request
from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict, Field

from node.base.clock import stamp
from node.base.work import Task
from node.catalogue.region.search import Forward
from node.identity.model import Caller
from node.ledger.verification import Check
from node.operation.agenda import Agenda
from node.web.api_router import PlacedApiRouter
from node.web.caller_checks import knowing
from node.web.management.person import Person
from node.web.replies import kept_as

_DATA = frozenset(
    {
        *("application/json", "application/problem+json", "application/ld+json", "application/rdf+xml"),
        *("application/sparql-results+json", "application/sparql-results+xml", "application/n-triples"),
        *("text/csv", "text/tab-separated-values", "text/turtle"),
    }
)


class Deliveries(Protocol):
    """The outbox for its operator."""

    def waiting(self) -> int: ...

    def dead(self) -> Sequence[Task]: ...

    def revive(self, task_id: str, by: Caller) -> None: ...

    def give_up(self, task_id: str, by: Caller) -> None: ...


class Checks(Protocol):
    """The checks that a running node can make."""

    async def own_ledger(self) -> list[Check]: ...

    async def agreement(self, agreement_id: str) -> list[Check]: ...


class Verify(BaseModel):
    """The subject of a verification: an agreement at its other party, or this node's own ledger."""

    model_config = ConfigDict(extra="forbid")

    agreement: str | None = Field(None, max_length=2048)


def router(
    *,
    person: Person,
    facts: Callable[[], Awaitable[dict[str, Any]]],
    agenda: Agenda,
    deliveries: Deliveries,
    checks: Checks,
    forward: Forward,
) -> APIRouter:
    """Return the routes. ``facts`` returns the identity and the status of this node."""
    api = PlacedApiRouter(prefix="/api", tags=["operation"], route_class=knowing(person))

    @api.get("/node", summary="Identity and status of this node")
    async def about(request: Request) -> Any:
        await person(request)
        return await facts()

    @api.get("/agenda", summary="What waits for you, ends soon, does not work, or is new")
    async def agenda_of_caller(request: Request) -> Any:
        return (await agenda.of(await person(request))).to_json()

    @api.get("/deliveries", summary="Messages being delivered, and dead letters with their reasons")
    async def on_their_way(request: Request) -> Any:
        await person(request)
        return {
            "waiting": await run_sync(deliveries.waiting),
            "dead": [task_json(task) for task in await run_sync(deliveries.dead)],
        }

    @api.post("/deliveries/{task_id}/retry", summary="Send a dead letter again")
    async def retry(request: Request, task_id: str) -> Any:
        await run_sync(deliveries.revive, task_id, await person(request))
        return {"id": task_id, "state": "waiting"}

    @api.post("/deliveries/{task_id}/give-up", summary="Give up a dead letter and end what waits for it")
    async def give_up(request: Request, task_id: str) -> Any:
        await run_sync(deliveries.give_up, task_id, await person(request))
        return {"id": task_id, "state": "given up"}

    @api.post("/verify", summary="Check this node's ledger, or an agreement in the other party's ledger")
    async def verify(request: Request, body: Verify) -> Any:
        await person(request)
        results = await (checks.agreement(body.agreement) if body.agreement else checks.own_ledger())
        return {
            "sound": all(check.sound for check in results),
            "checks": [check.to_json() for check in results],
        }

    @api.get("/region/search", summary="Search the region's catalogue, as this node")
    async def region_search(request: Request) -> Response:
        await person(request)
        return await _forward(forward, "GET", f"/api/catalogue/search?{request.url.query}", b"", request)

    @api.post("/region/sparql", summary="Query the region's catalogue, as this node")
    async def region_sparql(request: Request) -> Response:
        await person(request)
        return await _forward(forward, "POST", "/sparql", await request.body(), request)

    return api


async def _forward(forward: Forward, method: str, path: str, body: bytes, request: Request) -> Response:
    headers = {
        name: request.headers[name]
        for name in ("accept", "accept-language", "content-type")
        if name in request.headers
    }
    status, media_type, answer = await forward(method, path, body, headers)
    plain = media_type.partition(";")[0].strip().lower()
    return Response(
        answer,
        status_code=status,
        media_type=media_type if plain in _DATA else "application/octet-stream",
        # Another node's content under our own address: a browser must neither show nor run it as ours.
        headers={
            "Content-Security-Policy": "default-src 'none'; sandbox",
            "Cache-Control": "private, no-store",
            **kept_as(plain, "results"),
        },
    )


def task_json(task: Task) -> dict[str, Any]:
    return {
        "id": task.id,
        "topic": task.topic,
        "to": task.lane,
        "about": task.subject,
        "message": task.headers.get("message"),
        "attempts": task.attempts,
        "due": stamp(task.due),
        "error": task.last_error,
    }

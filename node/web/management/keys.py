"""The node's own keys: list current and former keys, replace them, revoke a key as of a moment."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from anyio.to_thread import run_sync
from fastapi import APIRouter, Request
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from node.identity.periods import KeyKind
from node.identity.rotation import ChangeKeys
from node.web.api_router import PlacedApiRouter
from node.web.caller_checks import knowing
from node.web.management.person import Person


class Rotate(BaseModel):
    """The keys to replace; all three where none is named."""

    model_config = ConfigDict(extra="forbid")

    kinds: list[Literal["signing", "log", "sealing"]] = Field(
        default_factory=lambda: [kind.value for kind in KeyKind], min_length=1, max_length=3
    )


class Revoke(BaseModel):
    """The key to revoke, the time from which, and the reason; the reason stands in the ledger."""

    model_config = ConfigDict(extra="forbid")

    key: str = Field(max_length=600)
    as_of: AwareDatetime
    reason: str = Field(min_length=1, max_length=1000)


def router(*, person: Person, keys: ChangeKeys) -> APIRouter:
    """Return the routes."""
    api = PlacedApiRouter(prefix="/api/keys", tags=["operation"], route_class=knowing(person))

    @api.get("", summary="The node's keys: kind, purpose, period, state")
    async def all_keys(request: Request) -> Any:
        await person(request)
        return [key.to_json() for key in await run_sync(keys.all)]

    @api.post("/rotate", status_code=201, summary="Replace the keys in use by new ones")
    async def rotate(request: Request, body: Rotate) -> Any:
        caller = await person(request)
        kinds = [KeyKind(kind) for kind in body.kinds]
        return [key.to_json() for key in await run_sync(lambda: keys.rotate(kinds, caller))]

    @api.post("/revoke", status_code=201, summary="Revoke a key as of a given time")
    async def revoke(request: Request, body: Revoke) -> Any:
        caller = await person(request)
        as_of: datetime = body.as_of
        changed = await run_sync(lambda: keys.revoke(body.key, as_of, body.reason, caller))
        return [key.to_json() for key in changed]

    return api

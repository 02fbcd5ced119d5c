"""Turning participants away, and letting them in again."""

from __future__ import annotations

from typing import Any

from anyio.to_thread import run_sync
from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field

from node.identity.blocks import LONGEST_REASON, Blocks, Suspend
from node.web.api_router import PlacedApiRouter
from node.web.caller_checks import knowing
from node.web.management.person import Person


class NewBlock(BaseModel):
    """Whom to turn away, and why: the other side reads it."""

    model_config = ConfigDict(extra="forbid")

    did: str = Field(max_length=512)
    reason: str = Field(min_length=1, max_length=LONGEST_REASON)


def router(*, person: Person, blocks: Blocks, suspend: Suspend) -> APIRouter:
    """Return the routes. ``suspend`` pauses all transfers with a participant."""
    api = PlacedApiRouter(prefix="/api/blocks", tags=["people"], route_class=knowing(person))

    @api.get("", summary="Blocked participants, with the reasons")
    async def all_blocks(request: Request) -> Any:
        await person(request)
        return [one.to_json() for one in await run_sync(blocks.all)]

    @api.post("", status_code=201, summary="Block a participant; running transfers with it are suspended")
    async def block(request: Request, new: NewBlock) -> Any:
        caller = await person(request)
        made, suspended = await run_sync(lambda: blocks.block(new.did, new.reason, caller, suspend))
        return {**made.to_json(), "suspended": suspended}

    @api.delete(
        "/{did}", summary="Unblock a participant; suspended transfers stay suspended until somebody resumes them"
    )
    async def unblock(request: Request, did: str) -> Any:
        caller = await person(request)
        return (await run_sync(lambda: blocks.unblock(did, caller))).to_json()

    return api

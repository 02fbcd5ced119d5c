"""Turning participants away, and letting them in again."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field

from node.identity.blocks import LONGEST_REASON
from node.operation.region.participants import BlockParticipants
from node.web.api_router import PlacedApiRouter
from node.web.caller_checks import knowing
from node.web.management.person import Person


class NewBlock(BaseModel):
    """Whom to turn away, and why: the other side reads it."""

    model_config = ConfigDict(extra="forbid")

    did: str = Field(max_length=512)
    reason: str = Field(min_length=1, max_length=LONGEST_REASON)


def router(*, person: Person, blocking: BlockParticipants) -> APIRouter:
    """Return the routes."""
    api = PlacedApiRouter(prefix="/api/blocks", tags=["people"], route_class=knowing(person))

    @api.get("", summary="Blocked participants, with the reasons")
    async def all_blocks(request: Request) -> Any:
        await person(request)
        return [block.to_json() for block in await blocking.all()]

    @api.get("/{did}", summary="A participant's block, and the agreements and transfers that a block stops")
    async def foresee(request: Request, did: str) -> Any:
        return (await blocking.foresee(did, await person(request))).to_json()

    @api.post("", status_code=201, summary="Block a participant; running transfers with it are suspended")
    async def block(request: Request, new: NewBlock) -> Any:
        caller = await person(request)
        made, suspended = await blocking.block(new.did, new.reason, caller)
        return {**made.to_json(), "suspended": suspended}

    @api.delete(
        "/{did}", summary="Unblock a participant; suspended transfers stay suspended until somebody resumes them"
    )
    async def unblock(request: Request, did: str) -> Any:
        caller = await person(request)
        return (await blocking.unblock(did, caller)).to_json()

    return api

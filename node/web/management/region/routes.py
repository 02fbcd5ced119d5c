"""The routes of a member: the terms of a region, and leaving one."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, ConfigDict, Field

from node.catalogue.region.terms import ReadRegion
from node.operation.region.departure import LONGEST_REASON, LeaveRegion
from node.web.api_router import PlacedApiRouter
from node.web.caller_checks import knowing
from node.web.management.person import Person

_Issuer = Annotated[
    str, Query(max_length=512, description="DID of the region or issuer; without it, the region of this node.")
]


class LeaveRequest(BaseModel):
    """The region to leave, and the reason. The ledger keeps it."""

    model_config = ConfigDict(extra="forbid")

    issuer: str = Field("", max_length=512, description="DID of the region; without it, the region of this node.")
    reason: str = Field(min_length=1, max_length=LONGEST_REASON)


def router(*, person: Person, read: ReadRegion, leave: LeaveRegion) -> APIRouter:
    """Return the routes."""
    api = PlacedApiRouter(prefix="/api", tags=["people"], route_class=knowing(person))

    @api.get("/join", summary="What a region asks of those who join: its rulebook, and its credentials")
    async def terms(
        request: Request,
        region: Annotated[str, Query(max_length=2048, description="Address of the region, or its DID.")],
    ) -> Any:
        return (await read.terms(region, await person(request))).to_json()

    @api.get("/region/leave", summary="What changes when this node leaves its region; nothing is done")
    async def foresee(request: Request, issuer: _Issuer = "") -> Any:
        return (await leave.foresee(issuer, await person(request))).to_json()

    @api.post("/region/leave", summary="Leave a region: give up its credentials; agreements stay")
    async def leave_region(request: Request, body: LeaveRequest) -> Any:
        caller = await person(request)
        return (await leave.leave(body.issuer, body.reason, caller)).to_json()

    return api

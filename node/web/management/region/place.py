"""The place of this node, which other nodes show on their maps of members."""

from __future__ import annotations

from typing import Any

from anyio.to_thread import run_sync
from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field

from node.catalogue.region.place import LONGEST_NAME, OwnPlace
from node.web.api_router import PlacedApiRouter
from node.web.caller_checks import knowing
from node.web.management.person import Person


class NewPlace(BaseModel):
    """The place to state. Without degrees, the name is looked up in the gazetteer."""

    model_config = ConfigDict(extra="forbid")

    name: str = Field(min_length=1, max_length=LONGEST_NAME, description="The name of the town or the region.")
    longitude: float | None = Field(None, ge=-180, le=180, description="Degrees east of Greenwich (WGS 84).")
    latitude: float | None = Field(None, ge=-90, le=90, description="Degrees north of the equator (WGS 84).")


def router(*, person: Person, place: OwnPlace) -> APIRouter:
    """Return the routes."""
    api = PlacedApiRouter(prefix="/api/place", tags=["people"], route_class=knowing(person))

    @api.get("", summary="The place that this node states, null without one")
    async def read(request: Request) -> Any:
        await person(request)
        own_place = await run_sync(place.read)
        return {"place": own_place.to_json() if own_place else None}

    @api.put("", summary="State the place of this node; other nodes show it on their maps of members")
    async def state(request: Request, new: NewPlace) -> Any:
        caller = await person(request)
        stated = await run_sync(lambda: place.state(new.name, caller, longitude=new.longitude, latitude=new.latitude))
        return {"place": stated.to_json()}

    @api.delete("", summary="State no place any more")
    async def withdraw(request: Request) -> Any:
        caller = await person(request)
        await run_sync(place.withdraw, caller)
        return {"place": None}

    return api

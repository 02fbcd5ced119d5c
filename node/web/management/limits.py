"""Terms other than the offered ones that this node accepts by itself for its assets."""

from __future__ import annotations

from typing import Annotated, Any

from anyio.to_thread import run_sync
from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, ConfigDict, Field

from node.base.clock import stamp
from node.negotiation.limits import SetLimits
from node.negotiation.model import Limits
from node.policy.odrl import parse
from node.policy.words import LANGUAGES, sentences
from node.web.api_router import PlacedApiRouter
from node.web.caller_checks import knowing
from node.web.management.person import Person

Dataset = Annotated[str, Query(max_length=2048, description="IRI of an asset of this node.")]


class NewLimits(BaseModel):
    """The most open terms to agree to without a person."""

    model_config = ConfigDict(extra="forbid")

    dataset: str = Field(max_length=2048)
    conditions: dict[str, Any] | str = Field(description="Written as conditions of a description are.")


def router(*, person: Person, limits: SetLimits) -> APIRouter:
    """Return the routes."""
    api = PlacedApiRouter(prefix="/api/limits", tags=["exchange"], route_class=knowing(person))

    @api.get(
        "",
        summary="The terms that this node accepts automatically for an asset; null where it accepts only its offer",
    )
    async def show_limits(request: Request, dataset: Dataset) -> Any:
        caller = await person(request)
        limits_of_dataset = await run_sync(limits.of, dataset, caller)
        if limits_of_dataset is None:
            return {"dataset": dataset, "terms": None}
        return limits_json(limits_of_dataset, in_force=await run_sync(limits.in_force, limits_of_dataset))

    @api.put("", summary="Accept terms within these limits automatically from now on")
    async def put(request: Request, new: NewLimits) -> Any:
        caller = await person(request)
        made = await run_sync(lambda: limits.set(new.dataset, new.conditions, by=caller))
        return limits_json(made, in_force=True)

    @api.delete("", status_code=204, summary="Accept only the offer itself automatically from now on")
    async def clear(request: Request, dataset: Dataset) -> None:
        caller = await person(request)
        await run_sync(lambda: limits.clear(dataset, by=caller))

    return api


def limits_json(limits: Limits, *, in_force: bool) -> dict[str, Any]:
    """Return the limits as JSON, for API and terminal."""
    policy = parse(limits.terms)
    return {
        "dataset": limits.dataset,
        "terms": limits.terms,
        "inForce": in_force,
        "sentences": {language: sentences(policy, language) for language in LANGUAGES},
        "by": limits.by,
        "at": stamp(limits.at),
    }

"""The routes of the templates of conditions that a region offers to its members."""

from __future__ import annotations

from typing import Annotated, Any

from anyio.to_thread import run_sync
from fastapi import APIRouter, Path, Query, Request
from pydantic import BaseModel, ConfigDict, Field

from node.catalogue.region.templates import RegionTemplates
from node.policy.gallery import RegionOffer, RegionTemplate
from node.web.api_router import PlacedApiRouter
from node.web.caller_checks import knowing
from node.web.management.person import Person

_Name = Annotated[str, Path(max_length=64, description="Name of the template, without `region-`.")]
_Follows = Annotated[
    int | None, Query(ge=0, lt=1 << 31, description="The version of the list that you have seen; by default any.")
]


class TemplateOfRegion(BaseModel):
    """A template that members choose and fill in."""

    model_config = ConfigDict(extra="forbid")

    label: dict[str, str] = Field(max_length=5, description="Language tag → what people call these conditions.")
    explanation: dict[str, str] = Field(default_factory=dict, max_length=5, description="One sentence, by language.")
    conditions: dict[str, Any] | str = Field(
        description="A template of Hansa with the values that the region fixes, or an ODRL policy."
    )
    follows: int | None = Field(None, ge=0, lt=1 << 31, description="The version of the list that you have seen.")


def router(*, person: Person, templates: RegionTemplates) -> APIRouter:
    """Return the routes."""
    api = PlacedApiRouter(prefix="/api/region/templates", tags=["people"], route_class=knowing(person))

    @api.get("", summary="The templates of conditions that the region of this node offers to its members")
    async def list_templates() -> Any:
        return _to_json(await run_sync(templates.offer))

    @api.put("/{name}", summary="Offer a template to the members of this region, or change it; at an issuer node")
    async def publish(request: Request, name: _Name, body: TemplateOfRegion) -> Any:
        caller = await person(request)
        templates.require_region(caller)
        template = RegionTemplate.from_json({"name": name, **body.model_dump(exclude={"follows"})})
        return _to_json(await run_sync(lambda: templates.publish(template, caller, follows=body.follows)))

    @api.delete("/{name}", summary="Offer a template no more; offers made with it stay")
    async def withdraw(request: Request, name: _Name, follows: _Follows = None) -> Any:
        caller = await person(request)
        return _to_json(await run_sync(lambda: templates.withdraw(name, caller, follows=follows)))

    return api


def _to_json(offer: RegionOffer) -> dict[str, Any]:
    return {
        "region": offer.region or None,
        "name": offer.name,
        "version": offer.version,
        "templates": [{"id": each.id, **each.to_json()} for each in offer.templates],
    }

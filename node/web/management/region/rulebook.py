"""The routes of a region's rulebook: its text, and the next version of it."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, ConfigDict, Field

from node.base.errors import NotFound
from node.operation.region.rulebook_edits import EditRulebook
from node.web.api_router import PlacedApiRouter
from node.web.caller_checks import knowing
from node.web.management.person import Person, language_of

_Tag = Annotated[str, Query(max_length=35, description="Language of the texts; by default the one you prefer.")]


class RulebookChange(BaseModel):
    """The fields that change: each name with its new text, empty to remove it."""

    model_config = ConfigDict(extra="forbid")

    follows: int = Field(ge=1, lt=1 << 31, description="The version that you have read and changed.")
    fields: dict[Annotated[str, Field(max_length=64)], Annotated[str, Field(max_length=500_000)]] = Field(
        min_length=1, max_length=40
    )
    language: str = Field("en", max_length=35, description="Language of the texts.")
    dry_run: bool = Field(False, alias="dryRun", description="Only show what would change, and who must accept.")


def router(*, person: Person, edit: EditRulebook | None) -> APIRouter:
    """Return the routes; ``edit`` is set at an issuer."""
    api = PlacedApiRouter(prefix="/api", tags=["people"], route_class=knowing(person))

    @api.get("/rulebook", summary="The newest version of this region's rulebook: its text and particulars")
    async def read(request: Request, lang: _Tag = "") -> Any:
        caller = await person(request)
        return (await _of_issuer(edit).read(language_of(request, lang), caller)).to_json()

    @api.put("/rulebook", summary="Publish the next version of this region's rulebook, or foresee it")
    async def change(request: Request, body: RulebookChange) -> Any:
        caller = await person(request)
        revision = await _of_issuer(edit).change(
            body.fields, caller, follows=body.follows, language=body.language, dry_run=body.dry_run
        )
        return revision.to_json()

    return api


def _of_issuer(edit: EditRulebook | None) -> EditRulebook:
    if edit is None:
        raise NotFound("this node is no region", remedy="set issuer = true in the settings, or ask your region")
    return edit

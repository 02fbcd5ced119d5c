"""The profiles whose rules descriptions are checked against, besides DCAT-AP."""

from __future__ import annotations

from typing import Annotated, Any

from anyio.to_thread import run_sync
from fastapi import APIRouter, Query, Request

from node.catalogue.measurement.profiles import ProfileOverview
from node.web.api_router import PlacedApiRouter
from node.web.caller_checks import knowing
from node.web.management.person import Person, language_of


def router(*, person: Person, profiles: ProfileOverview) -> APIRouter:
    """Return the routes."""
    api = PlacedApiRouter(prefix="/api/profiles", tags=["publishing"], route_class=knowing(person))

    @api.get(
        "",
        summary="The profiles that this node can check besides DCAT-AP",
        description=(
            "`use` is `enforced`, `advised` or empty, as the settings name it. `terms`: the profile holds only for "
            "descriptions that have one of them. `files` are those of a profile of the node's own, which is added "
            "with `hansa profile add`."
        ),
    )
    async def list_profiles(request: Request) -> list[dict[str, Any]]:
        await person(request)
        return [profile.to_json() for profile in profiles.uses]

    @api.get(
        "/{name}/check",
        summary="Whether the shapes of a profile can be understood",
        description=(
            "The files are read as they are now. `shapes` counts the shapes; `gaps` are sentences about what is "
            "passed over in them, whose rules demand nothing; `error` says why the files are not understood, else it "
            "is empty."
        ),
    )
    async def check_profile(
        name: str, request: Request, language: Annotated[str, Query(max_length=16)] = ""
    ) -> dict[str, Any]:
        caller = await person(request)
        check = await run_sync(profiles.check, name, caller)
        return check.to_json(language_of(request, language))

    return api

"""The profiles whose rules descriptions are checked against, besides DCAT-AP."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from fastapi import APIRouter, Request

from node.semantics.validation.profiles import ProfileUse
from node.web.api_router import PlacedApiRouter
from node.web.caller_checks import knowing
from node.web.management.person import Person


def router(*, person: Person, profiles: Sequence[ProfileUse]) -> APIRouter:
    """Return the routes. ``profiles`` are those that there were when the node started."""
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
        return [profile.to_json() for profile in profiles]

    return api

"""A FastAPI router that is skipped if none of its routes begins like the path of a request."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter
from starlette.routing import Match
from starlette.types import Scope

from node.web.routers import Beginnings


class PlacedApiRouter(APIRouter):
    """Like ``node.web.routers.PlacedRouter``, for the routers of pages, catalogue and management."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._beginnings = Beginnings()

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        if not self._beginnings.include(self.routes, scope):
            return Match.NONE, {}
        return super().matches(scope)

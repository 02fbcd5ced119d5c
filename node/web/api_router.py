"""Routers of FastAPI that are skipped if none of their routes begins like the path of a request, and routes that are
analysed at their first use.

FastAPI reads the signature of each operation when its route is made, and makes readers and writers for its parameters
and its answer. A node has some three hundred operations, of which most requests need one: analysing all of them took
a fifth of a second of processor time.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from fastapi import APIRouter
from fastapi.routing import APIRoute
from starlette.routing import Match, compile_path, get_name
from starlette.types import Scope

from node.web.routers import ROUTES, Beginnings

_ANALYSED: Final = frozenset(APIRoute.__annotations__) | {"app"}
"""Attributes that FastAPI gives a route, but for those that ``DeferredRoute`` has at once."""


class DeferredRoute(APIRoute):
    """A route that knows its path, methods and name at once; the other attributes make FastAPI analyse it."""

    def __init__(self, path: str, endpoint: Callable[..., Any], **options: Any) -> None:
        self._options: dict[str, Any] | None = options
        self.path, self.endpoint = path, endpoint
        self.path_regex, self.path_format, self.param_convertors = compile_path(path)
        self.methods = {method.upper() for method in options.get("methods") or ("GET",)}
        self.include_in_schema = options.get("include_in_schema", True)
        self.name = options.get("name") or get_name(endpoint)

    def __getattr__(self, name: str) -> Any:
        """Called for an attribute that is not there: before the analysis, or because there is none of this name."""
        if name in _ANALYSED and self.__dict__.get("_options") is not None:
            with ROUTES:
                self._analyse()
        try:
            return self.__dict__[name]
        except KeyError:
            raise AttributeError(f"a route has no attribute {name}") from None

    def _analyse(self) -> None:
        options = self._options
        if options is None:
            return  # Another thread has done it meanwhile.
        # A copy may have other methods than the route that it was made from.
        own = {"methods": self.methods, "include_in_schema": self.include_in_schema}
        super().__init__(self.path, self.endpoint, **options)
        self.__dict__.update(own)
        self._options = None


class PlacedApiRouter(APIRouter):
    """Like ``node.web.routers.PlacedRouter``, for the routers of pages, catalogue and management."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**{"route_class": DeferredRoute, **options})
        self._beginnings = Beginnings()

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        if not self._beginnings.include(self.routes, scope):
            return Match.NONE, {}
        return super().matches(scope)

"""Routers of FastAPI that are skipped if none of their routes begins like the path of a request, and routes that are
analysed at their first use.

FastAPI reads the signature of each operation when its route is made, and makes readers and writers for its parameters
and its answer. A node has some three hundred operations, of which most requests need one: analysing all of them took
a fifth of a second of processor time. ``FastAPI.include_router`` would analyse all operations of a router, and each
once more for the application, at the first request that one of them may be for.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from itertools import chain
from typing import Any, Final

from fastapi import APIRouter, FastAPI
from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute
from starlette.datastructures import URLPath
from starlette.routing import BaseRoute, Match, NoMatchFound, compile_path, get_name
from starlette.types import Receive, Scope, Send

from node.web.routers import ROUTES, Beginnings

_ANALYSED: Final = frozenset(APIRoute.__annotations__) | {"app"}
"""Attributes that FastAPI gives a route, but for those that ``DeferredRoute`` has at once."""

_CHOSEN: Final = "hansa.route"
"""The key, in the scope of a request, of the route that it matches."""


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
    """A router whose operations are analysed at their first use, in a ``PlacingApplication``."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**{"route_class": DeferredRoute, **options})


class PlacedRoutes(BaseRoute):
    """The routes of ``original_router`` among those of an application, skipped at once by a request that begins like
    none of them."""

    def __init__(self, original_router: APIRouter) -> None:
        self.original_router = original_router
        self._beginnings = Beginnings()

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        if not self._beginnings.include(self.original_router.routes, scope):
            return Match.NONE, {}
        partial: Scope | None = None
        for route in self.original_router.routes:
            match, child_scope = route.matches(scope)
            if match is Match.FULL:
                return match, {**child_scope, _CHOSEN: route}
            if match is Match.PARTIAL and partial is None:
                partial = {**child_scope, _CHOSEN: route}
        return (Match.NONE, {}) if partial is None else (Match.PARTIAL, partial)

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        await scope.pop(_CHOSEN).handle(scope, receive, send)

    def url_path_for(self, name: str, /, **path_params: Any) -> URLPath:
        for route in self.original_router.routes:
            with suppress(NoMatchFound):
                return route.url_path_for(name, **path_params)
        raise NoMatchFound(name, path_params)


class PlacingApplication(FastAPI):
    """An application that takes the routes of a ``PlacedApiRouter`` as they are, also those that it gets later."""

    def include_router(self, router: APIRouter, **options: Any) -> None:
        """Add the routes of ``router``; with options, or if it is another router, as FastAPI does."""
        if isinstance(router, PlacedApiRouter) and not options:
            self.router.routes.append(PlacedRoutes(router))
        else:
            super().include_router(router, **options)

    def openapi(self) -> dict[str, Any]:
        """Return the OpenAPI description of all operations, made at the first call."""
        if self.openapi_schema is None:
            operations = chain.from_iterable(
                route.original_router.routes if isinstance(route, PlacedRoutes) else [route] for route in self.routes
            )
            self.openapi_schema = get_openapi(
                title=self.title, version=self.version, description=self.description, routes=list(operations)
            )
        return self.openapi_schema

"""Additions to the operations of a FastAPI application: routers of plug-ins, HEAD, answers to invalid bodies."""

from __future__ import annotations

from collections.abc import Iterable

from fastapi import APIRouter, FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from starlette.responses import Response
from starlette.routing import BaseRoute

from node.base.errors import InvalidInput
from node.web.applications import Refuse


def include_all(app: FastAPI, routers: Iterable[APIRouter]) -> None:
    """Add the routers of plug-ins."""
    for router in routers:
        app.include_router(router)


def answer_head(routes: list[BaseRoute]) -> None:
    """Accept HEAD wherever there is a GET (RFC 9110 §9.3.2), like plain routes. The server leaves the body out."""
    for route in list(routes):
        if (included := getattr(route, "original_router", None)) is not None:
            answer_head(included.routes)
        elif isinstance(route, APIRoute) and "GET" in (route.methods or ()) and "HEAD" not in (route.methods or ()):
            twin = APIRoute(
                route.path,
                route.endpoint,
                methods=["HEAD"],
                dependencies=route.dependencies,
                response_class=route.response_class,
                include_in_schema=False,
            )
            routes.append(twin)


def answer_invalid(app: FastAPI, refuse: Refuse) -> None:
    """Let ``app`` answer input that does not fit an operation in the same way as ``refuse`` answers other invalid
    input."""

    async def answer(request: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)
        first = error.errors()[0]
        name = ".".join(str(part) for part in first["loc"][1:]) or str(first["loc"][0])
        fault = InvalidInput(f"{name}: {first['msg']}", remedy="see /docs/api for what this address takes")
        return await refuse(request, fault)

    app.add_exception_handler(RequestValidationError, answer)

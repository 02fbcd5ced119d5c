"""Identify the caller before any of the body is read.

FastAPI reads and parses a body that an operation declares before it calls the operation, so before the operation can
identify the caller. Routes made with ``knowing`` do this first;
``tests/integration/bad_input/test_bodies_unread.py`` checks that for all routes of a node.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine
from typing import TYPE_CHECKING, Any

from starlette.requests import Request
from starlette.responses import Response

if TYPE_CHECKING:
    from fastapi.routing import APIRoute


def knowing(check: Callable[[Request], Awaitable[object]]) -> type[APIRoute]:
    """Return the class of a router's routes (``route_class``) that call ``check`` before anything of the body is
    read.

    ``check`` raises ``Unauthenticated`` or ``NotAllowed`` for callers without access.
    """
    # Imported here, because plug-ins import this through node.api, and FastAPI is loaded with the first request for
    # it.
    from node.web.api_router import DeferredRoute

    class CheckedRoute(DeferredRoute):
        def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
            handle = super().get_route_handler()

            async def handle_known(request: Request) -> Response:
                await check(request)
                return await handle(request)

            return handle_known

    return CheckedRoute

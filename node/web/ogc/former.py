"""The addresses that processes and jobs had before they got a path of their own, ``/ogc``.

Requests there are redirected permanently (308, RFC 9110 §15.4.9), with the method and the body. Only requests with a
token are answered at once: a peer of the previous version keeps the former address in its data addresses and open
jobs. It follows no redirect with a token, and must be able to learn that a token is void (decision 0020).

``/``, ``/processes`` and ``/processes/{process}`` are addresses of pages too: there, a request for a page gets the
page.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Final
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Match, Route
from starlette.types import Scope

from node.transfer.addresses import OGC_PATH

Handler = Callable[[Request], Awaitable[Response]]
Operation = tuple[str, str, Handler]
"""Method, path below ``/ogc``, and handler."""

_VARY: Final = "Accept, Authorization"
"""The header that the answer at a former address depends on: a cache must not redirect readers of the pages."""


def former_routes(
    operations: Sequence[Operation], *, base: str, answering: Callable[[Handler], Handler]
) -> list[BaseRoute]:
    """Return the routes at the former addresses of ``operations``. ``answering`` turns errors into answers."""

    def at_former(path: str, handler: Handler) -> Handler:
        async def answer(request: Request) -> Response:
            place = _place(request, f"{base}{OGC_PATH}{path}")
            if "authorization" not in request.headers:
                return RedirectResponse(place, status_code=308, headers={"Vary": _VARY})
            response = await answered(request)
            response.headers.append("Link", f'<{place}>; rel="successor-version"')
            return response

        answered = answering(handler)
        return answer

    return [
        _route(path)(path or "/", at_former(path, handler), methods=[method]) for method, path, handler in operations
    ]


def _place(request: Request, template: str) -> str:
    """Return the address ``template`` with the parameters of the path and the query of ``request``."""
    segments = {name: quote(value, safe="") for name, value in request.path_params.items()}
    query = f"?{request.url.query}" if request.url.query else ""
    return f"{template.format(**segments)}{query}"


def _route(path: str) -> type[FormerRoute]:
    if not path:
        return _DataRoute
    return _NoPageRoute if path in ("/processes", "/processes/{process}") else FormerRoute


class FormerRoute(Route):
    """A route at a former address."""


class _DataRoute(FormerRoute):
    """A route for requests that accept JSON and not HTML."""

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        accept = _accept(scope)
        if scope["type"] != "http" or b"application/json" not in accept or b"text/html" in accept:
            return Match.NONE, {}
        return super().matches(scope)


class _NoPageRoute(FormerRoute):
    """A route for all requests except those for a page."""

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        return (Match.NONE, {}) if b"text/html" in _accept(scope) else super().matches(scope)


def _accept(scope: Scope) -> bytes:
    return b",".join(value for name, value in scope.get("headers", []) if name == b"accept")

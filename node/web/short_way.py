"""The short way to the doors that a negotiation knocks at: an exchange of data makes a dozen of these requests.

The frameworks' own way to a route compares it with dozens of others, enters ten layers, each of which looks at every
request again, and makes models of parameters and answers. That took longer than the work itself. Here a table finds
the handler, and an error becomes an answer in one place. All other requests take the long way, and so does one that
its handler leaves to it: whatever is unusual is read, refused and described in one place only.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import Final

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from node.web.problems import answer_nobody

_PARAMETER: Final = re.compile(r"\{[a-z_]+\}")

Handler = Callable[[Request], Awaitable[Response | None]]
"""Answers a request; None: it is to take the long way. It then has read the whole body or nothing of it."""


@dataclass(frozen=True, slots=True)
class ShortRoute:
    """A path, such as ``/api/negotiations/{pid}``, and the handler of one method."""

    method: str
    path: str
    handler: Handler


class ShortWay:
    """ASGI application: answers the requests of ``routes``, and passes all others on to ``app``.

    ``refuse`` makes the answer of an error.
    """

    def __init__(
        self,
        app: ASGIApp,
        routes: Iterable[ShortRoute],
        refuse: Callable[[Request, Exception], Awaitable[Response]],
    ) -> None:
        self._app = app
        self._refuse = refuse
        self._doors: dict[tuple[str, int], list[_Door]] = {}
        self.include(routes)

    def include(self, routes: Iterable[ShortRoute]) -> None:
        """Answer the requests of ``routes`` too, from now on."""
        for route in routes:
            door = _Door(route)
            self._doors.setdefault((route.method, door.length), []).append(door)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        door = self._find(scope) if scope["type"] == "http" else None
        if door is None:
            await self._app(scope, receive, send)
            return
        request = Request(scope, receive, send)
        try:
            response = await door.handler(request)
        except ClientDisconnect as error:
            response = await answer_nobody(request, error)
        except Exception as error:  # noqa: BLE001 - every error becomes an answer
            response = await self._refuse(request, error)
        if response is None:
            await self._app(scope, _again(request, receive), send)
        else:
            await response(scope, receive, send)

    def _find(self, scope: Scope) -> _Door | None:
        """Return the door of a request, and write the parameters in its path into ``scope``."""
        segments = scope["path"].removeprefix(scope.get("root_path", "")).split("/")
        for door in self._doors.get((scope["method"], len(segments)), ()):
            if door.takes(segments):
                scope["path_params"] = {name: segments[place] for place, name in door.parameters}
                return door
        return None


def short_routes(routes: Iterable[Route]) -> list[ShortRoute]:
    """Return the short way to routes of Starlette, without those whose parameters are not one whole segment."""
    return [
        ShortRoute(method, route.path, route.endpoint)
        for route in routes
        if all("{" not in text or _PARAMETER.fullmatch(text) for text in route.path.split("/"))
        for method in sorted((route.methods or set()) - {"HEAD"})
    ]


class _Door:
    def __init__(self, route: ShortRoute) -> None:
        segments = route.path.split("/")
        self.handler = route.handler
        self.length = len(segments)
        self.parameters = [(place, text[1:-1]) for place, text in enumerate(segments) if text.startswith("{")]
        self._fixed = [(place, text) for place, text in enumerate(segments) if not text.startswith("{")]

    def takes(self, segments: list[str]) -> bool:
        """Return whether this is the path of ``segments``. A parameter is never empty."""
        for place, text in self._fixed:
            if segments[place] != text:
                return False
        return all(segments[place] for place, _ in self.parameters)


def _again(request: Request, receive: Receive) -> Receive:
    """Return what gives the body once more if it was read."""
    body: bytes | None = getattr(request, "_body", None)
    if body is None:
        return receive
    given = False

    async def give() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return give

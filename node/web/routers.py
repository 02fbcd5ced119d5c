"""Routers that compare a request with their routes only if one of these begins like its path.

A node has some two hundred routes. Starlette compares a request with each of them in turn, and, if none takes it,
with each once more; that took longer than a short answer.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Any, Final

from starlette.routing import BaseRoute, Router
from starlette.types import Receive, Scope, Send

_DEPTH = 2
"""Segments of a path that are compared: ``/api`` and its subject."""

ROUTES: Final = threading.RLock()
"""Held while routes are made and analysed. FastAPI then silences a warning by filters of the whole process: of two
nodes in one process, the first to be ready would bring the warning back for the other."""


class Beginnings:
    """The beginnings of the paths of some routes, up to the first parameter."""

    def __init__(self) -> None:
        self._count = -1
        self._known: frozenset[tuple[str, ...]] = frozenset()

    def include(self, routes: Sequence[BaseRoute], scope: Scope) -> bool:
        """Return whether one of ``routes`` may take the request. Below a path of the node's URL routes are not
        distinguished."""
        if scope["type"] != "http" or scope.get("root_path"):
            return True
        if len(routes) != self._count:
            self._count, self._known = len(routes), frozenset(_beginning(route) for route in routes)
        segments = tuple(scope["path"].split("/", _DEPTH + 1)[1 : _DEPTH + 1])
        return any(segments[:length] in self._known for length in range(_DEPTH + 1))


class PlacedRouter(Router):
    """A Starlette router that skips at once a request that begins like none of its routes."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._beginnings = Beginnings()

    async def app(self, scope: Scope, receive: Receive, send: Send) -> None:
        if not self._beginnings.include(self.routes, scope):
            scope.setdefault("router", self)
            await self.default(scope, receive, send)
            return
        await super().app(scope, receive, send)


def _beginning(route: BaseRoute) -> tuple[str, ...]:
    """Return the first segments of the route's path without parameters; empty for a route without a path of its
    own."""
    path = getattr(route, "path", None)
    if not isinstance(path, str) or not path.startswith("/"):
        return ()
    segments = path.split("/")[1 : _DEPTH + 1]
    fixed = [number for number, segment in enumerate(segments) if "{" in segment]
    return tuple(segments[: fixed[0]] if fixed else segments)

"""Common parts of an application around its routes: start and end, a path prefix, errors as answers."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, Protocol

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from node.base.errors import HansaError, InvalidInput, MethodNotAllowed, NotFound, RemoteFault
from node.base.lazy import Lazy
from node.web.problems import answer_failure, answer_nobody, answer_problem

Refuse = Callable[[Request, Exception], Awaitable[Response]]


def lifespan_of(
    start: Callable[[], Awaitable[None]], stop: Callable[[], Awaitable[None]]
) -> Callable[[Any], AbstractAsyncContextManager[None]]:
    """Return a lifespan that calls ``start`` before the first request, and ``stop`` after the last."""

    @asynccontextmanager
    async def lifespan(_: Any) -> AsyncIterator[None]:
        await start()
        try:
            yield
        finally:
            await stop()

    return lifespan


class UnderPath:
    """ASGI middleware for a node whose public URL has a path: its routes are below that path.

    A reverse proxy may pass the path on or remove it; both work.
    """

    def __init__(self, app: ASGIApp, path: str) -> None:
        self._app = app
        self._path = path

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self._path and scope["type"] == "http" and scope["path"].startswith(f"{self._path}/"):
            scope = {**scope, "root_path": self._path}
        await self._app(scope, receive, send)


class Pages(Protocol):
    """An application with pages, one of them for errors."""

    @property
    def app(self) -> ASGIApp: ...

    @property
    def error_page(self) -> Refuse: ...


class DeferredApplication:
    """ASGI application for requests that no other route takes: that of ``pages``, made at the first request for
    it."""

    def __init__(self, pages: Lazy[Pages]) -> None:
        self.deferred = pages

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        pages = await self.deferred.get()
        await pages.app(scope, receive, send)

    async def error_page(self, request: Request, error: Exception) -> Response:
        """Return the page for ``error``, wherever it was raised."""
        pages = await self.deferred.get()
        return await pages.error_page(request, error)


def errors_as_answers(
    *, page: Callable[[Request, Exception], Awaitable[Any]], prefers_page: Callable[[str], bool]
) -> Refuse:
    """Return the one function that turns errors into answers: a page for a browser, a problem document for everybody
    else."""

    async def refuse(request: Request, error: Exception) -> Response:
        fault = _known_error(error)
        if prefers_page(request.headers.get("accept", "")):
            shown: Response = await page(request, fault or error)
            return shown
        return await (answer_problem(request, fault) if fault else answer_failure(request, error))

    return refuse


def answer_errors(app: Starlette, refuse: Refuse) -> None:
    """Let ``app`` answer errors with ``refuse``."""
    for kind in (HansaError, HTTPException, Exception):
        app.add_exception_handler(kind, refuse)
    app.add_exception_handler(ClientDisconnect, answer_nobody)


def _known_error(error: Exception) -> HansaError | None:
    if isinstance(error, HansaError):
        return error
    if isinstance(error, HTTPException):
        if error.status_code == 404:
            return NotFound()
        if error.status_code == 400:
            return InvalidInput(str(error.detail), remedy="see /docs/api for what this address takes")
        return MethodNotAllowed() if error.status_code == 405 else RemoteFault(str(error.detail))
    return None

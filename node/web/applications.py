"""What an application has around its doors: start and end, HEAD, a path below which it stands, errors as answers."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

from fastapi import APIRouter, FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.routing import BaseRoute
from starlette.types import ASGIApp, Receive, Scope, Send

from node.base.errors import HansaError, InvalidInput, MethodNotAllowed, NotFound, RemoteFault
from node.web.problems import answer_failure, answer_nobody, answer_problem

Refuse = Callable[[Request, Exception], Awaitable[Response]]


def lifespan_of(
    start: Callable[[], Awaitable[None]], stop: Callable[[], Awaitable[None]]
) -> Callable[[Any], AbstractAsyncContextManager[None]]:
    """A lifespan that calls ``start`` before the first request, and ``stop`` after the last."""

    @asynccontextmanager
    async def lifespan(_: Any) -> AsyncIterator[None]:
        await start()
        try:
            yield
        finally:
            await stop()

    return lifespan


def include_all(app: FastAPI, routers: Iterable[APIRouter]) -> None:
    """Put the routers of plug-ins on."""
    for router in routers:
        app.include_router(router)


def answer_head(routes: list[BaseRoute]) -> None:
    """Take HEAD wherever there is a GET (RFC 9110 §9.3.2), as plain routes do. The server leaves the body out."""
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


class UnderPath:
    """ASGI middleware for a node whose public URL has a path: its doors stand below that path.

    A reverse proxy may pass the path on or take it off; both are understood.
    """

    def __init__(self, app: ASGIApp, path: str) -> None:
        self._app = app
        self._path = path

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self._path and scope["type"] == "http" and scope["path"].startswith(f"{self._path}/"):
            scope = {**scope, "root_path": self._path}
        await self._app(scope, receive, send)


def answer_errors(
    app: FastAPI, *, page: Callable[[Request, Exception], Awaitable[Any]], prefers_page: Callable[[str], bool]
) -> Callable[[Request, Exception], Awaitable[Response]]:
    """One place where errors become answers: a page for a browser, a problem document for everybody else."""

    async def failed(request: Request, error: Exception) -> Response:
        fault = _known(error)
        if prefers_page(request.headers.get("accept", "")):
            shown: Response = await page(request, fault or error)
            return shown
        return await (answer_problem(request, fault) if fault else answer_failure(request, error))

    app.add_exception_handler(HansaError, failed)
    app.add_exception_handler(HTTPException, failed)
    app.add_exception_handler(RequestValidationError, failed)
    app.add_exception_handler(ClientDisconnect, answer_nobody)
    app.add_exception_handler(Exception, failed)
    return failed


def _known(error: Exception) -> HansaError | None:
    if isinstance(error, HansaError):
        return error
    if isinstance(error, RequestValidationError):
        first = error.errors()[0]
        name = ".".join(str(part) for part in first["loc"][1:]) or str(first["loc"][0])
        return InvalidInput(f"{name}: {first['msg']}", remedy="see /docs/api for what this address takes")
    if isinstance(error, HTTPException):
        if error.status_code == 404:
            return NotFound()
        if error.status_code == 400:
            return InvalidInput(str(error.detail), remedy="see /docs/api for what this address takes")
        return MethodNotAllowed() if error.status_code == 405 else RemoteFault(str(error.detail))
    return None

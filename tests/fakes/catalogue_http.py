"""The catalogue doors of a ``CatalogueNode`` as an ASGI application; callers are named by a header."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import httpx2
from fastapi import FastAPI
from starlette.requests import Request

from node.base.errors import HansaError, Unauthenticated
from node.identity.model import ANONYMOUS, Caller
from node.web import catalogue, feed, sparql
from node.web.problems import answer_failure, answer_problem
from tests.fakes.catalogue import CatalogueNode
from tests.fakes.stores.assets import MemoryAssets

HEADER = "X-Caller"


def application(node: CatalogueNode, callers: Mapping[str, Caller], assets: MemoryAssets | None = None) -> FastAPI:
    """All doors of the catalogue. ``callers`` maps values of the header to who they stand for."""

    async def identify(request: Request) -> Caller:
        name = request.headers.get(HEADER)
        if name is None:
            return ANONYMOUS
        if name not in callers:
            raise Unauthenticated("that token does not hold")
        return callers[name]

    app = FastAPI()
    app.include_router(
        catalogue.router(node.browse, identify=identify, assets=assets or MemoryAssets(), base=node.base)
    )
    app.include_router(sparql.router(node.ask, base=node.base, identify=identify))
    app.include_router(feed.router(node.feed, identify=identify))
    app.add_exception_handler(HansaError, answer_problem)
    app.add_exception_handler(Exception, answer_failure)
    return app


@asynccontextmanager
async def client(app: FastAPI, base: str) -> AsyncIterator[httpx2.AsyncClient]:
    transport = httpx2.ASGITransport(app=app, raise_app_exceptions=False)
    async with httpx2.AsyncClient(transport=transport, base_url=base) as opened:
        yield opened


class Visitor:
    """A caller whose requests all carry the same name; None for requests without one."""

    def __init__(self, http: httpx2.AsyncClient, name: str | None) -> None:
        self._http = http
        self._headers = {HEADER: name} if name else {}

    async def get(self, path: str, *, accept: str = "*/*", **params: Any) -> httpx2.Response:
        given = {name: value for name, value in params.items() if value is not None}
        return await self._http.get(path, headers={**self._headers, "Accept": accept}, params=given or None)

    async def post(self, path: str, body: bytes, media_type: str) -> httpx2.Response:
        return await self._http.post(path, headers={**self._headers, "Content-Type": media_type}, content=body)

"""How many imports run at the same time, and when a place is free again."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import httpx2
import pytest
from fastapi import FastAPI
from fastapi.routing import APIRoute

from node.base.errors import InvalidInput, TooMany
from node.catalogue.harvest.import_order import ImportOrder
from node.catalogue.harvest.report import ImportedRecord, OpenedFile, Outcome, Tally
from node.web.management import imports as imports_module
from node.web.management.imports import AT_ONCE, router

HEADERS = {"Content-Type": "text/turtle"}


class FakeRun:
    """An import of one record, which is entered when ``go_on`` is set."""

    def __init__(self, go_on: asyncio.Event) -> None:
        self.opened = OpenedFile(total=1, source="test", notes=(), left_out={})
        self.tally = Tally()
        self._go_on = go_on

    async def __aiter__(self) -> AsyncIterator[ImportedRecord]:
        await self._go_on.wait()
        record = ImportedRecord(number=1, outcome=Outcome.NEW)
        self.tally.add(record)
        yield record


class FakeImport:
    """Begins imports, and refuses the body ``junk``."""

    def __init__(self) -> None:
        self.go_on = asyncio.Event()
        self.begun = asyncio.Semaphore(0)

    def require_role(self, by: object) -> None:
        """Everybody may import."""

    async def begin(self, order: ImportOrder, by: object) -> FakeRun:
        if order.body == b"junk":
            raise InvalidInput("junk")
        self.begun.release()
        return FakeRun(self.go_on)


@pytest.fixture
def imports() -> FakeImport:
    return FakeImport()


@pytest.fixture
def client(imports: FakeImport) -> httpx2.AsyncClient:
    async def person(_request: object) -> object:
        return object()

    app = FastAPI()
    parts: Any = {"imports": imports, "harvest": None, "schedules": None, "file_limit": 100}
    app.include_router(router(person=person, route_class=APIRoute, **parts))
    return httpx2.AsyncClient(transport=httpx2.ASGITransport(app=app), base_url="http://node.test")


async def post(client: httpx2.AsyncClient, body: bytes = b"file") -> list[dict[str, Any]]:
    answer = await client.post("/api/imports", content=body, headers=HEADERS)
    return [json.loads(line) for line in answer.text.splitlines()]


async def test_a_third_import_at_the_same_time_has_to_wait(client: httpx2.AsyncClient, imports: FakeImport) -> None:
    running = [asyncio.create_task(post(client)) for _ in range(AT_ONCE)]
    for _ in running:
        await imports.begun.acquire()
    for _ in range(64):
        with pytest.raises(TooMany, match="running already"):
            await post(client)
    imports.go_on.set()
    for report in await asyncio.gather(*running):
        assert [event["event"] for event in report] == ["opened", "record", "closed"]
    assert (await post(client))[-1]["new"] == 1


async def test_whoever_leaves_or_is_refused_gives_the_place_back(
    client: httpx2.AsyncClient, imports: FakeImport
) -> None:
    for _ in range(AT_ONCE + 1):
        with pytest.raises(InvalidInput):
            await post(client, b"junk")
        leaving = asyncio.create_task(post(client))
        await imports.begun.acquire()
        leaving.cancel()
        await asyncio.gather(leaving, return_exceptions=True)
    imports.go_on.set()
    assert (await post(client))[-1]["new"] == 1


class SilentHarvest:
    """A harvest of a source that never answers."""

    def __init__(self) -> None:
        self.begun = asyncio.Semaphore(0)
        self.ended = 0

    async def begin(self, _order: object, _by: object) -> None:
        self.begun.release()
        try:
            await asyncio.Event().wait()
        finally:
            self.ended += 1


class NoSchedules:
    def require_idle(self, url: str) -> None:
        """Nothing is harvested on a schedule."""


async def test_whoever_leaves_while_the_source_is_silent_gives_the_place_back(
    imports: FakeImport, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(imports_module, "LOOKING", 0.01)

    async def person(_request: object) -> object:
        return object()

    app, harvest = FastAPI(), SilentHarvest()
    parts: Any = {"imports": imports, "harvest": harvest, "schedules": NoSchedules(), "file_limit": 100}
    app.include_router(router(person=person, route_class=APIRoute, **parts))
    scope: dict[str, Any] = {
        "type": "http",
        "method": "POST",
        "path": "/api/imports",
        "query_string": b"url=https://slow.example/",
        "headers": [],
        "http_version": "1.1",
        "scheme": "http",
        "client": ("127.0.0.1", 1),
        "server": ("n", 80),
    }
    for _ in range(AT_ONCE + 1):
        messages: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        messages.put_nowait({"type": "http.request", "body": b"", "more_body": False})
        asking = asyncio.create_task(app(dict(scope), messages.get, _ignore))
        await harvest.begun.acquire()
        messages.put_nowait({"type": "http.disconnect"})
        async with asyncio.timeout(5):
            await asyncio.gather(asking, return_exceptions=True)
    assert harvest.ended == AT_ONCE + 1


async def _ignore(_message: object) -> None:
    """The caller has gone."""

"""Scenarios: check a binding, run it, watch it, read its results; change layers."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response, StreamingResponse
from fastapi.routing import APIRoute

from node.base.changes import Changes
from node.base.errors import InvalidInput, TooLarge
from node.base.jsons import read_object
from node.scenarios.layers.serialization import layer_to_json
from node.scenarios.layers.usecases import LayeredVersion, Layers
from node.scenarios.model import Port, Rows
from node.scenarios.run_view import bound_json, run_json
from node.scenarios.runs.usecases import Runs
from node.scenarios.tables.rows import canonical_csv, canonical_geojson
from node.web.api_router import PlacedApiRouter
from node.web.bodies import read_body
from node.web.management.person import Person
from node.web.replies import kept_as
from node.web.search import VersionNumber

MAX_BODY = 4 << 20
LONGEST_WAIT = 30.0
LOOK_AGAIN = 1.0
HEARTBEAT = 15.0

Wait = Annotated[float, Query(ge=0, allow_inf_nan=False, description="Seconds, at most 30.")]
_WRITERS: dict[str, tuple[str, Callable[[Rows, Port], bytes]]] = {
    "csv": ("text/csv; charset=utf-8", canonical_csv),
    "geojson": ("application/geo+json", canonical_geojson),
}


def router(*, person: Person, runs: Runs, layers: Layers, changes: Changes, route_class: type[APIRoute]) -> APIRouter:
    """Return the routes of scenarios. ``route_class`` makes requests with a key repeatable."""
    api = PlacedApiRouter(prefix="/api", tags=["scenarios"], route_class=route_class)

    @api.post("/runs/check", summary="Check a scenario without running it: pinned versions and problems")
    async def check(request: Request) -> Any:
        caller = await person(request)
        return bound_json(await runs.check(await json_body(request), caller))

    @api.post(
        "/runs",
        status_code=201,
        summary="Run a scenario; a repeated `Idempotency-Key` means the same run",
    )
    async def start(request: Request) -> Any:
        caller = await person(request)
        return run_json(await runs.start(await json_body(request), caller))

    @api.get("/runs", summary="Runs, newest first")
    async def newest(
        request: Request,
        scenario: Annotated[str | None, Query(max_length=2048)] = None,
        limit: Annotated[int, Query(ge=1, le=500)] = 50,
    ) -> Any:
        await person(request)
        return [run_json(one, whole=False) for one in await runs.newest(scenario, limit)]

    @api.get("/runs/{pid}", summary="A run; can wait for its end")
    async def one_run(request: Request, pid: str, wait: Wait = 0.0) -> Any:
        await person(request)
        until = time.monotonic() + min(wait, LONGEST_WAIT)
        with changes.watch(pid) as watch:
            while True:
                run = await runs.run(pid)
                rest = until - time.monotonic()
                if run.state.is_final or rest <= 0:
                    return run_json(run)
                await watch.wait(min(rest, LOOK_AGAIN))

    @api.get("/runs/{pid}/events", summary="Events of a run, as server-sent events")
    async def events(request: Request, pid: str) -> Response:
        await person(request)
        await runs.run(pid)
        return StreamingResponse(
            _events(runs, changes, pid, request.is_disconnected),
            media_type="text/event-stream",
            headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
        )

    @api.post("/runs/{pid}/cancel", summary="Stop a run")
    async def cancel(request: Request, pid: str) -> Any:
        return run_json(await runs.cancel(pid, await person(request)))

    @api.post("/runs/{pid}/again", status_code=201, summary="Run the same binding again")
    async def again(request: Request, pid: str) -> Any:
        return run_json(await runs.again(pid, await person(request)))

    @api.get("/runs/{pid}/outputs/{branch}/{name}", summary="Output of a step: JSON, CSV or GeoJSON")
    async def output(
        request: Request,
        pid: str,
        branch: str,
        name: str,
        as_: Annotated[str, Query(alias="format", pattern="^(json|csv|geojson)$")] = "json",
    ) -> Any:
        caller = await person(request)
        rows, port = await runs.read_output(pid, branch, name, caller, located=as_ == "geojson")
        if as_ == "json":
            return rows
        media_type, write = _WRITERS[as_]
        body = await asyncio.to_thread(write, rows, port)
        return Response(body, media_type=media_type, headers=kept_as(media_type, "rows"))

    @api.get("/layers", summary="Change layers, of one dataset or of all")
    async def all_layers(request: Request, target: Annotated[str | None, Query(max_length=2048)] = None) -> Any:
        await person(request)
        return [layer_to_json(one) for one in await layers.of(target)]

    @api.post("/layers", status_code=201, summary="Save a change layer")
    async def save(request: Request) -> Any:
        caller = await person(request)
        return _layer_json(await layers.save(await json_body(request), caller))

    @api.get("/layers/{name}", summary="A change layer, on its own version of the dataset or on another")
    async def layer(request: Request, name: str, version: VersionNumber = None) -> Any:
        caller = await person(request)
        return _layer_json(await layers.lay_on(await layers.layer(name), caller, version=version))

    return api


def _layer_json(version: LayeredVersion) -> dict[str, Any]:
    return {**layer_to_json(version.layer), "conflicts": [conflict.to_json() for conflict in version.conflicts]}


async def _events(
    runs: Runs, changes: Changes, pid: str, is_gone: Callable[[], Awaitable[bool]]
) -> AsyncIterator[bytes]:
    """Yield an event ``run`` with each new state of the run (WHATWG HTML, server-sent events); ``end`` after the
    last."""
    last_event, sent_at = "", time.monotonic()
    with changes.watch(pid) as watch:
        while not await is_gone():
            run = await runs.run(pid)
            news = json.dumps(run_json(run), ensure_ascii=False)
            if news != last_event:
                last_event, sent_at = news, time.monotonic()
                yield f"event: run\ndata: {news}\n\n".encode()
            elif time.monotonic() - sent_at > HEARTBEAT:
                sent_at = time.monotonic()
                yield b": still running\n\n"
            if run.state.is_final:
                yield b"event: end\ndata: {}\n\n"
                return
            await watch.wait(LOOK_AGAIN)


async def json_body(request: Request) -> dict[str, Any]:
    """Return the JSON object of a request. Raises ``InvalidInput``, ``TooLarge``."""
    refusal = TooLarge(f"the body is larger than {MAX_BODY >> 20} MB", remedy="send less in one request")
    body = await read_body(request, MAX_BODY, refusal)
    if not body:
        raise InvalidInput("the body is empty", remedy="send a JSON object")
    return read_object(body)

"""Import: a catalogue file in, a report of each record out, line by line as they are entered."""

from __future__ import annotations

import asyncio
import io
import json
import logging
from collections.abc import AsyncIterator, Coroutine
from typing import Annotated, Any, Final

from anyio.to_thread import run_sync
from fastapi import APIRouter, Query, Request
from fastapi.responses import Response, StreamingResponse
from fastapi.routing import APIRoute
from starlette.types import Message, Receive, Scope, Send

from node.base.errors import HansaError, InvalidInput, RemoteFault, TooLarge, TooMany
from node.catalogue.harvest.harvest_order import HarvestOrder
from node.catalogue.harvest.harvest_run import HarvestRun
from node.catalogue.harvest.harvests import Harvest
from node.catalogue.harvest.import_order import ImportOrder
from node.catalogue.harvest.imports import Import, ImportProgress
from node.catalogue.harvest.schedules import Schedules
from node.semantics.harvest.refusals import cause_of, problem_in
from node.web.api_router import PlacedApiRouter
from node.web.management.person import Person, language_of

log = logging.getLogger(__name__)

LINES: Final = "application/x-ndjson"
AT_ONCE: Final = 2
"""Imports that run at the same time: each may hold a file of 256 MB."""
STALLED: Final = 120.0
"""Seconds after which a caller that sends nothing more, or reads nothing more, loses the import."""
LOOKING: Final = 1.0
"""Seconds after which a node that waits for the first page looks again whether the caller is still there."""

Text = Annotated[str, Query(max_length=2048)]


def router(
    *,
    person: Person,
    imports: Import,
    harvest: Harvest,
    schedules: Schedules,
    file_limit: int,
    route_class: type[APIRoute],
) -> APIRouter:
    """Return the routes of importing. ``route_class`` makes requests with a key repeatable, ``file_limit`` is in
    bytes."""
    running = _Places(AT_ONCE)
    api = PlacedApiRouter(prefix="/api", tags=["publishing"], route_class=route_class)

    @api.post(
        "/imports",
        summary="Import a catalogue file, or harvest a catalogue by its address",
        description=(
            "The body is the file, its media type that of an RDF syntax. With `url` there is no body: the node reads "
            "the catalogue there, a DCAT file with all its pages or the API of a CKAN, enters what changed and "
            "withdraws what the source no longer lists. The answer is one JSON object a line: "
            "`opened` (how many records, the source, what belongs to no record), `record` for each record as it is "
            "entered, with repairs of its syntax, and `closed` with the counts, or `failed`. Whoever ends the "
            "connection ends the import; what was reported by then is entered. With `check`, nothing is saved. Two "
            "imports run at the same time; a third is answered with 429. Reasons, remedies and notes are in "
            "`language`, or in that of `Accept-Language`; the `cause` of a record is for programs."
        ),
        openapi_extra={"requestBody": {"content": {"text/turtle": {}, "application/rdf+xml": {}}}},
    )
    async def import_file(
        request: Request,
        name: Text = "",
        source: Text = "",
        base: Text = "",
        audience: Annotated[str | None, Query(max_length=64)] = None,
        rule: Annotated[list[str] | None, Query(max_length=64)] = None,
        check: bool = False,
        url: Text = "",
        agreed: bool = False,
        fewer: bool = False,
        language: Annotated[str, Query(max_length=16)] = "",
    ) -> Response:
        language = language_of(request, language)
        caller = await person(request)
        imports.require_role(caller)
        running.take()
        try:
            if url:
                await run_sync(schedules.require_idle, url)
                address = HarvestOrder(
                    url=url,
                    source=source,
                    audience=audience,
                    rules=tuple(rule or ()),
                    check=check,
                    agreed=agreed,
                    fewer=fewer,
                )
                begun = await _while_connected(request, harvest.begin(address, caller))
                return _Report(begun, language, running)
            order = ImportOrder(
                body=await _body(request, file_limit),
                media_type=request.headers.get("content-type", ""),
                name=name,
                source=source,
                base=base,
                audience=audience,
                rules=tuple(rule or ()),
                check=check,
            )
            return _Report(await imports.begin(order, caller), language, running)
        except BaseException:
            running.give_back()
            raise

    return api


async def _while_connected(request: Request, beginning: Coroutine[Any, Any, HarvestRun]) -> HarvestRun:
    """Return the run that begins. Whoever has closed the connection meanwhile waits for no slow source: it would keep
    its place from others."""
    task = asyncio.create_task(beginning)
    try:
        while not (await asyncio.wait({task}, timeout=LOOKING))[0]:
            if await request.is_disconnected():
                raise InvalidInput("the caller closed the connection", remedy="import it again")
        return task.result()
    finally:
        task.cancel()


class _Places:
    """Counts how many imports may still begin."""

    def __init__(self, places: int) -> None:
        self._free = places

    def take(self) -> None:
        """Take a place. Raises ``TooMany`` if all are taken."""
        if not self._free:
            raise TooMany(f"{AT_ONCE} imports are running already", remedy="try again when one of them has ended")
        self._free -= 1

    def give_back(self) -> None:
        self._free += 1


class _Report(StreamingResponse):
    """The lines of an import. Its place is free again when the last line is sent, or the caller has closed the
    connection."""

    def __init__(self, running: ImportProgress | HarvestRun, language: str, places: _Places) -> None:
        headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
        super().__init__(_lines(running, language), media_type=LINES, headers=headers)
        self._places = places

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_in_time(message: Message) -> None:
            # A suspended terminal reads no more: the import ends, and the next one continues from there.
            async with asyncio.timeout(STALLED):
                await send(message)

        try:
            await super().__call__(scope, receive, send_in_time)
        finally:
            self._places.give_back()


async def _lines(running: ImportProgress | HarvestRun, language: str) -> AsyncIterator[bytes]:
    yield _line("opened", running.opened.to_json())
    try:
        async for record in running:
            yield _line("record", record.to_json(language))
    except HansaError as error:
        # The head of the answer is sent already: the last line reports the error that ends the import.
        log.warning("an import ended early: %s", error.detail)
        # Faults of the source are shown to the caller; faults of this node go into the log.
        detail = error.detail if isinstance(error, RemoteFault) and error.detail else error.title
        problem = problem_in(
            language,
            {"code": error.code, "detail": detail, "facts": cause_of(error) if detail == error.detail else {}},
        )
        yield _line("failed", {"code": error.code, "detail": problem["detail"], **running.tally.to_json()})
        return
    yield _line("closed", running.tally.to_json())


def _line(event: str, members: dict[str, Any]) -> bytes:
    return json.dumps({"event": event, **members}, ensure_ascii=False).encode() + b"\n"


async def _body(request: Request, limit: int) -> bytes:
    stated = request.headers.get("content-length", "")
    if stated.isdigit() and int(stated) > limit:
        raise _too_large(limit)
    # Its bytes are returned without a copy.
    body = io.BytesIO()
    try:
        async with asyncio.timeout(STALLED) as patience:
            async for chunk in request.stream():
                body.write(chunk)
                if body.tell() > limit:
                    raise _too_large(limit)
                patience.reschedule(asyncio.get_running_loop().time() + STALLED)
    except TimeoutError:
        raise InvalidInput("the file stopped arriving", remedy="import it again") from None
    if not body.tell():
        raise InvalidInput("the request has no body", remedy="send the catalogue file as the body")
    return body.getvalue()


def _too_large(limit: int) -> TooLarge:
    return TooLarge(f"a catalogue file may have at most {limit >> 20} MB", remedy="import it in parts")

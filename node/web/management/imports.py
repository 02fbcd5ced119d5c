"""Import: a catalogue file in, a report of each record out, line by line as they are entered."""

from __future__ import annotations

import json
import logging
from collections.abc import AsyncIterator
from typing import Annotated, Any, Final

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response, StreamingResponse

from node.base.errors import HansaError, InvalidInput, TooLarge
from node.catalogue.harvest.imports import Import, ImportOrder, Running
from node.web.management.person import Person
from node.web.unread import knowing

log = logging.getLogger(__name__)

LINES: Final = "application/x-ndjson"

Text = Annotated[str, Query(max_length=2048)]


def router(*, person: Person, imports: Import, file_limit: int) -> APIRouter:
    """The routes of importing. ``file_limit`` is in bytes."""
    api = APIRouter(prefix="/api", tags=["publishing"], route_class=knowing(person))

    @api.post(
        "/imports",
        summary="Import a catalogue file",
        description=(
            "The body is the file, its media type that of an RDF syntax. The answer is one JSON object a line: "
            "`opened` (how many records, the source, mends, what belongs to no record), `record` for each record as "
            "it is entered, and `closed` with the counts, or `failed`. Whoever ends the connection ends the import; "
            "what was told is entered. With `check`, nothing is saved."
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
        language: Annotated[str, Query(max_length=16)] = "en",
    ) -> Response:
        caller = await person(request)
        imports.require_role(caller)
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
        running = await imports.begin(order, caller)
        return StreamingResponse(
            _lines(running, language),
            media_type=LINES,
            headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
        )

    return api


async def _lines(running: Running, language: str) -> AsyncIterator[bytes]:
    yield _line("opened", running.opened.to_json())
    try:
        async for record in running:
            yield _line("record", record.to_json(language))
    except HansaError as error:
        # The head of the answer is sent: what ends the import is its last line.
        log.warning("an import ended early: %s", error.detail)
        yield _line("failed", {"code": error.code, "detail": error.title, **running.tally.to_json()})
        return
    yield _line("closed", running.tally.to_json())


def _line(event: str, members: dict[str, Any]) -> bytes:
    return json.dumps({"event": event, **members}, ensure_ascii=False).encode() + b"\n"


async def _body(request: Request, limit: int) -> bytes:
    stated = request.headers.get("content-length", "")
    if stated.isdigit() and int(stated) > limit:
        raise _too_large(limit)
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > limit:
            raise _too_large(limit)
    if not body:
        raise InvalidInput("the request has no body", remedy="send the catalogue file as the body")
    return bytes(body)


def _too_large(limit: int) -> TooLarge:
    return TooLarge(f"a catalogue file may have at most {limit >> 20} MB", remedy="import it in parts")

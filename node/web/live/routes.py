"""The routes for live data: ``GET|HEAD /live/{pid}`` and, where the item is an API, whatever is below it.

Every request is authorised when it begins and again while it runs. What goes out is the source's bytes and their
type: its other headers, its redirects and its words stay here. An answer begins when the first bytes of the source
are here, so an error of the source has a status of its own; if the source breaks off later, the connection is closed.
"""

from __future__ import annotations

import asyncio
import logging
import re
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, replace
from typing import Final
from urllib.parse import quote, urlencode

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route
from starlette.types import Receive, Scope, Send

from node.base.errors import HansaError, InvalidInput, LocalFault, MethodNotAllowed
from node.datasources.errors import NoSuchRange
from node.datasources.model import DataSource
from node.datasources.ports import (
    CacheRule,
    DataConnection,
    Extract,
    Parameters,
    Question,
    ServiceConnection,
    Span,
)
from node.exchange.offloop import close_stream
from node.transfer.access import AuthoriseAccess
from node.transfer.live.glances import Glances
from node.transfer.live.reads import ReadDataSource
from node.transfer.preconditions import Access
from node.web.problems import again_later, answer_problem
from node.web.replies import CONFINED, SANDBOXED

log = logging.getLogger("hansa.live")

_METHODS: Final = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"]
"""All are answered, though only the first two with data: clients that send something learn why it is refused."""
_PARAMETERS: Final = 50
_LONGEST: Final = 4000
_RECHECK_SECONDS: Final = 2.0
_RECHECK_BYTES: Final = 16 << 20
_FAREWELL_SECONDS: Final = 1.0
"""A reader has so long to take the reason why its read ends."""
_TYPE: Final = re.compile(
    r"[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]{0,80}/[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]{0,80}(;[ -~]{0,80})?"
)
_PASSED: Final = {
    "content-crs": "Content-Crs",
    "content-range": "Content-Range",
    "fiware-total-count": "Fiware-Total-Count",
    "link": "Link",
    "ngsild-results-count": "NGSILD-Results-Count",
}
"""Headers that a data source may set for the reader."""
_RANGE: Final = re.compile(r"bytes=(?:(\d{1,18})-(\d{0,18})|-(\d{1,18}))", re.ASCII)
_ACCEPT: Final = re.compile(r"[ -~]{0,300}")


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveDoor:
    """``base`` is the node's public URL."""

    authorise: AuthoriseAccess
    reads: ReadDataSource
    glances: Glances
    base: str

    def routes(self) -> list[BaseRoute]:
        """Return the routes, to be mounted at the root of the node's public URL."""
        return [
            Route("/live/{pid}", self._answer, methods=_METHODS),
            Route("/live/{pid}/{path:path}", self._answer, methods=_METHODS),
        ]

    async def _answer(self, request: Request) -> Response:
        return await self.answer(request, request.path_params.get("path", ""))

    async def answer(self, request: Request, path: str) -> Response:
        """Answer a request for ``path`` below the address of a transfer."""
        try:
            return await self._read(request, path)
        except HansaError as error:
            methods = "GET" if request.method == "HEAD" else "GET, HEAD"
            allow = {"Allow": methods} if isinstance(error, MethodNotAllowed) else {}
            return await answer_problem(request, error, {**SANDBOXED, **allow})

    async def _read(self, request: Request, path: str) -> Response:
        pid = request.path_params["pid"]
        parameters = tuple(request.query_params.multi_items())
        part = _describe_request(request, path, parameters)
        access = await self.authorise.authorise_read(pid, request.headers.get("authorization"), part=part)
        if request.method not in ("GET", "HEAD"):
            raise MethodNotAllowed(
                "data where they are can be read, and nothing can be sent there",
                remedy="ask with GET, and put the parameters of the request into the address",
            )
        source, connection = await self.reads.connection(access)
        question = self._question(request, access, path, parameters)
        try:
            return await self._answer_question(request, access, source, connection, question, part)
        except HansaError as error:
            if not isinstance(connection, ServiceConnection) or isinstance(error, LocalFault):
                raise
            return _service_error(connection, error, question)

    def _question(self, request: Request, access: Access, path: str, parameters: Parameters) -> Question:
        return Question(
            path=path,
            parameters=parameters,
            span=read_span(request.headers.getlist("range")),
            media_type=access.grant.media_type,
            accept=accept if _ACCEPT.fullmatch(accept := request.headers.get("accept", "")) else "",
            resume=resume if _ACCEPT.fullmatch(resume := request.headers.get("last-event-id", "")) else "",
            base=f"{self.base}/live/{quote(request.path_params['pid'], safe=':')}",
            wants_body=request.method != "HEAD",
            asset=access.grant.dataset,
        )

    async def _answer_question(
        self,
        request: Request,
        access: Access,
        source: DataSource,
        connection: DataConnection,
        question: Question,
        part: str,
    ) -> Response:
        describes = connection.is_description(access.grant.item, question.path, question.parameters)
        condition = request.headers.get("if-range")
        stack = AsyncExitStack()
        try:
            extract = await stack.enter_async_context(self.reads.read(access, source, connection, question))
            if extract.is_part and condition is not None and condition.strip() != extract.etag:
                # The reader has a part of other bytes: it gets the whole (RFC 9110 §13.1.5).
                await stack.aclose()
                whole = replace(question, span=None)
                extract = await stack.enter_async_context(self.reads.read(access, source, connection, whole))
            if not question.wants_body and not describes and (question.path or question.parameters):
                # No use is counted, so nothing is told of the answer to a question.
                extract = replace(extract, size=None, total=None, is_part=False, etag=None, headers={})
            headers = _headers(access, extract)
            status = 206 if extract.is_part or "content-range" in extract.headers else 200
            if request.method == "HEAD":
                await close_stream(extract.chunks)
                await stack.aclose()
                return _with_headers(Response(status_code=status), headers)
            if extract.caching is not None and _has(request, extract.caching):
                # A reader learns that nothing has changed: that is a read too.
                await close_stream(extract.chunks)
                await self.authorise.begin_read(access, part)
                await stack.aclose()
                return _with_headers(Response(status_code=304), headers)
            first = await anext(extract.chunks, b"")
            if not describes:
                await self.authorise.begin_read(access, part)
        except BaseException:
            await stack.aclose()
            raise
        return _LiveResponse(self.glances, access, stack, extract, first, status=status, headers=headers)


def _service_error(connection: ServiceConnection, error: HansaError, question: Question) -> Response:
    """Return an error in the form that clients of the service expect, with its own status."""
    media_type, body = connection.error_document(error, question)
    headers = {**CONFINED, **again_later(error), "Content-Type": media_type, "Content-Length": str(len(body))}
    return _with_headers(Response(body, status_code=error.status), headers)


def read_span(ranges: list[str]) -> Span | None:
    """Return the bytes that the Range headers ask for; None for all. Units other than bytes are ignored (RFC 9110
    §14.2). Raises ``NoSuchRange`` for several ranges: overlapping ones multiply the work."""
    header = ", ".join(ranges).strip()
    if not header.lower().startswith("bytes"):
        return None
    match = _RANGE.fullmatch(header[:100])
    if match is None:
        raise NoSuchRange(
            "only one range of bytes can be requested at a time", remedy="ask for bytes=first-last or bytes=first-"
        )
    first, last, suffix = match.groups()
    if suffix is not None:
        if not int(suffix):
            raise NoSuchRange("the range has no bytes", remedy="ask for bytes=first-last or bytes=first-")
        return Span(start=-int(suffix))
    if last and int(last) < int(first):
        raise NoSuchRange("the range ends before it begins", remedy="ask for bytes=first-last or bytes=first-")
    return Span(start=int(first), end=int(last) + 1 if last else None)


class _LiveResponse(Response):
    """One read, streamed as it comes, and checked while it runs."""

    def __init__(
        self,
        glances: Glances,
        access: Access,
        stack: AsyncExitStack,
        extract: Extract,
        first: bytes,
        *,
        status: int,
        headers: dict[str, str],
    ) -> None:
        super().__init__(status_code=status)
        _with_headers(self, headers)
        self._glances = glances
        self._begun = False
        self._access = access
        self._stack = stack
        self._extract = extract
        self._first = first

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        departure = asyncio.create_task(_wait_for_departure(receive))
        watch = asyncio.create_task(self._glances.watch(self._access))
        sending = asyncio.create_task(self._send(send))
        try:
            # Whichever ends first: a source that stalls, or a reader, does not delay the end of the permission.
            await asyncio.wait({departure, watch, sending}, return_when=asyncio.FIRST_COMPLETED)
            for task in (watch, sending):
                if task.done():
                    task.result()
        except HansaError as error:
            # It is too late for an answer: unless the type has room for the reason, the reader sees the connection
            # break, asks again, and gets it.
            log.warning("a live read was stopped: %s", error.detail, extra={"transfer": self._access.transfer.pid})
            await self._end(sending, send, error)
        finally:
            for task in (departure, watch, sending):
                task.cancel()
            await asyncio.gather(departure, watch, sending, return_exceptions=True)
            await close_stream(self._extract.chunks)
            await self._stack.aclose()

    async def _end(self, sending: asyncio.Task[None], send: Send, error: HansaError) -> None:
        sending.cancel()
        await asyncio.gather(sending, return_exceptions=True)
        if self._extract.farewell is None or not self._begun:
            return
        with suppress(TimeoutError, OSError):
            async with asyncio.timeout(_FAREWELL_SECONDS):
                body = self._extract.farewell(error)
                await send({"type": "http.response.body", "body": body, "more_body": False})

    async def _send(self, send: Send) -> None:
        self._begun = True
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        await self._send_chunks(send)
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _send_chunks(self, send: Send) -> None:
        last_check, since_check = time.monotonic(), 0
        async for chunk in _chain(self._first, self._extract.chunks):
            now = time.monotonic()
            if since_check >= _RECHECK_BYTES or now - last_check >= _RECHECK_SECONDS:
                await self._glances.check(self._access, anew=since_check >= _RECHECK_BYTES)
                last_check, since_check = time.monotonic(), 0
            await send({"type": "http.response.body", "body": chunk, "more_body": True})
            since_check += len(chunk)


def _with_headers(response: Response, headers: dict[str, str]) -> Response:
    """Return ``response`` with exactly these headers: the framework states a length of 0 where none is known."""
    response.raw_headers = [
        (name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()
    ]
    return response


async def _chain(first: bytes, chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    if first:
        yield first
    async for chunk in chunks:
        yield chunk


async def _wait_for_departure(receive: Receive) -> None:
    """Return when the reader has closed the connection."""
    while (await receive())["type"] != "http.disconnect":
        pass


def _describe_request(request: Request, path: str, parameters: tuple[tuple[str, str], ...]) -> str:
    """Return what is asked for, for the record. Raises ``InvalidInput`` if it is too long."""
    query = urlencode(parameters)
    if len(parameters) > _PARAMETERS or len(path) + len(query) > _LONGEST:
        raise InvalidInput("the query is too long", remedy="ask for less at once")
    span = ", ".join(request.headers.getlist("range"))
    return " ".join(part for part in (f"{path}?{query}" if query else path, span) if part) or "all"


def _has(request: Request, caching: CacheRule) -> bool:
    """Return whether the reader has the answer already (RFC 9110 §13.1.2)."""
    tags = ", ".join(request.headers.getlist("if-none-match"))[:_LONGEST].split(",")
    return any(tag.strip().removeprefix("W/") == f'"{caching.tag}"' for tag in tags)


def _headers(access: Access, extract: Extract) -> dict[str, str]:
    headers = dict(CONFINED)
    answered = extract.media_type
    generic = answered.partition(";")[0].strip().lower() in ("", "application/octet-stream", "binary/octet-stream")
    kind = access.grant.media_type if generic and access.grant.media_type else answered
    headers["Content-Type"] = kind if _TYPE.fullmatch(kind) else "application/octet-stream"
    if extract.size is not None:
        headers["Content-Length"] = str(extract.size)
    if extract.etag is not None:
        headers["ETag"] = extract.etag
        headers["Accept-Ranges"] = "bytes"
    if extract.is_part:
        end = extract.start + (extract.size or 0)
        headers["Content-Range"] = (
            f"bytes {extract.start}-{end - 1}/{'*' if extract.total is None else extract.total}"
        )
    if extract.caching is not None:
        headers["ETag"] = f'"{extract.caching.tag}"'
        headers["Cache-Control"] = extract.caching.control
        headers["Vary"] = "Accept, Authorization"
    headers.update({_PASSED[name]: value for name, value in extract.headers.items() if name in _PASSED})
    return headers

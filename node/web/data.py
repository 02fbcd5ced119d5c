"""The routes for data: the bytes of a transfer, its manifest, new tokens. Plain Starlette, constant memory.

``GET|HEAD /data/{pid}`` (one range at most, RFC 9110 §14), ``GET /data/{pid}/manifest`` (compact JWS), ``POST
/data/{pid}/token``. Every read is authorised when it begins and again while it runs; if a running read loses its
permission, the connection is closed, and the answer to the next request gives the reason.
"""

from __future__ import annotations

import asyncio
import logging
import re
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route
from starlette.types import Receive, Scope, Send

from node.base.errors import HansaError
from node.exchange.delivery import Delivery
from node.exchange.names import safe_name
from node.exchange.offloop import close_stream
from node.identity.model import Caller
from node.transfer.access import AuthoriseAccess
from node.transfer.deliveries import OpenDelivery, SignManifest
from node.transfer.grants import RefreshToken
from node.transfer.preconditions import Access
from node.web.problems import answer_problem
from node.web.replies import CONFINED, PRIVATE

log = logging.getLogger("hansa.data")

_PIECE: Final = 256 * 1024
_MEDIA_TYPE: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]{0,80}/[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]{0,80}")
_RANGE: Final = re.compile(r"bytes=(?:(\d{1,18})-(\d{0,18})|-(\d{1,18}))", re.ASCII)


class RangeNotSatisfiable(HansaError):
    """The request has several ranges, an unreadable range, or a range beyond the end of the file."""

    code = "range-not-satisfiable"
    status = 416
    title = "The file does not have that range"


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """The interval of the checks of a running read, and its greatest rate. ``bytes_per_second`` None: no limit."""

    recheck_bytes: int = 64 * 1024 * 1024
    recheck_seconds: float = 5.0
    bytes_per_second: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DataDoor:
    """``participant`` identifies the calling participant by its self-issued token or raises ``Unauthenticated``."""

    authorise: AuthoriseAccess
    deliveries: OpenDelivery
    manifests: SignManifest
    refresh: RefreshToken
    participant: Callable[[Request], Awaitable[Caller]]
    pace: Pace = Pace()

    def routes(self) -> list[BaseRoute]:
        """Return the routes, to be mounted at the root of the node's public URL."""
        return [
            Route("/data/{pid}", _answering(self._bytes), methods=["GET", "HEAD"]),
            Route("/data/{pid}/manifest", _answering(self._manifest), methods=["GET"]),
            Route("/data/{pid}/token", _answering(self._token), methods=["POST"]),
        ]

    async def _bytes(self, request: Request) -> Response:
        ranges = ", ".join(request.headers.getlist("range")) or None
        access = await self.authorise.authorise(
            request.path_params["pid"], request.headers.get("authorization"), range_=ranges
        )
        delivery = await self.deliveries(access)
        headers = _headers(delivery)
        if ranges and not _may_range(request, delivery):
            ranges = None
        try:
            span = read_range(ranges, delivery.size)
        except RangeNotSatisfiable as error:
            return await answer_problem(request, error, {**PRIVATE, "Content-Range": f"bytes */{delivery.size}"})
        start, end = span or (0, delivery.size)
        if span is not None:
            headers["Content-Range"] = f"bytes {start}-{end - 1}/{delivery.size}"
        headers["Content-Length"] = str(end - start)
        status = 200 if span is None else 206
        if request.method == "HEAD":
            return Response(status_code=status, headers=headers)
        await self.authorise.begin(access, start, end)
        return _ReadResponse(self.authorise, access, delivery, start, end, self.pace, status=status, headers=headers)

    async def _manifest(self, request: Request) -> Response:
        access = await self.authorise.authorise(
            request.path_params["pid"], request.headers.get("authorization"), range_="manifest"
        )
        return Response(await self.manifests(access), media_type="application/jose", headers=PRIVATE)

    async def _token(self, request: Request) -> Response:
        caller = await self.participant(request)
        address = await self.refresh(caller, request.path_params["pid"])
        return JSONResponse(address, headers=PRIVATE)


def read_range(header: str | None, size: int) -> tuple[int, int] | None:
    """Return the bytes (first, last + 1) that a Range header asks for; None if it asks for all.

    Units other than bytes are ignored (RFC 9110 §14.2). Raises ``RangeNotSatisfiable``; several ranges are always
    refused, because overlapping ranges multiply the work.
    """
    if header is None or not header.strip().lower().startswith("bytes"):
        return None
    match = _RANGE.fullmatch(header.strip()[:100])
    if match is None:
        raise RangeNotSatisfiable(
            "only one range of bytes can be requested at a time", remedy="ask for bytes=first-last or bytes=first-"
        )
    first, last, suffix = match.groups()
    if suffix is not None:
        start, end = max(size - int(suffix), 0), size
    else:
        start, end = int(first), min(int(last) + 1 if last else size, size)
    if start >= end:
        raise RangeNotSatisfiable(f"the file has {size} bytes", remedy="ask for a range within the file")
    return start, end


class _ReadResponse(Response):
    """One read, streamed piece by piece, and checked while it runs."""

    def __init__(
        self,
        authorise: AuthoriseAccess,
        access: Access,
        delivery: Delivery,
        start: int,
        end: int,
        pace: Pace,
        *,
        status: int,
        headers: dict[str, str],
    ) -> None:
        super().__init__(status_code=status, headers=headers)
        self._authorise = authorise
        self._access = access
        self._delivery = delivery
        self._start = start
        self._end = end
        self._pace = pace

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        departure = asyncio.create_task(_wait_for_departure(receive))
        try:
            source = await self._delivery.read(self._start, self._end)
            try:
                whole = await self._stream(source, send, departure)
            finally:
                await close_stream(source)
        except HansaError as error:
            # It is too late for an answer: the peer sees the connection break, asks again, and gets the reason.
            log.warning(
                "reading the data was stopped: %s", error.detail, extra={"transfer": self._access.transfer.pid}
            )
            return
        finally:
            departure.cancel()
        if whole:
            await send({"type": "http.response.body", "body": b"", "more_body": False})
            if self._end == self._delivery.size:
                await self._authorise.record_delivery(self._access, self._delivery.size)

    async def _stream(self, source: AsyncIterator[bytes], send: Send, departure: asyncio.Task[None]) -> bool:
        """Return whether everything was sent; False if the peer closed the connection."""
        rate = self._pace.bytes_per_second
        piece_size = _PIECE if rate is None else min(_PIECE, max(4096, rate // 10))
        began = last_check = time.monotonic()
        position = since_check = 0
        async for block in source:
            view = memoryview(block)
            while view:
                if departure.done():
                    return False
                now = time.monotonic()
                if since_check >= self._pace.recheck_bytes or now - last_check >= self._pace.recheck_seconds:
                    await self._authorise.still(self._access)
                    last_check, since_check = time.monotonic(), 0
                piece, view = view[:piece_size], view[piece_size:]
                await send({"type": "http.response.body", "body": bytes(piece), "more_body": True})
                position += len(piece)
                since_check += len(piece)
                if rate is not None:
                    await asyncio.sleep(max(0.0, began + position / rate - time.monotonic()))
        return True


async def _wait_for_departure(receive: Receive) -> None:
    """Return when the peer has closed the connection."""
    while (await receive())["type"] != "http.disconnect":
        pass


def _may_range(request: Request, delivery: Delivery) -> bool:
    """Return whether If-Range (RFC 9110 §13.1.5) allows the range: only if the bytes are those that the peer has a
    part of."""
    condition = request.headers.get("if-range")
    return condition is None or condition.strip() == f'"{delivery.etag}"'


def _headers(delivery: Delivery) -> dict[str, str]:
    name = safe_name(delivery.name)
    media_type = _MEDIA_TYPE.fullmatch(delivery.media_type)
    return {
        **CONFINED,
        "Accept-Ranges": "bytes",
        "ETag": f'"{delivery.etag}"',
        "Content-Type": delivery.media_type if media_type else "application/octet-stream",
        "Content-Disposition": f"attachment; filename*=UTF-8''{quote(name, safe='')}",
    }


def _answering(handler: Callable[[Request], Awaitable[Response]]) -> Callable[[Request], Awaitable[Response]]:
    async def answer(request: Request) -> Response:
        try:
            return await handler(request)
        except HansaError as error:
            return await answer_problem(request, error, PRIVATE)

    return answer

"""Bytes from a peer over HTTP, fetched by the egress client.

Ranges resume (RFC 9110 §14) under ``If-Range``, so that a changed source is never joined to an older beginning.
Limits protect this node from peers that pause too long, send slowly or never end. Redirects are not followed: the
token is for the address that the provider named, and for no other.
"""

from __future__ import annotations

import re
import time
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import aclosing, asynccontextmanager
from typing import Any, Final

from node.adapters.egress.bodies import Speed
from node.adapters.egress.client import Egress, Lane
from node.base.errors import (
    Gone,
    HansaError,
    InvalidInput,
    NotAllowed,
    NotFound,
    PeerUnreachable,
    TooLarge,
    Unauthenticated,
)
from node.base.jsons import read_object
from node.exchange.ports import Body

_CONTENT_RANGE: Final = re.compile(r"bytes (\d{1,18})-(\d{1,18})/(\d{1,18}|\*)", re.ASCII)
_ETAG: Final = re.compile(r'"([\x21\x23-\x7e]{1,256})"')
_PROBLEM_LIMIT: Final = 64 * 1024
_TELLING: Final[tuple[str, ...]] = ("reasons", "transferState")
_PASSING: Final = frozenset({408, 425, 429})
_LOOKED_AT: Final = 20_000_000
"""Bytes a second that a peer reads at least, before it answers that it has taken them, or sends them."""
_LONGEST_LOOK: Final = 900.0
"""Seconds. The peer that we wait for states itself how much there is to read."""
_BUSY: Final = frozenset({409, 423})
"""The peer is doing something else with the same bytes."""


class HttpPlane:
    """``BytePlane`` over HTTP."""

    def __init__(
        self,
        egress: Egress,
        *,
        limit: int = 1 << 40,
        pause: float = 30.0,
        window: float = 60.0,
        slowest: int = 100,
        slowest_taker: int = 32 * 1024,
    ) -> None:
        """``limit``: bytes of one answer. ``pause``: seconds to the first byte and between two chunks.

        ``slowest``: bytes a second that a peer must send, and ``slowest_taker`` that it must take, each measured over
        each ``window`` of seconds. Receivers have the higher limit: an upload occupies one of this node's few places.
        """
        self._egress = egress
        self._limit = limit
        self._pause = pause
        self._window = window
        self._slowest = slowest
        self._slowest_taker = slowest_taker

    async def fetch(self, url: str, *, authorization: str | None, start: int = 0) -> AsyncIterator[bytes]:
        """Yield the body from byte ``start``."""
        async with self.read(url, authorization=authorization, start=start) as body:
            if body.start != start:
                raise PeerUnreachable("the peer does not support ranges")
            async for chunk in body.chunks:
                yield chunk

    @asynccontextmanager
    async def read(
        self,
        url: str,
        *,
        authorization: str | None,
        start: int = 0,
        etag: str | None = None,
        size: int | None = None,
    ) -> AsyncIterator[Body]:
        """See ``BytePlane.read``."""
        headers = _headers(authorization)
        if start:
            headers["Range"] = f"bytes={start}-"
            if etag:
                headers["If-Range"] = f'"{etag}"'
        # A peer that has just started may hash the whole source before its first byte, as a node of this kind does.
        looking = min((size or 0) / _LOOKED_AT, _LONGEST_LOOK)
        opening = self._egress.stream(
            "GET", url, headers=headers, timeout=self._pause + looking, idle=self._pause, allow_redirects=0
        )
        async with opening as answer:
            if answer.status == 416 and start:
                # We hold more than the source has: it is another source, and its reader must begin again.
                yield Body(start=0, total=None, etag=None, chunks=_nothing())
                return
            if answer.status not in (200, 206):
                raise _refusal(answer.status, answer.headers, await _beginning(answer.chunks))
            first, end, total = _extent(answer.status, answer.headers, start)
            tag = _ETAG.fullmatch(answer.headers.get("etag", ""))
            length = None if end is None else end - first
            async with aclosing(self._watch(answer.chunks, length)) as chunks:
                yield Body(start=first, total=total, etag=tag and tag.group(1), chunks=chunks)

    async def push(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str],
        chunks: AsyncIterator[bytes],
        size: int,
    ) -> None:
        """See ``BytePlane.push``."""
        answer = await self._egress.upload(
            method,
            url,
            headers=headers,
            chunks=chunks,
            size=size,
            idle=self._pause,
            # A receiver of gigabytes may check them all before it answers, as a node of this kind does.
            answering=min(size / _LOOKED_AT, _LONGEST_LOOK),
            window=self._window,
            slowest=self._slowest_taker,
            max_bytes=_PROBLEM_LIMIT,
        )
        if 300 <= answer.status < 400:
            raise InvalidInput(f"it answers {answer.status}, a redirect; file transfers do not follow redirects")
        if answer.status in _BUSY:
            raise PeerUnreachable(f"the peer answers with status {answer.status}")
        if not answer.ok:
            raise _refusal(answer.status, answer.headers, answer.body, who="it")

    async def document(
        self, url: str, *, authorization: str | None, method: str = "GET", limit: int = 65536
    ) -> bytes:
        """See ``BytePlane.document``."""
        answer = await self._egress.request(
            method,
            url,
            headers=_headers(authorization),
            timeout=self._pause,
            max_bytes=limit,
            allow_redirects=0,
            lane=Lane.MESSAGES,
        )
        if answer.status != 200:
            raise _refusal(answer.status, answer.headers, answer.body)
        return answer.body

    async def _watch(self, chunks: AsyncIterator[bytes], size: int | None) -> AsyncGenerator[bytes, None]:
        """Yield the body. ``size``: the number of bytes that it must have, if known."""
        got = 0
        speed = Speed(self._window, self._slowest, "the peer sends too slowly")
        start = time.monotonic()
        async for chunk in chunks:
            got += len(chunk)
            if got > self._limit:
                raise TooLarge(f"the peer sends more than {self._limit} bytes")
            speed.count(len(chunk), time.monotonic() - start)
            yield chunk
            start = time.monotonic()
        if size is not None and got < size:
            raise PeerUnreachable("the peer's answer ended too early")


async def _beginning(chunks: AsyncIterator[bytes]) -> bytes:
    """Return the beginning of a refusal, as much as is worth reading."""
    body = bytearray()
    async for chunk in chunks:
        body += chunk
        if len(body) > _PROBLEM_LIMIT:
            break
    return bytes(body[:_PROBLEM_LIMIT])


def _refusal(status: int, headers: Mapping[str, str], body: bytes, *, who: str = "the peer") -> HansaError:
    """Return the error that an answer stands for, with the facts of its problem document (RFC 9457)."""
    if status >= 500 or status in _PASSING:
        return PeerUnreachable(f"the peer answers with status {status}")
    facts: dict[str, Any] = {}
    if "json" in headers.get("content-type", ""):
        try:
            facts = read_object(body)
        except InvalidInput:
            facts = {}
    detail = facts.get("detail")
    answered = f"{who} answers with status {status}"
    text = detail[:500] if isinstance(detail, str) else answered
    match status:
        case 401:
            return Unauthenticated(text)
        case 403:
            return NotAllowed(text, facts={name: facts[name] for name in _TELLING if name in facts})
        case 404:
            return NotFound(text)
        case 410:
            return Gone(text)
        case _:
            return InvalidInput(text)


def _headers(authorization: str | None) -> dict[str, str]:
    return {} if authorization is None else {"Authorization": authorization}


def _extent(status: int, headers: Mapping[str, str], start: int) -> tuple[int, int | None, int | None]:
    """Return first byte, end (exclusive) and total of an answer. Raises ``PeerUnreachable`` for contradictions."""
    length = headers.get("content-length", "")
    extent = int(length) if length.isascii() and length.isdigit() and len(length) < 19 else None
    if status == 200:
        return 0, extent, extent
    match = _CONTENT_RANGE.fullmatch(headers.get("content-range", ""))
    if match is None:
        raise PeerUnreachable("the peer sends a part without stating which part")
    first, end = int(match.group(1)), int(match.group(2)) + 1
    total = None if match.group(3) == "*" else int(match.group(3))
    if first != start or (extent is not None and extent != end - first) or (total is not None and end > total):
        raise PeerUnreachable("the peer sends a different part than requested")
    return first, end, total


async def _nothing() -> AsyncIterator[bytes]:
    none: tuple[bytes, ...] = ()
    for chunk in none:
        yield chunk

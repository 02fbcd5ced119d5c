"""A byte plane over a provider in the same process, with the faults of real ones."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from node.base.errors import HansaError, PeerUnreachable, TooLarge
from node.exchange.ports import Body


@dataclass
class Served:
    """The file that the peer serves at its address; ``etag`` None is a peer that knows no entity tags."""

    data: bytes
    etag: str | None = "one"
    manifest: bytes = b""
    renewed: Callable[[], Awaitable[bytes]] | None = None


@dataclass
class ScriptedPlane:
    """``BytePlane`` that serves ``served`` and plays its faults, each once and in this order.

    A fault is an error to raise instead of an answer, or a number: break off after that many bytes of this
    answer. ``ranges`` and ``conditions`` (If-Range) are what this peer knows. ``requests`` keeps (kind, start,
    authorization) of each call; ``sent`` counts body bytes.
    """

    served: Served
    faults: list[HansaError | int] = field(default_factory=list)
    piece: int = 65_536
    pause: float = 0.0
    ranges: bool = True
    conditions: bool = True
    requests: list[tuple[str, int, str | None]] = field(default_factory=list)
    sent: int = 0
    before_chunk: Callable[[int], None] | None = None
    expected: list[int | None] = field(default_factory=list)
    """What each reader said that the whole has."""
    refusals: list[HansaError] = field(default_factory=list)
    """What documents and pushes are answered with, each once."""
    pushed: list[tuple[str, bytes]] = field(default_factory=list)
    """Method and bytes of each push that was taken."""

    async def fetch(self, url: str, *, authorization: str | None, start: int = 0) -> AsyncIterator[bytes]:
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
        self.requests.append(("read", start, authorization))
        self.expected.append(size)
        fault = self.faults.pop(0) if self.faults else None
        if isinstance(fault, HansaError):
            raise fault
        served = self.served
        fresh = (
            not self.ranges
            or (self.conditions and etag is not None and etag != served.etag)
            or start > len(served.data)
        )
        begin = 0 if fresh else start
        yield Body(
            start=begin,
            total=len(served.data),
            etag=served.etag,
            chunks=self._chunks(served.data[begin:], fault),
        )

    async def document(
        self, url: str, *, authorization: str | None, method: str = "GET", limit: int = 65536
    ) -> bytes:
        self.requests.append((url.rpartition("/")[2], 0, authorization))
        self._refuse()
        document = self.served.manifest
        if method == "POST":
            assert self.served.renewed is not None
            document = await self.served.renewed()
        if len(document) > limit:
            raise TooLarge(f"the peer sends more than {limit} bytes")
        return document

    async def push(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str],
        chunks: AsyncIterator[bytes],
        size: int,
    ) -> None:
        self.requests.append(("push", 0, headers.get("Authorization")))
        data = b"".join([chunk async for chunk in chunks])
        assert len(data) == size, "as many bytes as were announced"
        self._refuse()
        self.pushed.append((method, data))

    def _refuse(self) -> None:
        if self.refusals:
            raise self.refusals.pop(0)

    async def _chunks(self, data: bytes, stop: int | None) -> AsyncIterator[bytes]:
        end = len(data) if stop is None else stop
        for at in range(0, end, self.piece):
            if self.before_chunk is not None:
                self.before_chunk(self.sent)
            chunk = data[at : min(at + self.piece, end)]
            self.sent += len(chunk)
            yield chunk
            await asyncio.sleep(self.pause)
        if stop is not None:
            raise PeerUnreachable("the peer's answer ended too early")

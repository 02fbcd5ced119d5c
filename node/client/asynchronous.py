"""A client of one node for asynchronous programs: the methods of ``HansaClient``, each to be awaited."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Self, TypeVar

import httpx2

from node.client.calls import AsyncSender, Call
from node.client.endpoints import Endpoints, partial, result_of
from node.client.locate import NodeAddress
from node.client.transport import (
    CONNECTIONS,
    PIECE,
    READY,
    Lines,
    check,
    interruption,
    parse_line,
    request_of,
    settings_of,
    silence,
)

T = TypeVar("T")


class AsyncHansaClient(Endpoints, AsyncSender):
    """Sends requests to one node, any number at the same time. Use it with ``async with``, or await ``close``.

    It opens at most ``connections``; further requests wait for one of them. ``timeout`` is in seconds, for each step
    of a request that has a connection.
    """

    def __init__(self, address: NodeAddress, *, timeout: float = 60.0, connections: int = CONNECTIONS) -> None:
        self.address = address
        self._http = httpx2.AsyncClient(
            **{**settings_of(address, timeout), "timeout": httpx2.Timeout(timeout, pool=None)},
            limits=httpx2.Limits(max_connections=connections, max_keepalive_connections=connections),
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def ready(self) -> bool:
        """Return whether the node answers and is ready to work."""
        return not await self.hindrance()

    async def hindrance(self) -> str:
        """Return why the node is not ready, in its own words; empty if it is ready."""
        try:
            answer = await self._http.request(**request_of(READY))
        except httpx2.HTTPError as error:
            return f"no answer: {type(error).__name__}"
        return "" if answer.status_code == 200 else answer.text

    async def save(self, pid: str, target: Path, *, part: str = "content") -> int:
        """Write the result of a transfer (``content``, ``sealed`` or ``manifest``) to ``target``; return its size."""
        from anyio import open_file, to_thread

        size = 0
        async with self._stream(result_of(pid, part)) as answer, await open_file(partial(target), "wb") as file:
            async for piece in answer.aiter_bytes(PIECE):
                await file.write(piece)
                size += len(piece)
        await to_thread.run_sync(partial(target).replace, target)
        return size

    async def perform(self, call: Call[T]) -> T:
        """Send the request of ``call`` and return its value. Raises ``Refusal``, ``PeerUnreachable``."""
        try:
            answer = await self._http.request(**request_of(call, _pieces(call)))
        except httpx2.HTTPError as error:
            raise silence(self.address) from error
        check(answer)
        return call.read(answer)

    async def perform_lines(self, call: Call[dict[str, Any]]) -> AsyncIterator[dict[str, Any]]:
        """Send the request and yield the JSON object of each line as it arrives. Raises as ``perform``."""
        async with self._stream(call) as answer:
            lines = Lines()
            async for piece in answer.aiter_bytes():
                for line in filter(None, lines.feed(piece)):
                    yield parse_line(line)
            for line in filter(None, lines.last()):
                yield parse_line(line)

    @asynccontextmanager
    async def _stream(self, call: Call[Any]) -> AsyncIterator[httpx2.Response]:
        try:
            async with self._http.stream(**request_of(call, _pieces(call))) as answer:
                if answer.status_code >= 400:
                    await answer.aread()
                check(answer)
                yield answer
        except httpx2.HTTPError as error:
            raise interruption(self.address) from error


def _pieces(call: Call[Any]) -> AsyncIterator[bytes] | None:
    return None if call.body is None else _read(call, call.body)


async def _read(call: Call[Any], path: Path) -> AsyncIterator[bytes]:
    """Yield the file piece by piece. A thread reads it, so that other requests go on meanwhile."""
    from anyio import open_file

    position = 0
    async with await open_file(path, "rb") as file:
        size = await file.seek(0, 2)
        await file.seek(0)
        while piece := await file.read(PIECE):
            yield piece
            position += len(piece)
            if call.progress is not None:
                call.progress(position, size)

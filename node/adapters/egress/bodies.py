"""Bodies of requests and answers in pieces, within their limits, and errors translated into ours."""

from __future__ import annotations

import asyncio
import io
import zlib
from collections.abc import AsyncIterator
from types import TracebackType
from typing import TYPE_CHECKING, Final

from node.base.errors import ForbiddenAddress, HansaError, PeerUnreachable, TooLarge

if TYPE_CHECKING:
    import aiohttp

_FRAMING: Final = 64 * 1024
"""The factor by which a compressed answer may grow when it is unpacked."""


class Refused(PermissionError):
    """A socket that must not be made: an OSError, since only those pass through the connector."""


async def read(response: aiohttp.ClientResponse, limit: int) -> bytes:
    encoding = response.headers.get("Content-Encoding", "identity").lower()
    if encoding not in ("identity", "gzip", "x-gzip"):
        raise PeerUnreachable(f"the peer encodes its answer as {encoding[:20]}, which this node did not request")
    inflater = zlib.decompressobj(16 + zlib.MAX_WBITS) if encoding != "identity" else None
    # Its bytes are returned without a copy: a catalogue may have 256 MB.
    content = io.BytesIO()
    size = 0
    async for chunk in response.content.iter_any():
        size += len(chunk)
        try:
            content.write(chunk if inflater is None else inflater.decompress(chunk, limit + 1 - content.tell()))
        except zlib.error as error:
            raise PeerUnreachable("the peer's answer is labelled as gzip, but is not gzip") from error
        if inflater is not None and inflater.unused_data:
            # The inflater would collect the bytes after the end, at a cost that grows with their square.
            response.close()
            raise PeerUnreachable("the peer's answer continues after its end")
        # Both counts: a small body on the wire may inflate, and an uncompressed one may never end.
        if content.tell() > limit or size > limit + _FRAMING:
            response.close()
            raise TooLarge(f"the peer's answer is larger than {limit} bytes")
    if inflater is not None and content.tell() and not inflater.eof:
        raise PeerUnreachable("the peer's answer is incomplete")
    return content.getvalue()


async def chunks_of(response: aiohttp.ClientResponse, url: str, idle: float) -> AsyncIterator[bytes]:
    content = response.content
    while True:
        with ErrorTranslation(url):
            async with asyncio.timeout(idle):
                chunk = await content.readany()
        if not chunk:
            return
        yield chunk


class Speed:
    """The least rate at which a peer sends or receives, over each ``window`` of seconds in which we wait for it.
    Time in which we work or hold back does not count."""

    def __init__(self, window: float, slowest: int, too_slow: str = "the peer receives too slowly") -> None:
        """``slowest``: bytes a second; ``too_slow``: the message for a slower peer."""
        self._window = window
        self._slowest = slowest
        self._too_slow = too_slow
        self._waited = 0.0
        self._moved = 0

    def count(self, size: int, seconds: float) -> None:
        """Count ``size`` bytes in ``seconds``. Raises ``PeerUnreachable`` if the peer is too slow."""
        self._waited += seconds
        self._moved += size
        if self._waited > self._window:
            if self._moved < self._waited * self._slowest:
                raise PeerUnreachable(self._too_slow)
            self._waited, self._moved = 0.0, 0


async def timed_upload(
    chunks: AsyncIterator[bytes],
    deadline: asyncio.Timeout,
    idle: float,
    answering: float,
    speed: Speed,
    errors: list[HansaError],
) -> AsyncIterator[bytes]:
    """Yield the pieces of an upload. Each piece that the peer takes moves the deadline; the end moves it by another
    ``answering`` seconds. Errors of the pieces, and of a peer that is too slow, are added to ``errors``."""
    clock = asyncio.get_running_loop().time
    try:
        async for chunk in chunks:
            asked_at = clock()
            if not deadline.expired():
                deadline.reschedule(asked_at + idle)
            yield chunk
            speed.count(len(chunk), clock() - asked_at)
        if not deadline.expired():
            deadline.reschedule(clock() + idle + answering)
    except HansaError as error:
        errors.append(error)
        raise


class ErrorTranslation:
    """Translates errors of sockets and of the client library into errors of ``node.base.errors``."""

    def __init__(self, url: str) -> None:
        self._url = url

    def __enter__(self) -> None:
        return None

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is None or isinstance(error, HansaError):
            return
        import aiohttp

        if isinstance(error, aiohttp.ClientConnectorError) and isinstance(error.os_error, Refused):
            raise ForbiddenAddress(str(error.os_error), remedy="use a public address") from error
        if isinstance(error, aiohttp.InvalidURL):
            raise ForbiddenAddress("this node cannot connect to such an address") from error
        if isinstance(error, TimeoutError):
            raise PeerUnreachable("the peer did not answer in time") from error
        if isinstance(error, aiohttp.ClientError | OSError | ValueError):
            raise PeerUnreachable(
                f"the peer cannot be reached: {_reason(error)}",
                remedy="check the address; if it is correct, try again later",
            ) from error


def _reason(error: Exception) -> str:
    """Return in words why a connection failed; the name of the error if there are none for it."""
    import aiohttp

    if isinstance(error, aiohttp.ClientSSLError):
        return "its certificate is not accepted"
    if isinstance(error, aiohttp.ClientConnectorDNSError):
        return "its name is unknown"
    if isinstance(error, aiohttp.ServerDisconnectedError):
        return "it closed the connection"
    cause = error.os_error if isinstance(error, aiohttp.ClientConnectorError) else error
    if isinstance(cause, ConnectionRefusedError):
        return "it refuses the connection"
    if isinstance(cause, ConnectionResetError):
        return "it closed the connection"
    if isinstance(error, aiohttp.ClientPayloadError):
        return "its answer ends too early, or is damaged"
    if isinstance(error, aiohttp.ClientResponseError):
        return "its answer is no valid HTTP, or its headers are too long"
    return type(error).__name__

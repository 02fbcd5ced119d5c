"""An unkind network between real nodes: a proxy before each of them, where a fault may befall whatever is sent."""

from __future__ import annotations

import asyncio
import threading
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.nodes import Pair, Running, running

LIMIT = 64 * 1024 * 1024


@dataclass(frozen=True)
class Request:
    """One request as it came: its line, and all bytes of head and body."""

    method: str
    path: str
    raw: bytes


@dataclass
class Link:
    """What a fault can do with a request. ``pass_on`` hands it to the node and brings back its answer."""

    request: Request
    writer: asyncio.StreamWriter
    pass_on: Callable[[], Awaitable[bytes]]

    async def answer(self, raw: bytes) -> None:
        """Send these bytes back."""
        self.writer.write(raw)
        await self.writer.drain()


Fault = Callable[[Link], Awaitable[None]]


async def straight(link: Link) -> None:
    """Nothing happens to it."""
    await link.answer(await link.pass_on())


async def unavailable(link: Link) -> None:
    """The node never sees it."""
    await link.answer(b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")


async def refused(link: Link) -> None:
    """The connection is cut before the node sees it."""


async def answer_lost(link: Link) -> None:
    """The node carries it out and answers, and nobody hears of it."""
    await link.pass_on()


async def cut_in_answer(link: Link) -> None:
    """Half of the answer arrives."""
    answer = await link.pass_on()
    await link.answer(answer[: len(answer) // 2])


async def twice(link: Link) -> None:
    """It is delivered twice, one right after the other; the second answer is the one that arrives."""
    await link.pass_on()
    await link.answer(await link.pass_on())


async def twice_at_once(link: Link) -> None:
    """It is delivered twice at the same time."""
    first, _ = await asyncio.gather(link.pass_on(), link.pass_on())
    await link.answer(first)


def again_after(seconds: float) -> Fault:
    """It is delivered once more when its sender has long had the answer, and has gone on."""

    async def fault(link: Link) -> None:
        await link.answer(await link.pass_on())
        link.writer.close()
        await asyncio.sleep(seconds)
        await link.pass_on()

    return fault


def delayed(seconds: float) -> Fault:
    """It arrives late: others overtake it."""

    async def fault(link: Link) -> None:
        await asyncio.sleep(seconds)
        await link.answer(await link.pass_on())

    return fault


def answer_held(seconds: float) -> Fault:
    """Its answer arrives late: what the node says next overtakes it."""

    async def fault(link: Link) -> None:
        answer = await link.pass_on()
        await asyncio.sleep(seconds)
        await link.answer(answer)

    return fault


async def half_open(link: Link) -> None:
    """The connection stands, and nobody is at its other end."""
    await asyncio.sleep(3600)


async def dripping(link: Link) -> None:
    """The answer comes by one byte a second."""
    for byte in await link.pass_on():
        await link.answer(bytes([byte]))
        await asyncio.sleep(1)


class Proxy:
    """Stands before a node at ``port``. ``choose`` says what befalls a request; it is called for each of them."""

    def __init__(self, choose: Callable[[Request], Fault | None]) -> None:
        self.choose = choose
        self.target = 0
        self.port = 0
        self.befallen: Counter[str] = Counter()
        self._loop = asyncio.new_event_loop()
        self._open: set[asyncio.Task[None]] = set()
        self._started = threading.Event()
        self._thread = threading.Thread(target=self._run, name="unkind network", daemon=True)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def __enter__(self) -> Proxy:
        self._thread.start()
        assert self._started.wait(20), "the proxy could not be started"
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(20)

    def cut(self) -> None:
        """Cut all connections that are open now."""
        self._loop.call_soon_threadsafe(lambda: [task.cancel() for task in self._open])

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        listening = asyncio.start_server(self._serve, "127.0.0.1", 0, backlog=512, limit=LIMIT)
        server = self._loop.run_until_complete(listening)
        self.port = server.sockets[0].getsockname()[1]
        self._started.set()
        self._loop.run_forever()
        server.close()
        open_ones = asyncio.all_tasks(self._loop)
        for task in open_ones:
            task.cancel()
        self._loop.run_until_complete(asyncio.gather(*open_ones, return_exceptions=True))
        self._loop.run_until_complete(asyncio.sleep(0))  # The connections that were closed are so from here on.
        self._loop.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        serving = asyncio.current_task()
        assert serving is not None, "each connection is served by a task of its own"
        self._open.add(serving)
        try:
            request = await _read_request(reader)
            if request is None:
                return
            fault = self.choose(request) or straight
            name = fault.__qualname__.partition(".")[0]
            if fault is not straight:
                self.befallen[name] += 1
            await fault(Link(request, writer, lambda: self._forward(request)))
        except (OSError, EOFError, asyncio.CancelledError):
            return  # One of the two ends has gone, which is what happens here; or the test is over.
        finally:
            self._open.discard(serving)
            writer.close()

    async def _forward(self, request: Request) -> bytes:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.target, limit=LIMIT)
        try:
            writer.write(request.raw)
            await writer.drain()
            return await reader.read(-1)
        finally:
            writer.close()


async def _read_request(reader: asyncio.StreamReader) -> Request | None:
    """One request, made one that closes its connection: what is kept alive would pass us by."""
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError:
        return None
    lines = head[:-4].split(b"\r\n")
    headers = [line for line in lines[1:] if not line.lower().startswith(b"connection:")]
    size = next((int(line[15:]) for line in headers if line.lower().startswith(b"content-length:")), 0)
    body = await reader.readexactly(size)
    if any(line.lower().startswith(b"transfer-encoding:") for line in headers):
        body = await _read_chunks(reader)
    method, path, _ = lines[0].decode("latin-1").split(" ", 2)
    raw = b"\r\n".join([lines[0], *headers, b"Connection: close", b"", b""]) + body
    return Request(method, path, raw)


async def _read_chunks(reader: asyncio.StreamReader) -> bytes:
    """A chunked body as it comes (RFC 9112 §7.1): each chunk by the size that it tells, then the trailer."""
    body = b""
    while True:
        line = await reader.readline()
        size = int(line.split(b";", 1)[0], 16)
        body += line
        if size == 0:
            break
        body += await reader.readexactly(size + 2)
    while line := await reader.readline():
        body += line
        if line == b"\r\n":
            break
    return body


@dataclass
class Switch:
    """A fault that can be put on and taken off, for requests with one of ``paths`` in theirs: unless said otherwise,
    for all that peers say, while what people ask of their own node passes."""

    fault: Fault | None = None
    paths: tuple[str, ...] = ("/dsp",)
    seen: int = 0
    """How many such requests have come, whatever befell them."""

    def __call__(self, request: Request) -> Fault | None:
        if not any(path in request.path for path in self.paths):
            return None
        self.seen += 1
        return self.fault


@contextmanager
def behind(proxy: Proxy, folder: Path, *, template: Path | None, **options: Any) -> Iterator[Running]:
    """A node that others reach by ``proxy`` alone."""
    with running(folder, template=template, public_url=proxy.url, **options) as node:
        proxy.target = node.server.servers[0].sockets[0].getsockname()[1]
        yield node


@contextmanager
def apart(
    home: Path, template: Path | None, to_provider: Proxy, to_consumer: Proxy, **options: Any
) -> Iterator[Pair]:
    """A provider and a consumer in ``home``, each behind a proxy of its own."""
    with (
        to_provider,
        to_consumer,
        behind(to_provider, home / "provider", template=template, **options) as provider,
        behind(to_consumer, home / "consumer", template=template, **options) as consumer,
    ):
        yield Pair(provider, consumer)

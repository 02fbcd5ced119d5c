"""An unkind network between real nodes: a proxy before each of them that loses, doubles, holds and cuts.

``python -m tests.unkind --negotiations 500 --seed 7`` joins two nodes by it, has them negotiate and transfer at once,
and compares both ends when all is at rest. The last line has the counts; what was lost, done twice or differs fails
the run. Which fault befalls which request is drawn from the seed; when a request comes is up to the machine.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import shutil
import sys
import tempfile
import threading
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from node.base.errors import HansaError
from tests.nodes import CSV, Running, publish, running, until

LIMIT = 64 * 1024 * 1024
REST = 120.0


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


def held(seconds: float) -> Fault:
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
    kept = [line for line in lines[1:] if not line.lower().startswith(b"connection:")]
    size = next((int(line[15:]) for line in kept if line.lower().startswith(b"content-length:")), 0)
    body = await reader.readexactly(size)
    if any(line.lower().startswith(b"transfer-encoding:") for line in kept):
        body = await _read_chunks(reader)
    method, path, _ = lines[0].decode("latin-1").split(" ", 2)
    raw = b"\r\n".join([lines[0], *kept, b"Connection: close", b"", b""]) + body
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


@contextmanager
def behind(proxy: Proxy, folder: Path, *, template: Path | None, **options: Any) -> Iterator[Running]:
    """A node that others reach by ``proxy`` alone."""
    with running(folder, template=template, public_url=proxy.url, **options) as node:
        proxy.target = node.server.servers[0].sockets[0].getsockname()[1]
        yield node


# ---- many conversations at once --------------------------------------------------------------------------------


class Weather:
    """Faults by chance, for whatever one node says to another. Not for what people ask their own node."""

    def __init__(self, seed: int) -> None:
        self._chance = random.Random(seed)
        self._lock = threading.Lock()
        self.calm = False

    def __call__(self, request: Request) -> Fault | None:
        with self._lock:
            draw, seconds = self._chance.random(), self._chance.uniform(0.01, 0.6)
        if self.calm:
            return None
        kinds: list[tuple[float, Fault]] = [
            (0.05, unavailable),
            (0.05, twice),
            (0.03, twice_at_once),
            (0.05, again_after(seconds)),
            (0.05, answer_lost),
            (0.03, cut_in_answer),
            (0.02, refused),
            (0.15, held(seconds)),
            (0.15, answer_held(seconds)),
        ]
        for share, fault in kinds:
            if draw < share:
                return fault
            draw -= share
        return None


@dataclass
class Tally:
    """What was done, and what was found wrong."""

    negotiations: int = 0
    transfers: int = 0
    faults: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)


def converse(provider: Running, consumer: Running, negotiations: int) -> tuple[list[str], list[str]]:
    """So many negotiations at once, a transfer under each agreement, half of them pulled and half pushed: the
    consumer's ids of both, all ended."""
    iri = publish(provider, "unkind-counts")["iri"]

    def one(number: int) -> tuple[str, str]:
        with consumer.client() as client:
            pid = until("it can be asked for", lambda: _patiently(lambda: client.negotiate(iri)), REST)["pid"]
            agreed = until("it ends", lambda: _ended(client.negotiation(pid, wait=5)), REST)
            if agreed["state"] != "FINALIZED":
                return pid, ""
            asked = {"agreementId": agreed["agreementId"], "format": ("HttpData-PULL", "HttpData-PUSH")[number % 2]}
            moved = client.call("POST", "/api/transfers", json=asked)["pid"]
            until("the transfer ends", lambda: _ended(client.transfer_state(moved, wait=5)), REST)
            return pid, moved

    with ThreadPoolExecutor(16) as pool:
        pairs = list(pool.map(one, range(negotiations)))
    return [pid for pid, _ in pairs], [pid for _, pid in pairs if pid]


def _patiently(work: Callable[[], dict[str, Any]]) -> dict[str, Any] | None:
    """What ``work`` gives; None where the network ate what it needed from the other node."""
    try:
        return work()
    except HansaError:
        return None


def _ended(state: dict[str, Any]) -> dict[str, Any] | None:
    return state if state["state"] in ("FINALIZED", "COMPLETED", "TERMINATED") else None


def reckon(provider: Running, consumer: Running, tally: Tally) -> None:
    """Compare both ends of everything, once nothing is on its way any more."""
    for node in (provider, consumer):
        with node.client() as client:
            until("everything has arrived", lambda: client.deliveries()["waiting"] == 0, REST)
            tally.wrong += [f"a dead letter of {node.folder.name}: {one}" for one in client.deliveries()["dead"]]
    ours, theirs = consumer.node.parts.stores, provider.node.parts.stores
    with ours.uow.read() as here, theirs.uow.read() as there:
        for kind in ("negotiations", "transfers"):
            at_consumer = getattr(ours, kind).select(here, limit=1_000_000)
            at_provider = getattr(theirs, kind).select(there, limit=1_000_000)
            ends = {one.peer_pid: one for one in at_provider}
            if len(ends) != len(at_provider):
                tally.wrong.append(f"one of the {kind} was opened twice")
            for one in at_consumer:
                other = ends.pop(one.pid, None)
                if other is None or (one.state, one.peer_pid) != (other.state, other.pid):
                    tally.wrong.append(f"{one.pid}: {one.state} here and {other and other.state} there")
                if one.state not in ("FINALIZED", "COMPLETED"):
                    tally.wrong.append(f"{one.pid} ended in {one.state}: {one.code} {one.reason}")
            tally.wrong += [f"{pid} is unknown to its consumer" for pid in ends]
            for stores, tx in ((ours, here), (theirs, there)):
                for one in getattr(stores, kind).select(tx, limit=1_000_000):
                    taken = [x.message_id for x in getattr(stores, kind).exchanges(tx, one.pid) if x.taken]
                    tally.wrong += [f"{name} had an effect {n} times" for name, n in Counter(taken).items() if n > 1]
        held = [
            {one.id: (one.sha256, one.signatures) for one in stores.agreements.select(tx, limit=1_000_000)}
            for stores, tx in ((ours, here), (theirs, there))
        ]
        if held[0] != held[1] or len(held[0]) != tally.negotiations:
            tally.wrong.append(f"{tally.negotiations} negotiations, {len(held[0])} and {len(held[1])} agreements")


def run(home: Path, template: Path | None, *, negotiations: int, seed: int) -> Tally:
    """The whole of it."""
    tally = Tally()
    with ExitStack() as stack:
        weathers = [Weather(seed), Weather(seed + 1)]
        proxies = [stack.enter_context(Proxy(weather)) for weather in weathers]
        provider, consumer = (
            stack.enter_context(behind(proxy, home / name, template=template))
            for proxy, name in zip(proxies, ("provider", "consumer"), strict=True)
        )
        pids, moved = converse(provider, consumer, negotiations)
        tally.negotiations, tally.transfers = len(pids), len(moved)
        with consumer.client() as client:
            for pid in moved:
                if client.raw(f"/api/transfers/{pid}/content") != CSV:
                    tally.wrong.append(f"{pid} brought other bytes")
        reckon(provider, consumer, tally)
        tally.faults = proxies[0].befallen + proxies[1].befallen
    return tally


def main() -> int:
    parser = argparse.ArgumentParser(prog="make unkind", description="Join two nodes by an unkind network.")
    parser.add_argument("--negotiations", type=int, default=200)
    parser.add_argument("--seed", type=int, default=None)
    chosen = parser.parse_args()
    seed = chosen.seed if chosen.seed is not None else random.SystemRandom().randrange(10**9)
    print(f"seed {seed}", flush=True)
    home = Path(tempfile.mkdtemp(prefix="hansa-unkind-"))
    try:
        tally = run(home, None, negotiations=chosen.negotiations, seed=seed)
    finally:
        shutil.rmtree(home, ignore_errors=True)
    for what in tally.wrong[:20]:
        print(what)
    print(f"faults {dict(tally.faults)}")
    print(f"negotiations {tally.negotiations}  transfers {tally.transfers}  wrong {len(tally.wrong)}")
    return 1 if tally.wrong else 0


if __name__ == "__main__":
    sys.exit(main())

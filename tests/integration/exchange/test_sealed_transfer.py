"""Sealed transfers between processes over loopback, killed on either side."""

from __future__ import annotations

import asyncio
import hashlib
import json
import random
import signal
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import psutil
import pytest
import uvicorn

from node.adapters.egress.client import Egress
from node.adapters.planes.http import HttpPlane
from node.semantics.model import File
from node.transfer.model import AccessGrant, Reception
from node.web.data import Pace
from tests.fakes.keys import public_jwk
from tests.fakes.provider import Provider, consumer_transfer, provider_at
from tests.fakes.receiver import receiver_at
from tests.fakes.stores.assets import stream

ROOT = Path(__file__).resolve().parents[3]
MB = 1_000_000


class Process:
    """The provider's process: started, killed and started again by the test that made it."""

    def __init__(self, folder: Path, url: str, rate: int) -> None:
        self._port = int(url.rpartition(":")[2])
        self._command = [sys.executable, "-m", "tests.fakes.provider", str(folder), str(self._port), str(rate)]
        self._process: subprocess.Popen[bytes] | None = None

    async def start(self) -> None:
        self._process = subprocess.Popen(self._command, cwd=ROOT)
        for _ in range(400):
            try:
                socket.create_connection(("127.0.0.1", self._port), timeout=0.2).close()
                return
            except OSError:
                assert self._process.poll() is None, "the provider's process ended by itself"
                await asyncio.sleep(0.05)
        raise AssertionError("the provider's process does not listen")

    def kill(self) -> None:
        if self._process is not None:
            self._process.send_signal(signal.SIGKILL)
            self._process.wait(10)
            self._process = None

    def memory(self) -> int:
        """Resident bytes."""
        assert self._process is not None
        return int(psutil.Process(self._process.pid).memory_info().rss)


Offer = Callable[..., Awaitable[tuple[Provider, AccessGrant, dict[str, Any], Process]]]


@pytest.fixture
async def offer(tmp_path: Path) -> AsyncIterator[Offer]:
    """Publishes a file and starts its transfer; the provider's process is not running yet."""
    processes: list[Process] = []

    async def offer(
        pieces: list[bytes], *, rate: int = 0, sealed: bool = True
    ) -> tuple[Provider, AccessGrant, dict[str, Any], Process]:
        with socket.socket() as listener:
            listener.bind(("127.0.0.1", 0))
            url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        folder = tmp_path / "provider"
        folder.mkdir()
        provider = provider_at(folder, url, Pace())
        stored = await provider.assets.take_in(stream(pieces), limit=sum(map(len, pieces)))
        file = File(name="tellingen.csv", media_type="text/csv", size=stored.size, sha256=stored.sha256)
        grant, address = provider.start(provider.publish(file, sealed=sealed))
        processes.append(Process(folder, url, rate))
        return provider, grant, address, processes[-1]

    yield offer
    for process in processes:
        process.kill()


@pytest.fixture
async def egress() -> AsyncIterator[Egress]:
    async with Egress(allow_loopback=True) as egress:
        yield egress


class CountingPlane(HttpPlane):
    """Counts the body bytes that come in."""

    bytes = 0

    async def _watch(self, chunks: Any, size: int | None) -> Any:
        async for chunk in super()._watch(chunks, size):
            self.bytes += len(chunk)
            yield chunk


def sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


async def test_it_goes_on_after_the_provider_was_killed(offer: Offer, egress: Egress, tmp_path: Path) -> None:
    """The demo's step 5: killed at 40 % of the bytes, started again with the same data, resumed, verified."""
    size = 30 * MB
    provider, grant, address, process = await offer([random.Random(1).randbytes(size)], rate=60 * MB)
    await process.start()
    plane = CountingPlane(egress)
    killed: list[int] = []

    def kill_at_forty_percent(reception: Reception) -> None:
        if not killed and reception.received > 0.4 * size:
            killed.append(reception.received)
            process.kill()

    async def start_again() -> None:
        while not killed:
            await asyncio.sleep(0.02)
        await process.start()

    again = asyncio.create_task(start_again())
    began = time.perf_counter()
    receiver = receiver_at(tmp_path / "consumer", plane, provider.consumer, public_jwk(provider.keyring))
    reception = await receiver.run(consumer_transfer(address), on_progress=kill_at_forty_percent)
    seconds = time.perf_counter() - began
    await again

    assert (reception.state, reception.error) == ("done", None)
    home = tmp_path / "consumer" / "received"
    assert sha256(home / (reception.path or "")) == grant.file_sha256
    assert {path.suffix for path in home.rglob("*") if path.is_file()} == {".csv", ".age"}
    twice = plane.bytes - (reception.expected or 0)
    print(
        f"\nkilled at {killed[0]:,} of {reception.expected:,} bytes; sent twice: {twice:,};"
        f" {size / seconds / MB:.0f} MB/s with kill and restart, sender capped at 60"
    )
    assert twice == 0
    with provider.work.read() as tx:
        stored = provider.grants.by_transfer(tx, grant.transfer)
    assert stored is not None
    assert stored.accesses >= 2


async def test_the_receiver_may_be_killed_at_every_step(offer: Offer, tmp_path: Path) -> None:
    """Crash points D1 to D7 in a row, each in what the crash before it left; then I6 and no more."""
    size = 9 * MB + 123
    provider, grant, _, process = await offer([random.Random(2).randbytes(size)])
    await process.start()
    folder = tmp_path / "consumer"
    folder.mkdir()
    command = [sys.executable, "-m", "tests.fakes.receiver", str(folder), str(tmp_path / "provider")]
    survived = []
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as fork_server:
        assert fork_server.stdin is not None
        assert fork_server.stdout is not None
        for point in ("D1", "D2:3", "D3:2", "D4", "D5", "D6", "D7", "-"):
            with provider.work.read() as tx:
                record = provider.records.get(tx, grant.dataset)
            assert record is not None
            (folder / "address.json").write_text(json.dumps(provider.start(record)[1]))
            fork_server.stdin.write(f"{point}\n")
            fork_server.stdin.flush()
            code = int(await asyncio.to_thread(fork_server.stdout.readline))
            assert code == (0 if point == "-" else -signal.SIGKILL), point
            survived.append(point)
            named = folder / "received" / "01900000-0000-7000-8000-0000000000c1" / "tellingen.csv"
            assert not named.exists() or sha256(named) == grant.file_sha256, f"wrong bytes after {point}"
        fork_server.stdin.close()
    assert (folder / "outcome").read_text() == "done None"
    files = sorted(path for path in (folder / "received").rglob("*") if path.is_file())
    assert [path.name for path in files] == ["tellingen.csv", "tellingen.csv.age"]
    assert sha256(files[0]) == grant.file_sha256
    print(f"\nreceiver killed at {', '.join(survived[:-1])}, and finished")


@pytest.mark.parametrize("sealed", [True, False])
async def test_memory_stays_where_it_is(offer: Offer, egress: Egress, tmp_path: Path, sealed: bool) -> None:
    """200 MB through both ends; prints the rate without a cap, receiving and verifying included."""
    block = random.Random(3).randbytes(MB)
    provider, grant, address, process = await offer([block] * 200, sealed=sealed)
    await process.start()
    ours, theirs = psutil.Process().memory_info().rss, process.memory()
    highest = [ours, theirs]

    def look(_: Reception) -> None:
        highest[0] = max(highest[0], psutil.Process().memory_info().rss)
        highest[1] = max(highest[1], process.memory())

    receiver = receiver_at(tmp_path / "consumer", HttpPlane(egress), provider.consumer, public_jwk(provider.keyring))
    began = time.perf_counter()
    reception = await receiver.run(consumer_transfer(address), on_progress=look)
    seconds = time.perf_counter() - began
    assert (reception.state, reception.error) == ("done", None)
    grown = [(after - before) / MB for after, before in zip(highest, (ours, theirs), strict=True)]
    kind = "sealed" if sealed else "plain"
    print(f"\n{kind}: {200 / seconds:.0f} MB/s; grown by {grown[0]:.0f} MB (receiver), {grown[1]:.0f} MB (provider)")
    assert max(grown) < 60
    assert reception.sha256 == grant.file_sha256


async def test_a_revocation_reaches_the_receiver_with_its_reasons(
    offer: Offer, egress: Egress, tmp_path: Path
) -> None:
    """Revoked while the bytes flow: the stream is cut, the next read is told why, nothing becomes visible."""
    provider, _, address, _ = await offer([random.Random(4).randbytes(4 * MB)])
    provider.door = type(provider.door)(
        authorise=provider.authorise,
        deliveries=provider.deliveries,
        manifests=provider.manifests,
        refresh=provider.refresh,
        participant=provider.door.participant,
        pace=Pace(bytes_per_second=8 * MB, recheck_bytes=MB),
    )
    port = int(provider.public_url.rpartition(":")[2])
    server = uvicorn.Server(uvicorn.Config(provider.app(), host="127.0.0.1", port=port, log_config=None))
    serving = asyncio.create_task(server.serve())
    while not server.started:
        await asyncio.sleep(0.01)
    plane = CountingPlane(egress)
    receiver = receiver_at(tmp_path / "consumer", plane, provider.consumer, public_jwk(provider.keyring))

    async def revoke() -> None:
        while plane.bytes < MB:
            await asyncio.sleep(0.005)
        provider.refuse = "the credential was revoked"

    revoking = asyncio.create_task(revoke())
    reception = await receiver.run(consumer_transfer(address))
    await revoking
    server.should_exit = True
    await serving
    assert reception.state == "failed"
    assert reception.facts is not None
    assert reception.facts["reasons"][0]["text"] == {"en": "the credential was revoked"}
    assert MB <= plane.bytes < 3 * MB
    assert [path for path in (tmp_path / "consumer" / "received").rglob("*") if path.is_file()] == []
    assert [event["outcome"] for event in provider.events] == ["started", "refused", "refused"]

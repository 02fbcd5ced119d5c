"""The contract of ``AssetStore``, kept by each implementation; below it, what only a folder can get wrong."""

from __future__ import annotations

import asyncio
import fcntl
import hashlib
import os
import random
import threading
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from node.adapters.planes.files import FolderAssets
from node.base.errors import InvalidInput, LocalFault, NoRoom, NotFound, TooLarge
from node.exchange.offloop import close_stream
from node.exchange.ports import AssetStore
from tests.fakes.stores.assets import MemoryAssets, stream

MIB = 1024 * 1024
DATA = random.Random(3).randbytes(2 * MIB + 17)
SHA = hashlib.sha256(DATA).hexdigest()
ABSENT = "0" * 64


@pytest.fixture(params=["memory", "folder"])
def assets(request: pytest.FixtureRequest, tmp_path: Path) -> AssetStore:
    return MemoryAssets() if request.param == "memory" else FolderAssets(tmp_path / "blobs")


@pytest.fixture
def folder(tmp_path: Path) -> FolderAssets:
    return FolderAssets(tmp_path / "blobs")


def in_pieces(data: bytes, size: int = 70_000) -> AsyncIterator[bytes]:
    return stream(data[at : at + size] for at in range(0, len(data), size))


async def read(assets: AssetStore, sha256: str, **span: int | None) -> bytes:
    return b"".join([piece async for piece in await assets.open(sha256, **span)])  # type: ignore[arg-type]


def count_calls(monkeypatch: pytest.MonkeyPatch, module: Any, name: str, calls: list[str]) -> None:
    real = getattr(module, name)

    def counting(*arguments: Any) -> Any:
        calls.append(name)
        return real(*arguments)

    monkeypatch.setattr(module, name, counting)


def files(tmp_path: Path) -> list[Path]:
    return sorted(path for path in (tmp_path / "blobs").rglob("*") if path.is_file())


async def test_a_trial_is_deleted_unless_it_is_wanted_meanwhile(assets: AssetStore) -> None:
    long_ago, later = 0.0, time.time() + 60
    await assets.take_in(in_pieces(DATA), limit=len(DATA), trial=True)
    assert list(assets.trials(later)) == [SHA]
    assert list(assets.trials(long_ago)) == []
    assert not assets.remove_trial(SHA, long_ago)
    assert await read(assets, SHA) == DATA
    assert assets.remove_trial(SHA, later)
    assert not assets.has(SHA)
    assert list(assets.trials(later)) == []
    assert not assets.remove_trial(SHA, later)


async def test_a_renewed_trial_counts_from_then_on(assets: AssetStore, tmp_path: Path) -> None:
    before = time.time() - 3600
    assets.renew(SHA)
    assert list(assets.trials(time.time() + 60)) == []
    await assets.take_in(in_pieces(DATA), limit=len(DATA), trial=True)
    if isinstance(assets, MemoryAssets):
        assets._trials[SHA] = 1.0
    else:
        os.utime(tmp_path / "blobs" / "trials" / SHA, (1, 1))
    assert list(assets.trials(before)) == [SHA]
    assets.renew(SHA)
    assert list(assets.trials(before)) == []
    assert not assets.remove_trial(SHA, before)
    assert list(assets.trials(time.time() + 60)) == [SHA]
    assets.retain(SHA)
    assets.renew(SHA)
    assert list(assets.trials(time.time() + 60)) == []


async def test_bytes_that_come_again_or_are_retained_are_no_trial(assets: AssetStore) -> None:
    later = time.time() + 60
    assets.retain(SHA)
    for want in (
        lambda: assets.take_in(in_pieces(DATA), limit=len(DATA)),
        lambda: asyncio.to_thread(assets.retain, SHA),
    ):
        await assets.take_in(in_pieces(DATA), limit=len(DATA), trial=True)
        assert list(assets.trials(later)) == [SHA]
        await want()
        assert list(assets.trials(later)) == []
        # Whoever has a look at bytes that are here already does not make them a trial.
        await assets.take_in(in_pieces(DATA), limit=len(DATA), trial=True)
        assert list(assets.trials(later)) == []
        assert not assets.remove_trial(SHA, later)
        assert await read(assets, SHA) == DATA
        assert assets.remove(SHA)


async def test_sixty_four_send_the_same_bytes_while_trials_are_deleted(assets: AssetStore) -> None:
    await assets.take_in(in_pieces(DATA), limit=len(DATA), trial=True)
    await asyncio.sleep(0.1)
    # The first trial is old, those that come now are not.
    before = time.time() - 0.05

    async def send(number: int) -> None:
        await asyncio.to_thread(assets.remove_trial, SHA, before)
        await assets.take_in(in_pieces(DATA), limit=len(DATA), trial=number % 2 == 0)
        await asyncio.to_thread(assets.remove_trial, SHA, before)

    await asyncio.gather(*(send(number) for number in range(64)))
    assert await read(assets, SHA) == DATA
    assert list(assets.trials(time.time() + 60)) == []


@pytest.mark.parametrize("size", [0, 1, 65_536, MIB - 1, MIB, MIB + 1, len(DATA)])
async def test_what_comes_in_comes_out(assets: AssetStore, size: int) -> None:
    data = DATA[:size]
    stored = await assets.take_in(in_pieces(data), limit=size)
    assert (stored.sha256, stored.size) == (hashlib.sha256(data).hexdigest(), size)
    assert assets.has(stored.sha256)
    assert await read(assets, stored.sha256) == data
    assert await assets.verify(stored.sha256) == await assets.check(stored.sha256) == stored


async def test_parts(assets: AssetStore) -> None:
    await assets.take_in(in_pieces(DATA), limit=len(DATA))
    edges = (0, 1, MIB - 1, MIB, MIB + 1, 2 * MIB, len(DATA) - 1, len(DATA))
    for start in edges:
        assert await read(assets, SHA, start=start) == DATA[start:]
        for end in edges:
            if start <= end:
                assert await read(assets, SHA, start=start, end=end) == DATA[start:end]
    assert await read(assets, SHA, start=len(DATA) + 5) == b""
    assert await read(assets, SHA, start=5, end=len(DATA) + 5) == DATA[5:]


async def test_sizes(assets: AssetStore) -> None:
    stored = await assets.take_in(in_pieces(DATA), limit=len(DATA))
    assert assets.size(stored.sha256) == len(DATA)
    assert [assets.size(name) for name in (ABSENT, "", "../" + ABSENT, ABSENT.upper())] == [None] * 4


async def test_one_byte_too_many(assets: AssetStore) -> None:
    with pytest.raises(TooLarge):
        await assets.take_in(in_pieces(DATA), limit=len(DATA) - 1)
    assert not assets.has(SHA)


async def test_an_endless_stream_ends(assets: AssetStore) -> None:
    async def endless() -> AsyncIterator[bytes]:
        while True:
            yield bytes(100_000)

    with pytest.raises(TooLarge):
        await assets.take_in(endless(), limit=3 * MIB)


async def test_a_stream_that_breaks_leaves_nothing(assets: AssetStore, tmp_path: Path) -> None:
    async def breaking() -> AsyncIterator[bytes]:
        yield DATA
        raise ConnectionResetError("gone")

    with pytest.raises((ConnectionResetError, LocalFault)):
        await assets.take_in(breaking(), limit=len(DATA))
    assert not assets.has(SHA)


async def test_the_same_twice(assets: AssetStore) -> None:
    first, second = await asyncio.gather(*(assets.take_in(in_pieces(DATA), limit=len(DATA)) for _ in range(2)))
    assert first == second
    assert await read(assets, SHA) == DATA


@pytest.mark.parametrize(
    "sha256",
    [ABSENT, "", "..", "../../etc/passwd", SHA.upper(), SHA[:-1], SHA + "0", "ab/" + "0" * 61, "g" * 64, "é" * 64],
)
async def test_what_is_not_there(assets: AssetStore, sha256: str) -> None:
    await assets.take_in(in_pieces(DATA), limit=len(DATA))
    assert not assets.has(sha256)
    with pytest.raises(NotFound):
        await assets.open(sha256)
    with pytest.raises(NotFound):
        await assets.verify(sha256)
    with pytest.raises(NotFound):
        await assets.check(sha256)


async def test_a_file_is_adopted_by_copy(assets: AssetStore, tmp_path: Path) -> None:
    original = tmp_path / "counts.csv"
    original.write_bytes(DATA)
    stored = await assets.adopt(original, limit=len(DATA))
    original.write_bytes(b"changed since")
    assert stored.sha256 == SHA
    assert await read(assets, SHA) == DATA
    with pytest.raises(TooLarge):
        await assets.adopt(original, limit=3)


async def test_links_folders_and_nothing_are_not_adopted(assets: AssetStore, tmp_path: Path) -> None:
    """T-57."""
    (tmp_path / "link").symlink_to("/etc/passwd")
    with pytest.raises(InvalidInput):
        await assets.adopt(tmp_path / "link", limit=MIB)
    with pytest.raises(InvalidInput):
        await assets.adopt(tmp_path, limit=MIB)
    with pytest.raises(NotFound):
        await assets.adopt(tmp_path / "nothing", limit=MIB)


async def test_a_pipe_is_not_adopted(folder: FolderAssets, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(InvalidInput):
        await folder.adopt(tmp_path / "pipe", limit=MIB)


async def test_changed_bytes_are_noticed_and_heal(folder: FolderAssets, tmp_path: Path) -> None:
    await folder.take_in(in_pieces(DATA), limit=len(DATA))
    await folder.check(SHA)
    (path,) = files(tmp_path)
    path.chmod(0o600)
    with path.open("r+b") as file:
        file.seek(MIB)
        file.write(b"!")
    for look in (folder.check, folder.verify, folder.check):
        with pytest.raises(LocalFault, match="changed"):
            await look(SHA)
    await folder.take_in(in_pieces(DATA), limit=len(DATA))
    assert (await folder.verify(SHA)).size == len(DATA)


async def test_bytes_that_are_being_read_by_their_path_stay(folder: FolderAssets, tmp_path: Path) -> None:
    """A child may read one file, not one of the same name that comes later."""
    stored = await asyncio.gather(*(folder.take_in(in_pieces(DATA), limit=len(DATA)) for _ in range(8)))
    first = folder.place(stored[0].sha256).stat()
    await folder.take_in(in_pieces(DATA), limit=len(DATA))
    assert folder.place(stored[0].sha256).stat().st_ino == first.st_ino
    assert await folder.check(stored[0].sha256) == stored[0]
    assert not list((tmp_path / "blobs" / "incoming").iterdir())


async def test_check_hashes_once(folder: FolderAssets, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    await folder.take_in(in_pieces(DATA), limit=len(DATA))
    hashed: list[str] = []
    count_calls(monkeypatch, hashlib, "file_digest", hashed)
    for _ in range(3):
        await folder.check(SHA)
    assert len(hashed) == 0, "it was hashed as it came"
    started = FolderAssets(tmp_path / "blobs")
    for _ in range(3):
        await started.check(SHA)
    assert len(hashed) == 1
    await folder.verify(SHA)
    assert len(hashed) == 2


async def test_what_is_written_to_after_it_came_is_hashed_again(folder: FolderAssets, tmp_path: Path) -> None:
    await folder.take_in(in_pieces(DATA), limit=len(DATA))
    (path,) = files(tmp_path)
    path.chmod(0o600)
    with path.open("r+b") as file:
        file.write(b"!")
    with pytest.raises(LocalFault, match="changed"):
        await folder.check(SHA)


async def test_the_layout(folder: FolderAssets, tmp_path: Path) -> None:
    await folder.take_in(in_pieces(DATA), limit=len(DATA))
    (path,) = files(tmp_path)
    assert path.relative_to(tmp_path / "blobs") == Path(SHA[:2], SHA[2:])
    assert path.stat().st_mode & 0o777 == 0o400


async def test_a_link_in_the_folder_is_not_followed(folder: FolderAssets, tmp_path: Path) -> None:
    """T-57: whoever can write into the folder gains no other file by it."""
    secret = tmp_path / "secret"
    secret.write_bytes(DATA)
    place = tmp_path / "blobs" / SHA[:2]
    place.mkdir()
    (place / SHA[2:]).symlink_to(secret)
    assert not folder.has(SHA)
    with pytest.raises(NotFound):
        await folder.open(SHA)
    with pytest.raises(LocalFault, match="symbolic"):
        await folder.verify(SHA)


async def test_failures_leave_no_file(folder: FolderAssets, tmp_path: Path) -> None:
    async def breaking() -> AsyncIterator[bytes]:
        yield DATA
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        await folder.take_in(breaking(), limit=len(DATA))
    with pytest.raises(TooLarge):
        await folder.take_in(in_pieces(DATA), limit=5)
    assert files(tmp_path) == []


async def test_a_cancelled_upload_leaves_no_file(folder: FolderAssets, tmp_path: Path) -> None:
    waiting = asyncio.Event()

    async def endless() -> AsyncIterator[bytes]:
        yield DATA
        waiting.set()
        await asyncio.Event().wait()

    task = asyncio.create_task(folder.take_in(endless(), limit=len(DATA)))
    await waiting.wait()
    assert len(files(tmp_path)) == 1
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert files(tmp_path) == []


async def test_an_upload_that_is_cancelled_at_its_very_beginning_leaves_no_file(
    folder: FolderAssets, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file is made in a thread, which goes on while nobody waits for it any more."""
    is_created, released, flock = threading.Event(), threading.Event(), fcntl.flock

    def slow(*a: int) -> None:
        flock(*a)
        is_created.set()
        released.wait(5)

    monkeypatch.setattr(fcntl, "flock", slow)
    open_before = len(os.listdir("/proc/self/fd"))
    task = asyncio.create_task(folder.take_in(in_pieces(DATA), limit=len(DATA)))
    await asyncio.to_thread(is_created.wait, 5)
    assert len(files(tmp_path)) == 1
    task.cancel()
    released.set()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert files(tmp_path) == []
    assert len(os.listdir("/proc/self/fd")) == open_before


async def test_a_folder_that_cannot_be_written_to_is_our_fault(folder: FolderAssets, tmp_path: Path) -> None:
    (tmp_path / "blobs" / "incoming").rmdir()
    (tmp_path / "blobs" / "incoming").write_bytes(b"")
    with pytest.raises(LocalFault, match="could not be stored"):
        await folder.take_in(in_pieces(DATA), limit=len(DATA))


async def test_nothing_has_its_name_before_it_is_synced(
    folder: FolderAssets, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps: list[str] = []
    count_calls(monkeypatch, os, "fdatasync", steps)
    count_calls(monkeypatch, os, "fsync", steps)
    count_calls(monkeypatch, os, "link", steps)
    await folder.take_in(in_pieces(DATA), limit=len(DATA))
    assert steps.count("fdatasync") == 1
    assert steps.index("fdatasync") < steps.index("link")
    assert "fsync" in steps[steps.index("link") + 1 :]


async def test_a_full_disk_is_our_fault_and_leaves_nothing(
    folder: FolderAssets, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "pwritev", full)
    with pytest.raises(NoRoom, match="full"):
        await folder.take_in(in_pieces(DATA), limit=len(DATA))
    assert files(tmp_path) == []


def test_old_leftovers_go_and_fresh_ones_stay(tmp_path: Path) -> None:
    incoming = tmp_path / "blobs" / "incoming"
    FolderAssets(tmp_path / "blobs")
    (incoming / "old").write_bytes(b"x")
    (incoming / "fresh").write_bytes(b"x")
    long_ago = time.time() - 2 * 24 * 3600
    os.utime(incoming / "old", (long_ago, long_ago))
    FolderAssets(tmp_path / "blobs")
    assert [path.name for path in incoming.iterdir()] == ["fresh"]


async def test_reading_leaves_no_file_open(folder: FolderAssets) -> None:
    await folder.take_in(in_pieces(DATA), limit=len(DATA))
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(5):
        reading = await folder.open(SHA)
        async for _piece in reading:
            break
        await close_stream(reading)
        await folder.open(SHA)
    assert len(os.listdir("/proc/self/fd")) == before


async def test_the_loop_goes_on_while_the_disk_is_slow(folder: FolderAssets, monkeypatch: pytest.MonkeyPatch) -> None:
    released, pread = threading.Event(), os.pread
    await folder.take_in(in_pieces(DATA), limit=len(DATA))

    def slow(*a: int) -> bytes:
        released.wait(5)
        return pread(*a)

    monkeypatch.setattr(os, "pread", slow)
    task = asyncio.create_task(read(folder, SHA))
    await asyncio.sleep(0.02)
    assert not task.done()
    released.set()
    assert await task == DATA


async def test_bytes_that_nothing_uses_become_a_trial(assets: AssetStore) -> None:
    later = time.time() + 60
    assets.expire(ABSENT)
    assert list(assets.trials(later)) == []
    await assets.take_in(in_pieces(DATA), limit=len(DATA))
    assets.expire(SHA)
    assert list(assets.trials(later)) == [SHA]
    await assets.take_in(in_pieces(DATA), limit=len(DATA))
    assert not assets.remove_trial(SHA, later)
    assets.expire(SHA)
    assert assets.remove_trial(SHA, later)
    assert not assets.has(SHA)

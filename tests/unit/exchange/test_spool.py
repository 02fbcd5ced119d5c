"""Growing files, and work beside the loop."""

from __future__ import annotations

import asyncio
import fcntl
import os
import threading
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from node.base.errors import Conflict, NotFound
from node.exchange import spool
from node.exchange.offloop import Beside, close_stream, off_loop, open_off_loop
from node.exchange.spool import READ_SIZE, PartFile, rename_durably


def test_it_grows_shrinks_and_is_read(tmp_path: Path) -> None:
    part = PartFile(tmp_path / "a.part")
    part.append(b"hello ")
    part.append(b"world")
    assert part.sync() == 11
    part.truncate(5)
    part.append(b"!")
    assert b"".join(part.pieces()) == b"hello!"
    assert b"".join(part.pieces(5)) == b"!"
    part.close()
    again = PartFile(tmp_path / "a.part")
    assert again.size == 6
    again.append(bytes(READ_SIZE))
    assert [len(piece) for piece in again.pieces()] == [READ_SIZE, 6]
    again.close()


@pytest.mark.parametrize("most", [1, 7, 1000, 1 << 20], ids=lambda most: f"{most} bytes a call")
def test_pieces_are_written_whole_however_little_the_system_takes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, most: int
) -> None:
    def short(file: int, buffers: list[memoryview], offset: int) -> int:
        return os.pwrite(file, b"".join(buffers)[:most], offset)

    monkeypatch.setattr(os, "pwritev", short)
    part = PartFile(tmp_path / "a.part")
    pieces = [bytes([number % 256]) * (number % 5) for number in range(300)]
    part.append(b"first")
    part.extend(pieces)
    assert part.size == 5 + sum(map(len, pieces))
    assert b"".join(part.pieces()) == b"first" + b"".join(pieces)
    part.close()


def test_what_leaves_the_cache_is_still_in_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spool, "CACHED", 4)
    part = PartFile(tmp_path / "a.part")
    part.append(b"abc")
    part.sync()
    part.append(b"defg")
    assert part.sync() == 7
    part.append(b"h")
    assert part.sync() == 8
    part.truncate(2)
    part.append(b"xyz")
    assert part.sync() == 5
    assert b"".join(part.pieces()) == b"abxyz"
    part.close()


def test_one_writer_at_a_time(tmp_path: Path) -> None:
    part = PartFile(tmp_path / "a.part")
    with pytest.raises(Conflict):
        PartFile(tmp_path / "a.part")
    part.close()
    PartFile(tmp_path / "a.part").close()


def test_a_file_that_is_removed_while_it_opens_is_not_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its lock would be the lock of a file that nobody finds again."""
    lock = fcntl.flock

    def remove_and_lock(file: int, operation: int) -> None:
        (tmp_path / "a.part").unlink()
        lock(file, operation)

    monkeypatch.setattr(fcntl, "flock", remove_and_lock)
    with pytest.raises(Conflict):
        PartFile(tmp_path / "a.part")


def test_links_are_not_followed(tmp_path: Path) -> None:
    (tmp_path / "victim").write_bytes(b"x")
    (tmp_path / "a.part").symlink_to(tmp_path / "victim")
    with pytest.raises(OSError, match="symbolic"):
        PartFile(tmp_path / "a.part")


def test_without_create_nothing_appears(tmp_path: Path) -> None:
    with pytest.raises(NotFound):
        PartFile(tmp_path / "a.part", create=False)
    assert not list(tmp_path.iterdir())


def test_rename_into_another_folder(tmp_path: Path) -> None:
    (tmp_path / "new").mkdir()
    (tmp_path / "a").write_bytes(b"1")
    rename_durably(tmp_path / "a", tmp_path / "new" / "b")
    assert (tmp_path / "new" / "b").read_bytes() == b"1"
    assert not (tmp_path / "a").exists()


async def test_a_cancelled_waiter_waits_for_its_thread() -> None:
    entered, released, finished = threading.Event(), threading.Event(), threading.Event()

    def work() -> None:
        entered.set()
        released.wait(5)
        finished.set()

    task = asyncio.create_task(off_loop(work))
    await asyncio.to_thread(entered.wait, 5)
    task.cancel()
    await asyncio.sleep(0.02)
    assert not task.done()
    released.set()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert finished.is_set()


async def test_what_the_thread_raises_comes_out() -> None:
    def work() -> None:
        raise NotFound("gone")

    with pytest.raises(NotFound, match="gone"):
        await off_loop(work)


async def test_what_is_opened_for_a_cancelled_waiter_is_let_go_of(tmp_path: Path) -> None:
    entered, released = threading.Event(), threading.Event()

    def slowly(path: Path) -> PartFile:
        part = PartFile(path)
        entered.set()
        released.wait(5)
        return part

    task = asyncio.create_task(open_off_loop(slowly, PartFile.close, tmp_path / "a.part"))
    await asyncio.to_thread(entered.wait, 5)
    with pytest.raises(Conflict):
        PartFile(tmp_path / "a.part")
    task.cancel()
    released.set()
    with pytest.raises(asyncio.CancelledError):
        await task
    PartFile(tmp_path / "a.part").close()


async def test_what_cannot_be_opened_is_not_let_go_of(tmp_path: Path) -> None:
    with pytest.raises(NotFound):
        await open_off_loop(PartFile, PartFile.close, tmp_path / "a.part", create=False)


async def test_one_job_at_a_time_beside_the_work() -> None:
    released, begun = asyncio.Event(), []

    async def job() -> None:
        begun.append(1)
        await released.wait()

    beside = Beside()
    assert await beside.start(job)
    await asyncio.sleep(0)
    assert not await beside.start(job)
    released.set()
    await beside.settle()
    assert await beside.start(job)
    await beside.settle()
    await beside.settle()
    assert len(begun) == 2


async def test_what_the_job_raises_comes_out() -> None:
    async def job() -> None:
        raise NotFound("gone")

    beside = Beside()
    await beside.start(job)
    with pytest.raises(NotFound):
        await beside.settle()


async def test_a_stream_is_ended_now() -> None:
    ended = []

    async def stream() -> AsyncIterator[bytes]:
        try:
            yield b"a"
            yield b"b"
        finally:
            ended.append(True)

    running = stream()
    async for _ in running:
        break
    await close_stream(running)
    assert ended

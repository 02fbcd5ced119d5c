"""Pieces are written in their order, one batch at a time, and nothing is written after a batch that failed."""

from __future__ import annotations

import asyncio

import pytest

from node.base.errors import NoRoom
from node.exchange.piece_writer import PieceWriter
from node.exchange.spool import READ_SIZE

HALF = READ_SIZE // 2


class Disk:
    """Remembers what it is told to write; ``fails_at`` is the number of the batch that it cannot write."""

    def __init__(self, fails_at: int | None = None) -> None:
        self.batches: list[bytes] = []
        self.calls = self.syncs = self.at_work = self.most_at_work = 0
        self.fails_at = fails_at
        self.writer = PieceWriter(self.write, self.sync, sync_bytes=2 * READ_SIZE, sync_seconds=1000.0)

    async def write(self, pieces: list[bytes]) -> None:
        self.calls += 1
        self.at_work += 1
        self.most_at_work = max(self.most_at_work, self.at_work)
        await asyncio.sleep(0)
        self.at_work -= 1
        if self.calls == self.fails_at:
            raise NoRoom("the disk is full")
        self.batches.append(b"".join(pieces))

    async def sync(self) -> None:
        self.syncs += 1


async def test_order_batches_and_rest() -> None:
    disk = Disk()
    pieces = [bytes([number]) * HALF for number in range(7)]
    for piece in pieces:
        await disk.writer.add(piece)
        await asyncio.sleep(0)
    await disk.writer.finish()
    assert b"".join(disk.batches) == b"".join(pieces)
    assert [len(batch) for batch in disk.batches] == [READ_SIZE, READ_SIZE, READ_SIZE, HALF]
    assert disk.most_at_work == 1
    assert disk.syncs == 1


async def test_nothing_is_written_when_nothing_came() -> None:
    disk = Disk()
    await disk.writer.finish()
    assert (disk.calls, disk.syncs) == (0, 0)


@pytest.mark.parametrize("fails_at", [1, 2])
async def test_nothing_follows_a_gap(fails_at: int) -> None:
    """The writer learns of the failure only later: the pieces gathered until then have no place any more."""
    disk = Disk(fails_at=fails_at)

    async def add_all() -> None:
        for number in range(9):
            await disk.writer.add(bytes([number]) * HALF)

    with pytest.raises(NoRoom):
        await add_all()
    await disk.writer.finish()
    assert b"".join(disk.batches) == b"".join(bytes([number]) * HALF for number in range(2 * (fails_at - 1)))


async def test_a_failure_of_the_last_batch_is_raised_at_the_end() -> None:
    disk = Disk(fails_at=1)
    await disk.writer.add(bytes(READ_SIZE))
    await disk.writer.add(b"rest")
    with pytest.raises(NoRoom):
        await disk.writer.finish()
    assert disk.batches == []

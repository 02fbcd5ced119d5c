"""Streams that are ended while somebody else reads from them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from node.exchange.offloop import close_stream


async def test_a_stream_is_ended_once_its_cancelled_reader_is() -> None:
    ended, reading = [], asyncio.Event()

    async def pieces() -> AsyncIterator[bytes]:
        try:
            reading.set()
            await asyncio.sleep(60)
            yield b"never"
        finally:
            ended.append(True)

    stream = pieces()
    reader = asyncio.ensure_future(anext(stream))
    await reading.wait()
    asyncio.get_running_loop().call_later(0.05, reader.cancel)
    await close_stream(stream)
    assert ended == [True]
    assert reader.cancelled()


async def test_a_stream_that_nobody_reads_is_ended_at_once() -> None:
    ended = []

    async def pieces() -> AsyncIterator[bytes]:
        try:
            yield b"one"
        finally:
            ended.append(True)

    stream = pieces()
    assert await anext(stream) == b"one"
    await close_stream(stream)
    assert ended == [True]

"""Tails of streams: who is behind is woken as well as who waits for what comes."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from node.datasources.streams.tails import Tails
from tests.fakes.provider import HandClock
from tests.fakes.stores.streams import MemoryStreamStore
from tests.fakes.stores.work import MemoryUnitOfWork
from tests.unit.datasources.test_windows import NOON, STREAM


def test_the_first_reader_gets_at_once_what_it_has_missed() -> None:
    uow, store, clock = MemoryUnitOfWork(), MemoryStreamStore(), HandClock()
    clock.at = NOON
    with uow.begin() as tx:
        store.put(tx, replace(STREAM, last=5))

    async def follow() -> tuple[bool, bool]:
        with Tails(uow, store, clock).follow(STREAM.name) as tail:
            # Nothing comes meanwhile that would wake it.
            behind = await tail.wait(2, 5.0)
            return behind, await tail.wait(5, 0.3)

    assert asyncio.run(follow()) == (True, False)

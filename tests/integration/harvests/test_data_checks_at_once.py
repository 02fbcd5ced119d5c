"""Checks of harvested data by two processes of a node over one database: none is done twice, and none is lost."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from node.worker.sole_work import OWN_FOR, SoleWork
from tests.stores import Stores
from tests.unit.catalogue.test_data_checker import NOW, TIMER, Walk, Web, harvested

FILES = 60


class Process:
    """A process of the node: it walks over the same records, with its own memory of them."""

    def __init__(self, name: str, web: Web, stores: Stores, *, first: bool) -> None:
        records = [harvested(number, f"h{number % 20}.example") for number in range(FILES)] if first else []
        shared: dict[str, Any] = {"uow": stores.uow, "checks": stores.data_checks}
        if not first:
            shared["records"] = _Present(stores.records)
        self.walk = Walk(web, *records, **{"records": stores.records, **shared})
        self.work = SoleWork(
            "harvested data",
            self.walk.checker.check_due,
            uow=stores.uow,
            marks=stores.meta,
            clock=self.walk.clock,
            owner=name,
        )


class _Present:
    """Records that are there already: none is added again."""

    def __init__(self, records: Any) -> None:
        self._records = records

    def add(self, tx: Any, record: Any) -> None:
        return

    def __getattr__(self, name: str) -> Any:
        return getattr(self._records, name)


@pytest.fixture
def web() -> Web:
    return Web()


def checks(stores: Stores) -> int:
    with stores.uow.read() as tx:
        return sum(stores.data_checks.counts(tx).values())


async def test_two_processes_check_each_file_once(web: Web, database_stores: Stores) -> None:
    first, second = (Process(name, web, database_stores, first=name == "a") for name in ("a", "b"))
    for number in range(8):
        for process in (first, second):
            process.walk.clock.time = NOW + number * TIMER
        await asyncio.gather(first.work(), second.work())
    assert len(web.fetches) == FILES
    assert set(web.fetches.values()) == {1}
    assert set(web.most.values()) == {1}, "a host answers one request at a time, also of two processes"
    assert checks(database_stores) == FILES


async def test_another_process_goes_on_after_one_was_killed(web: Web, database_stores: Stores) -> None:
    first, second = (Process(name, web, database_stores, first=name == "a") for name in ("a", "b"))
    death = asyncio.Event()

    async def die(seconds: float) -> None:
        # The process is gone in the middle: it fetches nothing more, saves nothing more, and gives nothing back.
        if len(web.fetches) >= FILES // 3:
            death.set()
            await asyncio.Event().wait()
        await asyncio.sleep(0)

    first.walk.checker._pause = die
    killed = asyncio.create_task(first.work())
    await asyncio.wait_for(death.wait(), 60)
    before, done = dict(web.fetches), checks(database_stores)
    assert 0 < done < FILES
    await second.work()
    assert dict(web.fetches) == before, "the first one may still be at it"
    for number in range(8):
        second.walk.clock.time = NOW + OWN_FOR + timedelta(seconds=1) + number * TIMER
        await second.work()
    assert checks(database_stores) == FILES, "none is lost"
    twice = [address for address, count in web.fetches.items() if count > 1]
    assert len(twice) <= len(before) - done, "only what was fetched and not saved is fetched again"
    killed.cancel()
    await asyncio.gather(killed, return_exceptions=True)


async def test_a_process_that_was_asleep_stops_when_another_has_taken_over(web: Web, database_stores: Stores) -> None:
    slow, other = (Process(name, web, database_stores, first=name == "a") for name in ("a", "b"))
    begun, never = asyncio.Event(), asyncio.Event()

    async def hang() -> None:
        begun.set()
        await never.wait()

    slow.work._work = hang
    slow.work._pause = lambda seconds: asyncio.sleep(0.01)
    going = asyncio.create_task(slow.work())
    await begun.wait()
    other.walk.clock.time = NOW + 2 * OWN_FOR
    await other.work()
    await asyncio.wait_for(going, 20)
    assert web.fetches, "the other one works"


async def test_a_failure_of_the_work_is_that_of_the_timer(web: Web, database_stores: Stores) -> None:
    process = Process("a", web, database_stores, first=True)

    async def fail() -> None:
        raise ValueError("broken")

    process.work._work = fail
    for _ in range(2):
        with pytest.raises(ValueError, match="broken"):
            await process.work()

"""A harvest that waits for its source gives its place to others."""

from __future__ import annotations

import asyncio

import pytest

from node.base.errors import PeerUnreachable
from node.catalogue.harvest.places import Places, giving_way


def test_sources_that_drip_do_not_keep_the_places_from_others() -> None:
    async def work() -> list[str]:
        places, answer, log = Places(at_once=2, waiting=4), asyncio.Event(), []

        async def drip(name: str) -> None:
            async with places.hold():
                await giving_way(answer.wait(), patience=0)
                log.append(name)

        async def quick() -> None:
            async with places.hold():
                log.append("quick")
                answer.set()

        async with asyncio.timeout(10), asyncio.TaskGroup() as group:
            for name in ("a", "b"):
                group.create_task(drip(name))
            group.create_task(quick())
        return log

    assert sorted(asyncio.run(work())[1:]) == ["a", "b"]


def test_no_more_work_at_a_time_than_there_are_places() -> None:
    async def work() -> int:
        places, working, most = Places(at_once=2, waiting=9), 0, 0

        async def harvest() -> None:
            nonlocal working, most
            async with places.hold():
                for _ in range(3):
                    await giving_way(asyncio.sleep(0.001), patience=0)
                    working += 1
                    most = max(most, working)
                    await asyncio.sleep(0)
                    working -= 1

        async with asyncio.timeout(10), asyncio.TaskGroup() as group:
            for _ in range(8):
                group.create_task(harvest())
        return most

    assert asyncio.run(work()) == 2


def test_errors_and_cancellation_leave_the_places_free() -> None:
    async def fail() -> None:
        await asyncio.sleep(0)
        raise PeerUnreachable("gone")

    async def work() -> None:
        places = Places(at_once=1, waiting=1)

        async def harvest() -> None:
            async with places.hold():
                await giving_way(fail(), patience=0)

        async def hang() -> None:
            async with places.hold():
                await giving_way(asyncio.Event().wait(), patience=0)

        with pytest.raises(PeerUnreachable):
            await harvest()
        task = asyncio.create_task(hang())
        await asyncio.sleep(0.01)
        task.cancel()
        await asyncio.wait({task})
        async with asyncio.timeout(10), places.hold():
            pass
        with pytest.raises(PeerUnreachable):
            await giving_way(fail())

    asyncio.run(work())

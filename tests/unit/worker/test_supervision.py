"""Loops that die are begun again, and are not well until they have proven themselves."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from node.worker.supervision import Supervision
from node.worker.timers import Timer, keep
from tests.nodes import until_async


def dying(times: int) -> tuple[Callable[[], Awaitable[None]], list[int]]:
    """Work that dies so often before it lives; and the list of its lives."""
    lives: list[int] = []

    async def work() -> None:
        lives.append(len(lives))
        if len(lives) <= times:
            raise KeyError("nobody thought of this")
        await asyncio.Event().wait()

    return work, lives


async def _end(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.wait([task])


def test_work_that_dies_is_begun_again_and_says_why() -> None:
    async def scenario() -> None:
        work, lives = dying(2)
        supervised = Supervision("worker", work, first_pause=0.01, proven=3600)
        task = asyncio.create_task(supervised.run())
        await until_async("it lives for the third time", lambda: len(lives) == 3)
        assert supervised.failed == "KeyError: 'nobody thought of this'", "living is not being well"
        await _end(task)

    asyncio.run(scenario())


def test_work_that_has_lived_for_a_while_is_well_again() -> None:
    async def scenario() -> None:
        work, lives = dying(1)
        kept = Supervision("worker", work, first_pause=0.01, proven=0.05)
        task = asyncio.create_task(kept.run())
        await until_async("it is well again", lambda: len(lives) == 2 and kept.failed is None)
        await _end(task)

    asyncio.run(scenario())


def test_work_that_returns_has_ended_too() -> None:
    async def scenario() -> None:
        async def work() -> None:
            return

        supervised = Supervision("worker", work, first_pause=3600)
        task = asyncio.create_task(supervised.run())
        await until_async("it is noticed", lambda: supervised.failed == "it ended by itself")
        supervised.stop()
        await asyncio.wait_for(task, 20)

    asyncio.run(scenario())


@pytest.mark.parametrize("dies", [False, True])
def test_what_was_told_to_stop_is_not_begun_again(dies: bool) -> None:
    async def scenario() -> None:
        ended, lives = asyncio.Event(), []

        async def work() -> None:
            lives.append(1)
            await ended.wait()
            if dies:
                raise OSError("on the way out")

        supervised = Supervision("worker", work)
        task = asyncio.create_task(supervised.run())
        await until_async("it lives", lambda: bool(lives))
        supervised.stop()
        ended.set()
        await asyncio.wait_for(task, 20)
        assert (len(lives), supervised.failed) == (1, None)

    asyncio.run(scenario())


async def _stray() -> None:
    """Wait for something that is cancelled by itself."""
    waited_for = asyncio.create_task(asyncio.sleep(3600))
    waited_for.cancel()
    await waited_for


def test_work_that_is_cancelled_from_within_has_died() -> None:
    async def scenario() -> None:
        lives: list[int] = []

        async def work() -> None:
            lives.append(1)
            if len(lives) == 1:
                await _stray()
            await asyncio.Event().wait()

        supervised = Supervision("views", work, first_pause=0.01, proven=3600)
        task = asyncio.create_task(supervised.run())
        await until_async("it lives again", lambda: len(lives) == 2)
        assert supervised.failed == "it cancelled itself"
        await _end(task)
        assert task.cancelled(), "what is cancelled from outside ends"

    asyncio.run(scenario())


def test_a_timer_that_is_cancelled_from_within_comes_round_again() -> None:
    async def scenario() -> None:
        rounds: list[int] = []

        async def work() -> None:
            rounds.append(1)
            await _stray()

        task = asyncio.create_task(keep([Timer("one", 0.01, work)]))
        await until_async("it comes round again", lambda: len(rounds) > 2)
        await _end(task)
        assert task.cancelled(), "what is cancelled from outside ends"

    asyncio.run(scenario())

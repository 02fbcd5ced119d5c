"""The worker's loop: what it takes when many peers want something at once, and what it does when it dies."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from node.base.clock import SystemClock
from node.base.errors import LocalFault
from node.base.work import Task
from node.worker.loop import Pace, Worker
from node.worker.outcomes import Again, Done, Outcome
from tests.fakes.stores.work import MemoryOutbox, MemoryUnitOfWork
from tests.nodes import until_async

CLOCK = SystemClock()
PACE = Pace(poll=0.02, lengthy=20)


def to(lane: str, number: int = 0, *, topic: str = "dsp") -> Task:
    name = f"{topic} {lane} {number}"
    return Task(id=name, topic=topic, lane=lane, subject=name, body=b"", due=CLOCK.now())


class Scene:
    """A worker whose handler does what the test says for the task's lane."""

    def __init__(self, *, embedded: bool, pace: Pace = PACE) -> None:
        self.uow, self.outbox = MemoryUnitOfWork(), MemoryOutbox()
        self.begun: Counter[str] = Counter()
        self.finished: Counter[str] = Counter()
        self.silent: set[str] = set()
        """Lanes whose peers never answer."""
        self.stray: set[str] = set()
        """Lanes where something that is waited for is cancelled by itself."""
        self.away: set[str] = set()
        """Lanes whose peers refuse the connection."""
        self.worker = Worker(
            uow=self.uow,
            outbox=self.outbox,
            handlers={"dsp": self.handle, "receive": self.handle},
            clock=CLOCK,
            instance="w",
            pace=pace,
            embedded=embedded,
            lengthy={"receive"},
            narrow={"receive"},
        )

    async def handle(self, task: Task) -> Outcome:
        self.begun[task.lane] += 1
        if task.lane in self.silent:
            await asyncio.Event().wait()
        if task.lane in self.stray:
            waited_for = asyncio.create_task(asyncio.sleep(3600))
            waited_for.cancel()
            await waited_for
        if task.lane in self.away:
            return Again("nobody there", lane_down=True)
        self.finished[task.lane] += 1
        return Done()

    def put(self, *tasks: Task) -> None:
        with self.uow.begin() as tx:
            for one in tasks:
                self.outbox.put(tx, one)
        self.worker.wake()

    async def __aenter__(self) -> Scene:
        self.running = asyncio.create_task(self.worker.run())
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.worker.stop(within=0)
        await asyncio.wait_for(self.running, 20)


@pytest.mark.parametrize("embedded", [True, False])
def test_bytes_from_peers_that_are_slow_for_ever_do_not_keep_messages_waiting(embedded: bool) -> None:
    async def scenario() -> None:
        async with Scene(embedded=embedded) as scene:
            slow = [f"receive slow {number}" for number in range(10)]
            scene.silent |= set(slow)
            scene.put(*(to(lane, number, topic="receive") for lane in slow for number in range(10)))
            await until_async("as many are received as may be", lambda: sum(scene.begun.values()) == PACE.lengthy)
            scene.put(*(to(f"peer {number % 7}", number) for number in range(70)))
            await until_async("all messages are sent", lambda: sum(scene.finished.values()) == 70)
            assert sum(scene.begun[lane] for lane in slow) == PACE.lengthy

    asyncio.run(scenario())


@pytest.mark.parametrize("embedded", [True, False])
def test_two_peers_that_are_slow_for_ever_do_not_keep_the_bytes_of_others_waiting(embedded: bool) -> None:
    async def scenario() -> None:
        async with Scene(embedded=embedded) as scene:
            slow = ["receive slow", "receive slower"]
            scene.silent |= set(slow)
            scene.put(*(to(lane, number, topic="receive") for lane in slow for number in range(50)))
            await until_async(
                "each holds what it may hold", lambda: all(scene.begun[one] == PACE.narrow_width for one in slow)
            )
            scene.put(*(to(f"receive {number % 7}", number, topic="receive") for number in range(70)))
            await until_async("all others have theirs", lambda: sum(scene.finished.values()) == 70)
            assert [scene.begun[one] for one in slow] == [PACE.narrow_width] * 2

    asyncio.run(scenario())


@pytest.mark.parametrize("embedded", [True, False])
def test_a_black_hole_among_twenty_peers_delays_nobody_else(embedded: bool) -> None:
    async def scenario() -> None:
        async with Scene(embedded=embedded) as scene:
            scene.silent.add("black hole")
            scene.put(*(to("black hole", number) for number in range(200)))
            await until_async("it holds what it may hold", lambda: scene.begun["black hole"] == PACE.lane_width)
            scene.put(*(to(f"peer {number % 19}", number) for number in range(190)))
            await until_async("everybody else has theirs", lambda: sum(scene.finished.values()) == 190)
            assert scene.begun["black hole"] == PACE.lane_width

    asyncio.run(scenario())


def test_a_peer_that_is_away_is_tried_by_one_task_at_a_time() -> None:
    async def scenario() -> None:
        async with Scene(embedded=True, pace=Pace(poll=0.02, first_delay=0.01, longest_delay=0.02)) as scene:
            scene.away.add("gone")
            scene.put(*(to("gone", number) for number in range(200)))
            await until_async("the lane rests", lambda: scene.worker._lanes.resting() == ["gone"])
            tried = scene.begun["gone"]
            scene.put(to("there"))
            await until_async("others are served", lambda: scene.finished["there"] == 1)
            assert tried <= 2 * PACE.lane_width, "a lane that rests is left alone"
            scene.away.clear()
            await until_async("all arrive when it is back", lambda: scene.finished["gone"] == 200)

    asyncio.run(scenario())


def test_what_the_store_raises_shows_while_it_does_and_ends_nothing() -> None:
    async def scenario() -> None:
        scene = Scene(embedded=True)
        real, broken = scene.outbox.due, True

        def due(*arguments: object, **options: object) -> object:
            if broken:
                raise LocalFault("the database failed")
            return real(*arguments, **options)  # type: ignore[arg-type]

        scene.outbox.due = due  # type: ignore[method-assign,assignment]
        async with scene:
            await until_async("it shows", lambda: "the database failed" in (scene.worker.failure or ""))
            broken = False
            scene.put(to("peer"))
            await until_async("it goes on", lambda: scene.finished["peer"] == 1)
            await until_async("it is well", lambda: scene.worker.failure is None)

    asyncio.run(scenario())


@pytest.mark.parametrize("embedded", [True, False])
def test_a_task_that_is_cancelled_from_within_is_tried_again_after_a_pause(embedded: bool) -> None:
    async def scenario() -> None:
        async with Scene(embedded=embedded) as scene:
            scene.stray.add("peer")
            scene.put(to("peer"))

            def reason() -> str | None:
                with scene.uow.read() as tx:
                    task = scene.outbox.find(tx, to("peer").id)
                return None if task is None else task.last_error

            await until_async("the reason is kept", lambda: reason() == "it cancelled itself")
            scene.stray.clear()
            await until_async("it is tried again", lambda: scene.finished["peer"] == 1)

    asyncio.run(scenario())


def test_a_worker_that_ends_gives_back_what_it_has() -> None:
    async def scenario() -> None:
        scene = Scene(embedded=False)
        scene.silent.add("black hole")
        async with scene:
            scene.put(*(to("black hole", number) for number in range(3)))
            await until_async("they run", lambda: scene.begun["black hole"] == 3)
        now = CLOCK.now()
        with scene.uow.begin() as tx:
            again = scene.outbox.lease(tx, owner="next", now=now, until=now + timedelta(minutes=1), limit=10)
        assert len(again) == 3, "the next worker need not wait for the end of the leases"
        assert {one.attempts for one in again} == {1}

    asyncio.run(scenario())


class Slow(Scene):
    """A scene whose worker looks by itself once an hour, and counts its looks."""

    def __init__(self, *, embedded: bool = True) -> None:
        super().__init__(embedded=embedded, pace=Pace(poll=3600, first_delay=0.01, longest_delay=0.02))
        self.looks = 0
        self.given_back = 0
        look = self.outbox.due if embedded else self.outbox.lease
        retry = self.outbox.retry

        def counted(*arguments: Any, **options: Any) -> Sequence[Task]:
            self.looks += 1
            return look(*arguments, **options)

        def counted_return(*arguments: Any, **options: Any) -> bool:
            self.given_back += 1
            return retry(*arguments, **options)

        setattr(self.outbox, look.__name__, counted)
        self.outbox.retry = counted_return  # type: ignore[method-assign]


def test_a_task_costs_one_look_at_the_queue() -> None:
    async def scenario() -> None:
        async with Slow() as scene:
            await until_async("the first look", lambda: scene.looks == 1)
            for number in range(1, 6):
                scene.put(to("peer", number))
                await until_async("it is done", lambda: scene.worker.busy == 0 and scene.finished["peer"] == number)  # noqa: B023
            assert scene.looks == 6

    asyncio.run(scenario())


@pytest.mark.parametrize("embedded", [True, False])
def test_what_waits_for_its_turn_is_found_without_being_told(embedded: bool) -> None:
    async def scenario() -> None:
        async with Slow(embedded=embedded) as scene:
            first, second = to("peer", 1), to("peer", 2)
            scene.put(first, replace(second, subject=first.subject), *(to("many", number) for number in range(40)))
            await until_async("the second came after the first", lambda: scene.finished["peer"] == 2)
            await until_async("the lane was full for some", lambda: scene.finished["many"] == 40)
            assert scene.given_back == 0, "only what has a place is leased"

    asyncio.run(scenario())


@pytest.mark.parametrize("embedded", [True, False])
def test_what_waits_for_its_time_is_found_without_being_told(embedded: bool) -> None:
    async def scenario() -> None:
        async with Slow(embedded=embedded) as scene:
            scene.put(replace(to("late"), due=CLOCK.now() + timedelta(seconds=0.1)))
            scene.stray.add("again")
            scene.put(to("again"))
            await until_async("it came in its time", lambda: scene.finished["late"] == 1)
            await until_async("it was tried again", lambda: scene.begun["again"] > 2)
            scene.stray.clear()
            await until_async("it is done", lambda: scene.finished["again"] == 1)

    asyncio.run(scenario())


def test_the_end_of_a_task_shows_what_another_process_has_added() -> None:
    async def scenario() -> None:
        async with Slow(embedded=False) as scene:
            scene.put(to("told"))
            with scene.uow.begin() as tx:
                scene.outbox.put(tx, to("untold"))
            await until_async("both are done", lambda: scene.finished["told"] == scene.finished["untold"] == 1)

    asyncio.run(scenario())


def test_what_is_put_into_the_queue_without_telling_is_found_by_a_look(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario() -> None:
        async with Scene(embedded=True) as scene:
            monkeypatch.setattr(scene.worker, "wake", lambda: None)
            scene.put(to("untold"))
            await until_async("it is done", lambda: scene.finished["untold"] == 1)

    asyncio.run(scenario())

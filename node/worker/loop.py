"""The loop that carries out tasks of the outbox.

A task is leased, handled, and its outcome recorded together with its consequences in one transaction. A peer that
does not answer delays nobody else: every lane has its own back-off. A loop that dies turns the health check red.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from node.base.clock import Clock
from node.base.crashpoints import crashpoint
from node.base.work import Outbox, Task, Transaction, UnitOfWork

log = logging.getLogger("hansa.worker")

Apply = Callable[[Transaction], None]


@dataclass(frozen=True, slots=True)
class Done:
    """The task is finished; ``apply`` writes what follows from it, in the transaction that removes the task."""

    apply: Apply | None = None


@dataclass(frozen=True, slots=True)
class Again:
    """Not yet: try later. ``lane_down`` tells that the peer as a whole does not answer."""

    error: str
    after: float | None = None
    lane_down: bool = False


@dataclass(frozen=True, slots=True)
class Never:
    """It cannot succeed: a dead letter, with the reason, and a retry button for a person."""

    error: str


Outcome = Done | Again | Never


class Handler(Protocol):
    """Carries out one task. Must be safe to run again with the same task."""

    def __call__(self, task: Task) -> Awaitable[Outcome]: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How the worker works: seconds and counts."""

    lease: float = 30.0
    poll: float = 1.0
    concurrency: int = 64
    first_delay: float = 0.2
    longest_delay: float = 60.0
    give_up_after: timedelta = timedelta(days=3)


class Worker:
    """Runs until it is stopped. ``wake`` may be called from any thread."""

    def __init__(
        self,
        *,
        uow: UnitOfWork,
        outbox: Outbox,
        handlers: Mapping[str, Handler],
        clock: Clock,
        instance: str,
        pace: Pace | None = None,
        embedded: bool = False,
    ) -> None:
        self._uow = uow
        self._outbox = outbox
        self._handlers = handlers
        self._clock = clock
        self._instance = instance
        self._pace = pace or Pace()
        self._embedded = embedded
        self._loop: asyncio.AbstractEventLoop | None = None
        self._event = asyncio.Event()
        self._running: dict[str, tuple[Task, asyncio.Task[None]]] = {}
        self._lanes_down: dict[str, tuple[int, datetime]] = {}
        self._stopping = False
        self.failed: str | None = None

    @property
    def busy(self) -> int:
        """How many tasks are being carried out."""
        return len(self._running)

    def wake(self) -> None:
        """There may be something to do."""
        loop = self._loop
        if loop is not None and not loop.is_closed():
            loop.call_soon_threadsafe(self._event.set)

    async def run(self) -> None:
        """Work until ``stop``. An error of the store is logged and retried; it shows in ``failed`` meanwhile."""
        self._loop = asyncio.get_running_loop()
        if self._embedded:
            await asyncio.to_thread(self._release)
        beat = asyncio.create_task(self._keep_leases())
        try:
            while not self._stopping:
                self._event.clear()
                try:
                    taken = await self._take()
                    self.failed = None
                except Exception as error:
                    log.exception("the outbox cannot be read")
                    self.failed = f"{type(error).__name__}: {error}"
                    taken = 0
                    await asyncio.sleep(self._pace.poll)
                if taken == 0:
                    await self._rest()
        finally:
            beat.cancel()

    async def stop(self, within: float = 10.0) -> None:
        """Take nothing new, finish what runs within this many seconds, then hand back the leases by letting go."""
        self._stopping = True
        self._event.set()
        running = [runner for _, runner in self._running.values()]
        if running:
            _, late = await asyncio.wait(running, timeout=within)
            for runner in late:
                runner.cancel()
            if late:
                await asyncio.wait(late, timeout=2)

    async def _rest(self) -> None:
        try:
            await asyncio.wait_for(self._event.wait(), timeout=self._pace.poll)
        except TimeoutError:
            return

    async def _take(self) -> int:
        room = self._pace.concurrency - len(self._running)
        if room <= 0:
            return 0
        tasks = await asyncio.to_thread(self._lease, room)
        for task in tasks:
            runner = asyncio.create_task(self._carry_out(task))
            self._running[task.id] = (task, runner)
        return len(tasks)

    def _release(self) -> None:
        with self._uow.begin() as tx:
            self._outbox.release(tx)

    def _lease(self, room: int) -> list[Task]:
        now = self._clock.now()
        blocked = [lane for lane, (_, until) in self._lanes_down.items() if until > now]
        if self._embedded:
            # Nobody else works on this store, so a lease would only tell ourselves what we know.
            with self._uow.read() as tx:
                busy = set(self._running)
                return list(self._outbox.due(tx, now=now, limit=room, busy=busy, lanes_blocked=blocked))
        with self._uow.read() as tx:
            next_due = self._outbox.next_due(tx)
        if next_due is None or next_due > now:
            return []
        with self._uow.begin() as tx:
            return list(
                self._outbox.lease(
                    tx,
                    owner=self._instance,
                    now=now,
                    until=now + timedelta(seconds=self._pace.lease),
                    limit=room,
                    lanes_blocked=blocked,
                )
            )

    async def _carry_out(self, task: Task) -> None:
        try:
            handler = self._handlers.get(task.topic)
            if handler is None:
                outcome: Outcome = Never(f"nothing here handles {task.topic!r}")
            else:
                outcome = await self._handle(handler, task)
            crashpoint(f"{task.topic}.{task.headers.get('message', '')}.S4")
            await asyncio.to_thread(self._conclude, task, outcome)
        except asyncio.CancelledError:
            raise
        except Exception:
            log.exception("a task could not be concluded", extra={"task": task.id, "topic": task.topic})
        finally:
            self._running.pop(task.id, None)
            self._event.set()

    async def _handle(self, handler: Handler, task: Task) -> Outcome:
        try:
            return await handler(task)
        except asyncio.CancelledError:
            raise
        except Exception as error:
            log.exception("a task failed", extra={"task": task.id, "topic": task.topic})
            return Again(f"{type(error).__name__}: {error}")

    def _conclude(self, task: Task, outcome: Outcome) -> None:
        with self._uow.begin() as tx:
            match outcome:
                case Done(apply):
                    self._lanes_down.pop(task.lane, None)
                    if self._outbox.done(tx, task) and apply is not None:
                        apply(tx)
                        tx.after_commit(self.wake)
                case Again(error, after, lane_down):
                    due = self._clock.now() + timedelta(seconds=after if after is not None else self._delay(task))
                    if lane_down:
                        self._note_lane_down(task.lane)
                    if due - task.due > self._pace.give_up_after:
                        self._outbox.bury(tx, task, error=f"given up: {error}")
                    else:
                        self._outbox.retry(tx, task, due=due, error=error)
                case Never(error):
                    log.warning("dead letter", extra={"task": task.id, "topic": task.topic, "why": error})
                    self._outbox.bury(tx, task, error=error)

    def _delay(self, task: Task) -> float:
        """Doubling, capped, with jitter, so that many waiting senders do not come back in step."""
        longest = min(self._pace.longest_delay, self._pace.first_delay * float(2 ** min(task.attempts, 16)))
        return longest * (0.5 + random.random() / 2)  # noqa: S311 - spreads load, guards nothing

    def _note_lane_down(self, lane: str) -> None:
        """A circuit breaker: after three failures in a row the lane rests, at first for a second."""
        count, _ = self._lanes_down.get(lane, (0, self._clock.now()))
        count += 1
        rest = 0.0 if count < 3 else min(30.0, 2.0 ** (count - 3))
        self._lanes_down[lane] = (count, self._clock.now() + timedelta(seconds=rest))

    async def _keep_leases(self) -> None:
        while not self._embedded:
            await asyncio.sleep(self._pace.lease / 3)
            tasks = [task for task, _ in self._running.values()]
            if tasks:
                await asyncio.to_thread(self._renew, tasks)

    def _renew(self, tasks: list[Task]) -> None:
        until = self._clock.now() + timedelta(seconds=self._pace.lease)
        try:
            with self._uow.begin() as tx:
                for task in tasks:
                    self._outbox.renew(tx, task, until=until)
        except Exception as error:
            log.warning("leases could not be renewed", exc_info=error)

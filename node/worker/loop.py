"""The loop that carries out tasks of the outbox.

The worker leases a task, handles it, and records its outcome together with its consequences in one transaction. A
peer that does not answer delays no other peer: every lane has its own width and its own rest. An outcome that cannot
be recorded is kept and recorded later, and the task is not carried out again meanwhile. Tasks that may take hours
leave room for those that take a moment. If the loop dies or the database fails, the health check is red.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial

from node.base.clock import Clock
from node.base.crashpoints import crashpoint
from node.base.threads import in_thread, read_briefly
from node.base.turns import in_turn
from node.base.work import SENT, Outbox, Task, Transaction, UnitOfWork
from node.worker.lanes import Lanes
from node.worker.outcomes import Again, Done, Handler, Never, NotesBurial, Outcome
from node.worker.pace import Pace as Pace  # noqa: PLC0414 - defined where a worker is made
from node.worker.places import Places
from node.worker.poll_schedule import MOST_KNOWN, PollSchedule
from node.worker.supervision import cancelled_from_outside

log = logging.getLogger("hansa.worker")


class Worker:
    """Runs until it is stopped. ``wake`` may be called from any thread.

    ``lengthy``: topics whose tasks may take as long as a peer likes, such as the bytes of a large file from a slow
    peer. However many of them run, messages are still sent. ``narrow``: topics with few tasks of one lane at a time.
    ``remains`` returns the part of a dead letter's body that is kept.
    """

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
        lengthy: Collection[str] = (),
        narrow: Collection[str] = (),
        remains: Callable[[Task], bytes] | None = None,
    ) -> None:
        self._uow = uow
        self._outbox = outbox
        self._handlers = handlers
        self._lengthy = sorted(lengthy)
        self._narrow = frozenset(narrow)
        self._remains = remains
        self._clock = clock
        self._instance = instance
        self._pace = pace or Pace()
        self._embedded = embedded
        self._loop: asyncio.AbstractEventLoop | None = None
        self._event = asyncio.Event()
        self._running: dict[str, tuple[Task, asyncio.Task[None]]] = {}
        self._lanes = Lanes(clock, self._pace.lane_width)
        self._stopping = False
        self._looked = clock.now()
        self._poll_schedule = PollSchedule(self._pace.poll)
        self._unread: str | None = None
        self._unrecorded: dict[str, str] = {}

    @property
    def failure(self) -> str | None:
        """Return why no tasks can be taken or no outcomes recorded, as long as that is so."""
        return self._unread or next(iter(list(self._unrecorded.values())), None)

    @property
    def busy(self) -> int:
        """Return how many tasks are being carried out."""
        return len(self._running)

    def wake(self) -> None:
        """Note that there may be something to do."""
        self._poll_schedule.tell()
        loop = self._loop
        if loop is not None and not loop.is_closed():
            loop.call_soon_threadsafe(self._event.set)

    async def run(self) -> None:
        """Work until ``stop``. An error of the store is logged and retried; ``failure`` shows it meanwhile."""
        self._loop = asyncio.get_running_loop()
        released = not self._embedded
        beat = asyncio.create_task(self._keep_leases())
        try:
            while not self._stopping:
                self._event.clear()
                try:
                    if not released:
                        await asyncio.to_thread(self._release)
                        released = True
                    count = await self._take()
                    self._unread = None
                except Exception as error:
                    log.exception("the outbox could not be read")
                    self._unread = f"{type(error).__name__}: {error}"
                    self._poll_schedule.tell()
                    count = 0
                    await asyncio.sleep(self._pace.poll)
                if count == 0:
                    await self._rest()
        finally:
            beat.cancel()

    async def stop(self, within: float = 10.0) -> None:
        """Take no new task, let running tasks finish within so many seconds, and give the rest back to the queue."""
        self._stopping = True
        self._event.set()
        running = dict(self._running)
        if not running:
            return
        _, late = await asyncio.wait([runner for _, runner in running.values()], timeout=within)
        for runner in late:
            runner.cancel()
        if late:
            await asyncio.wait(late, timeout=2)
            unfinished = [task for task, runner in running.values() if runner in late]
            # A database that does not answer must not delay the end: the leases expire by themselves.
            await asyncio.wait([asyncio.create_task(asyncio.to_thread(self._hand_back, unfinished))], timeout=2)

    async def _rest(self) -> None:
        try:
            await asyncio.wait_for(self._event.wait(), timeout=await self._pause())
        except TimeoutError:
            return

    async def _pause(self) -> float:
        """Return the seconds until the next look at the queue: at most until the earliest task is due. While tasks
        run, the end of the first of them causes the next look anyway."""
        if self._running or not self._poll_schedule.left:
            return self._pace.poll
        try:
            next_due = await asyncio.to_thread(self._next_due)
        except Exception as error:
            log.warning("the next task could not be read from the queue", exc_info=error)
            return self._pace.poll
        if next_due is None or next_due <= self._looked:
            # A task that was due at the last look and was not taken waits for something else: its lane rests, or is
            # full.
            return self._pace.poll
        return max(0.0, min((next_due - self._clock.now()).total_seconds(), self._pace.poll))

    def _next_due(self) -> datetime | None:
        with self._uow.read() as tx:
            return self._outbox.next_due(tx)

    async def _take(self) -> int:
        room = self._pace.concurrency - len(self._running)
        now = asyncio.get_running_loop().time()
        if room <= 0 or not self._poll_schedule.due(now):
            return 0
        self._poll_schedule.begin(now)
        if self._embedded and self._poll_schedule.is_short:
            tasks = await read_briefly(self._uow, partial(self.lease, room))
        else:
            tasks = await asyncio.to_thread(self.lease, room)
        if self._stopping:
            await asyncio.to_thread(self._hand_back, tasks)
            return 0
        for task in tasks:
            runner = asyncio.create_task(self._carry_out(task))
            self._running[task.id] = (task, runner)
        return len(tasks)

    def _release(self) -> None:
        with self._uow.begin() as tx:
            self._outbox.release(tx)

    def _hand_back(self, tasks: Sequence[Task]) -> None:
        """Release leases before they expire, so that another worker need not wait for that."""
        if self._embedded or not tasks:
            return
        try:
            with self._uow.begin() as tx:
                for task in tasks:
                    before = replace(task, attempts=task.attempts - 1)
                    self._outbox.retry(tx, before, due=task.due, error=task.last_error or "not tried yet")
        except Exception as error:
            log.warning("leases could not be returned", exc_info=error)

    def lease(self, room: int) -> list[Task]:
        """Take up to ``room`` due tasks, from each lane only as many as its width allows."""
        self._looked = self._clock.now()
        lanes = set(self._running)
        # No other worker uses an embedded store, so a lease would add no information.
        with self._uow.read() if self._embedded else self._uow.begin() as tx:
            tasks = self._gather(tx, room)
            self._poll_schedule.saw(self._outbox.live(tx, MOST_KNOWN), lanes.union(task.id for task in tasks))
            return tasks

    def _gather(self, tx: Transaction, room: int) -> list[Task]:
        running = [task for task, _ in list(self._running.values())]
        places = Places(
            running,
            resting=self._lanes.resting(),
            width=self._width,
            lengthy=self._lengthy,
            most_lengthy=self._pace.lengthy,
        )
        tasks: list[Task] = []
        while len(tasks) < room:
            number, passed_over = min(room - len(tasks), self._pace.lane_width), places.passed_over
            taken = self._next(tx, number, {task.id for task in (*running, *tasks)}, places)
            tasks += taken
            if len(taken) < number and places.passed_over == passed_over:
                break
        return tasks

    def _width(self, task: Task) -> int:
        """Return how many tasks may run in the lane of ``task``. A lane holds tasks of one topic, or of several
        topics with the same width."""
        width = self._lanes.width(task.lane)
        return min(width, self._pace.narrow_width) if task.topic in self._narrow else width

    def _next(self, tx: Transaction, limit: int, busy: set[str], places: Places) -> Sequence[Task]:
        now = self._clock.now()
        without = {"lanes_blocked": places.full_lanes, "topics_blocked": places.full_topics}
        if self._embedded:
            due = self._outbox.due(tx, now=now, limit=limit, busy=busy, **without)
            return [task for task in due if places.takes(task)]
        until = now + timedelta(seconds=self._pace.lease)
        return self._outbox.lease(
            tx, owner=self._instance, now=now, until=until, limit=limit, takes=places.takes, **without
        )

    async def _carry_out(self, task: Task) -> None:
        is_over = False
        try:
            outcome = await self.handle(task)
            crashpoint(f"{task.headers.get('process', task.topic)}.{task.headers.get('message', '')}.S4")
            is_over = await self._record(task, outcome)
        finally:
            self._unrecorded.pop(task.id, None)
            self._running.pop(task.id, None)
            if not is_over or not self._embedded:
                # It is in the queue again, or other processes have added tasks meanwhile, without a notice here.
                self._poll_schedule.tell()
            self._event.set()

    async def handle(self, task: Task) -> Outcome:
        """Return the outcome of a task; any error of its handler is a reason to try again."""
        handler = self._handlers.get(task.topic)
        if handler is None:
            return Never(f"nothing here handles {task.topic!r}")
        try:
            return await handler(task)
        except asyncio.CancelledError:
            if cancelled_from_outside():
                raise
            log.exception("a task cancelled itself", extra={"task": task.id, "topic": task.topic})
            return Again("it cancelled itself")
        except Exception as error:
            log.exception("a task failed", extra={"task": task.id, "topic": task.topic})
            return Again(f"{type(error).__name__}: {error}")

    async def _record(self, task: Task, outcome: Outcome) -> bool:
        """Conclude the task, however long that takes: the peer is not asked again for an answer that it has given.

        Return whether the task has left the queue. From the second failure on, the reason may be that its consequence
        cannot be written; the task is then given back with that reason, to be tried again and given up in the end.
        """
        failures = 0
        while True:
            try:
                await in_thread(partial(in_turn, partial(self.conclude, task, outcome)))
                return not isinstance(outcome, Again)
            except Exception as error:
                log.exception("an outcome could not be recorded", extra={"task": task.id, "topic": task.topic})
                self._unrecorded[task.id] = f"{type(error).__name__}: {error}"
                failures += 1
                if failures > 1:
                    outcome = Again(f"its outcome could not be recorded: {type(error).__name__}: {error}")
                await asyncio.sleep(min(self._pace.longest_delay, self._pace.poll * 2.0 ** min(failures - 1, 16)))

    def conclude(self, task: Task, outcome: Outcome) -> None:
        """Record the outcome of a task and its consequences; do nothing if the lease was lost meanwhile."""
        with self._uow.begin() as tx:
            match outcome:
                case Done(apply, late, hold):
                    if hold is not None:
                        hold(tx)
                    writing = apply if self._outbox.finish(tx, task) else late
                    if writing is not None:
                        writing(tx)
                case Again(error, after, _, at_least, note):
                    if note is not None:
                        note(tx)
                    if self._pace.is_exhausted(task.attempts):
                        self._bury(tx, task, f"given up: {error}")
                    else:
                        pause = max(after if after is not None else self._delay(task), at_least)
                        due = self._clock.now() + timedelta(seconds=pause)
                        # A pause that the peer asked for counts as the attempts that it replaces, so that it does not
                        # postpone the end.
                        spared = int(pause / self._pace.longest_delay) if at_least else 0
                        counted = replace(task, attempts=task.attempts + spared)
                        self._outbox.retry(tx, counted, due=due, error=error)
                case Never(error):
                    self._bury(tx, task, error)
        crashpoint(f"{task.headers.get('process', task.topic)}.{task.headers.get('message', '')}.S5")
        if isinstance(outcome, Again):
            if outcome.lane_down:
                self._lanes.down(task.lane)
        else:
            self._lanes.up(task.lane)

    def _bury(self, tx: Transaction, task: Task, error: str) -> None:
        log.warning("dead letter", extra={"task": task.id, "topic": task.topic, "why": error})
        body = task.body if self._remains is None else self._remains(task)
        headers = task.headers if body == task.body else {**task.headers, SENT: task.sent_sha256}
        is_buried = self._outbox.bury(tx, replace(task, body=body, headers=headers), error=error)
        handler: object = self._handlers.get(task.topic)
        if is_buried and isinstance(handler, NotesBurial):
            handler.note_burial(tx, task, error)

    def _delay(self, task: Task) -> float:
        """Return the delay with jitter, so that many waiting senders do not return at the same time."""
        return self._pace.delay(task.attempts) * (0.5 + random.random() / 2)  # noqa: S311 - spreads load, guards nothing

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

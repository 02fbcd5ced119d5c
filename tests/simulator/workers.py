"""Workers of a simulated node, moved by hand: the real loop's decisions without its event loop.

What a handler awaits is a ``Wire``; the scenario decides when and with what it goes on. So a request can be held for
an hour, and a worker can be stopped between a peer's answer and the commit that records it.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Generator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from node.base.clock import WatchedClock
from node.base.errors import HansaError, PeerUnreachable
from node.base.work import Task
from node.worker.deliveries import PeerAnswer
from node.worker.loop import Pace, Worker
from node.worker.outcomes import Again, Outcome
from node.worker.queue_repair import QueueRepair
from tests.simulator.database import Crash

if TYPE_CHECKING:
    from tests.simulator.nodes import SimNode

PACE = Pace()
PATIENCE = timedelta(seconds=20)
"""For how long a request waits for its answer."""


class Wire:
    """A request that a handler waits for: ``body`` to ``url``, or (with ``read``) the bytes of a transfer."""

    def __init__(self, url: str, body: bytes, *, audience: str, read: bool = False) -> None:
        self.url = url
        self.body = body
        self.audience = audience
        self.read = read

    def __await__(self) -> Generator[Wire, PeerAnswer, PeerAnswer]:
        return (yield self)


@dataclass(eq=False)
class Run:
    """A task that is being carried out."""

    hand: Hand
    task: Task
    steps: Coroutine[Wire, PeerAnswer | None, Outcome]
    since: datetime
    over: bool = False


@dataclass
class _Unrecorded:
    task: Task
    outcome: Outcome
    status: int | None
    failures: int = 1


@dataclass(eq=False)
class Hand:
    """One worker process of a node. ``sent`` is told of every request, ``concluding`` wraps every conclusion, and
    ``concluded`` is told of those that came of an answer of the peer, with its status."""

    node: SimNode
    number: int
    sent: Callable[[Run, Wire], None]
    concluding: Callable[[Hand, Task, Callable[[], None]], None]
    concluded: Callable[[SimNode, Task, int], None]
    paused: bool = False
    life: int = 0
    runs: list[Run] = field(default_factory=list)
    unrecorded: list[_Unrecorded] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.start()

    def start(self) -> None:
        """As a new process."""
        self.life += 1
        self.paused = False
        embedded = self.node.plan.workers == 0
        clock = WatchedClock(self.node.clock, self._elapsed)
        self.worker = Worker(
            uow=self.node.uow,
            outbox=self.node.outbox,
            handlers=self.node.handlers(),
            clock=clock,
            instance=f"{self.node.name} {self.number} {self.life}",
            pace=PACE,
            embedded=embedded,
        )
        self.set_right = QueueRepair(
            uow=self.node.uow,
            outbox=self.node.outbox,
            clock=clock,
            pace=PACE,
            wake=lambda: None,
        )
        self.renewed = self.node.time.at
        if embedded:
            self.worker._release()

    def _elapsed(self) -> float:
        """Seconds that nobody sets."""
        return self.node.time.at.timestamp()

    def die(self) -> None:
        """Everything in its memory is gone."""
        for run in self.runs:
            run.over = True
            run.steps.close()
        self.runs.clear()
        self.unrecorded.clear()

    @property
    def free(self) -> bool:
        """Whether it can do something at all."""
        return self.node.up and not self.paused

    def take(self, room: int = 8) -> int:
        """Record what could not be recorded before, then look for tasks and begin them; how much there was to do."""
        waiting, self.unrecorded = self.unrecorded, []
        for one in waiting:
            self._record(one.task, one.outcome, one.status, one.failures)
        tasks = self.worker.lease(room)
        for task in tasks:
            self.worker._running[task.id] = (task, None)  # type: ignore[assignment]
            run = Run(self, task, self.worker.handle(task), self.node.time.at)
            self.runs.append(run)
            self._go_on(run, None)
        return len(waiting) + len(tasks)

    def answer(self, run: Run, answer: PeerAnswer | None) -> None:
        """The answer to what ``run`` waits for; None: there is none."""
        if not run.over:
            self._go_on(run, answer, silence=answer is None)

    def renew(self) -> None:
        """What the loop does every third of a lease, and the timer beside it that watches the clock."""
        now = self.node.time.at
        if now - self.renewed < timedelta(seconds=PACE.lease / 3):
            return
        self.renewed = now
        with suppress(HansaError):  # A commit that goes wrong: the timer tries again, as it does in operation.
            self.set_right()
        if self.node.plan.workers and self.runs:
            self.worker._renew([run.task for run in self.runs])

    def _go_on(self, run: Run, answer: PeerAnswer | None, *, silence: bool = False) -> None:
        try:
            if silence:
                wire = run.steps.throw(PeerUnreachable("silence"))
            else:
                wire = run.steps.send(answer)
        except StopIteration as end:
            run.over = True
            self.runs.remove(run)
            self._record(run.task, end.value, answer.status if answer is not None else None, 0)
        else:
            self.sent(run, wire)

    def _record(self, task: Task, outcome: Outcome, status: int | None, failures: int) -> None:
        """As the loop's ``_record``: what cannot be recorded is kept, in the end as a reason to try again."""
        if failures > 1:
            outcome, status = Again("its outcome could not be recorded"), None
        try:
            self.concluding(self, task, lambda: self.worker.conclude(task, outcome))
        except Crash:
            raise
        except Exception:
            self.unrecorded.append(_Unrecorded(task, outcome, status, failures + 1))
        else:
            self.worker._running.pop(task.id, None)
            if status is not None:
                self.concluded(self.node, task, status)


def caught_up(hands: list[Hand]) -> bool:
    """Whether none of them has anything in hand."""
    return not any(hand.runs or hand.unrecorded for hand in hands)


__all__ = ["PACE", "PATIENCE", "Hand", "Run", "Wire", "caught_up"]

"""Durable executions: the common part of a run of a scenario and a job of a model.

An execution is written together with the task that carries it out. Each later state is a transaction of its own, so
a worker that dies leaves the task, and the next worker goes on with the execution. A dismissal is stored first; the
worker that carries it out, in whatever process, finds it with its next report and stops.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any, Final, Generic, Protocol, TypeVar

from anyio.to_thread import run_sync

from node.base.clock import Clock
from node.base.errors import HansaError, NotConfined, Overloaded, PeerUnreachable, RemoteFault
from node.base.work import Transaction, UnitOfWork
from node.cage.model import has_full_queue
from node.scenarios.run_model import State

REPORT_SECONDS: Final = 0.5
"""Seconds between two writes of an execution's progress, with a check for a dismissal."""

MOST_LINES: Final = 500
"""The most log lines that are kept between two reports, and of a run in total."""


class Execution(Protocol):
    """A run or a job."""

    @property
    def state(self) -> State: ...


E = TypeVar("E", bound=Execution)
T = TypeVar("T")


class ExecutionStore(Protocol[E]):
    """The part of ``RunStore`` and ``JobStore`` that this module needs."""

    def put(self, tx: Transaction, execution: E, /) -> None:
        """Add or replace."""

    def get(self, tx: Transaction, identifier: str, /, *, lock: bool = False) -> E | None: ...


class Lifecycle(Protocol[E]):
    """Writes a state into a run or a job: pure functions of the execution and the moment."""

    def begin(self, execution: E, now: datetime) -> E:
        """Return the execution as one that a worker runs, for the first time or again."""

    def wait(self, execution: E, reason: str, now: datetime) -> E:
        """Return the execution, now waiting for ``reason``; the same object if it already waits for it."""

    def fail(self, execution: E, error: HansaError, now: datetime) -> E: ...

    def dismiss(self, execution: E, now: datetime) -> E: ...


class Dismissed(Exception):
    """The execution was dismissed: no more work is done for it."""


class ExecutionJournal(Generic[E]):
    """Reads and writes the states of runs, or of jobs.

    ``note`` writes the ledger entry of an execution's end, ``note_start`` that of its start; ``tell`` is called after
    every commit of an execution, since a page or terminal may be watching it."""

    def __init__(
        self,
        *,
        uow: UnitOfWork,
        store: ExecutionStore[E],
        lifecycle: Lifecycle[E],
        clock: Clock,
        note: Callable[[Transaction, E], None],
        tell: Callable[[E], None],
        note_start: Callable[[Transaction, E], None] = lambda tx, execution: None,
    ) -> None:
        self._uow = uow
        self._store = store
        self._lifecycle = lifecycle
        self._clock = clock
        self._write_entry = note
        self._tell = tell
        self._note_start = note_start

    def put(self, tx: Transaction, execution: E) -> None:
        """Write an execution in its current state, in the caller's transaction."""
        self._store.put(tx, execution)
        tx.after_commit(partial(self._tell, execution))

    def note(self, tx: Transaction, execution: E) -> None:
        """Write the ledger entry of an execution in its current state."""
        self._write_entry(tx, execution)

    def begin(self, identifier: str) -> E | None:
        """Return the execution, now running; None if it has ended or does not exist."""
        with self._uow.begin() as tx:
            execution = self._store.get(tx, identifier, lock=True)
            if execution is None or execution.state.is_final:
                return None
            running = self._lifecycle.begin(execution, self._clock.now())
            self.put(tx, running)
            if running.state is not execution.state:
                self._note_start(tx, running)
            return running

    def update(self, identifier: str, change: Callable[[E], E]) -> None:
        """Write the execution that ``change`` returns. Raises ``Dismissed``."""
        with self._uow.begin() as tx:
            execution = self._open(tx, identifier, lock=True)
            changed = change(execution)
            if changed is not execution:
                self.put(tx, changed)

    def report(self, identifier: str, change: Callable[[E], E]) -> None:
        """As ``update``, without a write transaction if ``change`` returns its argument unchanged. Raises
        ``Dismissed`` also then: another process may have dismissed the execution."""
        with self._uow.read() as tx:
            execution = self._open(tx, identifier)
            if change(execution) is execution:
                return
        self.update(identifier, change)

    def wait(self, identifier: str, reason: str) -> None:
        """Record what the execution waits for. Raises ``Dismissed``."""
        now = self._clock.now()
        self.update(identifier, lambda execution: self._lifecycle.wait(execution, reason, now))

    def finish(
        self,
        identifier: str,
        change: Callable[[Transaction, E], E],
        note: Callable[[Transaction, E], None] | None = None,
    ) -> None:
        """Write the end that ``change`` returns, with its ledger entry; ``note`` writes the entry if it is given. If
        ``change`` raises a ``RemoteFault``, the execution has failed. Raises ``Dismissed``."""
        with self._uow.begin() as tx:
            execution = self._open(tx, identifier, lock=True)
            try:
                execution_after = change(tx, execution)
            except RemoteFault as refusal:
                self._fail(tx, execution, refusal)
                return
            self.put(tx, execution_after)
            (note or self._write_entry)(tx, execution_after)

    def fail(self, identifier: str, error: HansaError) -> None:
        """End the execution as failed, with its reason; a dismissed execution stays dismissed."""
        with suppress(Dismissed), self._uow.begin() as tx:
            self._fail(tx, self._open(tx, identifier, lock=True), error)

    def dismiss(self, tx: Transaction, execution: E) -> E:
        """Dismiss an execution that has not ended, in the caller's transaction, which has locked it."""
        dismissal = self._lifecycle.dismiss(execution, self._clock.now())
        self.put(tx, dismissal)
        self.note(tx, dismissal)
        return dismissal

    def _open(self, tx: Transaction, identifier: str, *, lock: bool = False) -> E:
        execution = self._store.get(tx, identifier, lock=lock)
        if execution is None or execution.state.is_final:
            raise Dismissed
        return execution

    def _fail(self, tx: Transaction, execution: E, error: HansaError) -> None:
        failed = self._lifecycle.fail(execution, error, self._clock.now())
        self.put(tx, failed)
        self.note(tx, failed)


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """The progress of a model: ``message`` is the last line of its log, ``lines`` are those since the last report."""

    percent: int
    message: str
    lines: tuple[str, ...]


class Reporter:
    """Keeps the messages of a model until the next report (``node.scenarios.ports.Progress``)."""

    def __init__(self) -> None:
        self._percent = 0
        self._message = ""
        self._lines: list[str] = []

    def __call__(self, percent: int, line: str) -> None:
        self._percent = max(0, min(99, percent))
        if line:
            self._message = line
            if len(self._lines) < MOST_LINES:
                self._lines.append(line)

    def report(self) -> Report:
        """Return the progress until now, with each line only once."""
        lines, self._lines = self._lines, []
        return Report(percent=self._percent, message=self._message, lines=tuple(lines))


async def report_progress(
    work: Callable[[Reporter], Coroutine[Any, Any, T]],
    write: Callable[[Report], None],
    *,
    seconds: float = REPORT_SECONDS,
) -> T:
    """Return the outcome of ``work``; its progress is written every ``seconds`` and at its end.

    If ``write`` raises, such as ``Dismissed``, the work is cancelled first.
    """
    reporter = Reporter()
    task = asyncio.ensure_future(work(reporter))
    # If the execution ends in the same moment as its work, nothing else reads the result of the work.
    task.add_done_callback(lambda done: done.cancelled() or done.exception())
    try:
        while not task.done():
            await asyncio.wait([task], timeout=seconds)
            # Also without news: the execution may have been dismissed meanwhile, in another process.
            await run_sync(write, reporter.report())
    finally:
        if not task.done():
            task.cancel()
            await asyncio.wait([task])
    return task.result()


class DurableExecution(Generic[E]):
    """Carries executions out with ``steps``. Safe to be called again with the same one after any interruption."""

    def __init__(self, *, journal: ExecutionJournal[E], steps: Callable[[E], Awaitable[None]]) -> None:
        """``steps`` does the work and writes its success; it may raise ``Dismissed``."""
        self._journal = journal
        self._steps = steps

    async def complete(self, identifier: str) -> None:
        """Bring the execution to its end. Raises ``PeerUnreachable``, ``LocalFault`` or ``Overloaded`` (the queue):
        call again later. Everything else ends the execution, with its reason."""
        execution = await run_sync(self._journal.begin, identifier)
        if execution is None:
            return
        try:
            await self._steps(execution)
        except Dismissed:
            return
        except PeerUnreachable as error:
            try:
                await run_sync(self._journal.wait, identifier, error.detail)
            except Dismissed:
                return
            raise
        except (RemoteFault, NotConfined) as error:
            if isinstance(error, Overloaded) and has_full_queue(error):
                raise
            await run_sync(self._journal.fail, identifier, error)

    async def give_up(self, identifier: str, error: HansaError) -> None:
        """End an execution that was tried often enough, as failed."""
        await run_sync(self._journal.fail, identifier, error)

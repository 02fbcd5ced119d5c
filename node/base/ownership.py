"""Lasting work that one process does at a time: each piece has a row, which the process owns for a while.

A process claims rows, runs a task for each, and puts the end of its ownership off. If it is killed, another one
claims the rows when that time is over. A row that has changed gets a new task; without its row, a task ends.
"""

from __future__ import annotations

import asyncio
import logging
import operator
import random
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Generic, TypeVar

from node.base.errors import HansaError
from node.base.threads import in_thread

log = logging.getLogger("hansa.ownership")

D = TypeVar("D")

OWN_SECONDS: Final = 15.0
"""For so long a process owns a row whose end it no longer puts off."""
_FIRST_PAUSE: Final = 1.0
_LONGEST_PAUSE: Final = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Duties(Generic[D]):
    """The rows that this process owns, by id, and the ids of all rows; None if those are unknown."""

    own: Mapping[str, D] = field(default_factory=dict)
    known: frozenset[str] | None = None


@dataclass(slots=True)
class _RowTask(Generic[D]):
    duty: D
    task: asyncio.Task[None]


class OwnedTasks(Generic[D]):
    """Runs a task for each row that this process owns.

    ``look`` puts off the end of what this process owns, and returns the rows. ``release`` gives up what an owner has,
    or what all have. Both are called in threads. ``keep_up`` works for one row until it is cancelled, or until there
    is nothing more to do. ``leave`` is called, after the task has ended, for a row that is no longer there.
    ``is_same`` tells whether the task of an earlier row can go on with the present one.
    """

    def __init__(
        self,
        name: str,
        *,
        look: Callable[[], Duties[D]],
        release: Callable[[str | None], None],
        keep_up: Callable[[D], Coroutine[Any, Any, None]],
        leave: Callable[[D], Awaitable[None]] | None = None,
        is_same: Callable[[D, D], bool] = operator.eq,
        owner: str,
        alone: bool,
        pause: float = 2.0,
    ) -> None:
        """``name`` is that of the rows for people and the log. ``alone``: no other process uses the database, so
        whatever is owned at the start was left by a process that has ended. ``pause``: seconds between two looks."""
        self._name = name
        self._look = look
        self._release = release
        self._keep_up = keep_up
        self._leave = leave
        self._is_same = is_same
        self._owner = owner
        self._alone = alone
        self._pause = pause
        self._running: dict[str, _RowTask[D]] = {}
        self._endings: set[asyncio.Task[None]] = set()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._news = asyncio.Event()

    @property
    def is_idle(self) -> bool:
        """Return whether this process works for no row."""
        return not self._running

    def wake(self) -> None:
        """Look at the rows soon. From any thread."""
        loop = self._loop
        if loop is not None and not loop.is_closed():
            loop.call_soon_threadsafe(self._news.set)

    async def run(self) -> None:
        """Work until cancelled; then leave the rows to other processes."""
        self._loop = asyncio.get_running_loop()
        if self._alone:
            await in_thread(lambda: self._release(None))
        renewal = self._loop.time()
        try:
            while True:
                self._news.clear()
                try:
                    self._follow(await in_thread(self._look))
                    renewal = self._loop.time()
                except HansaError as error:
                    log.warning("the %s cannot be read: %s", self._name, error.detail)
                    if self._loop.time() - renewal > OWN_SECONDS:
                        self._follow(Duties())  # Another process may own them now.
                try:
                    await asyncio.wait_for(self._news.wait(), self._pause)
                except TimeoutError:
                    continue
        finally:
            tasks = [*map(self._stop, list(self._running)), *self._endings]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await in_thread(lambda: self._release(self._owner))

    def _follow(self, duties: Duties[D]) -> None:
        """Begin and end tasks, so that there are those of ``duties``."""
        for row_id, running in list(self._running.items()):
            if row_id in duties.own and self._is_same(running.duty, duties.own[row_id]) and not running.task.done():
                continue
            task = self._stop(row_id)
            if self._leave is not None and duties.known is not None and row_id not in duties.known:
                ending = asyncio.create_task(self._end(self._leave(running.duty), task))
                self._endings.add(ending)
                ending.add_done_callback(self._endings.discard)
        for row_id, duty in duties.own.items():
            if row_id not in self._running:
                task = asyncio.create_task(self._keep_up(duty), name=f"{self._name}: {row_id}")
                task.add_done_callback(self._note_end)
                self._running[row_id] = _RowTask(duty, task)

    def _note_end(self, task: asyncio.Task[None]) -> None:
        """A task that has ended by itself makes room for the next one of its row; after a fault, at the next look."""
        if task.cancelled():
            return
        if (error := task.exception()) is None:
            self._news.set()
        else:
            log.error("a task of the %s failed", self._name, exc_info=error)

    async def _end(self, leave: Awaitable[None], task: asyncio.Task[None]) -> None:
        await asyncio.wait([task])
        await leave

    def _stop(self, row_id: str) -> asyncio.Task[None]:
        task = self._running.pop(row_id).task
        task.cancel()
        return task


class GrowingPause:
    """The pauses between attempts: from a second to a minute, and never the same for all."""

    def __init__(self) -> None:
        self._seconds = _FIRST_PAUSE

    def reset(self) -> None:
        """Begin again with the first pause."""
        self._seconds = _FIRST_PAUSE

    async def wait(self) -> None:
        """Wait; the next pause is twice as long."""
        await asyncio.sleep(self._seconds * random.uniform(0.8, 1.2))  # noqa: S311 - spreading, not secrecy
        self._seconds = min(_LONGEST_PAUSE, self._seconds * 2)

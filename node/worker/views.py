"""Follow the ledger: the sequencer numbers committed entries, and each view takes those that are new to it.

The sequencer does not wait for views, and views do not wait for each other: each has its own loop. A view is woken
when entries of its kinds were numbered.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Final, Protocol

from node.base.work import UnitOfWork
from node.catalogue.model import Settlement
from node.ledger.model import Entry
from node.ledger.ports import LedgerStore
from node.worker.follower import BATCH, GATHER, Follower, View

log = logging.getLogger("hansa.views")

BREATH: Final = 0.02
"""Seconds between two looks in busy times: many commits are then numbered and followed together."""

NUMBERING: Final = 0.25
"""Seconds that an entry which no view uses may wait for its number: most entries are messages, and those of many
conversations are then numbered and signed together."""

LATE: Final = 1000
"""A caller does not wait for a view that is more entries behind than this."""


class Sequencer(Protocol):
    """The sequencer."""

    def run(self, limit: int = BATCH) -> int:
        """Number up to ``limit`` committed entries; return how many there were."""


class FollowLedger:
    """Updates the views from the ledger. ``wake`` may be called from any thread."""

    def __init__(
        self,
        *,
        uow: UnitOfWork,
        ledger: LedgerStore,
        sequencer: Sequencer | None,
        views: Sequence[View],
        poll: float = 1.0,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._uow = uow
        self._ledger = ledger
        self._sequencer = sequencer
        self._poll = poll
        self._loop: asyncio.AbstractEventLoop | None = None
        self._event = asyncio.Event()
        self._moved: set[asyncio.Event] = set()
        self._awaited = asyncio.Event()
        self._stopping = False
        self._soon = False
        self._kinds = frozenset(kind for view in views for kind in view.kinds)
        self._numbering_failed: str | None = None
        self._looked = 0
        self._rounds = 0
        self.followers = [
            Follower(view, uow=uow, ledger=ledger, monotonic=monotonic, stopping=lambda: self._stopping)
            for view in views
        ]
        self._events = [asyncio.Event() for _ in self.followers]

    @property
    def failure(self) -> str | None:
        """Return the last error, if something cannot go on."""
        faults = (self._numbering_failed, *(follower.failed for follower in self.followers))
        return next((fault for fault in faults if fault is not None), None)

    @property
    def positions(self) -> dict[str, int]:
        """Return view → how far it shows the ledger."""
        return {follower.view.name: follower.position for follower in self.followers if follower.position is not None}

    @property
    def unknown(self) -> tuple[str, ...]:
        """Return the views whose position has not been read since the start."""
        return tuple(follower.view.name for follower in self.followers if follower.position is None)

    def is_filling(self, view: str) -> bool:
        """Return whether the view with this name is being filled, and shows a part only."""
        return any(follower.view.name == view and follower.is_far_behind for follower in self.followers)

    def wake(self, entry: Entry | None = None) -> None:
        """Note that a commit took place: of ``entry``, if it is a single entry. Entries that no view uses are
        numbered a little later."""
        loop = self._loop
        if loop is None or loop.is_closed():
            return
        if entry is None or entry.kind in self._kinds:
            loop.call_soon_threadsafe(self._event.set)
        elif not self._soon:
            # The entry was committed before; when the timer wakes the loop, it also finds entries that came while the
            # timer ran.
            self._soon = True
            loop.call_soon_threadsafe(loop.call_later, NUMBERING, self._wake_soon)

    def _wake_soon(self) -> None:
        self._soon = False
        self._event.set()

    def stop(self) -> None:
        """End after the current steps."""
        self._stopping = True
        self._awaited.set()
        self._event.set()
        for event in self._events:
            event.set()

    async def run(self) -> None:
        """Follow until ``stop``. A failure is logged, shown in ``failure`` and retried."""
        self._loop = asyncio.get_running_loop()
        async with asyncio.TaskGroup() as loops:
            loops.create_task(self._keep_numbering())
            for follower, event in zip(self.followers, self._events, strict=True):
                loops.create_task(self._keep_up(follower, event))

    async def wait_for(self, entry_id: str, *, within: float = 10.0) -> Settlement:
        """Wait until the entry is numbered and the views show it: for at most ``within`` seconds, and not for views
        that are far behind."""
        signal, seq, rounds = asyncio.Event(), None, -1
        self._moved.add(signal)
        self._awaited.set()
        self.wake()
        try:
            async with asyncio.timeout(within):
                while True:
                    signal.clear()
                    if seq is None and rounds != self._rounds:
                        rounds = self._rounds
                        seq = await asyncio.to_thread(self._number_of, entry_id)
                    if seq is not None and all(count > LATE for count in self._behind(seq).values()):
                        break
                    self._hurry()
                    await signal.wait()
        except TimeoutError:
            log.info("an entry is not in every view after %g seconds", within)
        finally:
            self._moved.discard(signal)
            if not self._moved and not self._stopping:
                self._awaited.clear()
        if seq is None:
            seq = await asyncio.to_thread(self._number_of, entry_id)
        return Settlement(position=seq, behind={} if seq is None else self._behind(seq))

    def number(self) -> int:
        """Number committed entries, and wake the views that use them; return how many entries there were."""
        count = self._sequencer.run(BATCH) if self._sequencer is not None else 0
        if self.followers:
            self._look()
        return count

    def _look(self) -> None:
        """Let the views proceed for which entries were numbered since the last look."""
        first = self._looked
        answers: dict[object, bool] = {}
        with self._uow.read() as tx:
            size = self._ledger.size(tx)
            if size == first:
                return
            for follower in self.followers:
                kinds = follower.view.kinds
                if kinds not in answers:
                    answers[kinds] = bool(self._ledger.since(tx, first, limit=1, kinds=kinds))
        self._looked = size
        for follower, event in zip(self.followers, self._events, strict=True):
            if answers[follower.view.kinds] or not follower.skip(first, size):
                self._set(event)

    def _set(self, event: asyncio.Event) -> None:
        loop = self._loop
        if loop is not None and not loop.is_closed():
            loop.call_soon_threadsafe(event.set)

    def _hurry(self) -> None:
        """Let views show the entries they have collected: a caller waits for them."""
        for follower, event in zip(self.followers, self._events, strict=True):
            if follower.due() is not None:
                event.set()

    def _behind(self, seq: int) -> Mapping[str, int]:
        """Return the views that do not show the entry ``seq``, each with the number of entries that it lacks up to
        there."""
        shown = {follower.view.name: follower.position or 0 for follower in self.followers}
        return {name: seq + 1 - position for name, position in shown.items() if position <= seq}

    def _number_of(self, entry_id: str) -> int | None:
        with self._uow.read() as tx:
            entry = self._ledger.get(tx, entry_id)
        return entry.seq if entry is not None else None

    async def _keep_numbering(self) -> None:
        while not self._stopping:
            self._event.clear()
            try:
                count = await asyncio.to_thread(self.number)
                self._numbering_failed = None
            except Exception as error:
                log.exception("the ledger cannot be numbered")
                self._numbering_failed = f"{type(error).__name__}: {error}"
                count = 0
                await asyncio.sleep(self._poll)
            self._rounds += 1
            self._tell()
            if count:
                await asyncio.sleep(BREATH)
            if count < BATCH:
                await _rest(self._event, self._poll)

    async def _keep_up(self, follower: Follower, event: asyncio.Event) -> None:
        while not self._stopping:
            event.clear()
            try:
                more = await asyncio.to_thread(follower.turn, awaited=bool(self._moved))
                follower.failed = None
            except Exception as error:
                log.exception("view %s cannot follow the ledger", follower.view.name)
                follower.failed = f"{type(error).__name__}: {error}"
                more = False
            self._tell()
            if more:
                await asyncio.sleep(BREATH)
            else:
                # This also runs now and then without a request: the view reports damage that another reader found,
                # and it is repaired here.
                due = follower.due()
                await _rest(event, self._poll if due is None or follower.failed else due)
                if follower.gathers():
                    await self._gather(follower)

    async def _gather(self, follower: Follower) -> None:
        """Let more entries come for ``follower``, until a caller waits or what it has collected is to be shown."""
        due = follower.due()
        await _rest(self._awaited, GATHER if due is None else min(due, GATHER))

    def _tell(self) -> None:
        for waiting in self._moved:
            waiting.set()


async def _rest(event: asyncio.Event, seconds: float) -> None:
    """Wait for ``event``, for at most so many seconds."""
    try:
        await asyncio.wait_for(event.wait(), timeout=seconds)
    except TimeoutError:
        return

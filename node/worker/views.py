"""Following the ledger: the sequencer numbers what was committed, then each view takes what it has not seen."""

from __future__ import annotations

import asyncio
import logging
import math
import time
from collections.abc import Callable, Sequence
from typing import Final, Protocol

from node.base.errors import Damaged
from node.base.work import UnitOfWork
from node.ledger.model import Entry, EntryKind
from node.ledger.ports import LedgerStore

log = logging.getLogger("hansa.views")

BATCH = 500
BREATH = 0.02
"""Seconds between two looks while much is going on: many commits are then numbered and followed together."""

NUMBERING: Final = 0.25
"""Seconds that an entry which no view is made of may wait for its number: most entries are messages, and those of
many conversations are then numbered and signed together."""

TURN: Final = 0.25
"""Seconds that a view which is far behind may take before the sequencer and the others have their turn: what is
committed meanwhile is neither numbered nor signed."""

AGAIN: Final = 3600.0
"""Seconds between two rebuilds of a view: what is damaged once more, long after, heals once more. But where it is not
the view that is broken but the disk, rebuilding again and again would only hide it."""


class View(Protocol):
    """Something that is derived from the ledger and can be rebuilt from it."""

    name: str
    kinds: tuple[EntryKind, ...]
    """The entries that it is made of."""

    def position(self) -> int:
        """The next ``seq`` that it has not applied."""

    def apply(self, entries: Sequence[Entry]) -> None:
        """Take these entries, in order; its position is then the last ``seq`` + 1. Safe to repeat."""

    def passed(self, position: int) -> None:
        """No entry before ``position`` that it has not applied is of its kinds."""

    def rebuild(self) -> None:
        """Forget everything, so that the ledger is applied from its beginning."""


class Numbering(Protocol):
    """The sequencer."""

    def run(self, limit: int = BATCH) -> int:
        """Number up to ``limit`` committed entries; how many there were."""


class FollowLedger:
    """Keeps the views up with the ledger. ``wake`` may be called from any thread."""

    def __init__(
        self,
        *,
        uow: UnitOfWork,
        ledger: LedgerStore,
        sequencer: Numbering | None,
        views: Sequence[View],
        poll: float = 1.0,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._uow = uow
        self._ledger = ledger
        self._sequencer = sequencer
        self._views = views
        self._kinds = frozenset(kind for view in views for kind in view.kinds)
        self._poll = poll
        self._monotonic = monotonic
        self._loop: asyncio.AbstractEventLoop | None = None
        self._event = asyncio.Event()
        self._moved = asyncio.Condition()
        self._stopping = False
        self._soon = False
        self._more = False
        self._positions: dict[str, int] = {}
        self._rebuilt: dict[str, float] = {}
        self.failed: str | None = None

    @property
    def positions(self) -> dict[str, int]:
        """View → how far it has followed."""
        return dict(self._positions)

    def wake(self, entry: Entry | None = None) -> None:
        """Something was committed: ``entry``, where it is one. What no view is made of is numbered a little later."""
        loop = self._loop
        if loop is None or loop.is_closed():
            return
        if entry is None or entry.kind in self._kinds:
            loop.call_soon_threadsafe(self._event.set)
        elif not self._soon:
            # It was committed before; what comes while the timer runs is there when the timer wakes the loop.
            self._soon = True
            loop.call_soon_threadsafe(loop.call_later, NUMBERING, self._wake_soon)

    def _wake_soon(self) -> None:
        self._soon = False
        self._event.set()

    def stop(self) -> None:
        """End after the step at hand."""
        self._stopping = True
        self._event.set()

    async def run(self) -> None:
        """Follow until ``stop``. A view that fails is logged, shown in ``failed`` and tried again."""
        self._loop = asyncio.get_running_loop()
        while not self._stopping:
            self._event.clear()
            try:
                moved = await asyncio.to_thread(self._step)
                self.failed = None
            except Exception as error:
                log.exception("a view cannot follow the ledger")
                self.failed = f"{type(error).__name__}: {error}"
                moved = 0
                await asyncio.sleep(self._poll)
            async with self._moved:
                self._moved.notify_all()
            if moved:
                await asyncio.sleep(BREATH)
            if not self._more:
                await self._rest()

    async def _rest(self) -> None:
        try:
            await asyncio.wait_for(self._event.wait(), timeout=self._poll)
        except TimeoutError:
            return

    async def reflected(self, entry_id: str, *, within: float = 10.0) -> int | None:
        """Wait until every view shows the entry; its position, or None when that takes longer than ``within``."""
        self.wake()
        try:
            async with asyncio.timeout(within), self._moved:
                while True:
                    seq = await asyncio.to_thread(self._number_of, entry_id)
                    if seq is not None and all(self._positions.get(view.name, 0) > seq for view in self._views):
                        return seq
                    await self._moved.wait()
        except TimeoutError:
            return None

    def _number_of(self, entry_id: str) -> int | None:
        with self._uow.read() as tx:
            entry = self._ledger.get(tx, entry_id)
        return entry.seq if entry is not None else None

    def _step(self) -> int:
        """Number what was committed and take every view on; how far they came. Raises what the first of them that
        cannot follow has raised."""
        moved = self._sequencer.run(BATCH) if self._sequencer is not None else 0
        self._more = moved == BATCH
        first: Exception | None = None
        try:
            for view in self._views:
                # Each by itself: a view that cannot follow keeps no other from following.
                try:
                    moved += self._advance(view)
                except Exception as error:
                    if first is None:
                        first = error
                    else:
                        log.exception("view %s cannot follow the ledger either", view.name)
            if first is not None:
                raise first
            return moved
        finally:
            # A fault that its own frames refer to would live on, and with it the damaged store in them, still open.
            del first

    def _advance(self, view: View) -> int:
        try:
            return self._follow(view)
        except Damaged as fault:
            # A damaged view is no loss: everything in it follows from the ledger. A database that is away or a disk
            # that is full damages nothing: the view waits for it.
            now = self._monotonic()
            if now - self._rebuilt.get(view.name, -math.inf) < AGAIN:
                raise
            message = "; ".join(getattr(fault, "__notes__", [fault.detail]))
            log.warning("view %s is damaged and is rebuilt from the ledger: %s", view.name, message)
            self._rebuilt[view.name] = now
        # Only here: while the fault is at hand, so are the frames that it came through, and the damaged store in them
        # would still be open.
        view.rebuild()
        return self._follow(view)

    def _follow(self, view: View) -> int:
        began = self._positions[view.name] = view.position()
        until = self._monotonic() + TURN
        while more := self._take(view):
            if self._stopping or self._monotonic() >= until:
                break
        self._more = self._more or more
        return self._positions[view.name] - began

    def _take(self, view: View) -> bool:
        """Have ``view`` take what comes next; whether there is more."""
        position = view.position()
        # Most entries are messages and accesses, which no view is made of: a start that read them all would take the
        # longer the older the node is. The size is read first, so that nothing numbered in between is passed by.
        with self._uow.read() as tx:
            size = self._ledger.size(tx)
            entries = self._ledger.since(tx, position, limit=BATCH, kinds=view.kinds)
        if entries:
            view.apply(entries)
        if len(entries) < BATCH and view.position() < size:
            view.passed(size)
        self._positions[view.name] = view.position()
        return len(entries) == BATCH

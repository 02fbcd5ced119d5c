"""One view that follows the ledger at its own pace: what it takes in one turn, and how far it has come."""

from __future__ import annotations

import logging
import math
import threading
from collections.abc import Callable, Sequence
from typing import Final, Protocol

from node.base.errors import Damaged
from node.base.work import UnitOfWork
from node.ledger.model import Entry, EntryKind
from node.ledger.ports import LedgerStore

log = logging.getLogger("hansa.views")

BATCH: Final = 500

TURN: Final = 0.25
"""Seconds for which a view that is far behind works before it reports its position and can be stopped."""

SETTLE: Final = 0.1
"""Seconds after which a view shows what it has collected, where no caller waits for it: changes that come together
are then written together."""

SETTLE_CATCHING_UP: Final = 2.0
"""The same for a view that has more to take."""

AGAIN: Final = 3600.0
"""Seconds between two rebuilds of a view: what is damaged once more, long after, heals once more. But where it is not
the view that is broken but the disk, rebuilding again and again would only hide it."""


class View(Protocol):
    """Something that is derived from the ledger and can be rebuilt from it."""

    name: str
    kinds: tuple[EntryKind, ...]
    """The entries that it is made of."""

    def position(self) -> int:
        """The next ``seq`` that it has not taken."""

    def shown(self) -> int:
        """The first ``seq`` that the view does not show yet; it shows all entries before it."""

    def apply(self, entries: Sequence[Entry]) -> None:
        """Take these entries, in order; its position is then the last ``seq`` + 1. Safe to repeat."""

    def passed(self, position: int) -> None:
        """No entry before ``position`` that it has not applied is of its kinds."""

    def settle(self) -> None:
        """Show what was taken."""

    def rebuild(self) -> None:
        """Forget everything, so that the ledger is applied from its beginning."""


class Follower:
    """Takes one view along with the ledger. ``turn`` runs in one thread at a time; the rest is for any thread."""

    def __init__(
        self,
        view: View,
        *,
        uow: UnitOfWork,
        ledger: LedgerStore,
        monotonic: Callable[[], float],
        stopping: Callable[[], bool],
    ) -> None:
        """``stopping`` returns true where a turn has to end early."""
        self.view = view
        self.failed: str | None = None
        self._uow = uow
        self._ledger = ledger
        self._monotonic = monotonic
        self._stopping = stopping
        self._lock = threading.Lock()
        self._busy = False
        self._applied = 0
        self._reached = 0
        self._shown: int | None = None
        self._rebuilt = -math.inf
        self._unsettled: float | None = None

    @property
    def position(self) -> int | None:
        """How far the view shows the ledger; None until it was looked at."""
        return self._shown

    def due(self) -> float | None:
        """Seconds until what was taken is to be shown; None where everything is."""
        unsettled = self._unsettled
        return None if unsettled is None else max(0.0, unsettled + SETTLE - self._monotonic())

    def turn(self, *, awaited: bool = False) -> bool:
        """Take what comes next, and show it where that is due or ``awaited``; whether there is more to take.

        A damaged view is rebuilt first. Raises what the view raises otherwise.
        """
        with self._lock:
            self._busy = True
        try:
            return self._healed(awaited)
        finally:
            with self._lock:
                self._busy = False

    def skip(self, first: int, size: int) -> bool:
        """Note that no entry from ``first`` to ``size`` is of the view's kinds. False where the view has more to do:
        it is then to have a turn."""
        with self._lock:
            if self._busy or self.failed or self._unsettled is not None or self._reached < first:
                return False
            if size - self._applied >= BATCH:
                return False
            self._reached = self._shown = max(self._reached, size)
            return True

    def _healed(self, awaited: bool) -> bool:
        try:
            return self._follow(awaited)
        except Damaged as fault:
            # A damaged view is no loss: everything in it follows from the ledger. A database that is away or a disk
            # that is full damages nothing: the view waits for it.
            now = self._monotonic()
            if now - self._rebuilt < AGAIN:
                raise
            message = "; ".join(getattr(fault, "__notes__", [fault.detail]))
            log.warning("view %s is damaged and is rebuilt from the ledger: %s", self.view.name, message)
            self._rebuilt = now
        # Only here: while the fault is at hand, so are the frames that it came through, and the damaged store in them
        # would still be open.
        self.view.rebuild()
        return self._follow(awaited)

    def _follow(self, awaited: bool) -> bool:
        until = self._monotonic() + TURN
        while (more := self._take()) and not self._stopping() and self._monotonic() < until:
            pass
        self._settle(awaited, more)
        self._shown = self.view.shown()
        return more

    def _take(self) -> bool:
        """Have the view take what comes next; whether there is more."""
        position = self.view.position()
        # Most entries are messages and accesses, which no view is made of: a start that read them all would take the
        # longer the older the node is. The size is read first, so that nothing numbered in between is passed by.
        with self._uow.read() as tx:
            size = self._ledger.size(tx)
            entries = self._ledger.since(tx, position, limit=BATCH, kinds=self.view.kinds)
        if entries:
            self.view.apply(entries)
        if len(entries) < BATCH and self.view.position() < size:
            self.view.passed(size)
        self._applied = self._reached = self.view.position()
        return len(entries) == BATCH

    def _settle(self, awaited: bool, more: bool) -> None:
        """Show what was taken: at once where a caller waits for it, else many changes together."""
        if self.view.shown() >= self.view.position():
            self._unsettled = None
            return
        now = self._monotonic()
        if self._unsettled is None:
            self._unsettled = now
        waited = now - self._unsettled
        if waited >= SETTLE_CATCHING_UP or (not more and (awaited or waited >= SETTLE)):
            self.view.settle()
            self._unsettled = None

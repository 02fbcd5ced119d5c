"""One view that follows the ledger at its own pace: the entries that it takes in one turn, and its position."""

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
"""Seconds after which a view shows the entries that it has collected, if no caller waits for it: changes that arrive
together are written together."""

MANY: Final = 32
GATHER: Final = 0.25
"""After a turn with so many entries, more are likely to come. A view that takes many together for less waits for so
many seconds before its next turn, unless a caller waits for it."""

SETTLE_CATCHING_UP: Final = 2.0
"""The same for a view that has more to take."""

MOST_BEHIND: Final = 1000
"""Entries that a view of a ready node may lack, and entries that may wait for their number."""

AGAIN: Final = 3600.0
"""Seconds between two rebuilds of a view: damage that occurs again long after is repaired again. But if the disk is
broken and not the view, rebuilding again and again would only hide it."""


class View(Protocol):
    """Data that is derived from the ledger and can be rebuilt from it."""

    name: str
    kinds: tuple[EntryKind, ...]
    """The kinds of entries that it uses."""
    gathers: bool
    """True if it takes many entries together for less than one by one."""

    def position(self) -> int:
        """The ``seq`` of the next entry to take."""

    def next_seq(self) -> int:
        """The first ``seq`` that the view does not show yet; it shows all entries before it."""

    def apply(self, entries: Sequence[Entry]) -> None:
        """Take these entries, in order; the position is then the last ``seq`` + 1. Safe to repeat."""

    def skip_to(self, position: int) -> None:
        """Note that all entries of its kinds before ``position`` are applied."""

    def settle(self) -> None:
        """Show the entries that were taken."""

    def rebuild(self) -> None:
        """Forget everything, so that the ledger is applied from its beginning."""


class Follower:
    """Updates one view from the ledger. ``turn`` runs in one thread at a time; other members may be used from any
    thread."""

    def __init__(
        self,
        view: View,
        *,
        uow: UnitOfWork,
        ledger: LedgerStore,
        monotonic: Callable[[], float],
        stopping: Callable[[], bool],
    ) -> None:
        """``stopping`` returns true if a turn has to end early."""
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
        self._turn_count = 0
        self._rebuilt = -math.inf
        self._unsettled: float | None = None
        self._is_far_behind = False

    @property
    def is_far_behind(self) -> bool:
        """Return whether the view shows a part only, because it is being filled."""
        return self._is_far_behind

    @property
    def position(self) -> int | None:
        """Return the first ``seq`` that the view does not show yet; None until the view was read."""
        return self._shown

    def due(self) -> float | None:
        """Return the seconds until collected entries are to be shown; None if all are shown."""
        unsettled = self._unsettled
        return None if unsettled is None else max(0.0, unsettled + SETTLE - self._monotonic())

    def gathers(self) -> bool:
        """Return whether the next turn is to wait for more entries."""
        return self.view.gathers and self._turn_count >= MANY

    def turn(self, *, awaited: bool = False) -> bool:
        """Take the next entries, and show them if that is due or ``awaited``. Return whether there are more to take.

        A damaged view is rebuilt first. Other errors of the view are raised.
        """
        with self._lock:
            self._busy = True
        try:
            return self._recover(awaited)
        finally:
            with self._lock:
                self._busy = False

    def skip(self, first: int, size: int) -> bool:
        """Note that no entry from ``first`` to ``size`` is of the view's kinds. Return False if the view has more to
        do and needs a turn."""
        with self._lock:
            if self._busy or self.failed or self._unsettled is not None or self._reached < first:
                return False
            if size - self._applied >= BATCH:
                return False
            self._reached = self._shown = max(self._reached, size)
            return True

    def _recover(self, awaited: bool) -> bool:
        try:
            return self._follow(awaited)
        except Damaged as fault:
            # A damaged view loses nothing: everything in it is derived from the ledger. An unreachable database or a
            # full disk damages nothing: the view waits.
            now = self._monotonic()
            if now - self._rebuilt < AGAIN:
                raise
            message = "; ".join(getattr(fault, "__notes__", [fault.detail]))
            log.warning("view %s is damaged and is rebuilt from the ledger: %s", self.view.name, message)
            self._rebuilt = now
        # Rebuild only here: inside the except block the traceback would still hold the frames of the error, and with
        # them the damaged store open.
        self.view.rebuild()
        return self._follow(awaited)

    def _follow(self, awaited: bool) -> bool:
        self._turn_count, until = 0, self._monotonic() + TURN
        while (more := self._take()) and not self._stopping() and self._monotonic() < until:
            pass
        self._settle(awaited, more)
        self._shown = self.view.next_seq()
        if self._is_far_behind and not more and self._unsettled is None:
            self._is_far_behind = False
            log.info("view %s shows everything again", self.view.name)
        return more

    def _take(self) -> bool:
        """Have the view take the next entries; return whether there are more."""
        position = self.view.position()
        # Most entries are messages and accesses, which no view uses: if a start read them all, it would take longer
        # the older the node is. The size is read first, so that no entry numbered meanwhile is skipped.
        with self._uow.read() as tx:
            size = self._ledger.size(tx)
            entries = self._ledger.since(tx, position, limit=BATCH, kinds=self.view.kinds)
        if len(entries) == BATCH and size - position > MOST_BEHIND and not self._is_far_behind:
            self._is_far_behind = True
            log.info(
                "view %s has %d entries of the ledger to read; until then it shows a part, and the node is not ready",
                self.view.name,
                size - position,
            )
        if entries:
            self.view.apply(entries)
            self._turn_count += len(entries)
        if len(entries) < BATCH and self.view.position() < size:
            self.view.skip_to(size)
        self._applied = self._reached = self.view.position()
        return len(entries) == BATCH

    def _settle(self, awaited: bool, more: bool) -> None:
        """Show the entries that were taken: at once if a caller waits for them, else many changes together."""
        if self.view.next_seq() >= self.view.position():
            self._unsettled = None
            return
        now = self._monotonic()
        if self._unsettled is None:
            self._unsettled = now
        waited = now - self._unsettled
        if waited >= SETTLE_CATCHING_UP or (not more and (awaited or waited >= SETTLE)):
            self.view.settle()
            self._unsettled = None

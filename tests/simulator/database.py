"""The database of a simulated node: in memory, with commits that can fail and everybody watching what they change."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from node.base.errors import LocalFault
from tests.fakes.stores.work import _ABSENT, MemoryTransaction, MemoryUnitOfWork

WATCHED = frozenset(
    {
        "negotiations",
        "negotiations messages",
        "transfers",
        "transfers messages",
        "agreements",
        "entries",
        "outbox",
    }
)

FAIL = "fail"
DIE_BEFORE = "die before"
DIE_AFTER = "die after"


class Crash(BaseException):
    """The process is dead. Like a power cut it is no ``Exception`` that somebody could handle."""


@dataclass(frozen=True, slots=True)
class Change:
    """A row before and after a commit; None where there is none."""

    table: str
    key: Any
    before: Any
    after: Any


class SimUnitOfWork(MemoryUnitOfWork):
    """``fates`` are used up one by one by the next commits that write: FAIL rolls back as a full disk does,
    DIE_BEFORE and DIE_AFTER kill the process on this or the other side of the commit."""

    def __init__(self, committed: Callable[[Sequence[Change]], None]) -> None:
        super().__init__()
        self.fates: list[str] = []
        self._committed = committed

    @contextmanager
    def begin(self, *, synced: bool = True) -> Iterator[MemoryTransaction]:
        fate = None
        changes: list[Change] = []
        with super().begin(synced=synced) as tx:
            yield tx
            changes = self._changes(tx)
            if changes and self.fates:
                fate = self.fates.pop(0)
            if fate == FAIL:
                raise LocalFault("the database or its disk is full")
            if fate == DIE_BEFORE:
                raise Crash
            if fate == DIE_AFTER:
                tx._callbacks.clear()
        self._committed(changes)
        if fate == DIE_AFTER:
            raise Crash

    @property
    def open(self) -> bool:
        """Whether a transaction is under way."""
        return self._writing is not None

    def peek(self, table: str) -> dict[Any, Any]:
        """The committed rows of a table; only to be called while no transaction is under way."""
        return self._tables.get(table, {})

    def _changes(self, tx: MemoryTransaction) -> list[Change]:
        names = {id(rows): name for name, rows in self._tables.items() if name in WATCHED}
        changes: dict[tuple[str, Any], Change] = {}
        for rows, key, before in tx._undo:
            name = names.get(id(rows))
            if name is None:
                continue
            if key is not _ABSENT:
                old = None if before is _ABSENT else before
                changes.setdefault((name, key), Change(name, key, old, rows.get(key)))
                continue
            # A row was removed: the transaction kept the whole table as it was then.
            for one, old in before.items():
                if rows.get(one) is not old:
                    changes.setdefault((name, one), Change(name, one, old, rows.get(one)))
            for one, new in rows.items():
                if one not in before:
                    changes.setdefault((name, one), Change(name, one, None, new))
        return list(changes.values())

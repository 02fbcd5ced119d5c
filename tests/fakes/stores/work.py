"""Transactions and the outbox in memory.

The database is a dictionary of tables of rows. A transaction writes through to it and keeps an undo log, so a
transaction costs what it touches and a rollback is real. Transactions are serialised by one lock, as SQLite's
writers are; unlike there, readers wait for the writer too.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, TypeVar

from node.base.errors import LocalFault
from node.base.work import Task, Transaction

T = TypeVar("T")

_ABSENT = object()


class MemoryTransaction:
    """An open transaction: tables to read, ``put`` and ``drop`` to write."""

    def __init__(self, tables: dict[str, dict[Any, Any]], *, writable: bool) -> None:
        self._tables = tables
        self._writable = writable
        self._undo: list[tuple[dict[Any, Any], Any, Any]] = []
        self._saved_tables: set[str] = set()
        self._callbacks: list[Callable[[], None]] = []
        self._open = True

    def after_commit(self, callback: Callable[[], None]) -> None:
        self._callbacks.append(callback)

    def rows(self, table: str) -> dict[Any, Any]:
        """The rows of a table by key, in the order of their insertion; to be read only."""
        if not self._open:
            raise LocalFault("this transaction has ended")
        return self._tables.setdefault(table, {})

    def put(self, table: str, key: Any, row: Any) -> None:
        """Insert or replace a row."""
        rows = self._writing(table)
        if table not in self._saved_tables:
            self._undo.append((rows, key, rows.get(key, _ABSENT)))
        rows[key] = row

    def drop(self, table: str, key: Any) -> bool:
        """Remove a row; False where there is none."""
        rows = self._writing(table)
        if key not in rows:
            return False
        if table not in self._saved_tables:
            # Putting a removed row back would change its place, so the whole table is kept instead, once.
            self._saved_tables.add(table)
            self._undo.append((rows, _ABSENT, dict(rows)))
        del rows[key]
        return True

    def undone(self, tables: dict[str, dict[Any, Any]]) -> dict[str, dict[Any, Any]]:
        """A copy of ``tables`` without what this transaction has written so far."""
        copies = {name: dict(rows) for name, rows in tables.items()}
        names = {id(rows): name for name, rows in tables.items()}
        for rows, key, before in reversed(self._undo):
            _restore(copies[names[id(rows)]], key, before)
        return copies

    def end(self, *, commit: bool) -> list[Callable[[], None]]:
        self._open = False
        if commit:
            return self._callbacks
        for rows, key, before in reversed(self._undo):
            _restore(rows, key, before)
        return []

    def _writing(self, table: str) -> dict[Any, Any]:
        if not self._writable:
            raise LocalFault("this transaction only reads")
        self.rows(table)
        return self._tables[table]


def _restore(rows: dict[Any, Any], key: Any, before: Any) -> None:
    if key is _ABSENT:
        rows.clear()
        rows.update(before)
    elif before is _ABSENT:
        del rows[key]
    else:
        rows[key] = before


class MemoryUnitOfWork:
    """Transactions over one database in memory."""

    reads_at_once = False
    """A reader waits for a writer here."""

    def __init__(self) -> None:
        self._tables: dict[str, dict[Any, Any]] = {}
        self._lock = threading.RLock()
        self._writing: MemoryTransaction | None = None

    @contextmanager
    def begin(self, *, synced: bool = True) -> Iterator[MemoryTransaction]:
        with self._lock:
            if self._writing is not None:
                raise LocalFault("a transaction was opened inside a transaction")
            tx = self._writing = MemoryTransaction(self._tables, writable=True)
            try:
                yield tx
            except BaseException:
                tx.end(commit=False)
                raise
            else:
                callbacks = tx.end(commit=True)
            finally:
                self._writing = None
        for callback in callbacks:
            callback()

    @contextmanager
    def read(self) -> Iterator[MemoryTransaction]:
        with self._lock:
            # Inside a writing transaction of the same thread a reader sees what was committed before it.
            tables = self._tables if self._writing is None else self._writing.undone(self._tables)
            tx = MemoryTransaction(tables, writable=False)
            try:
                yield tx
            finally:
                tx.end(commit=True)

    def run(self, work: Callable[[MemoryTransaction], T]) -> T:
        """``work`` in a transaction of its own; nothing ever has to be tried again here."""
        with self.begin() as tx:
            return work(tx)


def memory(tx: Transaction) -> MemoryTransaction:
    """The transaction as the stores in this folder need it."""
    if not isinstance(tx, MemoryTransaction):
        raise LocalFault("this store works with transactions in memory only")
    return tx


@dataclass(frozen=True, slots=True)
class _Queued:
    task: Task
    leased_until: datetime | None = None

    @property
    def ready(self) -> datetime:
        """Return when a task may be leased, without regard to other tasks."""
        return self.task.due if self.leased_until is None else max(self.task.due, self.leased_until)


class MemoryOutbox:
    """The outbox in memory: rows lie in the order in which they were put."""

    table = "outbox"

    def put(self, tx: Transaction, task: Task) -> None:
        if task.id not in memory(tx).rows(self.table):
            memory(tx).put(self.table, task.id, _Queued(task))

    def lease(
        self,
        tx: Transaction,
        *,
        owner: str,
        now: datetime,
        until: datetime,
        limit: int,
        lanes_blocked: Sequence[str] = (),
        topics_blocked: Sequence[str] = (),
        takes: Callable[[Task], bool] = lambda task: True,
    ) -> Sequence[Task]:
        heads = [queued for queued in self._heads(tx) if queued.ready <= now]
        open_ones = [one for one in heads if not (one.task.lane in lanes_blocked or one.task.topic in topics_blocked)]
        leased: list[Task] = []
        for queued in sorted(open_ones, key=lambda one: one.task.due)[:limit]:
            if takes(queued.task):
                task = replace(queued.task, attempts=queued.task.attempts + 1, fence=queued.task.fence + 1)
                memory(tx).put(self.table, task.id, replace(queued, task=task, leased_until=until))
                leased.append(task)
        return leased

    def due(
        self,
        tx: Transaction,
        *,
        now: datetime,
        limit: int,
        busy: Collection[str],
        lanes_blocked: Sequence[str] = (),
        topics_blocked: Sequence[str] = (),
    ) -> Sequence[Task]:
        heads = sorted(self._heads(tx), key=lambda one: one.task.due)
        due = [queued.task for queued in heads if queued.task.due <= now]
        tasks = [task for task in due if task.topic not in topics_blocked]
        free = [task for task in tasks if task.id not in busy and task.lane not in lanes_blocked]
        return [replace(task, attempts=task.attempts + 1) for task in free[:limit]]

    def renew(self, tx: Transaction, task: Task, *, until: datetime) -> bool:
        queued = self._leased(tx, task)
        if queued is None:
            return False
        memory(tx).put(self.table, task.id, replace(queued, leased_until=until))
        return True

    def set_right(self, tx: Transaction, *, now: datetime, latest: datetime, until: datetime) -> int:
        changed = 0
        for queued in self._all(tx):
            late = not queued.task.dead and queued.task.due > latest
            long = queued.leased_until is not None and queued.leased_until > until
            task = replace(queued.task, due=now) if late else queued.task
            leased = until if long else queued.leased_until
            memory(tx).put(self.table, task.id, replace(queued, task=task, leased_until=leased))
            changed += late + long
        return changed

    def release(self, tx: Transaction) -> int:
        leased = [queued for queued in self._all(tx) if queued.leased_until is not None]
        for queued in leased:
            freed = replace(queued.task, fence=queued.task.fence + 1)
            memory(tx).put(self.table, freed.id, replace(queued, task=freed, leased_until=None))
        return len(leased)

    def finish(self, tx: Transaction, task: Task) -> bool:
        return self._leased(tx, task) is not None and memory(tx).drop(self.table, task.id)

    def retry(self, tx: Transaction, task: Task, *, due: datetime, error: str) -> bool:
        return self._give_back(tx, task, due=due, last_error=error, attempts=task.attempts, fence=task.fence + 1)

    def bury(self, tx: Transaction, task: Task, *, error: str) -> bool:
        return self._give_back(tx, task, dead=True, last_error=error, body=task.body, headers=task.headers)

    def find(self, tx: Transaction, task_id: str) -> Task | None:
        queued: _Queued | None = memory(tx).rows(self.table).get(task_id)
        return None if queued is None else queued.task

    def revive(self, tx: Transaction, task_id: str, *, due: datetime, body: bytes | None = None) -> bool:
        queued: _Queued | None = memory(tx).rows(self.table).get(task_id)
        if queued is None or not queued.task.dead:
            return False
        revived = queued.task if body is None else replace(queued.task, body=body)
        task = replace(revived, dead=False, due=due, attempts=0, fence=queued.task.fence + 1)
        memory(tx).put(self.table, task_id, replace(queued, task=task))
        return True

    def cancel(self, tx: Transaction, task_id: str) -> Task | None:
        queued: _Queued | None = memory(tx).rows(self.table).get(task_id)
        memory(tx).drop(self.table, task_id)
        return None if queued is None else queued.task

    def dead(self, tx: Transaction, limit: int = 100, *, subject: str | None = None) -> Sequence[Task]:
        every = [queued.task for queued in self._all(tx) if queued.task.dead]
        dead = [task for task in every if subject is None or task.subject == subject]
        return dead[::-1][:limit]

    def dead_count(self, tx: Transaction) -> int:
        return sum(queued.task.dead for queued in self._all(tx))

    def waiting(self, tx: Transaction) -> int:
        return sum(not queued.task.dead for queued in self._all(tx))

    def live(self, tx: Transaction, limit: int) -> Sequence[str]:
        return [queued.task.id for queued in self._all(tx) if not queued.task.dead][:limit]

    def next_due(self, tx: Transaction) -> datetime | None:
        return min((queued.ready for queued in self._heads(tx)), default=None)

    def _all(self, tx: Transaction) -> list[_Queued]:
        return list(memory(tx).rows(self.table).values())

    def _heads(self, tx: Transaction) -> list[_Queued]:
        """The first live task of each (lane, subject): those behind it wait for it."""
        heads: dict[tuple[str, str], _Queued] = {}
        for queued in self._all(tx):
            if not queued.task.dead:
                heads.setdefault((queued.task.lane, queued.task.subject), queued)
        return list(heads.values())

    def _leased(self, tx: Transaction, task: Task) -> _Queued | None:
        queued: _Queued | None = memory(tx).rows(self.table).get(task.id)
        held = queued is not None and not queued.task.dead and queued.task.fence == task.fence
        return queued if held else None

    def _give_back(self, tx: Transaction, task: Task, **changes: Any) -> bool:
        queued = self._leased(tx, task)
        if queued is None:
            return False
        given_back = replace(queued.task, **changes)
        memory(tx).put(self.table, task.id, replace(queued, task=given_back, leased_until=None))
        return True

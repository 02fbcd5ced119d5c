"""Writing to an SQLite file: writers take turns, and those who wait for their turn share a commit.

A commit waits for the disk, and each message of a conversation is a transaction. A writer that sees another one
waiting leaves the transaction of the database open for it. The last writer commits for all of them. No member
continues before that: an acknowledged write is still on disk. Each writer has its own savepoint. If it raises, only
its own writes are undone. If the commit fails, it has failed for every writer in it.

A transaction that need not be on the disk at once has a commit of its own if nobody waits: SQLite then writes its log
without waiting for the disk. The log has one order, and the next commit that waits takes all of it to the disk.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from contextlib import AbstractContextManager
from types import TracebackType
from typing import Any, Final
from weakref import WeakValueDictionary

from sqlalchemy.engine import Connection, Engine
from sqlalchemy.exc import DBAPIError

from node.adapters.sql.engine import PATIENCE
from node.adapters.sql.faults import fault_of, fault_of_driver
from node.base.errors import DatabaseBusy, LocalFault

MOST: Final = 64
"""So many writers share a commit at most."""
LONGEST: Final = 0.05
"""Seconds after which a shared transaction takes no further writer: the first of them waits for the last."""

_SYNCED: Final = "hansa_synced"
"""The key, in SQLAlchemy's data about a connection, of whether its commits wait for the disk."""


class _Waiter:
    """A writer in the queue. ``ready`` is locked until its turn."""

    def __init__(self, group: object) -> None:
        self.group = group
        self.ready = threading.Lock()
        self.ready.acquire()


class Turns:
    """One writer at a time, in order of arrival. SQLite would make writers wait by sleeping and trying again."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._queue: deque[_Waiter] = deque()
        self._busy = False
        self._holder: int | None = None

    def take(self, group: object) -> None:
        """Wait for the turn. Raises ``DatabaseBusy`` after ``PATIENCE``, ``LocalFault`` if this thread has it."""
        me = threading.get_ident()
        if self._holder == me:
            raise LocalFault("a transaction was opened inside a transaction: each would wait for the other")
        with self._lock:
            if not self._busy:
                self._busy, self._holder = True, me
                return
            waiter = _Waiter(group)
            self._queue.append(waiter)
        in_time = waiter.ready.acquire(timeout=PATIENCE)
        with self._lock:
            if not in_time and waiter in self._queue:
                self._queue.remove(waiter)
                raise DatabaseBusy("the database is busy", remedy="try again in a moment")
            self._holder = me

    @property
    def is_busy(self) -> bool:
        """Return whether a writer is at work."""
        return self._busy

    @property
    def waiting(self) -> int:
        """Return how many writers wait for their turn."""
        return len(self._queue)

    def pass_on(self, group: object) -> bool:
        """Give the turn to the next writer if it is one of ``group``; return whether it was."""
        with self._lock:
            if not self._queue or self._queue[0].group is not group:
                return False
            self._give()
            return True

    def leave(self) -> None:
        """Give the turn to the next writer."""
        with self._lock:
            if self._queue:
                self._give()
            else:
                self._busy, self._holder = False, None

    def _give(self) -> None:
        # The turn is never free in between: the next writer has to end the open transaction.
        self._holder = None
        self._queue.popleft().ready.release()


class _Batch:
    """A database transaction and its writers. ``members`` counts those that have written and wait for the commit."""

    def __init__(self, connection: Connection, *, synced: bool) -> None:
        """``synced``: the commit waits for the disk."""
        self.connection = connection
        self._synced = synced
        self._transaction = connection.begin()
        self._driver: Any = connection.connection.dbapi_connection
        self._began = time.monotonic()
        self._ended: threading.Event | None = None
        self._failure: BaseException | None = None
        self._has_savepoint = False
        self.members = 0

    @property
    def has_room(self) -> bool:
        """Return whether another writer may join: never if the commit does not wait for the disk."""
        return self._synced and self.members < MOST and time.monotonic() - self._began < LONGEST

    @property
    def is_alone(self) -> bool:
        """Return whether only the present writer has written so far."""
        return self.members == 0

    def join(self) -> None:
        """Let the next writer write. The first needs no savepoint: it can only undo everything."""
        self._has_savepoint = not self.is_alone
        if self._has_savepoint:
            self._run("SAVEPOINT writer")

    def keep(self) -> threading.Event:
        """Add the writes of the present writer; the returned event is set at the end of the transaction."""
        if self._has_savepoint:
            self._run("RELEASE writer")
        self.members += 1
        if self._ended is None:
            self._ended = threading.Event()
        return self._ended

    def take_back(self) -> bool:
        """Undo the writes of the present writer; return whether the transaction still stands for the others. SQLite
        ends it by itself after some errors, such as a full disk."""
        if self.is_alone or not self._driver.in_transaction:
            return False
        if self._has_savepoint:
            self._run("ROLLBACK TO writer")
            self._run("RELEASE writer")
        return True

    def commit(self) -> None:
        """Commit the writes of all members, and wake them. ``outcome`` reports the result."""
        try:
            if not self._driver.in_transaction:
                raise LocalFault("the database has ended the transaction")
            self._transaction.commit()
        except Exception as error:  # noqa: BLE001 - any error concerns all members
            self._failure = error
        finally:
            self._end()

    def roll_back(self, why: BaseException) -> None:
        """Undo everything, because of ``why``."""
        self._failure = why
        self._end()

    def outcome(self) -> None:
        """Raise ``LocalFault``, or the subclass that the failure stands for, if nothing was committed."""
        if self._failure is None:
            return
        if isinstance(self._failure, DBAPIError):
            raise fault_of(self._failure)
        if isinstance(self._failure, LocalFault):
            raise type(self._failure)(self._failure.detail, remedy=self._failure.remedy)
        raise LocalFault(f"the transaction was not committed: {type(self._failure).__name__}")

    @property
    def has_failed(self) -> bool:
        """Return whether it has ended without a commit."""
        return self._failure is not None

    def _run(self, statement: str) -> None:
        _run(self.connection, statement)

    def _end(self) -> None:
        try:
            if self._driver.in_transaction:
                self._transaction.rollback()  # It was not committed.
            if self._driver.in_transaction:
                # A failed commit has ended the transaction for SQLAlchemy, not for the database.
                self._driver.rollback()
        finally:
            if self._ended is not None:
                self._ended.set()


class Writers:
    """The writing transactions of one engine over an SQLite file. Their connection stays open between them."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self.turns = _turns(str(engine.url.database))
        self._connection: Connection | None = None
        self._open: _Batch | None = None

    def begin(self, *, synced: bool = True) -> AbstractContextManager[Connection]:
        """Return a transaction that may write. Returning commits before the caller continues, raising rolls back.
        ``synced`` is that of ``node.base.work.UnitOfWork.begin``."""
        return _WriteScope(self, synced)

    def enter(self, synced: bool) -> _Batch:
        """Wait for the turn, and let the present thread write in the transaction that is returned."""
        self.turns.take(self)
        try:
            # With others waiting, one commit that waits for the disk is less work than one for each.
            batch, self._open = self._open or self._begin_batch(synced or self.turns.waiting > 0), None
        except BaseException:
            self.turns.leave()
            raise
        try:
            batch.join()
        except BaseException as error:
            self.give_up(batch, error)
            raise
        return batch

    def complete(self, batch: _Batch) -> None:
        """Return when the writes of the present thread are committed. Raises as ``begin``."""
        try:
            completion = batch.keep()
        except BaseException as error:
            self.give_up(batch, error)
            raise
        if self._handed_on(batch):
            completion.wait()
        else:
            batch.commit()
            self._leave(batch)
        batch.outcome()

    def close(self) -> None:
        """Close the connection, unless a writer is using it."""
        if not self.turns.is_busy:
            self._drop()

    def _drop(self) -> None:
        connection, self._connection = self._connection, None
        if connection is None:
            return
        try:
            _wait_for_disk(connection, True)  # Others will use it.
        except LocalFault:
            connection.invalidate()
        finally:
            connection.close()

    def _begin_batch(self, synced: bool) -> _Batch:
        if self._connection is None:
            self._connection = self._engine.connect()
        try:
            _wait_for_disk(self._connection, synced)
            return _Batch(self._connection, synced=synced)
        except BaseException:
            self._drop()
            raise

    def _leave(self, batch: _Batch) -> None:
        """Give the turn to the next writer. A connection is not used again after a failed transaction."""
        try:
            if batch.has_failed:
                self._drop()
        finally:
            self.turns.leave()

    def _handed_on(self, batch: _Batch) -> bool:
        """Leave the transaction to the next writer, which then commits it or passes it on."""
        self._open = batch
        if batch.has_room and self.turns.pass_on(self):
            return True
        self._open = None
        return False

    def give_up(self, batch: _Batch, error: BaseException) -> None:
        """End the turn of the present writer, which failed with ``error``; the writes of the others are committed."""
        handed_on = False
        try:
            if not batch.take_back():
                batch.roll_back(error)
            elif self._handed_on(batch):
                handed_on = True
            else:
                batch.commit()
        except (DBAPIError, LocalFault) as failure:
            batch.roll_back(failure)
            raise
        finally:
            if not handed_on:
                self._leave(batch)


class _WriteScope:
    """One writing transaction. A class, not a generator: each message needs several of them."""

    __slots__ = ("_batch", "_synced", "_writers")

    def __init__(self, writers: Writers, synced: bool) -> None:
        self._writers = writers
        self._synced = synced

    def __enter__(self) -> Connection:
        self._batch = self._writers.enter(self._synced)
        return self._batch.connection

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is None:
            self._writers.complete(self._batch)
        else:
            self._writers.give_up(self._batch, error)


def _wait_for_disk(connection: Connection, synced: bool) -> None:
    """Have commits of ``connection`` wait for the disk, or not. SQLite takes this between two transactions only."""
    if connection.info.get(_SYNCED, True) is not synced:
        _run(connection, f"PRAGMA synchronous={'FULL' if synced else 'NORMAL'}")
        connection.info[_SYNCED] = synced


def _run(connection: Connection, statement: str) -> None:
    driver: Any = connection.connection.dbapi_connection
    try:
        driver.execute(statement)
    except connection.dialect.loaded_dbapi.Error as error:
        raise fault_of_driver(error) from None


_known: WeakValueDictionary[str, Turns] = WeakValueDictionary()
_known_lock = threading.Lock()


def _turns(database: str) -> Turns:
    """Return the turns of a database file, the same for all its writers in this process."""
    with _known_lock:
        turns = _known.get(database)
        if turns is None:
            turns = _known[database] = Turns()
        return turns

"""Transactions in a database."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from types import TracebackType

from sqlalchemy.engine import Connection, Engine
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from node.adapters.sql.faults import fault_of
from node.adapters.sql.readers import Readers
from node.adapters.sql.sessions import READ, WRITE, WRITE_UNSYNCED, sessions_of
from node.adapters.sql.shared_commit import Writers
from node.adapters.sql.statements import Statements, TransactionStatements
from node.base.errors import DatabaseBusy, LocalFault
from node.base.work import Transaction

logger = logging.getLogger(__name__)


class SqlTransaction:
    """An open transaction: ``running`` for the stores of this adapter, over ``connection``."""

    def __init__(self, connection: Connection, statements: Statements) -> None:
        self.connection = connection
        self.running = TransactionStatements(connection, statements)
        self._callbacks: list[Callable[[], None]] = []

    def after_commit(self, callback: Callable[[], None]) -> None:
        """Run ``callback`` once the transaction has committed; never after a rollback.

        Errors of a callback are logged: the transaction stands, whatever happens after it.
        """
        self._callbacks.append(callback)

    def notify(self) -> None:
        """Run the callbacks; the unit of work calls this after the commit."""
        for callback in self._callbacks:
            try:
                callback()
            except Exception:
                logger.exception("an action after a commit failed")


class SqlUnitOfWork:
    """Transactions over one engine (``node.adapters.sql.engine.connect``), for any number of threads.

    Returning commits, raising rolls back. Errors of the database are raised as ``LocalFault``: as ``DatabaseBusy`` or
    ``DatabaseAway`` if waiting helps, as ``NoRoom`` if the disk is full; the caller's own errors pass unchanged.
    """

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.writers: Writers | None = None
        self._readers: Readers | None = None
        self._reading: Callable[[], AbstractContextManager[Connection]]
        self._writing: Callable[[], AbstractContextManager[Connection]]
        self._writing_unsynced: Callable[[], AbstractContextManager[Connection]]
        self._statements = Statements(engine.dialect)
        if engine.dialect.name == "sqlite":
            self.writers = Writers(engine)
            self._readers = Readers(engine)
            self._reading, self._writing = self._readers.begin, self.writers.begin
            self._writing_unsynced = partial(self.writers.begin, synced=False)
        else:
            sessions = sessions_of(engine)
            self._reading, self._writing = partial(sessions.begin, READ), partial(sessions.begin, WRITE)
            self._writing_unsynced = partial(sessions.begin, WRITE_UNSYNCED)

    @property
    def reads_at_once(self) -> bool:
        """Return whether a reading transaction would begin now: on SQLite, on a connection that is open."""
        return self._readers is not None and self._readers.is_ready

    def begin(self, *, synced: bool = True) -> AbstractContextManager[SqlTransaction]:
        """Return a transaction that may write. On SQLite writers take turns, waiting writers share a commit, and each
        commit is on the disk; a transaction inside another raises ``LocalFault``."""
        return _Scope((self._writing if synced else self._writing_unsynced)(), self._statements)

    def read(self) -> AbstractContextManager[SqlTransaction]:
        """Return a transaction that sees one consistent state and cannot write."""
        return _Scope(self._reading(), self._statements)

    def close(self) -> None:
        """Close the connections that no transaction uses."""
        if self._readers is not None:
            self._readers.close()
        if self.writers is not None:
            self.writers.close()
        self.engine.dispose()


def connection_of(tx: Transaction) -> TransactionStatements:
    """Return the runner of statements in a transaction. Raises ``LocalFault`` for another adapter's transaction."""
    if not isinstance(tx, SqlTransaction):
        raise LocalFault("this store needs a transaction of the SQL adapter")
    return tx.running


class _Scope:
    """A transaction as a context. A class, not a generator: each message enters and leaves some twenty of them."""

    __slots__ = ("_connecting", "_statements", "_tx")

    def __init__(self, connecting: AbstractContextManager[Connection], statements: Statements) -> None:
        self._connecting = connecting
        self._statements = statements

    def __enter__(self) -> SqlTransaction:
        try:
            connection = self._connecting.__enter__()
        except (PoolTimeout, DBAPIError) as error:
            raise _fault(error).with_traceback(error.__traceback__) from None
        self._tx = SqlTransaction(connection, self._statements)
        return self._tx

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self._connecting.__exit__(kind, error, trace)
        except (PoolTimeout, DBAPIError) as failure:
            raise _fault(failure).with_traceback(failure.__traceback__) from None
        if error is None:
            self._tx.notify()
        elif isinstance(error, PoolTimeout | DBAPIError):
            raise _fault(error).with_traceback(error.__traceback__) from None


def _fault(error: PoolTimeout | DBAPIError) -> LocalFault:
    """Return the error of ``node.base.errors`` for an error of the database.

    The driver's message may quote values (PostgreSQL's DETAIL), which must not be in a log: the fault keeps the trace
    and the statement of the error, but not the error."""
    if isinstance(error, PoolTimeout):
        return DatabaseBusy("all connections to the database are in use", remedy="try again in a moment")
    fault = fault_of(error)
    fault.add_note(f"SQL: {error.statement}")
    return fault


@contextmanager
def translate_errors() -> Iterator[None]:
    """Raise errors of the database within the block as errors of ``node.base.errors``."""
    try:
        yield
    except (PoolTimeout, DBAPIError) as error:
        raise _fault(error).with_traceback(error.__traceback__) from None

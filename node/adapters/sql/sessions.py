"""Transactions in PostgreSQL, on connections that stay open between them.

Processing a message reads more often than it writes, and most of these transactions are one or two statements. The
work of SQLAlchemy's pool for each of them (checking that the server is there, setting the isolation level, resetting
it) would cost more than they do. Opening a connection costs still more: the server starts a process for it.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Final

from sqlalchemy import event
from sqlalchemy.engine import Connection, Engine

from node.adapters.sql.drivers import PostgresDriver, postgres_driver
from node.adapters.sql.engine import PATIENCE
from node.adapters.sql.faults import fault_of_driver
from node.base.errors import DatabaseBusy, LocalFault

MOST: Final = 32
"""So many transactions are open at the same time at most; others wait for their turn."""

KEPT_FOR: Final = 60.0
"""Seconds after which an unused connection is closed."""

WRITE: Final = b"BEGIN ISOLATION LEVEL READ COMMITTED"
WRITE_UNSYNCED: Final = WRITE + b"; SET LOCAL synchronous_commit = off"
"""The server writes the log of all transactions in one order: a later commit takes this one to the disk."""
READ: Final = b"BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"

_SESSIONS: Final = "hansa_sessions"
"""The key of the sessions in the options of their engine."""

_lock = threading.Lock()


class Sessions:
    """The transactions of one engine over PostgreSQL, for any number of threads."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._idle: list[tuple[float, Connection]] = []
        self._places = threading.BoundedSemaphore(MOST)

    @contextmanager
    def begin(self, opening: bytes) -> Iterator[Connection]:
        """Yield a transaction that begins with ``opening``. Returning commits, raising rolls back."""
        if not self._places.acquire(timeout=PATIENCE):
            raise DatabaseBusy("all connections to the database are in use", remedy="try again in a moment")
        try:
            connection = self._take()
            try:
                with _transaction(connection, opening):
                    yield connection
            except BaseException:
                self._give_back(connection)
                raise
            self._give_back(connection)
        finally:
            self._places.release()

    def close(self, *_: object) -> None:
        """Close the connections that no transaction uses."""
        self._close_unused(time.monotonic())

    def _take(self) -> Connection:
        """Take the last used connection that is still usable: a restarted server has ended its connections."""
        while self._idle:
            try:
                _, connection = self._idle.pop()
            except IndexError:
                break  # Another thread was faster.
            if postgres_driver(connection).is_usable:
                return connection
            _drop(connection)
        return self._engine.connect()

    def _give_back(self, connection: Connection) -> None:
        now = time.monotonic()
        if connection.closed or connection.invalidated or not postgres_driver(connection).is_usable:
            _drop(connection)
        else:
            self._idle.append((now, connection))
        self._close_unused(now - KEPT_FOR)

    def _close_unused(self, since: float) -> None:
        """Close the connections unused since then: they are first in the list, since the last is taken first."""
        while self._idle and self._idle[0][0] <= since:
            try:
                _, connection = self._idle.pop(0)
            except IndexError:
                return
            _drop(connection)


def sessions_of(engine: Engine) -> Sessions:
    """Return the sessions of an engine, the same for all callers. They end when the engine is disposed of."""
    with _lock:
        sessions: Sessions | None = engine.get_execution_options().get(_SESSIONS)
        if sessions is None:
            sessions = Sessions(engine)
            engine.update_execution_options(**{_SESSIONS: sessions})
            event.listen(engine, "engine_disposed", sessions.close)
    return sessions


@contextmanager
def _transaction(connection: Connection, opening: bytes) -> Iterator[None]:
    driver = postgres_driver(connection)
    _command(connection, driver, opening)
    try:
        yield
    except BaseException:
        _roll_back(connection, driver)
        raise
    outcome = _command(connection, driver, b"COMMIT")
    if connection.in_transaction():
        connection.commit()  # For SQLAlchemy, if it ran statements: in the database no transaction is open any more.
    if outcome != b"COMMIT":
        # After a failed statement the server treats COMMIT as ROLLBACK, without an error.
        raise LocalFault("the database has ended the transaction")


def _command(connection: Connection, driver: PostgresDriver, text: bytes) -> bytes:
    try:
        return driver.command(text)
    except connection.dialect.loaded_dbapi.Error as error:
        raise fault_of_driver(error) from None


def _roll_back(connection: Connection, driver: PostgresDriver) -> None:
    """Roll back. If this fails, the connection is not used again: see ``is_usable``."""
    with suppress(connection.dialect.loaded_dbapi.Error):
        if not connection.invalidated and driver.in_transaction:
            driver.command(b"ROLLBACK")
    if connection.in_transaction():
        connection.rollback()


def _drop(connection: Connection) -> None:
    if not (connection.closed or connection.invalidated):
        connection.invalidate()
    connection.close()

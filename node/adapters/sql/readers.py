"""Reading an SQLite file: transactions on connections that stay open between them.

Processing a message reads more often than it writes, and most of these transactions are one statement. Taking a
connection from SQLAlchemy's pool, configuring it and giving it back would cost several times as much as that
statement.
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from types import TracebackType
from typing import Any, Final

from sqlalchemy.engine import Connection, Engine

from node.adapters.sql.engine import READ_ONLY

KEPT: Final = 4
"""So many connections stay open at most; the others return to the pool after use."""


class Readers:
    """The reading transactions of one engine over an SQLite file, for any number of threads."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine.execution_options(**{READ_ONLY: True})
        self._idle: list[Connection] = []

    def begin(self) -> AbstractContextManager[Connection]:
        """Return a transaction that sees one consistent state and cannot write."""
        return _ReadScope(self)

    @property
    def is_ready(self) -> bool:
        """Return whether a connection is open that no transaction uses."""
        return bool(self._idle)

    def give_back(self, connection: Connection) -> None:
        """Keep a connection without a transaction for the next reader."""
        if len(self._idle) < KEPT:
            self._idle.append(connection)
        else:
            connection.close()

    def close(self) -> None:
        """Close the connections that no transaction uses."""
        while self._idle:
            self._idle.pop().close()

    def take(self) -> Connection:
        """Return a connection that cannot write."""
        try:
            return self._idle.pop()
        except IndexError:
            connection = self._engine.connect()
        try:
            with connection.begin():  # The first transaction sets the connection to read only.
                return connection
        except BaseException:
            connection.close()
            raise


class _ReadScope:
    """One reading transaction. A class, not a generator: each message needs some ten of them."""

    __slots__ = ("_connection", "_driver", "_readers")

    def __init__(self, readers: Readers) -> None:
        self._readers = readers

    def __enter__(self) -> Connection:
        connection = self._connection = self._readers.take()
        try:
            driver: Any = connection.connection.dbapi_connection
            driver.execute("BEGIN")
        except BaseException:
            connection.close()
            raise
        self._driver = driver
        return connection

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        connection = self._connection
        try:
            if connection.in_transaction():
                connection.rollback()
            if self._driver.in_transaction:
                self._driver.rollback()
        except BaseException:
            connection.close()
            raise
        if error is None:
            self._readers.give_back(connection)
        else:
            connection.close()

"""Reading an SQLite file: transactions on connections that stay open between them.

Processing a message reads more often than it writes, and most of these transactions are one statement. Taking a
connection from SQLAlchemy's pool, configuring it and giving it back would cost several times as much as that
statement.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
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

    @contextmanager
    def begin(self) -> Iterator[Connection]:
        """Yield a transaction that sees one consistent state and cannot write."""
        connection = self._take()
        try:
            driver: Any = connection.connection.dbapi_connection
            driver.execute("BEGIN")
            try:
                yield connection
            finally:
                if connection.in_transaction():
                    connection.rollback()
                if driver.in_transaction:
                    driver.rollback()
        except BaseException:
            connection.close()
            raise
        if len(self._idle) < KEPT:
            self._idle.append(connection)
        else:
            connection.close()

    def close(self) -> None:
        """Close the connections that no transaction uses."""
        while self._idle:
            self._idle.pop().close()

    def _take(self) -> Connection:
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

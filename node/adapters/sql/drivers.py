"""Runs a compiled statement on the driver's own connection: one class for each database.

A driver belongs to a connection and lives as long as that connection: PostgreSQL prepares statements for each
connection.
"""

from __future__ import annotations

import select
from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy.engine import Connection

_DRIVER: Final = "hansa_driver"
"""The key of the driver in SQLAlchemy's data about a connection, which lasts until it is closed."""

MOST_PREPARED: Final = 1000
"""A connection to PostgreSQL keeps so many statements prepared; the server parses further ones each time."""

_AT_ONCE: Final = 64
"""Rows that are sent to PostgreSQL before answers are read. The answers fit into the buffer of a socket."""


class SqliteDriver:
    """Statements on a connection of ``sqlite3`` or ``pysqlite3``, which caches the statements that it has parsed.

    As with ``PostgresDriver``, errors are those of the DB-API module.
    """

    def __init__(self, connection: Any) -> None:
        self._connection = connection

    def run(self, text: str, values: Sequence[Any]) -> tuple[list[Any], int]:
        """Return the rows of the statement, and how many it has found or changed."""
        cursor = self._connection.execute(text, values)
        return cursor.fetchall() if cursor.description is not None else [], cursor.rowcount

    def run_each(self, text: str, rows: Sequence[Sequence[Any]]) -> int:
        """Run the statement for each of ``rows``; return how many rows it has changed in all."""
        changed: int = self._connection.executemany(text, rows).rowcount
        return changed


class PostgresDriver:
    """Statements on a connection of psycopg, by its thin layer over libpq.

    Each statement is prepared once, and its parameters have the types in its text. psycopg's own cursors know the
    state of the connection: they too ask libpq in which state a transaction is.
    """

    def __init__(self, connection: Any, psycopg: Any) -> None:
        """``psycopg`` is the module, which a node on SQLite never loads."""
        self._libpq = connection.pgconn
        self._psycopg = psycopg
        self._reading = psycopg.adapt.Transformer(connection)
        self._prepared: dict[str, bytes] = {}
        self._answers = select.poll()
        self._answers.register(self._libpq.socket, select.POLLIN)
        status = psycopg.pq.ExecStatus
        self._good = frozenset({status.COMMAND_OK, status.TUPLES_OK})
        self._in_error = status.FATAL_ERROR
        self._synced = status.PIPELINE_SYNC

    @property
    def is_usable(self) -> bool:
        """Return whether a transaction can begin. A server that is gone, or that has ended the connection, has sent
        notice; this is seen without a request."""
        status = self._psycopg.pq
        return (
            self._libpq.status == status.ConnStatus.OK
            and self._libpq.transaction_status == status.TransactionStatus.IDLE
            and not self._answers.poll(0)
        )

    @property
    def in_transaction(self) -> bool:
        """Return whether a transaction is open, though the server may refuse all but its end."""
        return bool(self._libpq.transaction_status != self._psycopg.pq.TransactionStatus.IDLE)

    def command(self, text: bytes) -> bytes:
        """Run a command without parameters; return the server's command tag."""
        result = self._check(self._libpq.exec_(text))
        return result.command_status or b""

    def run(self, text: str, values: Sequence[Any]) -> tuple[list[Any], int]:
        """As ``SqliteDriver.run``."""
        parameters, formats = _encode_values(values)
        name = self._prepared.get(text)
        if name is None:
            name = self._prepare(text)
        if name is None:
            result = self._libpq.exec_params(text.encode(), parameters, None, formats, 0)
        else:
            result = self._libpq.exec_prepared(name, parameters, formats, 0)
        self._check(result)
        count: int | None = result.command_tuples
        number = -1 if count is None else count
        if not result.nfields:
            return [], number
        self._reading.set_pgresult(result)
        rows = self._reading.load_rows(0, result.ntuples, tuple)
        self._reading.set_pgresult(None)  # The result may be large, and the connection stays open.
        return rows, number

    def run_each(self, text: str, rows: Sequence[Sequence[Any]]) -> int:
        """As ``SqliteDriver.run_each``."""
        total = 0
        for first in range(0, len(rows), _AT_ONCE):
            total += self._run_together(text, rows[first : first + _AT_ONCE])
        return total

    def _run_together(self, text: str, rows: Sequence[Sequence[Any]]) -> int:
        """Send the statement for each row, and read all answers afterwards."""
        name = self._prepared.get(text) or self._prepare(text)
        if name is None or len(rows) == 1:
            return sum(self.run(text, values)[1] for values in rows)
        total, failure = 0, None
        self._libpq.enter_pipeline_mode()
        try:
            for values in rows:
                sent, formats = _encode_values(values)
                self._libpq.send_query_prepared(name, sent, formats, 0)
            self._libpq.pipeline_sync()
            while (result := self._libpq.get_result()) is None or result.status != self._synced:
                if result is None:
                    self._require_connection()
                elif result.status in self._good:
                    total += result.command_tuples or 0
                elif failure is None and result.status == self._in_error:
                    failure = result
        finally:
            self._libpq.exit_pipeline_mode()
        if failure is not None:
            self._check(failure)
        return total

    def _prepare(self, text: str) -> bytes | None:
        """Return the name of the prepared statement; None if too many are prepared already."""
        if len(self._prepared) >= MOST_PREPARED:
            return None
        name = b"hansa_%d" % len(self._prepared)
        self._check(self._libpq.prepare(name, text.encode()))
        self._prepared[text] = name
        return name

    def _check(self, result: Any) -> Any:
        """Return ``result``; raise the error that it stands for."""
        if result.status in self._good:
            return result
        self._require_connection(result)
        raise self._psycopg.errors.error_from_result(result)

    def _require_connection(self, result: Any = None) -> None:
        """Raise the error of psycopg for a connection that was lost without a message of the server."""
        if self._libpq.status != self._psycopg.pq.ConnStatus.OK:
            if result is not None and (error := self._psycopg.errors.error_from_result(result)).sqlstate:
                raise error
            raise self._psycopg.OperationalError(self._libpq.error_message.decode("utf-8", "replace"))


Driver = SqliteDriver | PostgresDriver
"""Runs texts of statements with the values of their parameters."""


def driver_of(connection: Connection) -> Driver:
    """Return the driver of an open connection."""
    known: Driver | None = connection.info.get(_DRIVER)
    if known is not None:
        return known
    if connection.dialect.name == "postgresql":
        return postgres_driver(connection)
    driver = connection.info[_DRIVER] = SqliteDriver(connection.connection.dbapi_connection)
    return driver


def postgres_driver(connection: Connection) -> PostgresDriver:
    """Return the driver of an open connection to PostgreSQL."""
    own_driver: PostgresDriver | None = connection.info.get(_DRIVER)
    if own_driver is None:
        driver: Any = connection.connection.dbapi_connection
        own_driver = connection.info[_DRIVER] = PostgresDriver(driver, connection.dialect.loaded_dbapi)
    return own_driver


_AS_TEXT: Final[dict[type, Any]] = {
    str: str.encode,
    bool: {True: b"t", False: b"f"}.__getitem__,
    int: lambda number: b"%d" % number,
    float: lambda number: repr(number).encode(),
}


def _encode_values(values: Sequence[Any]) -> tuple[list[bytes | None], list[int] | None]:
    """Return the values in PostgreSQL's format, and which of them are plain bytes (1), not text (0)."""
    encodings: list[bytes | None] = []
    formats: list[int] = []
    for value in values:
        kind = type(value)
        if value is None or kind is bytes:
            encodings.append(value)
            formats.append(1 if kind is bytes else 0)
        else:
            encodings.append((_AS_TEXT.get(kind) or _by_base(kind))(value))
            formats.append(0)
    return encodings, formats if 1 in formats else None


def _by_base(kind: type) -> Any:
    """Return how to send values of a class that is derived from a known one, such as an ``Enum`` of texts."""
    for base, convert in _AS_TEXT.items():
        if issubclass(kind, base):
            return convert
    raise TypeError(f"PostgreSQL is sent no {kind.__name__}")

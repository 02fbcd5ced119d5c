"""Opens a database: SQLite with the settings that durability depends on, or PostgreSQL."""

from __future__ import annotations

import os
import time
from pathlib import Path
from types import ModuleType
from typing import Any, cast

from sqlalchemy import create_engine, event
from sqlalchemy.engine import URL, Connection, Engine, make_url
from sqlalchemy.exc import ArgumentError

from node.adapters.sql.faults import fault_of_driver
from node.base.errors import LocalFault

SQLITE_MINIMUM = (3, 51, 3)
"""Older builds can lose committed rows when a write-ahead log is reset (the WAL-reset bug)."""

PATIENCE = 30.0
"""The seconds that a transaction waits for others before it gives up."""

READ_ONLY = "hansa_read_only"
"""Execution option of connections that only read."""


def connect(url: str | URL) -> Engine:
    """Return an engine for ``sqlite:///path`` or ``postgresql://…`` (driver psycopg).

    Only the library is loaded; no connection is opened. Raises ``LocalFault`` for another kind of database, for
    SQLite in memory (a ledger must be kept), and if no SQLite without the WAL-reset bug is available.
    """
    try:
        address = make_url(url)
    except ArgumentError as error:
        raise LocalFault(
            "the database URL cannot be read", remedy="write sqlite:///path or postgresql://user@host/name"
        ) from error
    backend = address.get_backend_name()
    if backend == "sqlite":
        return _sqlite(address)
    if backend == "postgresql":
        return _postgresql(address)
    raise LocalFault(
        f"Hansa keeps its ledger in SQLite or PostgreSQL, not in {backend}",
        remedy="write sqlite:///path or postgresql://user@host/name",
    )


def sqlite_path(url: str | URL) -> Path:
    """Return the file of an SQLite URL. Raises ``LocalFault`` if the URL names no file."""
    database = make_url(url).database
    if not database or database == ":memory:" or database.startswith("file:"):
        raise LocalFault("the database must be a file", remedy="write sqlite:///path/to/hansa.sqlite")
    return Path(database)


def sqlite_driver() -> ModuleType:
    """Return the DB-API module with a new enough SQLite: ``pysqlite3`` brings its own, else Python's.

    Raises ``LocalFault`` if neither is new enough.
    """
    try:
        from pysqlite3 import dbapi2 as bundled
    except ImportError:
        bundled = None
    if bundled is not None and bundled.sqlite_version_info >= SQLITE_MINIMUM:
        return cast("ModuleType", bundled)
    # Imported here: it loads a second SQLite.
    import sqlite3

    if sqlite3.sqlite_version_info >= SQLITE_MINIMUM:
        return sqlite3
    needed = ".".join(map(str, SQLITE_MINIMUM))
    raise LocalFault(
        f"SQLite {needed} or newer is needed, since older ones can lose committed data; "
        f"this Python has {sqlite3.sqlite_version}",
        remedy="install the package pysqlite3, or use PostgreSQL",
    )


def _sqlite(url: URL) -> Engine:
    path = sqlite_path(url)
    driver = sqlite_driver()
    engine = create_engine(
        url.set(drivername="sqlite", query={}),
        module=driver,
        # We begin transactions, in the event below: the driver begins them too late.
        connect_args={
            "isolation_level": None,
            "check_same_thread": False,
            "timeout": PATIENCE,
            "cached_statements": 256,
        },
        pool_size=8,
        max_overflow=56,
        pool_timeout=PATIENCE,
        pool_use_lifo=True,
        hide_parameters=True,
    )

    @event.listens_for(engine, "do_connect")
    def create_private(*_: Any) -> None:
        # Hashes of passwords and agreements are private; the log files get the same mode.
        try:
            os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
        except OSError as error:
            raise LocalFault(f"the database {path} cannot be opened: {error.strerror}") from error

    @event.listens_for(engine, "connect")
    def settle(connection: Any, _: Any) -> None:
        _settle_sqlite(connection, path, driver)

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        _begin_sqlite(connection, driver)

    return engine


def _settle_sqlite(connection: Any, path: Path, driver: Any) -> None:
    """Set and check the settings that durability depends on: a log, synced at each commit; foreign keys enforced."""
    try:
        # To switch an old or a new file to a log, the connection must be alone for a moment.
        mode = _patiently(lambda: connection.execute("PRAGMA journal_mode=WAL").fetchone()[0], driver)
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute("PRAGMA foreign_keys=ON")
        connection.execute("PRAGMA journal_size_limit=67108864")
        synchronous = connection.execute("PRAGMA synchronous").fetchone()[0]
        references = connection.execute("PRAGMA foreign_keys").fetchone()[0]
    except driver.DatabaseError as error:
        fault = fault_of_driver(error)
        if fault.is_public:
            raise fault from error
        raise LocalFault(f"the database {path} cannot be opened: {error}", remedy=fault.remedy) from error
    if (mode, synchronous, references) != ("wal", 2, 1):
        raise LocalFault(
            f"the file system under {path} does not let SQLite store data safely (journal {mode}, "
            f"synchronous {synchronous})",
            remedy="put the data folder on a local disk",
        )


def _begin_sqlite(connection: Connection, driver: Any) -> None:
    raw: Any = connection.connection.dbapi_connection
    read_only = bool(connection.get_execution_options().get(READ_ONLY))
    if read_only and raw.in_transaction:
        return  # The connection of a reader, with its transaction already begun (``readers``).
    # A writer takes its lock at once: after reading first, its request for the lock could only be refused.
    statement = "BEGIN" if read_only else "BEGIN IMMEDIATE"
    try:
        if connection.info.get(READ_ONLY, False) is not read_only:
            raw.execute(f"PRAGMA query_only={'ON' if read_only else 'OFF'}")
            connection.info[READ_ONLY] = read_only
        _patiently(lambda: raw.execute(statement), driver)
    except driver.DatabaseError as error:
        raise fault_of_driver(error) from error


def _patiently(work: Any, driver: Any) -> Any:
    """Repeat ``work`` while SQLite answers "busy" without having waited (it does so for some locks)."""
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            return work()
        except driver.OperationalError as error:
            if not _is_busy(error) or time.monotonic() > deadline:
                raise
            time.sleep(0.02)


def _is_busy(error: Exception) -> bool:
    return "locked" in str(error) or "busy" in str(error)


def _postgresql(url: URL) -> Engine:
    engine = create_engine(
        url.set(drivername="postgresql+psycopg"),
        # Statements are prepared by ``drivers`` alone: once psycopg has prepared any, a rollback (to a savepoint too)
        # makes it take away all of the connection (DEALLOCATE ALL).
        connect_args={"connect_timeout": 10, "client_encoding": "utf8", "prepare_threshold": None},
        # Transactions keep their connections (``sessions``); other requests for one are rare.
        pool_size=8,
        max_overflow=56,
        pool_timeout=PATIENCE,
        pool_use_lifo=True,
        pool_pre_ping=True,
        hide_parameters=True,
    )

    @event.listens_for(engine, "connect")
    def settle(connection: Any, _: Any) -> None:
        with connection.cursor() as cursor:
            cursor.execute(f"SET lock_timeout = '{int(PATIENCE)}s'")
            cursor.execute("SET idle_in_transaction_session_timeout = '5min'")
            # An acknowledged commit must survive a power cut, whatever the server's default is.
            cursor.execute(
                "SELECT set_config('synchronous_commit', 'on', false) "
                "WHERE current_setting('synchronous_commit') = 'off'"
            )
        connection.commit()

    return engine

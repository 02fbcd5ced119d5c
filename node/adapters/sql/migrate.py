"""Brings a database to the schema of this Hansa: create, leave unchanged, migrate after a backup, or refuse.

The usual start costs one query. Alembic is loaded only if there is something to do.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

from sqlalchemy import inspect, text
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.exc import DBAPIError

from node.adapters.sql.engine import READ_ONLY
from node.adapters.sql.faults import fault_of
from node.adapters.sql.schema import metadata
from node.adapters.sql.work import translate_errors
from node.base.errors import DatabaseAway, LocalFault

VERSIONS = (
    "0001",
    "0002",
    "0003",
    "0004",
    "0005",
    "0006",
    "0007",
    "0008",
    "0009",
    "0010",
    "0011",
    "0012",
    "0013",
    "0014",
    "0015",
    "0016",
    "0017",
    "0018",
    "0019",
    "0020",
    "0021",
    "0022",
    "0023",
    "0024",
    "0025",
    "0026",
    "0027",
    "0028",
    "0029",
    "0030",
    "0031",
    "0032",
    "0033",
    "0034",
    "0035",
    "0036",
    "0037",
    "0038",
    "0039",
    "0040",
    "0042",
    "0043",
)
"""The schema versions that this Hansa knows, oldest first; it works with the last."""

MIGRATIONS = Path(__file__).parent / "migrations"

_VERSION = text("SELECT version_num FROM alembic_version")
_LOCK = 0x48616E73
"""PostgreSQL advisory lock: one process migrates, others wait for it and find the work done."""

logger = logging.getLogger(__name__)


def schema_version(engine: Engine) -> str | None:
    """Return the version of the database's schema; None for a database without any.

    Raises ``LocalFault`` if the database does not answer, or is damaged.
    """
    try:
        with _reading(engine) as connection:
            version: str | None = connection.execute(_VERSION).scalar_one_or_none()
            return version
    except DBAPIError as error:
        # Either the table does not exist, or the database cannot be reached: only the first is a result.
        if _has_no_version(engine):
            return None
        # The details may name the server and its user; they belong to the cause, for the log.
        fault = fault_of(error)
        if fault.remedy and not isinstance(fault, DatabaseAway):
            raise fault from error
        raise LocalFault(
            "the database does not answer",
            remedy="check that it runs, and the database setting of this node",
        ) from error


def migrate(engine: Engine, *, backup: Callable[[], None] | None = None) -> bool:
    """Bring the database to the newest schema; return whether something was done.

    An empty database gets its tables. An older one is migrated in one transaction, after ``backup`` was called: if
    that raises, nothing is changed. Raises ``LocalFault`` if the database is newer than this Hansa, or its tables are
    not Hansa's.
    """
    version = schema_version(engine)
    if version == VERSIONS[-1]:
        return False
    if version is not None:
        _refuse_newer(version)
        logger.info("migrating the database from schema %s to %s", version, VERSIONS[-1])
        if backup is not None:
            backup()
    with translate_errors(), engine.begin() as connection:
        if connection.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
        # Another process may have migrated it while we waited for the lock.
        version = _version_within(connection)
        if version == VERSIONS[-1]:
            return False
        if version is None:
            _refuse_foreign(connection)
        else:
            _refuse_newer(version)
        _upgrade(connection)
    return True


def _upgrade(connection: Connection) -> None:
    from alembic import command
    from alembic.config import Config

    config = Config()
    # Alembic reads its options through ConfigParser, which interprets a percent sign in the path.
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    command.upgrade(config, VERSIONS[-1])


def _reading(engine: Engine) -> Connection:
    # Without READ_ONLY, SQLite would wait for a writer, which may be another process.
    return engine.execution_options(**{READ_ONLY: True}).connect()


def _has_no_version(engine: Engine) -> bool:
    try:
        with _reading(engine) as connection:
            return not inspect(connection).has_table("alembic_version")
    except DBAPIError:
        return False


def _version_within(connection: Connection) -> str | None:
    if not inspect(connection).has_table("alembic_version"):
        return None
    version: str | None = connection.execute(_VERSION).scalar_one_or_none()
    return version


def _refuse_newer(version: str) -> None:
    if version not in VERSIONS:
        raise LocalFault(
            f"the database has schema {version}, this Hansa knows schemas up to {VERSIONS[-1]}: "
            "a newer Hansa has changed it",
            remedy="run the newer Hansa, or restore the backup that it made before the migration",
            facts={"schema": version, "known": VERSIONS[-1]},
        )


def _refuse_foreign(connection: Connection) -> None:
    foreign: Any = set(inspect(connection).get_table_names()) & set(metadata.tables)
    if foreign:
        raise LocalFault(
            f"the database has tables that Hansa did not create ({', '.join(sorted(foreign)[:5])})",
            remedy="give Hansa a database, or on PostgreSQL a schema, of its own",
        )

"""Copies of the database, taken while the node runs, and restored while it does not."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sqlalchemy import text
from sqlalchemy.engine import URL, Engine, make_url

from node.adapters.sql.engine import PATIENCE, connect, sqlite_driver, sqlite_path
from node.adapters.sql.work import translate_errors
from node.base.clock import SystemClock
from node.base.disk import sync_folder
from node.base.errors import LocalFault

_CHECK = "PRAGMA integrity_check"


def backup(url: str | URL, target: Path) -> None:
    """Back up the database of ``url``, of either kind (``backup_sqlite``, ``backup_postgres``)."""
    if make_url(url).get_backend_name() == "sqlite":
        backup_sqlite(url, target)
        return
    engine = connect(url)
    try:
        backup_postgres(engine, target)
    finally:
        engine.dispose()


def backup_sqlite(url: str | URL, target: Path) -> None:
    """Copy a running SQLite database to ``target``, one file, readable by its owner only.

    The copy is one consistent state (SQLite's online backup API in one step: writers continue meanwhile), checked and
    on disk before it takes the place of an older one. Raises ``LocalFault`` if that fails.
    """
    source = sqlite_path(url)
    if not source.exists():
        raise LocalFault(f"the database {source} does not exist")
    _copy(source, target)


def backup_postgres(engine: Engine, target: Path) -> None:
    """Dump the schema that ``engine`` uses to ``target`` with ``pg_dump`` (custom format, for ``pg_restore``).

    Raises ``LocalFault`` if ``pg_dump`` is not available or fails.
    """
    with translate_errors(), engine.connect() as connection:
        schema = connection.execute(text("SELECT current_schema()")).scalar_one()
    command = [
        _tool("pg_dump"),
        "--format=custom",
        "--no-owner",
        f"--schema={schema}",
        f"--file={target}.part",
    ]
    with _private(target) as part:
        _run(command, engine.url, f"the backup to {target}")
        _settle(part)


def _copy(source: Path, target: Path) -> None:
    """Copy and check: only a valid copy replaces the target."""
    driver = sqlite_driver()
    with _private(target) as part:
        try:
            with _open_connection(driver, source) as reading, _open_connection(driver, part) as writing:
                reading.backup(writing)
                # One file without a log beside it, so that it can be carried about.
                writing.execute("PRAGMA journal_mode=DELETE")
                [(verdict,), *_] = writing.execute(_CHECK).fetchall()
        except driver.DatabaseError as error:
            raise LocalFault(f"{source} cannot be copied to {target}: {error}") from error
        if verdict != "ok":
            raise LocalFault(f"{source} is damaged: {verdict}", remedy="do not use it; go back to an older backup")
        _settle(part)


@contextlib.contextmanager
def _open_connection(driver: Any, path: Path) -> Iterator[Any]:
    connection = driver.connect(str(path), timeout=PATIENCE, isolation_level=None)
    try:
        yield connection
    finally:
        connection.close()


@contextlib.contextmanager
def _private(target: Path) -> Iterator[Path]:
    """Yield a new file beside ``target``, for its owner only; it takes its place if the block succeeds."""
    part = Path(f"{target}.part")
    try:
        part.unlink(missing_ok=True)
        os.close(os.open(part, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
    except OSError as error:
        raise LocalFault(f"{target} cannot be written: {error.strerror}") from error
    try:
        yield part
        part.replace(target)
        sync_folder(target.parent)
    finally:
        part.unlink(missing_ok=True)


def _settle(path: Path) -> None:
    with path.open("rb+") as file:
        os.fsync(file.fileno())


def _tool(name: str) -> str:
    program = shutil.which(name)
    if program is None:
        raise LocalFault(
            f"the program {name} is not installed, and PostgreSQL is backed up with it",
            remedy="install PostgreSQL's client programs, or back up the database with other tools",
        )
    return program


def _run(command: list[str], url: URL, what: str) -> None:
    # The password is passed in the environment: everyone can read command lines.
    plain = url.set(drivername="postgresql", password=None).render_as_string(hide_password=False)
    environment = {**os.environ, **({"PGPASSWORD": str(url.password)} if url.password else {})}
    ran = subprocess.run(  # noqa: S603 - a fixed program, and arguments that no request can set
        [*command, f"--dbname={plain}"],
        check=False,
        capture_output=True,
        text=True,
        env=environment,
        stdin=subprocess.DEVNULL,
    )
    if ran.returncode != 0:
        raise LocalFault(f"{what} failed: {ran.stderr.strip().rpartition(chr(10))[2]}")


class BackupBefore:
    """Backs up a database into a folder before its schema changes."""

    def __init__(self, database: str, folder: Path) -> None:
        self._database = database
        self._folder = folder

    def __call__(self) -> None:
        self._folder.mkdir(mode=0o700, exist_ok=True)
        kind = "sqlite" if make_url(self._database).get_backend_name() == "sqlite" else "dump"
        backup(self._database, self._folder / f"before-migration-{SystemClock().now():%Y%m%dT%H%M%S}.{kind}")

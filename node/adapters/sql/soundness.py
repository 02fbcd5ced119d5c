"""Checks that an SQLite database is still as SQLite wrote it.

SQLite keeps no checksums of its pages: its check finds broken structure, which is most damage, but not a changed
letter in a row. For the content of the ledger, ``hansa verify`` finds that too.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from sqlalchemy.engine import URL, make_url

from node.adapters.sql.engine import PATIENCE, sqlite_driver, sqlite_path
from node.adapters.sql.faults import RESTORE
from node.base.errors import LocalFault

SOON: Final = 1 << 30
"""Bytes that are checked at each start, at some gigabyte a second. Larger databases: only after a crash."""


def check_sqlite(url: str | URL, *, thorough: bool = False) -> None:
    """Check the database of ``url``, if it exists. ``thorough`` compares tables with their indexes as well, which
    takes several times as long.

    Raises ``LocalFault`` if it is damaged.
    """
    path = sqlite_path(url)
    if not path.exists():
        return
    driver = sqlite_driver()
    try:
        connection = driver.connect(str(path), timeout=PATIENCE, isolation_level=None)
        try:
            [(verdict,), *_] = connection.execute(
                f"PRAGMA {'integrity' if thorough else 'quick'}_check(1)"
            ).fetchall()
        finally:
            connection.close()
    except driver.DatabaseError as error:
        verdict = str(error)
    if verdict != "ok":
        raise LocalFault(f"the database {path} is damaged: {_one_line(str(verdict))}", remedy=RESTORE)


def is_checked_at_start(url: str | URL) -> bool:
    """Return whether a start checks the whole database: a small one always, a large one after a crash. A remaining
    log file shows a crash, since the last process to close a database removes it."""
    path = sqlite_path(url)
    log = Path(f"{path}-wal")
    return path.exists() and (path.stat().st_size <= SOON or (log.exists() and log.stat().st_size > 0))


def require_undamaged(url: str | URL) -> None:
    """Check the database of ``url`` before it is opened, if it is a file and a start checks it.

    Raises ``LocalFault`` if it is damaged.
    """
    if make_url(url).get_backend_name() == "sqlite" and is_checked_at_start(url):
        check_sqlite(url)


def _one_line(verdict: str) -> str:
    return " ".join(verdict.split())[:300]

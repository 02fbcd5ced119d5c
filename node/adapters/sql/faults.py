"""Translates the errors of a database into those of ``node.base.errors``.

Four kinds are distinguished, because different people have to act: a transaction that conflicted with another one (by
doing it again), a database that is busy or unavailable (by waiting), a disk that is full (by its operator, who makes
room), and everything else (by its operator, who reads the log).
"""

from __future__ import annotations

from typing import Final

from sqlalchemy.exc import DBAPIError

from node.base.errors import Contended, DatabaseAway, DatabaseBusy, LocalFault, NoRoom

# PostgreSQL's SQLSTATE codes (its manual, appendix A).
_CONTENDED: Final = frozenset({"40001", "40P01"})
_BUSY: Final = frozenset({"55P03", "53200"})
"""A lock that is held too long; out of memory."""
_NO_ROOM: Final = frozenset({"53100"})
_AWAY: Final = frozenset({"57P01", "57P02", "57P03", "53300", "25006"})
"""The server is being stopped, has crashed, is starting, has no connection to spare, or is a standby."""
_CONNECTION: Final = "08"
"""The class of codes about a connection."""

# SQLite's result codes (sqlite.org/rescode.html), by name. Some drivers give the extended code, others do not.
_FULL: Final = "SQLITE_FULL"
_IO: Final = "SQLITE_IOERR"
_REFUSED: Final = (
    "SQLITE_IOERR_WRITE",
    "SQLITE_IOERR_FSYNC",
    "SQLITE_IOERR_DIR_FSYNC",
    "SQLITE_IOERR_TRUNCATE",
    "SQLITE_IOERR_SHM",
)
"""Errors of a limit on the size of files, a quota and a disk that is full to the last block, and of a disk that
fails: they cannot be distinguished here."""
_LOCKED: Final = ("SQLITE_BUSY", "SQLITE_LOCKED")
_DAMAGED: Final = ("SQLITE_CORRUPT", "SQLITE_NOTADB")

MAKE_ROOM: Final = "the operator of this node must free disk space; then try again"
RESTORE: Final = "stop the node and restore the newest backup: hansa restore FILE NEW-FOLDER"


def fault_of(error: DBAPIError) -> LocalFault:
    """Return the fault that ``error`` stands for. It quotes none of the values of the statement."""
    return fault_of_driver(error.orig, lost=error.connection_invalidated)


def fault_of_driver(error: BaseException | None, *, lost: bool = False) -> LocalFault:
    """As ``fault_of``, for an error of the driver itself; ``lost``: the connection is lost with it."""
    state = str(getattr(error, "sqlstate", None) or "")
    name = str(getattr(error, "sqlite_errorname", None) or "")
    if state in _CONTENDED:
        return Contended("two requests conflicted", remedy="try again")
    if state in _BUSY or name.startswith(_LOCKED):
        return DatabaseBusy("the database is busy", remedy="try again in a moment")
    if state in _NO_ROOM or name in (_FULL, _IO) or name.startswith(_REFUSED):
        return NoRoom("the disk of the database is full, or fails", remedy=MAKE_ROOM)
    message = str(error).partition("\n")[0]
    # A server that cannot be reached, or that disappears in the middle of an answer, gives no code.
    unreached = not state and not name and type(error).__name__ == "OperationalError"
    if state in _AWAY or state.startswith(_CONNECTION) or lost or unreached:
        away = DatabaseAway("the connection to the database was lost", remedy="try again in a moment")
        away.add_note(message)  # For the log: it may name the server and its user.
        return away
    remedy = RESTORE if name.startswith(_DAMAGED) else ""
    return LocalFault(f"the database failed: {type(error).__name__}: {message}", remedy=remedy)

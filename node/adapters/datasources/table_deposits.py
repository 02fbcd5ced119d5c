"""Tables that arrive in PostgreSQL: loaded into a new table, and exchanged for the named one in the same transaction.

A reader sees the earlier version or the new one. An attempt that ends early leaves nothing, because the server undoes
its transaction. A comment marks each table that this node made: its SHA-256, its transfer, the number of its rows and
a checksum over all values, by which a table that somebody changed is recognised.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, aclosing, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from node.base.errors import NoRoom
from node.datasources.errors import DataSourceRefuses, DataSourceSlow, EarlierContent, SinkOccupied, SinkRefuses
from node.datasources.sinks import Parcel, check_table
from node.datasources.table_reader import TablePiece, TableReader

if TYPE_CHECKING:
    # Loaded with the first connection.
    import psycopg
    from psycopg.sql import Composable

WRITE_OPTIONS: Final = (
    "-c idle_in_transaction_session_timeout=300000 -c lock_timeout=10000 -c timezone=UTC -c datestyle=ISO "
    "-c extra_float_digits=1 -c intervalstyle=postgres -c bytea_output=hex -c client_min_messages=error"
)
_CATALOGUE: Final = 30.0
_IDLE: Final = 120.0
_WHOLE: Final = 1800.0
"""Seconds in which the server reads a table once, for its checksum or its geometries."""
_MARK: Final = re.compile(
    r"Sent by Hansa: sha256=([0-9a-f]{64}) transfer=(\S{0,300}) rows=(\d{1,18}) checksum=(-?\d{1,40})"
)
_RELATION: Final = """
SELECT c.oid, c.relkind::text, coalesce(obj_description(c.oid, 'pg_class'), '') FROM pg_class c
  JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = %s AND c.relname = %s
"""
_RIGHTS: Final = """
SELECT CASE a.grantee WHEN 0 THEN NULL ELSE pg_get_userbyid(a.grantee) END, a.privilege_type, a.is_grantable
  FROM pg_class c, aclexplode(c.relacl) a WHERE c.oid = %s AND a.grantee <> c.relowner
"""
_GUARDS: Final = """
SELECT c.relrowsecurity OR EXISTS (SELECT FROM pg_policy WHERE polrelid = c.oid),
  EXISTS (SELECT FROM pg_trigger WHERE tgrelid = c.oid AND NOT tgisinternal)
    OR EXISTS (SELECT FROM pg_rewrite WHERE ev_class = c.oid),
  EXISTS (SELECT FROM pg_attribute WHERE attrelid = c.oid AND attacl IS NOT NULL AND NOT attisdropped)
  FROM pg_class c WHERE c.oid = %s
"""
_GUARD_NAMES: Final = ("row-level security or policies", "triggers or rules", "rights to single columns")
_GEOMETRIES: Final = (
    "SELECT n.nspname FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace WHERE extname = 'postgis'"
)
_LOCK: Final = "SELECT pg_try_advisory_xact_lock(hashtextextended('shipment to ' || %s, 0))"


@dataclass(frozen=True, slots=True)
class _Mark:
    """The comment on a table that this node made."""

    sha256: str
    transfer: str
    rows: int
    checksum: int

    def __str__(self) -> str:
        return (
            f"Sent by Hansa: sha256={self.sha256} transfer={self.transfer} rows={self.rows} checksum={self.checksum}"
        )


class TableDeposits:
    """Puts files into tables, and drops these (``node.datasources.sinks.SinkConnection``)."""

    def __init__(
        self,
        session: Callable[[], AbstractAsyncContextManager[psycopg.AsyncConnection[Any]]],
        reader: TableReader,
    ) -> None:
        self._session = session
        self._reader = reader

    async def deposit(self, parcel: Parcel) -> bool:
        """See ``SinkConnection.deposit``."""
        place = check_table(parcel.path)
        async with self._session() as session:
            with _sink_errors(parcel.path):
                async with session.transaction():
                    return await self._exchange(session, place, parcel)

    async def remove(self, path: str, sha256: str) -> bool:
        """See ``SinkConnection.remove``."""
        place = check_table(path)
        async with self._session() as session:
            with _sink_errors(path):
                async with session.transaction():
                    await _lock_place(session, path)
                    oid, mark = await _look(session, place, path)
                    if oid is None:
                        return False
                    if mark is None or mark.sha256 != sha256 or not await _is_unchanged(session, place, mark):
                        raise _change(path)
                    await _run(session, "DROP TABLE {}", _name(*place))
                    return True

    async def _exchange(self, session: psycopg.AsyncConnection[Any], place: tuple[str, str], parcel: Parcel) -> bool:
        await _lock_place(session, parcel.path)
        oid, mark = await _look(session, place, parcel.path)
        if oid is not None:
            if mark is None or mark.sha256 not in (parcel.sha256, parcel.replaces):
                raise _occupation(parcel.path, EarlierContent)
            if mark.sha256 != parcel.sha256:
                await _require_no_guards(session, oid, parcel.path)
            if not await _is_unchanged(session, place, mark):
                raise _change(parcel.path)
            if mark.sha256 == parcel.sha256:
                return False
        new = (place[0], f"hansa_{parcel.id}"[:63])
        async with aclosing(self._reader.pieces(parcel.file, parcel.media_type, parcel.id)) as pieces:
            await _fill(session, new, pieces)
        rows, checksum = await _sum(session, new)
        transfer = "".join(parcel.origin.split())[:300]
        text = str(_Mark(parcel.sha256, transfer, rows, checksum))
        await _comment(session, new, text)
        if oid is not None:
            await _require_no_guards(session, oid, parcel.path)
            rights = await _rows(session, _RIGHTS, oid)
            await _run(session, "DROP TABLE {}", _name(*place))
            await _grant(session, new, rights)
        await _run(session, "ALTER TABLE {} RENAME TO {}", _name(*new), _name(place[1]))
        return True


async def _lock_place(session: psycopg.AsyncConnection[Any], path: str) -> None:
    rows = await _rows(session, _LOCK, path)
    if not rows[0][0]:
        raise DataSourceSlow("another process is writing to the same table", remedy="this node tries again")


async def _look(
    session: psycopg.AsyncConnection[Any], place: tuple[str, str], path: str
) -> tuple[int | None, _Mark | None]:
    """Return the number and the mark of what has a name. Raises ``SinkOccupied`` for anything but a table."""
    rows = await _rows(session, _RELATION, *place)
    if not rows:
        return None, None
    oid, kind, comment = rows[0]
    if kind != "r":
        raise _occupation(path)
    match = _MARK.fullmatch(comment)
    return oid, match and _Mark(match[1], match[2], int(match[3]), int(match[4]))


async def _require_no_guards(session: psycopg.AsyncConnection[Any], oid: int, path: str) -> None:
    """Raise ``SinkRefuses`` if a table has what its next version would lose, so that people could read more of it."""
    rows = await _rows(session, _GUARDS, oid)
    guards = [name for name, is_set in zip(_GUARD_NAMES, rows[0], strict=True) if is_set] if rows else []
    if guards:
        raise SinkRefuses(
            f"{path} has {' and '.join(guards)}, which its next version would not have",
            remedy="send to another table, such as one with {version} in its name, and protect a view of it",
        )


async def _is_unchanged(session: psycopg.AsyncConnection[Any], place: tuple[str, str], mark: _Mark) -> bool:
    # Readers go on, writers wait until the transaction ends.
    await _run(session, "LOCK TABLE {} IN SHARE MODE", _name(*place))
    return await _sum(session, place) == (mark.rows, mark.checksum)


async def _sum(session: psycopg.AsyncConnection[Any], place: tuple[str, str]) -> tuple[int, int]:
    """Return the number of rows, and a checksum over all values that does not depend on the order of rows."""
    query = (
        "SELECT count(*), coalesce(sum(('x' || substr(md5(ROW(hansa_row.*)::text), 1, 15))::bit(60)::bigint), 0) "
        "FROM {} AS hansa_row"
    )
    async with asyncio.timeout(_WHOLE):
        row = await (await session.execute(_sql(query, _name(*place)))).fetchone()
    assert row is not None
    return int(row[0]), int(row[1])


async def _fill(
    session: psycopg.AsyncConnection[Any], new: tuple[str, str], pieces: AsyncIterator[TablePiece]
) -> None:
    """Make a table of the pieces of a file, the first of which says its columns."""
    from psycopg import sql

    first = await anext(pieces)
    geometries = ""
    if first.srid is not None:
        schemas = await _rows(session, _GEOMETRIES)
        if not schemas:
            raise SinkRefuses("the database has no PostGIS", remedy="install it there: CREATE EXTENSION postgis")
        geometries = str(schemas[0][0])
    columns = [
        sql.SQL("{} {}").format(
            sql.Identifier(name), _name(geometries, "geometry") if kind == "geometry" else sql.SQL(kind)
        )
        for name, kind in first.columns
    ]
    await _run(session, "CREATE TABLE {} ({})", _name(*new), sql.SQL(", ").join(columns))
    statement = _sql("COPY {} FROM STDIN (FORMAT csv)", _name(*new))
    async with session.cursor() as cursor, cursor.copy(statement) as copy:
        await _write(copy, first.lines)
        async for piece in pieces:
            await _write(copy, piece.lines)
    if first.srid is not None:
        geometry = next(name for name, kind in first.columns if kind == "geometry")
        await _settle_geometry(session, new, geometry, geometries, first.srid)


async def _write(copy: Any, lines: bytes) -> None:
    async with asyncio.timeout(_IDLE):
        await copy.write(lines)


async def _settle_geometry(
    session: psycopg.AsyncConnection[Any], new: tuple[str, str], column: str, schema: str, srid: int
) -> None:
    """Give a column the type of its geometries, and their coordinate reference system."""
    from psycopg import sql

    query = _sql(
        "SELECT DISTINCT {}({}), {}({}) FROM {} WHERE {} IS NOT NULL LIMIT 100",
        _name(schema, "geometrytype"),
        sql.Identifier(column),
        _name(schema, "st_zmflag"),
        sql.Identifier(column),
        _name(*new),
        sql.Identifier(column),
    )
    async with asyncio.timeout(_WHOLE):
        kinds = await (await session.execute(query)).fetchall()
        shapes, flags = {str(kind[0]).removesuffix("M") for kind in kinds}, {int(kind[1]) for kind in kinds}
        if len(flags) > 1:
            raise SinkRefuses(
                "the geometries of the file have different numbers of dimensions",
                remedy="send it to a folder or a bucket instead",
            )
        shape = shapes.pop() if len(shapes) == 1 else "GEOMETRY"
        suffix = {0: "", 1: "M", 2: "Z", 3: "ZM"}[flags.pop() if flags else 0]
        await _run(
            session,
            f"ALTER TABLE {{}} ALTER COLUMN {{}} TYPE {{}}({shape}{suffix}, {srid}) USING {{}}({{}}, {srid})",
            _name(*new),
            sql.Identifier(column),
            _name(schema, "geometry"),
            _name(schema, "st_setsrid"),
            sql.Identifier(column),
        )


async def _comment(session: psycopg.AsyncConnection[Any], new: tuple[str, str], text: str) -> None:
    from psycopg import sql

    await _run(session, "COMMENT ON TABLE {} IS {}", _name(*new), sql.Literal(text))


async def _grant(session: psycopg.AsyncConnection[Any], new: tuple[str, str], rights: list[Any]) -> None:
    """Give those who had rights to the earlier table the same rights to the new one."""
    from psycopg import sql

    for role, privilege, is_grantable in rights:
        whom = sql.SQL("PUBLIC") if role is None else sql.Identifier(role)
        option = sql.SQL(" WITH GRANT OPTION" if is_grantable else "")
        await _run(session, "GRANT {} ON {} TO {}{}", sql.SQL(privilege), _name(*new), whom, option)


async def _rows(session: psycopg.AsyncConnection[Any], query: Any, *values: Any) -> list[Any]:
    async with asyncio.timeout(_CATALOGUE):
        return await (await session.execute(query, values)).fetchall()


async def _run(session: psycopg.AsyncConnection[Any], statement: Any, *names: Composable) -> None:
    async with asyncio.timeout(_WHOLE):
        await session.execute(_sql(statement, *names))


def _sql(statement: Any, *names: Composable) -> Any:
    from psycopg import sql

    return sql.SQL(statement).format(*names)


def _name(*parts: str) -> Composable:
    from psycopg import sql

    return sql.Identifier(*parts)


@contextmanager
def _sink_errors(path: str) -> Iterator[None]:
    """Translate the errors of the driver that mean something else for a table that is written."""
    from psycopg import DataError, NotSupportedError, ProgrammingError, errors

    try:
        yield
    except errors.DuplicateTable as error:
        raise _occupation(path) from error
    except errors.InsufficientPrivilege as error:
        raise DataSourceRefuses(
            "the database does not let this node make or replace tables there",
            remedy="its administrator gives the right: GRANT CREATE, USAGE ON SCHEMA",
        ) from error
    except errors.InvalidSchemaName as error:
        raise SinkRefuses(
            "the database has no such schema", remedy="make it there, or choose another: --to schema.table"
        ) from error
    except errors.DependentObjectsStillExist as error:
        raise SinkRefuses(
            f"a view or another object of the database uses {path}",
            remedy="send to another table, and let the view choose among them",
        ) from error
    except (errors.DiskFull, errors.InsufficientResources) as error:
        raise NoRoom("the disk of the database is full", remedy="make room there: this node tries again") from error
    except (errors.LockNotAvailable, errors.DeadlockDetected) as error:
        raise DataSourceSlow("others are using the table", remedy="this node tries again") from error
    except (DataError, ProgrammingError, NotSupportedError) as error:
        reason = type(error).__name__
        raise SinkRefuses(
            f"the database does not take the table ({reason})", remedy="send it to a folder or a bucket instead"
        ) from error


def _occupation(path: str, kind: type[SinkOccupied] = SinkOccupied) -> SinkOccupied:
    return kind(f"there is something else at {path} already", remedy="choose another table, or rename what is there")


def _change(path: str) -> SinkOccupied:
    return SinkOccupied(f"{path} was changed since this node sent it", remedy="look at it, and drop it by hand")

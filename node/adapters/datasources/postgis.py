"""Tables and views of PostgreSQL, with or without PostGIS, as a data source: read as CSV or GeoJSON.

The connection goes to an address that the rules of all outgoing requests allow, in a transaction that only reads, and
the SQL is made here: a reader chooses columns, rows with a value, a box and a number of rows, and nothing else.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import unquote, urlsplit

from node.adapters.datasources.concealed_rows import Column
from node.adapters.datasources.database_errors import DatabaseErrors
from node.adapters.datasources.table_deposits import WRITE_OPTIONS, TableDeposits
from node.adapters.datasources.table_queries import (
    CSV,
    GEOJSON,
    PORTIONS,
    TableQuery,
    csv_statement,
    geojson_statement,
)
from node.adapters.egress.client import Egress
from node.base.errors import InvalidInput, NotFound
from node.cage.model import AsyncCage
from node.datasources.errors import DataSourceUnreachable
from node.datasources.model import Scheme, Setup
from node.datasources.ports import Abilities, DataConnection, Extract, Item, Parameters, Question
from node.datasources.sinks import Note, Parcel
from node.datasources.table_reader import TableReader
from node.exchange.offloop import once
from node.policy.portion import Portion

if TYPE_CHECKING:
    # Loaded with the first connection.
    import psycopg

SCHEMA: Final = "schema"
_PORT: Final = 5432
_CONNECT: Final = 5
_IDLE: Final = 30.0
_CATALOGUE: Final = 10.0
_PIECE: Final = 64 * 1024
_ROWS: Final = 500
_OPTIONS: Final = "-c default_transaction_read_only=on -c idle_in_transaction_session_timeout=300000"
_TABLES: Final = """
SELECT c.relname, c.relkind IN ('v', 'm'), coalesce(obj_description(c.oid, 'pg_class'), '')
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
 WHERE n.nspname = %s AND c.relkind IN ('r', 'v', 'm', 'p', 'f') AND has_table_privilege(c.oid, 'SELECT')
   AND NOT EXISTS (SELECT 1 FROM pg_depend d WHERE d.objid = c.oid AND d.deptype = 'e')
 ORDER BY c.relname LIMIT %s
"""
_COLUMNS: Final = """
SELECT a.attname, t.typname FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
  JOIN pg_namespace n ON n.oid = c.relnamespace JOIN pg_type t ON t.oid = a.atttypid
 WHERE n.nspname = %s AND c.relname = %s AND a.attnum > 0 AND NOT a.attisdropped
   AND c.relkind IN ('r', 'v', 'm', 'p', 'f') ORDER BY a.attnum
"""


@dataclass(frozen=True, slots=True)
class _Place:
    host: str
    port: int
    database: str


class PostgisConnector:
    """``node.datasources.ports.Connector`` for tables of PostgreSQL."""

    kind = "postgis"
    options: tuple[str, ...] = (SCHEMA,)

    def __init__(self, egress: Egress, cage: AsyncCage) -> None:
        """``cage`` reads the files that are sent to a database."""
        self._egress = egress
        self._reader = TableReader(cage)

    def check(self, setup: Setup) -> None:
        self.connect(setup)

    def connect(self, setup: Setup) -> DataConnection:
        place = _place(setup.address)
        self._egress.check_host(place.host)
        if setup.credentials.scheme is not Scheme.BASIC:
            raise InvalidInput("a database takes a user and a password", remedy="give them: --user NAME")
        return PostgisConnection(self._egress, place, setup, self._reader)


class PostgisConnection:
    """A connection to a database; each call opens one session of its own."""

    def __init__(self, egress: Egress, place: _Place, setup: Setup, reader: TableReader) -> None:
        self._egress = egress
        self._place = place
        self._credentials = setup.credentials
        self._schema = setup.options.get(SCHEMA, "public")
        self._deposits = TableDeposits(lambda: self._session(WRITE_OPTIONS), reader)

    @property
    def abilities(self) -> Abilities:
        return Abilities(questions=("columns", "bbox", "limit", "f", "*"), portions=PORTIONS)

    async def items(self, limit: int) -> Sequence[Item]:
        async with self._session() as session, asyncio.timeout(_CATALOGUE):
            cursor = await session.execute(_TABLES, (self._schema, limit))
            tables = await cursor.fetchall()
            items = []
            for name, _, comment in tables:
                geometry = any(column.is_geometry for column in await self._columns(session, name))
                items.append(Item(path=name, title=comment[:200], media_type=GEOJSON if geometry else CSV))
        return items

    def is_description(self, item: str, path: str, parameters: Parameters = ()) -> bool:
        del item, path, parameters
        return False

    @asynccontextmanager
    async def read(self, item: str, question: Question) -> AsyncIterator[Extract]:
        if question.path:
            raise NotFound("a table has nothing below it", remedy="leave out what follows its address")
        async with self._session() as session:
            async with asyncio.timeout(_CATALOGUE):
                columns = await self._columns(session, item)
            if not columns:
                raise NotFound("the database has no such table", remedy="hansa source test lists its tables")
            query = TableQuery.read(question.parameters, columns, question.media_type, question.portion)
            media_type = GEOJSON if query.media_type == GEOJSON else "text/csv; charset=utf-8; header=present"
            if not question.wants_body:
                # Whether the statement succeeds would tell of the data, and no read would be counted.
                yield Extract(media_type=media_type, chunks=once(b""))
                return
            if query.media_type == GEOJSON:
                chunks = _features(session, geojson_statement(self._schema, item, query))
            else:
                chunks = _rows(session, csv_statement(self._schema, item, query))
            # The statement runs with the first bytes: its errors come before an answer has begun.
            first = await _begin(chunks, question.portion)
            yield Extract(media_type=media_type, chunks=_after(first, chunks))

    async def deposit(self, parcel: Parcel, note: Note) -> bool:
        del note  # A transaction is there whole or not at all: nothing continues.
        return await self._deposits.deposit(parcel)

    @property
    def is_replacing(self) -> bool:
        return True

    async def abandon(self, parcel: Parcel) -> None:
        """Do nothing: the server undoes a transaction that did not end."""

    async def remove(self, path: str, sha256: str) -> bool:
        return await self._deposits.remove(path, sha256)

    async def _columns(self, session: psycopg.AsyncConnection[Any], table: str) -> tuple[Column, ...]:
        cursor = await session.execute(_COLUMNS, (self._schema, table))
        return tuple(Column(name, kind) for name, kind in await cursor.fetchall())

    @asynccontextmanager
    async def _session(self, options: str = _OPTIONS) -> AsyncIterator[psycopg.AsyncConnection[Any]]:
        import psycopg

        place = self._place
        # Resolved and checked here, and dialled by number: the name cannot lead elsewhere in between.
        addresses = await self._egress.addresses(place.host, place.port)
        with DatabaseErrors():
            session = await psycopg.AsyncConnection.connect(
                host=place.host,
                hostaddr=addresses[0],
                port=place.port,
                dbname=place.database,
                user=self._credentials.name,
                password=self._credentials.secret,
                connect_timeout=_CONNECT,
                sslmode="prefer" if self._egress.is_loopback(place.host) else "require",
                options=options,
                application_name="hansa",
                client_encoding="utf8",
            )
            try:
                yield session
            finally:
                await session.close()


async def _rows(session: psycopg.AsyncConnection[Any], statement: Any) -> AsyncIterator[bytes]:
    async with session.cursor() as cursor, cursor.copy(statement) as copy:
        buffer = bytearray()
        rows = aiter(copy)
        while True:
            async with asyncio.timeout(_IDLE):
                block = await anext(rows, None)
            if block is None:
                break
            buffer += block
            if len(buffer) >= _PIECE:
                full, buffer = bytes(buffer), bytearray()
                yield full
        yield bytes(buffer)


async def _features(session: psycopg.AsyncConnection[Any], statement: Any) -> AsyncIterator[bytes]:
    async with session.cursor(name="hansa") as cursor:
        await cursor.execute(statement)
        piece = '{"type":"FeatureCollection","features":['
        joint = ""
        while True:
            async with asyncio.timeout(_IDLE):
                rows = await cursor.fetchmany(_ROWS)
            if not rows:
                break
            yield (piece + joint + ",\n".join(row[0] for row in rows)).encode()
            piece, joint = "", ",\n"
        yield f"{piece}]}}".encode()


async def _begin(chunks: AsyncIterator[bytes], portion: Portion) -> bytes:
    """Return the first bytes. Raises ``DataSourceUnreachable`` if a value of the part does not fit its column: a
    reader's own values are compared as text, and always fit."""
    import psycopg

    try:
        return await anext(chunks, b"")
    except psycopg.DataError as error:
        if not portion.rows:
            raise
        raise DataSourceUnreachable(
            "the table no longer fits the part that the agreement gives", remedy="ask the provider for a new offer"
        ) from error


async def _after(first: bytes, chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    yield first
    with DatabaseErrors():
        async for chunk in chunks:
            yield chunk


def _place(address: str) -> _Place:
    try:
        parts = urlsplit(address)
        host, port = parts.hostname, parts.port or _PORT
    except ValueError:
        host, port = None, _PORT
    database = unquote(parts.path.strip("/")) if host else ""
    if not host or parts.scheme not in ("postgresql", "postgres") or not database or parts.query or "/" in database:
        raise InvalidInput("this is no address of a database", remedy="such as postgresql://db.example:5432/city")
    if "@" in parts.netloc:
        raise InvalidInput("the address has a user or a password in it", remedy="give them apart: --user NAME")
    return _Place(host, port, database)

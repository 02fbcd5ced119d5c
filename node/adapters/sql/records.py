"""Versions of records (``node.catalogue.ports.RecordStore``)."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, TypeVar

from sqlalchemy import (
    Row,
    Select,
    Text,
    and_,
    bindparam,
    func,
    select,
    type_coerce,
    update,
)

from node.adapters.sql.catalogue.known_records import KnownRecords, Mark
from node.adapters.sql.catalogue.record_totals import SqlRecordTotals, note_score
from node.adapters.sql.catalogue.visible_records import OPENED, current_statement, last_withheld
from node.adapters.sql.file_retention import SqlFileRetention, is_removed, note_retention
from node.adapters.sql.rows import add, build, put, values
from node.adapters.sql.schema.ledger import entries
from node.adapters.sql.schema.records import record_heads as heads
from node.adapters.sql.schema.records import record_reach as reach
from node.adapters.sql.schema.records import records
from node.adapters.sql.statements import TransactionStatements
from node.adapters.sql.work import connection_of
from node.base.errors import Conflict
from node.base.work import Transaction
from node.catalogue.envelope import CONTENT, remains_of
from node.catalogue.model import Record
from node.catalogue.offers import terms_hash
from node.ledger.model import EntryKind
from node.semantics.model import File

T = TypeVar("T")

_CHUNK = 500
"""The number of ids in one query."""

_NEWEST = select(records).where(
    records.c.iri == bindparam("iri"),
    records.c.version == select(heads.c.version).where(heads.c.iri == bindparam("iri")).scalar_subquery(),
)
_VERSIONS = select(records).where(records.c.iri == bindparam("iri")).order_by(records.c.version.desc())
# A record for others is looked up without an IRI, like a missing record: the two must take equally long.
_for_them = and_(heads.c.iri == bindparam("iri"), heads.c.audience.in_(bindparam("audiences", expanding=True)))
_NEWEST_FOR_THEM = select(records).where(
    records.c.iri == select(heads.c.iri).where(_for_them).scalar_subquery(),
    records.c.version == select(heads.c.version).where(_for_them).scalar_subquery(),
)


_VERSIONS_FOR_THEM = (
    select(records)
    .where(
        records.c.iri == select(heads.c.iri).where(_for_them).scalar_subquery(),
        records.c.version > last_withheld(bindparam("iri"), bindparam("seen", expanding=True)),
    )
    .order_by(records.c.version.desc())
)

_MARK, _MARK_FOR_THEM = (
    statement.with_only_columns(records.c.entry, records.c.iri, records.c.version)
    for statement in (_NEWEST, _NEWEST_FOR_THEM)
)
_MARKS = (
    select(records.c.entry, records.c.iri, records.c.version)
    .join(heads, and_(records.c.iri == heads.c.iri, records.c.version == heads.c.version))
    .where(heads.c.iri.in_(bindparam("iris", expanding=True)))
)
_VERSION, _VERSION_FOR_THEM = (
    statement.where(records.c.version == bindparam("number")).limit(1)
    for statement in (_VERSIONS, _VERSIONS_FOR_THEM)
)

_WITH_CONTENT = (
    select(records)
    .where(
        records.c.iri == bindparam("iri"),
        records.c.version.in_(bindparam("numbers", expanding=True)),
        ~records.c.withdrawn,
    )
    .order_by(records.c.version)
)
_BY_ENTRY = select(records).where(records.c.entry.in_(bindparam("entries", expanding=True))).order_by(records.c.iri)
_FIRST = (
    select(entries.c.subject, func.min(entries.c.seq).label("place"))
    .where(
        entries.c.subject.in_(bindparam("iris", expanding=True)),
        entries.c.kind == str(EntryKind.RECORD),
        entries.c.seq.is_not(None),
    )
    .group_by(entries.c.subject)
)
_HELD = select(records.c.entry).where(records.c.origin == bindparam("origin"))
_LENGTHS = select(records.c.nquads).where(
    records.c.origin == bindparam("origin"), records.c.entry.in_(bindparam("entries", expanding=True))
)


class SqlRecordStore(SqlFileRetention, SqlRecordTotals):
    """All versions in one table; a second table holds the properties of each newest version, a third one up to which
    version a record was for which audience.

    A message is processed with the record that it is about, many times over, and each view reads what was published:
    the records stored or read last are kept in memory.
    """

    def __init__(self) -> None:
        self._known = KnownRecords()

    def add(self, tx: Transaction, record: Record) -> None:
        connection = connection_of(tx)
        row = values(record, files=[file.to_json() for file in record.files])
        if not add(connection, records, row):
            raise Conflict(f"version {record.version} of {record.iri} already exists")
        note_retention(tx, record)
        note_score(tx, record)
        head = {name: row[name] for name in ("iri", "version", "kind", "audience", "withdrawn", "origin")}
        head["offered"] = record.offer is not None and not record.withdrawn
        head["terms"] = terms_hash(record.offer) if record.offer is not None and not record.withdrawn else ""
        put(connection, heads, head, newer="version")
        for audience in (record.audience, *((OPENED,) if record.opens_history else ())):
            last = {"iri": record.iri, "audience": audience, "last": record.version}
            put(connection, reach, last, newer="last")
        self._known.keep_new(record)

    def erase(self, tx: Transaction, iri: str, version: int, *, by_version: int) -> None:
        row = connection_of(tx).execute(_VERSION, {"iri": iri, "number": version}).one_or_none()
        if row is None:
            return
        remains = remains_of(_record(row), by_version)
        connection_of(tx).execute(
            update(records)
            .where(records.c.iri == iri, records.c.version == version)
            .values({name: getattr(remains, name) for name in CONTENT})
        )
        note_score(tx, remains)

    def with_content(self, tx: Transaction, iri: str, numbers: Collection[int]) -> Sequence[Record]:
        connection = connection_of(tx)
        return [
            _record(row)
            for chunk in _chunks(sorted(numbers))
            for row in connection.execute(_WITH_CONTENT, {"iri": iri, "numbers": chunk})
        ]

    def uses_file(self, tx: Transaction, sha256: str, *, origin: str | None = None) -> bool:
        # Rare: there is no index of files, and every version is read.
        condition = and_(type_coerce(records.c.files, Text).contains(sha256, autoescape=True), ~is_removed)
        if origin is not None:
            condition = and_(condition, records.c.origin == origin)
        return connection_of(tx).execute(select(records.c.iri).where(condition).limit(1)).one_or_none() is not None

    def get(
        self,
        tx: Transaction,
        iri: str,
        *,
        version: int | None = None,
        as_of: datetime | None = None,
        audiences: Collection[str] | None = None,
    ) -> Record | None:
        values = _key_values(iri, audiences)
        if as_of is not None:
            statement = (_VERSIONS if audiences is None else _VERSIONS_FOR_THEM).where(records.c.at <= as_of).limit(1)
            if version is not None:
                statement = statement.where(records.c.version == version)
        elif version is not None:
            statement = _VERSION if audiences is None else _VERSION_FOR_THEM
            values["number"] = version
        else:
            return self._newest(connection_of(tx), values, _MARK if audiences is None else _MARK_FOR_THEM)
        row = connection_of(tx).execute(statement, values).one_or_none()
        return None if row is None else _record(row)

    def _newest(
        self, connection: TransactionStatements, values: dict[str, Any], statement: Select[Any]
    ) -> Record | None:
        version = connection.execute(statement, values).one_or_none()
        if version is None:
            return None
        known = self._known.get(tuple(version))
        if known is not None:
            return known
        row = connection.execute(_NEWEST if statement is _MARK else _NEWEST_FOR_THEM, values).one_or_none()
        record = None if row is None else _record(row)
        if record is not None:
            self._known.keep(record)
        return record

    def newest(self, tx: Transaction, iris: Sequence[str]) -> Sequence[Record]:
        connection, by_iri = connection_of(tx), dict[str, Record]()
        unknown: list[Mark] = []
        for chunk in _chunks(iris):
            for row in connection.execute(_MARKS, {"iris": _fill_up(chunk)}):
                record = self._known.get(tuple(row))
                if record is None:
                    unknown.append(tuple(row))
                else:
                    by_iri[record.iri] = record
        for part in _chunks(unknown):
            marks = set(part)
            ids = [entry for entry, _, _ in part]
            for row in connection.execute(_BY_ENTRY, {"entries": _fill_up(ids)}):
                if (row.entry, row.iri, row.version) in marks:
                    record = by_iri[row.iri] = _record(row)
                    self._known.keep(record)
        return [by_iri[iri] for iri in iris if iri in by_iri]

    def by_entry(self, tx: Transaction, entry_ids: Sequence[str]) -> Sequence[Record]:
        ids = list(dict.fromkeys(entry_ids))
        by_entry: dict[str, list[Record]] = {}
        for chunk in _chunks(ids):
            for row in connection_of(tx).execute(_BY_ENTRY, {"entries": chunk}):
                by_entry.setdefault(row.entry, []).append(_record(row))
        return [record for entry_id in ids for record in by_entry.get(entry_id, ())]

    def versions(self, tx: Transaction, iri: str, *, audiences: Collection[str] | None = None) -> Sequence[Record]:
        wanted = _key_values(iri, audiences)
        statement = _VERSIONS if audiences is None else _VERSIONS_FOR_THEM
        return [_record(row) for row in connection_of(tx).execute(statement, wanted)]

    def current(
        self,
        tx: Transaction,
        *,
        audiences: Collection[str] | None = None,
        kinds: Collection[str] = (),
        origins: Collection[str] = (),
        offered: bool = False,
        as_of: datetime | None = None,
        after: str = "",
        down_from: str | None = None,
        limit: int = 100,
    ) -> Sequence[Record]:
        statement = current_statement(
            audiences=audiences,
            kinds=kinds,
            origins=origins,
            offered=offered,
            as_of=as_of,
            after=after,
            down_from=down_from,
        ).limit(limit)
        return [_record(row) for row in connection_of(tx).execute(statement)]

    def newest_versions(self, tx: Transaction, kind: str, *, origin: str) -> Mapping[str, tuple[int, str]]:
        columns = (heads.c.iri, heads.c.version, heads.c.audience)
        own = (heads.c.kind == kind, heads.c.origin == origin, ~heads.c.withdrawn)
        statement = select(*columns).where(*own).order_by(heads.c.iri)
        return {row.iri: (row.version, row.audience) for row in connection_of(tx).execute(statement)}

    def count(
        self,
        tx: Transaction,
        audiences: Collection[str] | None = None,
        *,
        origins: Collection[str] = (),
        by: str = "kind",
    ) -> dict[str, int]:
        statement = select(heads.c[by], func.count().label("number")).where(~heads.c.withdrawn).group_by(heads.c[by])
        for column, some in ((heads.c.audience, audiences), (heads.c.origin, origins or None)):
            statement = statement if some is None else statement.where(column.in_(some))
        return {row[0]: row.number for row in connection_of(tx).execute(statement)}

    def addresses(
        self,
        tx: Transaction,
        *,
        audiences: Collection[str],
        origins: Collection[str],
        offset: int = 0,
        limit: int = 100,
    ) -> Sequence[tuple[str, datetime]]:
        statement = current_statement(audiences=audiences, origins=origins).with_only_columns(
            records.c.iri, records.c.at
        )
        return [(row.iri, row.at) for row in connection_of(tx).execute(statement.offset(offset).limit(limit))]

    def places(self, tx: Transaction, iris: Collection[str]) -> Mapping[str, int]:
        connection = connection_of(tx)
        return {
            row.subject: row.place
            for chunk in _chunks(list(iris))
            for row in connection.execute(_FIRST, {"iris": chunk})
        }

    def count_of(self, tx: Transaction, origin: str) -> tuple[int, int]:
        connection, number, size = connection_of(tx), 0, 0
        ids = list(dict.fromkeys(row.entry for row in connection.execute(_HELD, {"origin": origin})))
        # The database knows only how long a description is when it is compressed, so each is read.
        for chunk in _chunks(ids):
            rows = connection.execute(_LENGTHS, {"origin": origin, "entries": chunk}).all()
            number += len(rows)
            size += sum(len(row.nquads) for row in rows)
        return number, size


def _record(row: Row[Any]) -> Record:
    return build(
        Record,
        row,
        files=tuple(File.from_json(members) for members in row.files),
        keywords=tuple(row.keywords),
        themes=tuple(row.themes),
        warnings=tuple(row.warnings),
    )


def _key_values(iri: str, audiences: Collection[str] | None) -> dict[str, Any]:
    if audiences is None:
        return {"iri": iri}
    # Passed twice: an empty list expands differently for "in" and for "not in".
    return {"iri": iri, "audiences": list(audiences), "seen": list(audiences)}


def _fill_up(ids: Sequence[str]) -> list[str]:
    """Return ``ids`` with the last one repeated: a statement is compiled for each number of ids, so for few."""
    most = 1
    while most < len(ids):
        most *= 2
    return [*ids, *[ids[-1]] * (most - len(ids))]


def _chunks(ids: Sequence[T]) -> Iterator[Sequence[T]]:
    for first in range(0, len(ids), _CHUNK):
        yield ids[first : first + _CHUNK]

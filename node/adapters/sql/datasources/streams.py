"""Streams and their observations (``node.datasources.streams.ports.StreamStore``)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from sqlalchemy import bindparam, delete, func, insert, or_, select, update

from node.adapters.sql.rows import add, build, put, values
from node.adapters.sql.schema.streams import stream_batches as batches
from node.adapters.sql.schema.streams import stream_faults as faults
from node.adapters.sql.schema.streams import stream_heads as heads
from node.adapters.sql.schema.streams import stream_keys as keys
from node.adapters.sql.schema.streams import stream_subscriptions as subscriptions
from node.adapters.sql.schema.streams import streams
from node.adapters.sql.statements import TransactionStatements
from node.adapters.sql.work import connection_of
from node.base.work import Transaction
from node.datasources.streams.model import Arrival, Batch, Fault, Head, Stream

_AT_ONCE: Final = 512
"""Values of one list in a statement."""

_STREAM = select(streams).where(streams.c.name == bindparam("of"))
_HELD = _STREAM.with_for_update()
_ALL = select(streams).order_by(streams.c.name)
_DROPS = (
    delete(streams).where(streams.c.name == bindparam("of")),
    delete(batches).where(batches.c.stream == bindparam("of")),
    delete(keys).where(keys.c.stream == bindparam("of")),
    delete(heads).where(heads.c.stream == bindparam("of")),
    delete(faults).where(faults.c.stream == bindparam("of")),
    delete(subscriptions).where(subscriptions.c.stream == bindparam("of")),
)
_KNOWN_KEYS = select(keys.c.key).where(
    keys.c.stream == bindparam("of"), keys.c.key.in_(bindparam("some", expanding=True))
)
_ADD_KEYS = insert(keys)
_ADD_BATCH = insert(batches).inline()
_KNOWN_SUBJECTS = select(heads.c.subject).where(
    heads.c.stream == bindparam("of"), heads.c.subject.in_(bindparam("some", expanding=True))
)
_COUNT_SUBJECTS = select(func.count()).select_from(heads).where(heads.c.stream == bindparam("of"))
_HEADS = (
    select(heads)
    .where(
        heads.c.stream == bindparam("of"),
        heads.c.subject > bindparam("after"),
        heads.c.received >= bindparam("since"),
    )
    .order_by(heads.c.subject)
    .limit(bindparam("number_of"))
)
_FIRST_HEADS = (
    select(heads)
    .where(heads.c.stream == bindparam("of"), heads.c.received >= bindparam("since"))
    .order_by(heads.c.subject)
    .limit(bindparam("number_of"))
)
_BATCHES = (
    select(batches)
    .where(
        batches.c.stream == bindparam("of"),
        batches.c.last > bindparam("after"),
        batches.c.received >= bindparam("since"),
    )
    .order_by(batches.c.last)
    .limit(bindparam("number_of"))
)
_FROM = _BATCHES.where(batches.c.latest >= bindparam("start"))
_TO = _BATCHES.where(batches.c.earliest < bindparam("end"))
_BETWEEN = _FROM.where(batches.c.earliest < bindparam("end"))
_SINCE = (
    select(batches.c.first.label("number"), batches.c.received)
    .where(batches.c.stream == bindparam("of"), batches.c.received >= bindparam("since"))
    .order_by(batches.c.received, batches.c.last)
    .limit(1)
)
_AFTER = (
    select(batches.c.first.label("number"), batches.c.received)
    .where(
        batches.c.stream == bindparam("of"),
        batches.c.last > bindparam("after"),
        batches.c.received >= bindparam("since"),
    )
    .order_by(batches.c.last)
    .limit(1)
)
_LATEST_ARRIVAL = select(func.max(batches.c.received)).where(batches.c.stream == bindparam("of"))
_ADD_FAULTS = insert(faults)
_FAULTS = (
    select(faults)
    .where(faults.c.stream == bindparam("of"))
    .order_by(faults.c.ordinal.desc())
    .limit(bindparam("number_of"))
)
_LAST_FAULT = (
    select(faults.c.ordinal)
    .where(faults.c.stream == bindparam("of"))
    .order_by(faults.c.ordinal.desc())
    .offset(bindparam("most"))
    .limit(1)
)
_TRIM_FAULTS = delete(faults).where(faults.c.stream == bindparam("of"), faults.c.ordinal <= bindparam("up_to"))
_OLD_BATCHES = (
    select(batches.c.last)
    .where(
        batches.c.stream == bindparam("of"),
        or_(batches.c.received < bindparam("before"), batches.c.last <= bindparam("below")),
    )
    .order_by(batches.c.last)
    .limit(bindparam("number_of"))
)
_LATEST_PASSED = select(func.max(batches.c.latest)).where(
    batches.c.stream == bindparam("of"),
    or_(batches.c.received < bindparam("before"), batches.c.last <= bindparam("below")),
)
_LATEST_AMONG = select(func.max(batches.c.latest)).where(
    batches.c.stream == bindparam("of"), batches.c.last.in_(bindparam("some", expanding=True))
)
_NOTE_GONE = (
    update(streams)
    .where(
        streams.c.name == bindparam("of"),
        or_(streams.c.gone_until.is_(None), streams.c.gone_until < bindparam("latest")),
    )
    .values(gone_until=bindparam("latest"))
)
_FORGET_BATCHES = delete(batches).where(
    batches.c.stream == bindparam("of"), batches.c.last.in_(bindparam("some", expanding=True))
)
_FORGET_KEYS = delete(keys).where(keys.c.stream == bindparam("of"), keys.c.number <= bindparam("up_to"))
_FORGET_HEADS = delete(heads).where(heads.c.stream == bindparam("of"), heads.c.received < bindparam("before"))
_FORGET_FAULTS = delete(faults).where(faults.c.stream == bindparam("of"), faults.c.at < bindparam("before"))


class SqlStreamStore:
    """Streams by name, with their observations in batches, their latest ones by subject, and their faults."""

    def put(self, tx: Transaction, stream: Stream) -> None:
        put(connection_of(tx), streams, _row(stream))

    def create(self, tx: Transaction, stream: Stream) -> bool:
        return add(connection_of(tx), streams, _row(stream))

    def get(self, tx: Transaction, name: str, *, lock: bool = False) -> Stream | None:
        row = connection_of(tx).execute(_HELD if lock else _STREAM, {"of": name}).one_or_none()
        return None if row is None else _stream(row)

    def all(self, tx: Transaction) -> Sequence[Stream]:
        return [_stream(row) for row in connection_of(tx).execute(_ALL)]

    def drop(self, tx: Transaction, name: str) -> None:
        for statement in _DROPS:
            connection_of(tx).execute(statement, {"of": name})

    def keys(self, tx: Transaction, name: str, keys: Sequence[bytes]) -> frozenset[bytes]:
        return frozenset(map(bytes, _among(connection_of(tx), _KNOWN_KEYS, name, keys)))

    def add(self, tx: Transaction, batch: Batch, keys: Sequence[bytes]) -> None:
        connection = connection_of(tx)
        row = values(batch, body="\n".join(batch.lines).encode())
        del row["lines"]
        connection.execute(_ADD_BATCH, row)
        connection.execute(
            _ADD_KEYS,
            [{"stream": batch.stream, "key": key, "number": batch.first + place} for place, key in enumerate(keys)],
        )

    def subjects(self, tx: Transaction, name: str, subjects: Sequence[str]) -> frozenset[str]:
        return frozenset(_among(connection_of(tx), _KNOWN_SUBJECTS, name, subjects))

    def count_subjects(self, tx: Transaction, name: str) -> int:
        return int(connection_of(tx).execute(_COUNT_SUBJECTS, {"of": name}).scalar_one())

    def put_heads(self, tx: Transaction, name: str, heads_: Sequence[Head]) -> None:
        # In one order everywhere, so that two processes do not wait for each other.
        for head in sorted(heads_, key=lambda head: head.subject):
            put(connection_of(tx), heads, values(head, stream=name), newer="time")

    def heads(self, tx: Transaction, name: str, *, after: str, since: datetime, limit: int) -> Sequence[Head]:
        values_of = {"of": name, "since": since, "number_of": limit}
        statement = _HEADS if after else _FIRST_HEADS
        rows = connection_of(tx).execute(statement, {**values_of, "after": after} if after else values_of)
        return [build(Head, row) for row in rows]

    def batches(
        self,
        tx: Transaction,
        name: str,
        *,
        after: int,
        since: datetime,
        start: datetime | None = None,
        end: datetime | None = None,
        limit: int,
    ) -> Sequence[Batch]:
        bounds: dict[str, Any] = {"of": name, "after": after, "since": since, "number_of": limit}
        bounds |= {bound: at for bound, at in (("start", start), ("end", end)) if at is not None}
        statement = {(False, False): _BATCHES, (True, False): _FROM, (False, True): _TO, (True, True): _BETWEEN}
        rows = connection_of(tx).execute(statement[start is not None, end is not None], bounds)
        return [build(Batch, row, lines=tuple(row.body.decode().split("\n"))) for row in rows]

    def arrival_since(self, tx: Transaction, name: str, since: datetime) -> Arrival | None:
        row = connection_of(tx).execute(_SINCE, {"of": name, "since": since}).one_or_none()
        return None if row is None else build(Arrival, row)

    def arrival_after(self, tx: Transaction, name: str, after: int, *, since: datetime) -> Arrival | None:
        row = connection_of(tx).execute(_AFTER, {"of": name, "after": after, "since": since}).one_or_none()
        return None if row is None else build(Arrival, row)

    def latest_arrival(self, tx: Transaction, name: str) -> datetime | None:
        latest: datetime | None = connection_of(tx).execute(_LATEST_ARRIVAL, {"of": name}).scalar_one()
        return latest

    def note_faults(self, tx: Transaction, name: str, faults: Sequence[Fault], *, most: int) -> None:
        connection = connection_of(tx)
        connection.execute(_ADD_FAULTS, [values(fault, stream=name) for fault in faults])
        last = connection.execute(_LAST_FAULT, {"of": name, "most": most}).scalar_one_or_none()
        if last is not None:
            connection.execute(_TRIM_FAULTS, {"of": name, "up_to": last})

    def faults(self, tx: Transaction, name: str, limit: int) -> Sequence[Fault]:
        return [build(Fault, row) for row in connection_of(tx).execute(_FAULTS, {"of": name, "number_of": limit})]

    def forget(self, tx: Transaction, name: str, *, before: datetime, below: int, limit: int) -> int:
        connection = connection_of(tx)
        bounds = {"of": name, "before": before, "below": below, "number_of": limit}
        old = list(connection.execute(_OLD_BATCHES, bounds).scalars())
        for part in _parts(old):
            latest = connection.execute(_LATEST_AMONG, {"of": name, "some": part}).scalar_one()
            connection.execute(_NOTE_GONE, {"of": name, "latest": latest})
            connection.execute(_FORGET_BATCHES, {"of": name, "some": part})
        if old:
            connection.execute(_FORGET_KEYS, {"of": name, "up_to": old[-1]})
        for statement in (_FORGET_HEADS, _FORGET_FAULTS):
            connection.execute(statement, {"of": name, "before": before})
        return len(old)

    def latest_passed(self, tx: Transaction, name: str, *, before: datetime, below: int) -> datetime | None:
        bounds = {"of": name, "before": before, "below": below}
        latest: datetime | None = connection_of(tx).execute(_LATEST_PASSED, bounds).scalar_one()
        return latest


def _row(stream: Stream) -> dict[str, Any]:
    return values(stream, schema=dict(stream.schema), key_members=list(stream.key_members))


def _stream(row: Any) -> Stream:
    return build(Stream, row, key_members=tuple(row.key_members))


def _among(connection: TransactionStatements, statement: Any, name: str, some: Sequence[Any]) -> list[Any]:
    """Return the single column of ``statement`` for all of ``some``, a few at a time."""
    matches: list[Any] = []
    for part in _parts(list(some)):
        matches += connection.execute(statement, {"of": name, "some": part}).scalars()
    return matches


def _parts(values: list[Any]) -> list[list[Any]]:
    """Return ``values`` in lists of few different lengths, so that statements are compiled a few times only: the
    last one is repeated."""
    parts = [values[start : start + _AT_ONCE] for start in range(0, len(values), _AT_ONCE)]
    return [part + [part[-1]] * ((1 << (len(part) - 1).bit_length()) - len(part)) for part in parts]

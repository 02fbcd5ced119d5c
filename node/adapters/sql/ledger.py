"""The ledger's store (``node.ledger.ports.LedgerStore``)."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Row, bindparam, func, insert, select, update

from node.adapters.sql.rows import add, build, put, values
from node.adapters.sql.schema.ledger import entries, ledger_checkpoints, ledger_nodes, ledger_size, views
from node.adapters.sql.work import connection_of
from node.base.errors import Conflict, LocalFault, NotFound
from node.base.work import Transaction
from node.ledger.model import Checkpoint, Entry, EntryKind

_THE_ONE = 1
"""The key of the only row of ``ledger_size``: the holder of its lock is the sequencer."""

_GET = select(entries).where(entries.c.id == bindparam("id"))
_UNSEQUENCED = select(entries).where(entries.c.seq.is_(None)).order_by(entries.c.ordinal).limit(bindparam("most"))
_UNNUMBERED = select(func.count()).where(entries.c.seq.is_(None)).select_from(entries)
_NUMBER = (
    update(entries).where(entries.c.id == bindparam("entry"), entries.c.seq.is_(None)).values(seq=bindparam("number"))
)
_ERASE = (
    update(entries)
    .where(entries.c.id == bindparam("entry"), entries.c.erased_sha256.is_(None))
    .values(body=bindparam("rest"), erased_sha256=bindparam("hashed"))
)
_SIZE = select(ledger_size.c.size).where(ledger_size.c.id == _THE_ONE)
_SIZE_LOCKED = _SIZE.with_for_update()
_SINCE = select(entries).where(entries.c.seq >= bindparam("first")).order_by(entries.c.seq).limit(bindparam("most"))
_SINCE_OF = _SINCE.where(entries.c.kind.in_(bindparam("kinds", expanding=True)))
_ADD_NODES = insert(ledger_nodes)
_NODE = select(ledger_nodes.c.hash).where(
    ledger_nodes.c.level == bindparam("level"), ledger_nodes.c.index == bindparam("index")
)
_NODES = (
    select(ledger_nodes.c.index, ledger_nodes.c.hash)
    .where(
        ledger_nodes.c.level == bindparam("level"),
        ledger_nodes.c.index >= bindparam("first"),
        ledger_nodes.c.index < bindparam("end"),
    )
    .order_by(ledger_nodes.c.index)
)
_NEWEST = select(ledger_checkpoints).order_by(ledger_checkpoints.c.size.desc()).limit(1)
_POSITION = select(views.c.position).where(
    views.c.view == bindparam("view"), views.c.instance == bindparam("instance")
)


class SqlLedgerStore:
    """Entries, the tree's hashes, checkpoints and the cursors of views."""

    def append(self, tx: Transaction, entry: Entry) -> None:
        if entry.seq is not None:
            raise LocalFault("only the sequencer gives an entry its number")
        if not add(connection_of(tx), entries, values(entry)):
            raise Conflict(f"the ledger already has an entry {entry.id}")

    def erase(self, tx: Transaction, entry_id: str, rest: bytes) -> None:
        entry = self.get(tx, entry_id)
        if entry is None:
            raise NotFound(f"the ledger has no entry {entry_id}")
        if entry.erased_sha256 is None:
            hashed = hashlib.sha256(entry.body).hexdigest()
            connection_of(tx).execute(_ERASE, {"entry": entry_id, "rest": rest, "hashed": hashed})

    def get(self, tx: Transaction, entry_id: str) -> Entry | None:
        row = connection_of(tx).execute(_GET, {"id": entry_id}).one_or_none()
        return None if row is None else _entry(row)

    def history(self, tx: Transaction, subject: str, kind: EntryKind | None = None) -> Sequence[Entry]:
        statement = select(entries).where(entries.c.subject == subject)
        if kind is not None:
            statement = statement.where(entries.c.kind == kind)
        statement = statement.order_by(entries.c.seq.is_(None), entries.c.seq, entries.c.ordinal)
        return [_entry(row) for row in connection_of(tx).execute(statement)]

    def since(
        self, tx: Transaction, position: int, *, limit: int = 500, kinds: Sequence[EntryKind] = ()
    ) -> Sequence[Entry]:
        parameters: dict[str, Any] = {"first": position, "most": limit}
        if not kinds:
            return [_entry(row) for row in connection_of(tx).execute(_SINCE, parameters)]
        return [_entry(row) for row in connection_of(tx).execute(_SINCE_OF, parameters | {"kinds": list(kinds)})]

    def newest(
        self,
        tx: Transaction,
        *,
        first: int,
        before: int,
        limit: int,
        kind: EntryKind | None = None,
        subject: str = "",
        by: str = "",
        since: datetime | None = None,
        until: datetime | None = None,
    ) -> Sequence[Entry]:
        columns = entries.c
        statement = select(entries).where(columns.seq >= first, columns.seq < before)
        if kind is not None:
            statement = statement.where(columns.kind == kind)
        if subject:
            statement = statement.where(columns.subject == subject)
        if by:
            statement = statement.where(columns.by == by)
        if since is not None:
            statement = statement.where(columns.at >= since)
        if until is not None:
            statement = statement.where(columns.at < until)
        rows = connection_of(tx).execute(statement.order_by(columns.seq.desc()).limit(limit))
        return [_entry(row) for row in rows]

    def unsequenced_entries(self, tx: Transaction, limit: int) -> Sequence[Entry]:
        return [_entry(row) for row in connection_of(tx).execute(_UNSEQUENCED, {"most": limit})]

    def count_unnumbered(self, tx: Transaction) -> int:
        return int(connection_of(tx).execute(_UNNUMBERED).scalar_one())

    def number(self, tx: Transaction, entries: Sequence[Entry], first: int) -> None:
        if not entries:
            return
        connection = connection_of(tx)
        numbers = [{"entry": entry.id, "number": seq} for seq, entry in enumerate(entries, first)]
        if connection.execute(_NUMBER, numbers).rowcount != len(entries):
            raise LocalFault("an entry already has a number, or is not in the ledger")
        put(connection, ledger_size, {"id": _THE_ONE, "size": first + len(entries)})

    def size(self, tx: Transaction, *, lock: bool = False) -> int:
        connection = connection_of(tx)
        if not lock:
            return connection.execute(_SIZE).scalar_one_or_none() or 0
        size: int | None = connection.execute(_SIZE_LOCKED).scalar_one_or_none()
        if size is None:
            # The very first sequencer makes the row that all later ones lock.
            add(connection, ledger_size, {"id": _THE_ONE, "size": 0})
            size = connection.execute(_SIZE_LOCKED).scalar_one()
        return size

    def node(self, tx: Transaction, level: int, index: int) -> bytes | None:
        found = connection_of(tx).execute(_NODE, {"level": level, "index": index})
        return found.scalar_one_or_none()

    def nodes(self, tx: Transaction, level: int, first: int, count: int) -> Mapping[int, bytes]:
        wanted = {"level": level, "first": first, "end": first + count}
        rows: Iterable[Any] = connection_of(tx).execute(_NODES, wanted)
        return {index: hashed for index, hashed in rows}  # noqa: C416

    def put_nodes(self, tx: Transaction, nodes: Sequence[tuple[int, int, bytes]]) -> None:
        if nodes:
            rows = [{"level": level, "index": index, "hash": hashed} for level, index, hashed in nodes]
            connection_of(tx).execute(_ADD_NODES, rows)

    def put_checkpoint(self, tx: Transaction, checkpoint: Checkpoint) -> None:
        put(connection_of(tx), ledger_checkpoints, values(checkpoint))

    def checkpoint(self, tx: Transaction, size: int | None = None) -> Checkpoint | None:
        wanted = _NEWEST if size is None else select(ledger_checkpoints).filter_by(size=size)
        row = connection_of(tx).execute(wanted).one_or_none()
        return None if row is None else build(Checkpoint, row)

    def checkpoints(self, tx: Transaction, first: int = 0, limit: int = 500) -> Sequence[Checkpoint]:
        statement = (
            select(ledger_checkpoints)
            .where(ledger_checkpoints.c.size >= first)
            .order_by(ledger_checkpoints.c.size)
            .limit(limit)
        )
        return [build(Checkpoint, row) for row in connection_of(tx).execute(statement)]

    def position(self, tx: Transaction, view: str, instance: str) -> int:
        found = connection_of(tx).execute(_POSITION, {"view": view, "instance": instance})
        return found.scalar_one_or_none() or 0

    def advance(self, tx: Transaction, view: str, instance: str, position: int) -> None:
        put(connection_of(tx), views, {"view": view, "instance": instance, "position": position})


def _entry(row: Row[Any]) -> Entry:
    return Entry(
        id=row.id,
        kind=EntryKind(row.kind),
        subject=row.subject,
        at=row.at,
        by=row.by,
        body=row.body,
        seq=row.seq,
        erased_sha256=row.erased_sha256,
    )

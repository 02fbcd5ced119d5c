"""One store for every kind of process (``node.dialogue.process.ProcessStore``)."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import fields
from typing import Any, Generic

from sqlalchemy import ColumnElement, Row, Table, and_, bindparam, exists, func, insert, select, update

from node.adapters.sql.rows import add, build, values
from node.adapters.sql.statements import TransactionStatements
from node.adapters.sql.work import connection_of
from node.base.errors import Conflict, LocalFault
from node.base.work import Transaction
from node.dialogue.process import AcceptedMessage, Exchange, P, PendingMessage, Process, Role

_COMMON = frozenset(field.name for field in fields(Process))


class SqlProcessStore(Generic[P]):
    """Processes of the class ``kind``.

    In: the table of processes and that of their messages (``schema._processes`` and ``_messages``). The fields
    that ``kind`` adds to ``Process`` are kept as one JSON object, but for those that have a column and never change.
    """

    def __init__(self, kind: type[P], processes: Table, messages: Table) -> None:
        self._kind = kind
        own = frozenset(field.name for field in fields(kind)) - _COMMON
        self._fixed = own & frozenset(processes.c.keys())
        self._own = own - self._fixed
        self._processes = processes
        self._messages = messages
        columns = processes.c
        self._get = select(processes).where(columns.pid == bindparam("pid"))
        self._get_locked = self._get.with_for_update()
        self._lock = select(columns.pid).where(columns.pid == bindparam("pid")).with_for_update()
        self._by_peer = select(processes).where(
            columns.peer == bindparam("peer"),
            columns.peer_pid == bindparam("peer_pid"),
            columns.role == bindparam("role"),
        )
        other = processes.alias()
        same_pid = exists().where(
            other.c.peer == bindparam("this_peer"),
            other.c.peer_pid == bindparam("this_peer_pid"),
            other.c.role == bindparam("this_role"),
            other.c.pid != bindparam("this_pid"),
        )
        same_revision = and_(columns.pid == bindparam("this_pid"), columns.revision == bindparam("before"))
        # Columns that keep their value are left out: each index that they are in would be written again.
        self._save = update(processes).where(same_revision)
        self._save_peer_pid = self._save.where(~same_pid)
        self._unchanged = select(columns.pid).where(same_revision)
        self._count = select(func.count()).where(
            columns.peer == bindparam("peer"),
            columns.role == bindparam("role"),
            columns.state.in_(bindparam("states", expanding=True)),
        )
        self._record = insert(messages).inline()
        of_process = messages.c.pid == bindparam("pid")
        self._exchanged = select(func.count()).where(of_process, messages.c.answer_status.between(0, 299))
        self._delivered = (
            select(messages.c.ordinal)
            .where(
                of_process,
                messages.c.outgoing,
                messages.c.message_id == bindparam("message_id"),
                messages.c.answer_status < 300,
            )
            .limit(1)
        )
        self._refusals = (
            select(messages.c.body_sha256, messages.c.answer_status)
            .where(of_process, messages.c.outgoing == bindparam("outgoing"), messages.c.answer_status >= 300)
            .order_by(messages.c.ordinal)
        )
        self._exchanges = select(messages).where(messages.c.pid == bindparam("pid")).order_by(messages.c.ordinal)
        acceptance = (
            select(messages)
            .where(
                messages.c.pid == bindparam("pid"),
                ~messages.c.outgoing,
                messages.c.answer_status.between(200, 299),
            )
            .order_by(messages.c.ordinal.desc())
            .limit(1)
        )
        self._last_accepted = acceptance
        self._accepted = acceptance.where(messages.c.body_sha256 == bindparam("body_sha256"))
        self._accepted_as = acceptance.where(
            messages.c.message == bindparam("message"), messages.c.message_id == bindparam("message_id")
        )
        self._conversation = (
            select(messages.c.outgoing, messages.c.message, messages.c.message_id)
            .where(of_process, messages.c.answer_status.between(0, 299))
            .order_by(messages.c.ordinal)
        )

    def add(self, tx: Transaction, process: P) -> None:
        connection = connection_of(tx)
        opening = {"pid": process.pid, "role": process.role, "peer": process.peer, "created": process.created}
        opening |= {name: getattr(process, name) for name in self._fixed}
        if not add(connection, self._processes, opening | self._row(process)):
            raise Conflict(f"the process {process.pid}, or the peer's {process.peer_pid}, already exists")
        self._note(connection, process)

    def save(self, tx: Transaction, process: P) -> None:
        connection = connection_of(tx)
        which = {"this_pid": process.pid, "before": process.revision - 1}
        revision, state, peer_pid = connection.notes.get((self._processes.name, process.pid), (None, None, None))
        row = self._row(process)
        if revision != process.revision - 1 or peer_pid != process.peer_pid:
            peer = {
                "this_peer": process.peer,
                "this_peer_pid": process.peer_pid,
                "this_role": process.role,
            }
            rows = connection.execute(self._save_peer_pid, row | which | peer)
        else:
            del row["peer_pid"]
            if state == process.state:
                del row["state"]
            rows = connection.execute(self._save, row | which)
        if rows.rowcount == 1:
            self._note(connection, process)
            return
        if connection.execute(self._unchanged, which).one_or_none() is not None:
            raise Conflict(f"the peer's process {process.peer_pid} already exists under another id")
        raise LocalFault(f"somebody else changed process {process.pid} in the meantime")

    def get(self, tx: Transaction, pid: str, *, lock: bool = False) -> P | None:
        statement = self._get_locked if lock else self._get
        return self._read_one(tx, statement, {"pid": pid})

    def lock(self, tx: Transaction, pid: str) -> None:
        running = connection_of(tx)
        if running.dialect.name != "sqlite":  # On SQLite a writer has the database to itself.
            running.execute(self._lock, {"pid": pid})

    def by_peer(self, tx: Transaction, peer: str, peer_pid: str, role: Role) -> P | None:
        return self._read_one(tx, self._by_peer, {"peer": peer, "peer_pid": peer_pid, "role": role})

    def select(
        self, tx: Transaction, *, state: str | None = None, peer: str | None = None, limit: int = 100
    ) -> Sequence[P]:
        columns = self._processes.c
        conditions: list[ColumnElement[bool]] = []
        if state is not None:
            conditions.append(columns.state == state)
        if peer is not None:
            conditions.append(columns.peer == peer)
        statement = (
            select(self._processes)
            .where(*conditions)
            .order_by(columns.created.desc(), columns.ordinal.desc())
            .limit(limit)
        )
        return [self._process(row) for row in connection_of(tx).execute(statement)]

    def count(self, tx: Transaction, *, peer: str, role: Role, states: Collection[str]) -> int:
        wanted = {"peer": peer, "role": role, "states": sorted(states)}
        return int(connection_of(tx).execute(self._count, wanted).scalar_one())

    def record(self, tx: Transaction, exchange: Exchange) -> None:
        connection_of(tx).execute(self._record, values(exchange))

    def count_exchanges(self, tx: Transaction, pid: str) -> int:
        return int(connection_of(tx).execute(self._exchanged, {"pid": pid}).scalar_one())

    def refusals(self, tx: Transaction, pid: str, *, outgoing: bool) -> Sequence[tuple[str, int]]:
        rows = connection_of(tx).execute(self._refusals, {"pid": pid, "outgoing": outgoing})
        return [(row.body_sha256, row.answer_status) for row in rows]

    def is_delivered(self, tx: Transaction, pid: str, message_id: str) -> bool:
        wanted = {"pid": pid, "message_id": message_id}
        return connection_of(tx).execute(self._delivered, wanted).first() is not None

    def exchanges(self, tx: Transaction, pid: str) -> Sequence[Exchange]:
        return [build(Exchange, row) for row in connection_of(tx).execute(self._exchanges, {"pid": pid})]

    def accepted_messages(self, tx: Transaction, pid: str) -> Sequence[AcceptedMessage]:
        rows = connection_of(tx).execute(self._conversation, {"pid": pid})
        return [AcceptedMessage(row.outgoing, row.message, row.message_id) for row in rows]

    def accepted_exchange(self, tx: Transaction, pid: str, body_sha256: str) -> Exchange | None:
        wanted = {"pid": pid, "body_sha256": body_sha256}
        row = connection_of(tx).execute(self._accepted, wanted).one_or_none()
        return None if row is None else build(Exchange, row)

    def last_accepted(self, tx: Transaction, pid: str) -> Exchange | None:
        row = connection_of(tx).execute(self._last_accepted, {"pid": pid}).one_or_none()
        return None if row is None else build(Exchange, row)

    def accepted_as(self, tx: Transaction, pid: str, message: str, message_id: str) -> Exchange | None:
        wanted = {"pid": pid, "message": message, "message_id": message_id}
        row = connection_of(tx).execute(self._accepted_as, wanted).one_or_none()
        return None if row is None else build(Exchange, row)

    def _read_one(self, tx: Transaction, statement: Any, values: dict[str, Any]) -> P | None:
        connection = connection_of(tx)
        row = connection.execute(statement, values).one_or_none()
        if row is None:
            return None
        process = self._process(row)
        self._note(connection, process)
        return process

    def _note(self, connection: TransactionStatements, process: P) -> None:
        """Note what ``save`` compares: a revision of a process is stored once, so it shows what has changed since."""
        noted = (process.revision, process.state, process.peer_pid)
        connection.notes[self._processes.name, process.pid] = noted

    def _row(self, process: P) -> dict[str, Any]:
        """Return the columns that may change after the opening."""
        pending = process.pending
        return {
            "peer_pid": process.peer_pid,
            "peer_address": process.peer_address,
            "version": process.version,
            "state": process.state,
            "updated": process.updated,
            "pending_message": pending and pending.message,
            "pending_id": pending and pending.message_id,
            "revision": process.revision,
            "code": process.code,
            "reason": process.reason,
            "rest": {name: getattr(process, name) for name in self._own},
        }

    def _process(self, row: Row[Any]) -> P:
        pending = None if row.pending_id is None else PendingMessage(row.pending_message, row.pending_id)
        # A field that this version of Hansa does not know is left out; a field that it added gets its default.
        own = {name: value for name, value in row.rest.items() if name in self._own}
        own |= {name: row._mapping[name] for name in self._fixed}
        return self._kind(
            pid=row.pid,
            role=Role(row.role),
            peer=row.peer,
            peer_pid=row.peer_pid,
            peer_address=row.peer_address,
            version=row.version,
            state=row.state,
            created=row.created,
            updated=row.updated,
            pending=pending,
            revision=row.revision,
            code=row.code,
            reason=row.reason,
            **own,
        )

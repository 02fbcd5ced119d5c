"""Processes that strangers opened, and the bytes stored for them
(``node.dialogue.stranger_limits.StrangerProcessStore``)."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any, Final

from sqlalchemy import bindparam, case, delete, func, or_, select, tuple_, update

from node.adapters.sql.columns import Big
from node.adapters.sql.rows import add, build, values
from node.adapters.sql.schema.negotiation import stranger_bytes, stranger_processes
from node.adapters.sql.schema.processes import negotiations, transfers
from node.adapters.sql.work import connection_of
from node.base.work import Transaction
from node.dialogue.stranger_limits import StrangerProcess
from node.negotiation import machine as negotiating
from node.transfer import machine as transferring

_LIVE: Final = (
    select(negotiations.c.pid).where(
        negotiations.c.pid == stranger_processes.c.pid, negotiations.c.state.in_(sorted(negotiating.TABLE.live))
    ),
    select(transfers.c.pid).where(
        transfers.c.pid == stranger_processes.c.pid, transfers.c.state.in_(sorted(transferring.TABLE.live))
    ),
)
# Rows that another transaction is deleting at this moment are left to it.
_ENDED: Final = (
    select(stranger_processes.c.pid)
    .where(~or_(*(one.exists() for one in _LIVE)))
    .with_for_update(of=stranger_processes, skip_locked=True)
)

_FORGET = delete(stranger_processes).where(stranger_processes.c.pid.in_(bindparam("pids", expanding=True)))
_GET = select(stranger_processes).where(stranger_processes.c.pid == bindparam("of"))
_OPEN = select(
    func.coalesce(func.sum(case((stranger_processes.c.host == bindparam("from_host"), 1), else_=0)), 0).label(
        "of_host"
    ),
    func.coalesce(func.sum(case((stranger_processes.c.address == bindparam("caller"), 1), else_=0)), 0).label(
        "from_address"
    ),
    func.count().label("in_all"),
).select_from(stranger_processes)
_STORED = select(stranger_bytes.c.party, stranger_bytes.c.bytes).where(
    stranger_bytes.c.day == bindparam("that_day"), stranger_bytes.c.party.in_(bindparam("parties", expanding=True))
)
_STORE = (
    update(stranger_bytes)
    .where(stranger_bytes.c.day == bindparam("that_day"), stranger_bytes.c.party == bindparam("whose"))
    .values(bytes=stranger_bytes.c.bytes + bindparam("size", type_=Big))
)


class SqlStrangerProcessStore:
    """Guests by process; bytes by day and party."""

    def forget_ended(self, tx: Transaction) -> None:
        connection = connection_of(tx)
        ended = list(connection.execute(_ENDED).scalars())
        if ended:
            connection.execute(_FORGET, {"pids": ended})

    def add(self, tx: Transaction, process: StrangerProcess) -> None:
        add(connection_of(tx), stranger_processes, values(process))

    def get(self, tx: Transaction, pid: str) -> StrangerProcess | None:
        row = connection_of(tx).execute(_GET, {"of": pid}).one_or_none()
        return None if row is None else build(StrangerProcess, row)

    def open(self, tx: Transaction, *, host: str, address: str) -> tuple[int, int, int]:
        row: Any = connection_of(tx).execute(_OPEN, {"from_host": host, "caller": address}).one()
        return int(row.of_host), int(row.from_address), int(row.in_all)

    def stored_bytes(self, tx: Transaction, day: str, parties: Collection[str]) -> dict[str, int]:
        rows = connection_of(tx).execute(_STORED, {"that_day": day, "parties": sorted(parties)})
        return {row.party: int(row.bytes) for row in rows}

    def store(self, tx: Transaction, day: str, parties: Sequence[str], size: int) -> None:
        connection = connection_of(tx)
        first = False
        for party in parties:
            parameters = {"that_day": day, "whose": party, "size": size}
            if connection.execute(_STORE, parameters).rowcount == 0:
                first = add(connection, stranger_bytes, {"day": day, "party": party, "bytes": 0}) or first
                connection.execute(_STORE, parameters)
        if first:
            self._drop_before(tx, day)

    def _drop_before(self, tx: Transaction, day: str) -> None:
        connection, keys = connection_of(tx), (stranger_bytes.c.day, stranger_bytes.c.party)
        old = select(*keys).where(stranger_bytes.c.day < day).limit(1000).with_for_update(skip_locked=True)
        found = [tuple(row) for row in connection.execute(old)]
        if found:
            connection.execute(delete(stranger_bytes).where(tuple_(*keys).in_(found)))

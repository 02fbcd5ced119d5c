"""Bridges of streams to topics of brokers (``node.transfer.bridges.model.BridgeStore``)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, delete, null, or_, select, update

from node.adapters.sql.rows import build, put, values
from node.adapters.sql.schema.bridges import stream_bridges as table
from node.adapters.sql.work import connection_of
from node.base.work import Transaction
from node.transfer.bridges.model import Bridge, BridgeProgress, BridgeView

_BRIDGE = select(table).where(table.c.id == bindparam("of"))
_ALL = select(table).order_by(table.c.id)
_DROP = delete(table).where(table.c.id == bindparam("of"))
_CLAIM = (
    update(table)
    .where(
        table.c.ended.is_(None),
        or_(table.c.owner.is_(None), table.c.owner == bindparam("holder"), table.c.owned_until <= bindparam("now")),
    )
    .values(owner=bindparam("holder"), owned_until=bindparam("until"))
)
_OWN = select(table).where(table.c.owner == bindparam("holder"), table.c.ended.is_(None)).order_by(table.c.id)
_RELEASE_ALL = update(table).values(owner=null(), owned_until=null())
_RELEASE = _RELEASE_ALL.where(table.c.owner == bindparam("holder"))
_NOTE = (
    update(table)
    .where(table.c.id == bindparam("of"), table.c.owner == bindparam("holder"), table.c.ended.is_(None))
    .values({name: bindparam(f"new_{name}") for name in BridgeProgress.__dataclass_fields__})
)


class SqlBridgeStore:
    """Bridges by id, with their progress, and who carries them."""

    def put(self, tx: Transaction, bridge: Bridge, progress: BridgeProgress) -> None:
        row = {**values(bridge), **_columns(progress), "owner": None, "owned_until": None}
        put(connection_of(tx), table, row)

    def get(self, tx: Transaction, bridge_id: str, *, lock: bool = False) -> BridgeView | None:
        query = _BRIDGE.with_for_update() if lock else _BRIDGE
        row = connection_of(tx).execute(query, {"of": bridge_id}).one_or_none()
        return None if row is None else _view(row)

    def all(self, tx: Transaction) -> Sequence[BridgeView]:
        return [_view(row) for row in connection_of(tx).execute(_ALL)]

    def drop(self, tx: Transaction, bridge_id: str) -> None:
        connection_of(tx).execute(_DROP, {"of": bridge_id})

    def claim(self, tx: Transaction, *, owner: str, now: datetime, until: datetime) -> Sequence[BridgeView]:
        connection = connection_of(tx)
        connection.execute(_CLAIM, {"holder": owner, "now": now, "until": until})
        return [_view(row) for row in connection.execute(_OWN, {"holder": owner})]

    def release(self, tx: Transaction, *, owner: str | None = None) -> None:
        if owner is None:
            connection_of(tx).execute(_RELEASE_ALL)
        else:
            connection_of(tx).execute(_RELEASE, {"holder": owner})

    def note(self, tx: Transaction, bridge_id: str, progress: BridgeProgress, *, owner: str) -> bool:
        new = {f"new_{name}": value for name, value in _columns(progress).items()}
        return connection_of(tx).execute(_NOTE, {"of": bridge_id, "holder": owner, **new}).rowcount == 1


def _columns(progress: BridgeProgress) -> dict[str, Any]:
    return values(progress, reasons=list(progress.reasons))


def _view(row: Any) -> BridgeView:
    progress = build(BridgeProgress, row, reasons=tuple(row.reasons))
    return BridgeView(bridge=build(Bridge, row), progress=progress)

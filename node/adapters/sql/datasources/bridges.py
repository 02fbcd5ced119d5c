"""Bridges of streams to topics of brokers (``node.transfer.bridges.model.BridgeStore``)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, delete, select

from node.adapters.sql.datasources.owned_rows import NO_OWNER, OwnedRows
from node.adapters.sql.rows import build, put, values
from node.adapters.sql.schema.bridges import stream_bridges as table
from node.adapters.sql.work import connection_of
from node.base.work import Transaction
from node.transfer.bridges.model import Bridge, BridgeProgress, BridgeView

_BRIDGE = select(table).where(table.c.id == bindparam("of"))
_ALL = select(table).order_by(table.c.id)
_DROP = delete(table).where(table.c.id == bindparam("of"))
_OWNED = OwnedRows(table, table.c.id, _ALL, BridgeProgress.__dataclass_fields__, among=table.c.ended.is_(None))


class SqlBridgeStore:
    """Bridges by id, with their progress, and who carries them."""

    def put(self, tx: Transaction, bridge: Bridge, progress: BridgeProgress) -> None:
        row = {**values(bridge), **_columns(progress), **NO_OWNER}
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
        return [_view(row) for row in _OWNED.claim(tx, owner=owner, now=now, until=until)]

    def release(self, tx: Transaction, *, owner: str | None = None) -> None:
        _OWNED.release(tx, owner)

    def note(self, tx: Transaction, bridge_id: str, progress: BridgeProgress, *, owner: str) -> bool:
        return _OWNED.note(tx, bridge_id, _columns(progress), owner=owner)


def _columns(progress: BridgeProgress) -> dict[str, Any]:
    return values(progress, reasons=list(progress.reasons))


def _view(row: Any) -> BridgeView:
    progress = build(BridgeProgress, row, reasons=tuple(row.reasons))
    return BridgeView(bridge=build(Bridge, row), progress=progress)

"""Bridges in memory (``node.transfer.bridges.model.BridgeStore``)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from node.base.work import Transaction
from node.transfer.bridges.model import Bridge, BridgeProgress, BridgeView
from tests.fakes.stores.work import memory

_VIEWS, _OWNERS = "stream_bridges", "stream_bridge_owners"


class MemoryBridgeStore:
    """Views by id; owner and its time by id."""

    def put(self, tx: Transaction, bridge: Bridge, progress: BridgeProgress) -> None:
        memory(tx).put(_VIEWS, bridge.id, BridgeView(bridge=bridge, progress=progress))
        memory(tx).drop(_OWNERS, bridge.id)

    def get(self, tx: Transaction, bridge_id: str, *, lock: bool = False) -> BridgeView | None:
        return memory(tx).rows(_VIEWS).get(bridge_id)

    def all(self, tx: Transaction) -> Sequence[BridgeView]:
        return [view for _, view in sorted(memory(tx).rows(_VIEWS).items())]

    def drop(self, tx: Transaction, bridge_id: str) -> None:
        memory(tx).drop(_VIEWS, bridge_id)
        memory(tx).drop(_OWNERS, bridge_id)

    def claim(self, tx: Transaction, *, owner: str, now: datetime, until: datetime) -> Sequence[BridgeView]:
        running = [view for view in self.all(tx) if view.progress.ended is None]
        for view in running:
            holder, end = self._owner(tx, view.bridge.id)
            if holder in (None, owner) or end <= now:
                memory(tx).put(_OWNERS, view.bridge.id, (owner, until))
        return [view for view in running if self._owner(tx, view.bridge.id)[0] == owner]

    def release(self, tx: Transaction, *, owner: str | None = None) -> None:
        for view in self.all(tx):
            if owner is None or self._owner(tx, view.bridge.id)[0] == owner:
                memory(tx).drop(_OWNERS, view.bridge.id)

    def note(self, tx: Transaction, bridge_id: str, progress: BridgeProgress, *, owner: str) -> bool:
        view = self.get(tx, bridge_id)
        if view is None or view.progress.ended is not None or self._owner(tx, bridge_id)[0] != owner:
            return False
        memory(tx).put(_VIEWS, bridge_id, replace(view, progress=progress))
        return True

    def _owner(self, tx: Transaction, bridge_id: str) -> Any:
        return memory(tx).rows(_OWNERS).get(bridge_id, (None, None))

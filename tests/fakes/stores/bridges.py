"""Bridges in memory (``node.transfer.bridges.model.BridgeStore``)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from node.base.work import Transaction
from node.transfer.bridges.model import Bridge, BridgeProgress, BridgeView
from tests.fakes.owners import Owners
from tests.fakes.stores.work import memory

_VIEWS = "stream_bridges"
_OWNERS = Owners("stream_bridge_owners")


class MemoryBridgeStore:
    """Views by id; owner and its time by id."""

    def put(self, tx: Transaction, bridge: Bridge, progress: BridgeProgress) -> None:
        memory(tx).put(_VIEWS, bridge.id, BridgeView(bridge=bridge, progress=progress))
        _OWNERS.forget(tx, bridge.id)

    def get(self, tx: Transaction, bridge_id: str, *, lock: bool = False) -> BridgeView | None:
        return memory(tx).rows(_VIEWS).get(bridge_id)

    def all(self, tx: Transaction) -> Sequence[BridgeView]:
        return [view for _, view in sorted(memory(tx).rows(_VIEWS).items())]

    def drop(self, tx: Transaction, bridge_id: str) -> None:
        memory(tx).drop(_VIEWS, bridge_id)
        _OWNERS.forget(tx, bridge_id)

    def claim(self, tx: Transaction, *, owner: str, now: datetime, until: datetime) -> Sequence[BridgeView]:
        running = {view.bridge.id: view for view in self.all(tx) if view.progress.ended is None}
        own = _OWNERS.claim(tx, running, owner=owner, now=now, until=until)
        return [view for bridge_id, view in running.items() if bridge_id in own]

    def release(self, tx: Transaction, *, owner: str | None = None) -> None:
        _OWNERS.release(tx, owner)

    def note(self, tx: Transaction, bridge_id: str, progress: BridgeProgress, *, owner: str) -> bool:
        view = self.get(tx, bridge_id)
        if view is None or view.progress.ended is not None or not _OWNERS.owns(tx, bridge_id, owner):
            return False
        memory(tx).put(_VIEWS, bridge_id, replace(view, progress=progress))
        return True

"""What the node keeps about itself, and whom it follows, in memory."""

from __future__ import annotations

from collections.abc import Sequence

from node.base.errors import Conflict
from node.base.work import Transaction
from node.catalogue.model import Followed
from tests.fakes.stores.work import memory


class MemoryMetaStore:
    """Keys and values; also the ``Notes`` that identity needs."""

    def get(self, tx: Transaction, key: str) -> str | None:
        return memory(tx).rows("meta").get(key)

    def put(self, tx: Transaction, key: str, value: str) -> None:
        memory(tx).put("meta", key, value)

    def replace(self, tx: Transaction, key: str, before: str | None, value: str) -> bool:
        if self.get(tx, key) != before:
            return False
        self.put(tx, key, value)
        return True

    def drop(self, tx: Transaction, key: str) -> None:
        memory(tx).drop("meta", key)

    def epoch(self, tx: Transaction) -> int:
        return int(self.get(tx, "epoch") or 0)

    def raise_epoch(self, tx: Transaction, entries: int | None = None) -> int:
        epoch = self.epoch(tx) + 1
        self.put(tx, "epoch", str(epoch))
        if entries is not None:
            self.put(tx, f"restart.{epoch}", str(entries))
        return epoch

    def restarts(self, tx: Transaction) -> dict[int, int]:
        noted = {epoch: self.get(tx, f"restart.{epoch}") for epoch in range(1, self.epoch(tx) + 1)}
        return {epoch: int(entries) for epoch, entries in noted.items() if entries is not None}


class MemoryFollowStore:
    """Followed nodes by URL."""

    def add(self, tx: Transaction, node: Followed) -> None:
        if node.url in memory(tx).rows("followed"):
            raise Conflict(f"this node already follows {node.url}")
        memory(tx).put("followed", node.url, node)

    def get(self, tx: Transaction, url: str) -> Followed | None:
        return memory(tx).rows("followed").get(url)

    def all(self, tx: Transaction) -> Sequence[Followed]:
        followed = memory(tx).rows("followed")
        return [followed[url] for url in sorted(followed)]

    def save(self, tx: Transaction, node: Followed) -> None:
        memory(tx).put("followed", node.url, node)

    def drop(self, tx: Transaction, url: str) -> None:
        memory(tx).drop("followed", url)

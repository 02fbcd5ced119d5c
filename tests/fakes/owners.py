"""The owners of rows in memory, as ``node.adapters.sql.datasources.owned_rows`` has them in a database."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from node.base.work import Transaction
from tests.fakes.stores.work import memory


class Owners:
    """Who owns which row, and until when, by key. ``rows`` names the place in the memory."""

    def __init__(self, rows: str) -> None:
        self._rows = rows

    def claim(self, tx: Transaction, keys: Iterable[str], *, owner: str, now: datetime, until: datetime) -> set[str]:
        """Give ``owner`` those of ``keys`` that are its own, or nobody's. Return what it owns of them."""
        keys = list(keys)
        for key in keys:
            holder, end = memory(tx).rows(self._rows).get(key, (None, None))
            if holder in (None, owner) or end <= now:
                memory(tx).put(self._rows, key, (owner, until))
        return {key for key in keys if self.owns(tx, key, owner)}

    def owns(self, tx: Transaction, key: str, owner: str) -> bool:
        """Return whether ``owner`` owns a row."""
        return memory(tx).rows(self._rows).get(key, (None, None))[0] == owner

    def release(self, tx: Transaction, owner: str | None) -> None:
        """Give up what ``owner`` owns; for None, what anybody owns."""
        for key in list(memory(tx).rows(self._rows)):
            if owner is None or self.owns(tx, key, owner):
                self.forget(tx, key)

    def forget(self, tx: Transaction, key: str) -> None:
        """Give up a row."""
        memory(tx).drop(self._rows, key)

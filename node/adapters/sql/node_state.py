"""The node's data about itself, and the nodes that it follows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import bindparam, delete, select, update

from node.adapters.sql.rows import add, build, put, values
from node.adapters.sql.schema.node_state import followed, meta
from node.adapters.sql.work import connection_of
from node.base.errors import Conflict
from node.base.work import Transaction, UnitOfWork
from node.catalogue.model import Followed

EPOCH = "epoch"
"""The key of the epoch: a number that a restore raises and that peers see."""

RESTART = "restart."
"""Before an epoch: the key of the number of ledger entries with which that epoch began."""


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """The restores of a node from a backup, with the number of entries that its ledger had each time."""

    epoch: int
    restarts: dict[int, int]


_VALUE = select(meta.c.value).where(meta.c.key == bindparam("of"))
_REPLACE = (
    update(meta)
    .where(meta.c.key == bindparam("of"), meta.c.value == bindparam("before"))
    .values(value=bindparam("new"))
    .execution_options(preserve_rowcount=True)
)
_FOLLOWED = select(followed).where(followed.c.url == bindparam("at"))


class SqlMetaStore:
    """Keys and values of the node itself."""

    def get(self, tx: Transaction, key: str) -> str | None:
        """Return the value, or None."""
        value: str | None = connection_of(tx).execute(_VALUE, {"of": key}).scalar_one_or_none()
        return value

    def put(self, tx: Transaction, key: str, value: str) -> None:
        """Set or replace the value."""
        put(connection_of(tx), meta, {"key": key, "value": value})

    def replace(self, tx: Transaction, key: str, before: str | None, value: str) -> bool:
        """Set the value if it is ``before`` (None: if there is none), whoever else does so at the same moment; return
        whether it was."""
        connection = connection_of(tx)
        if before is None:
            return add(connection, meta, {"key": key, "value": value})
        return connection.execute(_REPLACE, {"of": key, "before": before, "new": value}).rowcount == 1

    def drop(self, tx: Transaction, key: str) -> None:
        """Remove the value, if there is one."""
        connection_of(tx).execute(delete(meta).where(meta.c.key == key))

    def epoch(self, tx: Transaction) -> int:
        """Return how often this node has been restored from a backup."""
        return int(self.get(tx, EPOCH) or 0)

    def raise_epoch(self, tx: Transaction, entries: int | None = None) -> int:
        """Count a restore; return the new epoch. ``entries``: the size of the ledger that the restore kept."""
        epoch = self.epoch(tx) + 1
        self.put(tx, EPOCH, str(epoch))
        if entries is not None:
            self.put(tx, f"{RESTART}{epoch}", str(entries))
        return epoch

    def history(self, uow: UnitOfWork) -> History:
        """Return how often this node was restored, and the size of its ledger each time."""
        with uow.read() as tx:
            return History(epoch=self.epoch(tx), restarts=self.restarts(tx))

    def restarts(self, tx: Transaction) -> dict[int, int]:
        """Return epoch → size of the ledger when it began, as far as that was noted."""
        noted = {epoch: self.get(tx, f"{RESTART}{epoch}") for epoch in range(1, self.epoch(tx) + 1)}
        return {epoch: int(entries) for epoch, entries in noted.items() if entries is not None}


class SqlFollowStore:
    """Nodes that are followed (``node.catalogue.ports.FollowStore``)."""

    def add(self, tx: Transaction, node: Followed) -> None:
        """Begin to follow. Raises ``Conflict`` if the URL is followed already."""
        if not add(connection_of(tx), followed, values(node)):
            raise Conflict(f"this node already follows {node.url}")

    def get(self, tx: Transaction, url: str) -> Followed | None:
        """Return the node with this URL."""
        row = connection_of(tx).execute(_FOLLOWED, {"at": url}).one_or_none()
        return None if row is None else build(Followed, row)

    def all(self, tx: Transaction) -> Sequence[Followed]:
        """Return all followed nodes, by URL."""
        rows = connection_of(tx).execute(select(followed).order_by(followed.c.url))
        return [build(Followed, row) for row in rows]

    def save(self, tx: Transaction, node: Followed) -> None:
        """Set or replace."""
        put(connection_of(tx), followed, values(node))

    def drop(self, tx: Transaction, url: str) -> None:
        """Stop following."""
        connection_of(tx).execute(delete(followed).where(followed.c.url == url))

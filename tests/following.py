"""Having views take what a ledger holds, all at once, where no worker does it."""

from __future__ import annotations

from collections.abc import Iterable

from node.base.work import UnitOfWork
from node.ledger.ports import LedgerStore
from node.worker.views import View


def catch_up(uow: UnitOfWork, ledger: LedgerStore, views: Iterable[View], *, batch: int = 500) -> None:
    """Have each view take what the ledger holds beyond its position, ``batch`` entries at a time."""
    for view in views:
        while True:
            with uow.read() as tx:
                entries = ledger.since(tx, view.position(), limit=batch)
            if not entries:
                break
            view.apply(entries)

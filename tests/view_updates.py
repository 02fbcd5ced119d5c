"""Having views take what a ledger holds, all at once, where no worker does it."""

from __future__ import annotations

from collections.abc import Iterable

from node.base.work import UnitOfWork
from node.ledger.ports import LedgerStore
from node.worker.follower import View
from node.worker.views import FollowLedger


def catch_up(uow: UnitOfWork, ledger: LedgerStore, views: Iterable[View], *, batch: int = 500) -> None:
    """Have each view take what the ledger holds beyond its position, ``batch`` entries at a time."""
    for view in views:
        while True:
            with uow.read() as tx:
                entries = ledger.since(tx, view.position(), limit=batch)
            if not entries:
                break
            view.apply(entries)
        view.settle()


def step(following: FollowLedger) -> int:
    """Number what was committed and give each view a turn; how far they came. Raises what the first of the views that
    cannot follow has raised, after the others have had their turn."""
    before = sum(following.positions.values())
    moved = following.number()
    first: Exception | None = None
    try:
        for follower in following.followers:
            try:
                follower.turn(awaited=True)
            except Exception as error:
                first = first or error
        if first is not None:
            raise first
        return moved + sum(following.positions.values()) - before
    finally:
        # A fault that its own frames refer to would live on, and with it the damaged store in them, still open.
        del first

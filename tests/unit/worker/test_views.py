"""Following the ledger: what a view is not made of is passed by, and nothing else is."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from node.ledger.model import Entry, EntryKind
from node.worker.views import BATCH, FollowLedger
from tests.fakes.ledger import MemoryLedgerStore
from tests.fakes.work import MemoryUnitOfWork

NOW = datetime(2026, 11, 20, tzinfo=UTC)


class Listed:
    """A view that keeps what it was given."""

    name = "listed"
    kinds: tuple[EntryKind, ...] = (EntryKind.RECORD,)

    def __init__(self) -> None:
        self.taken: list[int] = []
        self._position = 0

    def position(self) -> int:
        return self._position

    def apply(self, entries: Sequence[Entry]) -> None:
        for entry in entries:
            assert entry.seq is not None
            self.taken.append(entry.seq)
            self._position = entry.seq + 1

    def passed(self, position: int) -> None:
        self._position = position

    def rebuild(self) -> None:
        self.__init__()  # type: ignore[misc]


def followed(kinds: Sequence[EntryKind]) -> tuple[Listed, list[int]]:
    """A view after it has followed a ledger of entries of ``kinds``, and how far it had come after each step."""
    uow, ledger, view = MemoryUnitOfWork(), MemoryLedgerStore(), Listed()
    with uow.begin() as tx:
        for number, kind in enumerate(kinds):
            ledger.append(tx, Entry(id=f"urn:{number}", kind=kind, subject="urn:s", at=NOW, by="", body=b"{}"))
        ledger.number(tx, ledger.unsequenced(tx, len(kinds)), 0)
    following = FollowLedger(uow=uow, ledger=ledger, sequencer=None, views=[view])
    steps = []
    while following._step():
        steps.append(view.position())
    return view, steps


def test_messages_are_passed_by_in_one_step() -> None:
    view, steps = followed([EntryKind.PROCESS] * (BATCH * 3))
    assert view.taken == []
    assert steps == [BATCH * 3]


def test_every_record_is_taken_in_order_wherever_it_stands() -> None:
    kinds = [EntryKind.RECORD if number % 3 == 1 else EntryKind.ACCESS for number in range(BATCH * 4)]
    view, steps = followed(kinds)
    assert view.taken == [number for number, kind in enumerate(kinds) if kind is EntryKind.RECORD]
    assert steps[-1] == len(kinds)

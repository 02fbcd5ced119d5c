"""Readiness: what a node does not show yet is named to whoever sends requests to it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from node.ledger.model import Entry, EntryKind
from node.worker.follower import MOST_BEHIND
from node.worker.status import LiveFacts, NodeStatus
from node.worker.views import FollowLedger
from tests.fakes.stores.ledger import MemoryLedgerStore
from tests.fakes.stores.work import MemoryUnitOfWork

NOW = datetime(2026, 11, 21, tzinfo=UTC)


async def test_a_node_is_not_ready_while_many_entries_wait_for_their_number() -> None:
    """Views cannot show what is not numbered, though none of them is behind the numbers."""
    uow, ledger = MemoryUnitOfWork(), MemoryLedgerStore()
    unused: Any = None
    status = NodeStatus(
        {},
        LiveFacts(region=lambda: None, rulebook=lambda: None, wrong=dict, limits=dict),
        uow=uow,
        ledger=ledger,
        records=unused,
        outbox=unused,
        worker=unused,
        following=FollowLedger(uow=uow, ledger=ledger, sequencer=None, views=[]),
    )

    def commit(count: int, prefix: str) -> None:
        with uow.begin() as tx:
            for number in range(count):
                entry = Entry(
                    id=f"{prefix}{number}", kind=EntryKind.RECORD, subject="urn:s", at=NOW, by="", body=b"{}"
                )
                ledger.append(tx, entry)

    commit(MOST_BEHIND, "a")
    assert (await status.readiness())[0] == {}
    commit(1, "b")
    named = {"numbering": f"{MOST_BEHIND + 1} entries wait for their number, and views cannot show them"}
    assert (await status.readiness())[0] == named
    with uow.begin() as tx:
        ledger.number(tx, ledger.unsequenced_entries(tx, 500), 0)
    assert (await status.readiness())[0] == {}

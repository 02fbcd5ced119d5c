"""What a step of a process writes: the columns that it changes. Each index over a column is written with it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import Update

from node.adapters.sql.negotiation import SqlNegotiationStore
from node.adapters.sql.statements import TransactionStatements
from node.adapters.sql.work import SqlUnitOfWork
from node.dialogue.process import PendingMessage, Role
from node.negotiation.model import Negotiation

NOW = datetime(2026, 11, 22, tzinfo=UTC)
INDEXED = {"role", "peer", "peer_pid", "state", "created"}
OPENED = Negotiation(
    pid="urn:ours",
    role=Role.CONSUMER,
    peer="did:web:antwerp.example",
    peer_pid=None,
    peer_address="https://antwerp.example/dsp/2025-1",
    version="2025-1",
    state="REQUESTED",
    created=NOW,
    updated=NOW,
    dataset="https://antwerp.example/datasets/traffic",
    offer={"@id": "urn:o"},
    offered_by="provider",
)


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def uow(request: pytest.FixtureRequest) -> SqlUnitOfWork:
    return SqlUnitOfWork(request.getfixturevalue(f"{request.param}_engine"))


@pytest.fixture
def written(monkeypatch: pytest.MonkeyPatch) -> list[set[str]]:
    """The indexed columns that each update writes."""
    updates: list[set[str]] = []
    execute = TransactionStatements.execute

    def noting(self: TransactionStatements, statement: Any, parameters: Any = None) -> Any:
        if isinstance(statement, Update):
            updates.append(INDEXED & set(parameters))
        return execute(self, statement, parameters)

    monkeypatch.setattr(TransactionStatements, "execute", noting)
    return updates


def test_a_step_writes_no_index_over_what_it_leaves(uow: SqlUnitOfWork, written: list[set[str]]) -> None:
    store = SqlNegotiationStore()
    with uow.begin() as tx:
        store.add(tx, OPENED)
        store.save(tx, replace(OPENED, revision=1, pending=PendingMessage("message", "urn:m")))

    def step(change: Callable[[Negotiation], Negotiation]) -> Negotiation:
        with uow.begin() as tx:
            before = store.get(tx, OPENED.pid, lock=True)
            assert before is not None
            after = replace(change(before), revision=before.revision + 1)
            store.save(tx, after)
        with uow.read() as reading:
            assert store.get(reading, OPENED.pid) == after
        return after

    step(lambda one: replace(one, peer_pid="urn:theirs"))
    step(lambda one: replace(one, state="AGREED"))
    after = step(lambda one: replace(one, signatures={"did:web:ghent.example": "eyJ"}))
    assert written == [set(), {"peer_pid", "state"}, {"state"}, set()]
    with uow.begin() as tx:
        store.save(tx, replace(after, revision=after.revision + 1, state="VERIFIED"))
    assert written[4:] == [{"peer_pid", "state"}], "who has not read it cannot know what has changed"

"""A ledger in a database that somebody tampers with, past Hansa."""

from __future__ import annotations

import re
from datetime import UTC, datetime

import pytest
from sqlalchemy import text

from node.base.clock import SystemClock
from node.ledger.model import EntryKind
from node.ledger.proofs import check_consistency, check_inclusion
from node.ledger.usecases import LedgerWriter, Prover, Sequencer, Trouble, verify_all
from tests.fakes.clock import FixedClock
from tests.fakes.stores.ledger import log_signer, number_everything
from tests.stores import Stores

NOW = datetime(2026, 11, 20, 9, 30, tzinfo=UTC)
SIGNER = log_signer("ghent.example")


@pytest.fixture
def ledger(database_stores: Stores) -> Stores:
    """Twelve entries under checkpoints over 5, 10 and 12."""
    stores = database_stores
    append = LedgerWriter(stores.ledger, SystemClock())
    with stores.uow.begin() as tx:
        for number in range(12):
            append(tx, EntryKind.RECORD, f"urn:{number}", "anna", {"n": number}, NOW)
    sequencer = Sequencer(stores.uow, stores.ledger, SIGNER, FixedClock(NOW), SIGNER.name)
    assert number_everything(sequencer, limit=5) == 12
    return stores


def troubles(stores: Stores) -> list[tuple[Trouble, int]]:
    found = verify_all(stores.uow, stores.ledger, [SIGNER.key], batch=4)
    return [(one.trouble, one.position) for one in found]


def tamper(stores: Stores, *statements: str) -> None:
    with stores.uow.begin() as tx:
        for statement in statements:
            tx.connection.execute(text(statement))


def test_proofs_hold(ledger: Stores) -> None:
    prover = Prover(ledger.uow, ledger.ledger)
    with ledger.uow.read() as tx:
        entries = ledger.ledger.since(tx, 0)
    for size in (10, 12):
        for entry in entries[:size]:
            check_inclusion(prover.inclusion(entry.id, size), prover.checkpoint(size))
    check_consistency(prover.consistency(5), prover.checkpoint(5), prover.checkpoint())
    assert troubles(ledger) == []


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        ("UPDATE entries SET body = '{\"n\":7}' WHERE seq = 6", [(Trouble.CHANGED, 6)]),
        ("UPDATE entries SET body = 'x is no longer compressed' WHERE seq = 6", [(Trouble.CHANGED, 6)]),
        ("UPDATE entries SET by = 'bert' WHERE seq = 0", [(Trouble.CHANGED, 0)]),
        ("DELETE FROM entries WHERE seq = 11", [(Trouble.MISSING, 11)]),
        ("DELETE FROM entries WHERE seq = 4", [(Trouble.MISSING, 4)]),
        ("UPDATE entries SET seq = NULL WHERE seq = 4", [(Trouble.MISSING, 4)]),
        ("UPDATE entries SET seq = 99 WHERE seq = 4", [(Trouble.MISSING, 4), (Trouble.SURPLUS, 99)]),
        ('DELETE FROM ledger_nodes WHERE level = 1 AND "index" = 2', [(Trouble.TREE, 4)]),
        ("DELETE FROM ledger_checkpoints WHERE size = 12", [(Trouble.CHECKPOINT, 10)]),
        ("UPDATE ledger_checkpoints SET size = 9 WHERE size = 10", [(Trouble.SIGNATURE, 9), (Trouble.CHECKPOINT, 9)]),
    ],
)
def test_tampering_is_found(ledger: Stores, statement: str, expected: list[tuple[Trouble, int]]) -> None:
    if ledger.kind == "sqlite":
        statement = statement.replace("SET by", 'SET "by"')
        statement = re.sub("body = ('[^']*')", r"body = CAST(\1 AS BLOB)", statement)
    else:
        statement = re.sub("body = ('[^']*')", r"body = convert_to(\1, 'UTF8')", statement)
    # A colon would be a parameter.
    tamper(ledger, statement.replace('"n":7', '"n"\\:7'))
    assert troubles(ledger) == expected


def test_two_entries_that_changed_places(ledger: Stores) -> None:
    tamper(
        ledger,
        "UPDATE entries SET seq = -1 WHERE seq = 3",
        "UPDATE entries SET seq = 3 WHERE seq = 8",
        "UPDATE entries SET seq = 8 WHERE seq = -1",
    )
    assert troubles(ledger) == [(Trouble.CHANGED, 3), (Trouble.CHANGED, 8)]

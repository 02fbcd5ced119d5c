"""What a verification of the whole ledger finds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from node.ledger import merkle
from node.ledger.checkpoints import checkpoint_text
from node.ledger.model import Checkpoint, Entry
from node.ledger.usecases import Discrepancy, Trouble, verify_all
from tests.fakes.stores.ledger import log_signer, number_everything
from tests.unit.ledger.ledgers import NOW, ORIGIN, Ledger

SIZE = 23


@pytest.fixture
def ledger() -> Ledger:
    """23 entries under checkpoints over 5, 10, 15, 20 and 23."""
    ledger = Ledger()
    ledger.write(SIZE)
    number_everything(ledger.sequencer, limit=5)
    return ledger


def verify(ledger: Ledger, **options: Any) -> list[Discrepancy]:
    return verify_all(ledger.uow, ledger.store, [ledger.signer.key], **options)


def troubles(discrepancies: list[Discrepancy]) -> list[tuple[Trouble, int]]:
    return [(one.trouble, one.position) for one in discrepancies]


def entry_at(ledger: Ledger, seq: int) -> Entry:
    with ledger.uow.read() as tx:
        return ledger.store.since(tx, seq, limit=1)[0]


def put_entry(ledger: Ledger, entry: Entry) -> None:
    with ledger.uow.begin() as tx:
        tx.put("entries", entry.id, entry)
        tx.put("numbers", entry.seq, entry.id)


def put_node(ledger: Ledger, level: int, index: int, hashed: bytes) -> None:
    with ledger.uow.begin() as tx:
        tx.put("nodes", (level, index), hashed)


@pytest.mark.parametrize("batch", [1, 2, 7, 1000])
def test_an_honest_ledger_has_no_discrepancies(ledger: Ledger, batch: int) -> None:
    assert verify(ledger, batch=batch) == []


def test_an_empty_ledger_has_no_discrepancies() -> None:
    assert verify(Ledger()) == []


def test_entries_that_wait_for_the_sequencer_are_none(ledger: Ledger) -> None:
    ledger.write(3)
    assert verify(ledger) == []


@pytest.mark.parametrize("seq", [0, 4, 11, 22])
@pytest.mark.parametrize("batch", [3, 1000])
def test_a_flipped_byte_in_a_body(ledger: Ledger, seq: int, batch: int) -> None:
    entry = entry_at(ledger, seq)
    body = bytes([entry.body[0] ^ 1]) + entry.body[1:]
    put_entry(ledger, replace(entry, body=body))
    [found] = verify(ledger, batch=batch)
    assert (found.trouble, found.position, found.entry) == (Trouble.CHANGED, seq, entry.id)
    assert f"entry {seq}" in found.message


@pytest.mark.parametrize(
    "change",
    [
        {"subject": "urn:other"},
        {"by": "somebody else"},
        {"at": NOW - timedelta(microseconds=1)},
        {"id": "urn:uuid:other"},
    ],
)
def test_a_change_of_anything_else(ledger: Ledger, change: dict[str, Any]) -> None:
    entry = entry_at(ledger, 7)
    with ledger.uow.begin() as tx:
        tx.drop("entries", entry.id)
    put_entry(ledger, replace(entry, **change))
    assert troubles(verify(ledger)) == [(Trouble.CHANGED, 7)]


@pytest.mark.parametrize("seq", [0, 9, 22])
def test_a_dropped_entry(ledger: Ledger, seq: int) -> None:
    with ledger.uow.begin() as tx:
        tx.drop("entries", entry_at_in(tx, seq))
    assert troubles(verify(ledger)) == [(Trouble.MISSING, seq)]


def entry_at_in(tx: Any, seq: int) -> str:
    return str(tx.rows("numbers")[seq])


def test_two_entries_that_changed_places(ledger: Ledger) -> None:
    third, fifth = entry_at(ledger, 3), entry_at(ledger, 5)
    put_entry(ledger, replace(third, seq=5))
    put_entry(ledger, replace(fifth, seq=3))
    assert troubles(verify(ledger)) == [(Trouble.CHANGED, 3), (Trouble.CHANGED, 5)]


def truncate(ledger: Ledger, size: int) -> None:
    """Cut the ledger back to ``size``, with everything in the database that would tell."""
    with ledger.uow.begin() as tx:
        for seq in range(size, SIZE):
            tx.drop("entries", entry_at_in(tx, seq))
            tx.drop("numbers", seq)
        for level, index in list(tx.rows("nodes")):
            if (index + 1) << level > size:
                tx.drop("nodes", (level, index))
        tx.put("ledger", "size", size)


def test_a_cut_off_end(ledger: Ledger) -> None:
    truncate(ledger, 20)
    [found] = verify(ledger)
    assert (found.trouble, found.position) == (Trouble.MISSING, 20)


def test_a_cut_off_end_with_its_checkpoint_shows_in_what_others_have_kept(ledger: Ledger) -> None:
    checkpoint = ledger.opened(SIZE)
    truncate(ledger, 20)
    with ledger.uow.begin() as tx:
        tx.drop("checkpoints", SIZE)
    assert verify(ledger) == []
    assert troubles(verify(ledger, known_checkpoints=[checkpoint])) == [(Trouble.MISSING, 20)]


def rewrite(ledger: Ledger, seq: int) -> None:
    """Change an entry and make all stored hashes fit, as somebody with the database, but no key, could."""
    entry = entry_at(ledger, seq)
    put_entry(ledger, replace(entry, body=b'{"other":1}'))
    with ledger.uow.read() as tx:
        leaves = [merkle.leaf_hash(one.leaf) for one in ledger.store.since(tx, 0)]
    nodes, _ = merkle.extend(0, lambda level, index: b"", leaves)
    for level, index, hashed in nodes:
        put_node(ledger, level, index, hashed)


def test_a_rewritten_tree_is_not_the_signed_one(ledger: Ledger) -> None:
    rewrite(ledger, 12)
    assert troubles(verify(ledger)) == [(Trouble.CHECKPOINT, 15)]


def test_a_rewritten_ledger_with_new_checkpoints_lacks_the_signature(ledger: Ledger) -> None:
    rewrite(ledger, 12)
    forger = log_signer(ORIGIN, seed=66)
    sign(ledger, forger.sign_note)
    assert troubles(verify(ledger)) == [(Trouble.SIGNATURE, size) for size in (5, 10, 15, 20, 23)]


def test_a_ledger_rewritten_with_the_key_shows_in_what_others_have_kept(ledger: Ledger) -> None:
    checkpoints = [ledger.opened(10), ledger.opened(20)]
    rewrite(ledger, 12)
    sign(ledger, ledger.signer.sign_note)
    assert verify(ledger) == []
    assert verify(ledger, known_checkpoints=checkpoints[:1]) == []
    assert troubles(verify(ledger, known_checkpoints=checkpoints)) == [(Trouble.CHECKPOINT, 20)]


def sign(ledger: Ledger, sign_note: Callable[[str], str]) -> None:
    """Put checkpoints over what is stored now in place of all that were there."""
    with ledger.uow.begin() as tx:

        def read(level: int, index: int) -> bytes:
            return bytes(tx.rows("nodes")[level, index])

        for size in list(tx.rows("checkpoints")):
            root = merkle.root_hash(size, read)
            note = sign_note(checkpoint_text(ORIGIN, size, root))
            checkpoint = Checkpoint(origin=ORIGIN, size=size, root=root, at=NOW, note=note)
            tx.put("checkpoints", size, checkpoint)


def test_a_changed_hash_of_a_leaf(ledger: Ledger) -> None:
    put_node(ledger, 0, 6, bytes(32))
    found = troubles(verify(ledger))
    assert (Trouble.CHANGED, 6) in found
    assert (Trouble.CHECKPOINT, 10) in found


def test_a_changed_inner_hash(ledger: Ledger) -> None:
    put_node(ledger, 2, 1, bytes(32))
    [found] = verify(ledger)
    assert (found.trouble, found.position) == (Trouble.TREE, 4)
    assert "entries 4 to 7" in found.message


@pytest.mark.parametrize(("level", "index", "position"), [(0, 6, 6), (3, 1, 8)])
def test_a_lost_hash(ledger: Ledger, level: int, index: int, position: int) -> None:
    with ledger.uow.begin() as tx:
        tx.drop("nodes", (level, index))
    assert troubles(verify(ledger)) == [(Trouble.TREE, position)]


def test_an_entry_lost_with_its_hash_ends_the_verification_there(ledger: Ledger) -> None:
    with ledger.uow.begin() as tx:
        tx.drop("entries", entry_at_in(tx, 6))
        tx.drop("nodes", (0, 6))
    assert troubles(verify(ledger)) == [(Trouble.MISSING, 6)]


def test_a_dropped_last_checkpoint(ledger: Ledger) -> None:
    with ledger.uow.begin() as tx:
        tx.drop("checkpoints", SIZE)
    assert troubles(verify(ledger)) == [(Trouble.CHECKPOINT, 20)]


def test_a_checkpoint_that_is_not_what_its_note_says(ledger: Ledger) -> None:
    checkpoint = ledger.prover.checkpoint(10)
    with ledger.uow.begin() as tx:
        tx.put("checkpoints", 10, replace(checkpoint, root=bytes(32)))
    assert (Trouble.SIGNATURE, 10) in troubles(verify(ledger))


def test_a_smuggled_entry(ledger: Ledger) -> None:
    with ledger.uow.begin() as tx:
        first: Entry = tx.rows("entries")[entry_at_in(tx, 0)]
        tx.put("entries", "urn:smuggled", replace(first, id="urn:smuggled", seq=SIZE))
        tx.put("numbers", SIZE, "urn:smuggled")
    assert troubles(verify(ledger)) == [(Trouble.SURPLUS, SIZE)]

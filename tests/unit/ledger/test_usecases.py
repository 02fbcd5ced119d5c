"""Append, sequence, prove."""

from __future__ import annotations

from datetime import timedelta

import pytest

from node.base.errors import InvalidInput, LocalFault, NotFound
from node.ledger import merkle
from node.ledger.model import EntryKind
from node.ledger.proofs import (
    check_consistency,
    check_inclusion,
    consistency_from_json,
    consistency_to_json,
    inclusion_from_json,
    inclusion_to_json,
)
from node.ledger.usecases import Sequencer
from tests.fakes.stores.ledger import number_everything
from tests.unit.ledger.ledgers import NOW, ORIGIN, Ledger


@pytest.fixture
def ledger() -> Ledger:
    return Ledger()


class TestAppend:
    def test_an_entry_has_an_id_and_a_canonical_body(self, ledger: Ledger) -> None:
        [entry] = ledger.write()
        assert entry.id.startswith("urn:uuid:")
        assert entry.body == '{"n":0,"é":null}'.encode()
        assert entry.seq is None
        with ledger.uow.read() as tx:
            assert ledger.store.get(tx, entry.id) == entry

    @pytest.mark.parametrize("value", [0.5, 2**60, float("nan"), b"bytes", "half \ud800", {1, 2}])
    def test_what_has_no_canonical_form_is_refused(self, ledger: Ledger, value: object) -> None:
        with pytest.raises(InvalidInput), ledger.uow.begin() as tx:
            ledger.append(tx, EntryKind.RECORD, "urn:a", "anna", {"value": value}, NOW)


class TestSequencer:
    def test_nothing_to_do(self, ledger: Ledger) -> None:
        assert ledger.sequencer.run() == 0
        with pytest.raises(NotFound):
            ledger.prover.checkpoint()

    def test_entries_get_numbers_and_a_signed_checkpoint(self, ledger: Ledger) -> None:
        entries = ledger.write(5)
        assert ledger.sequencer.run() == 5
        assert ledger.sequencer.run() == 0
        with ledger.uow.read() as tx:
            found = ledger.store.since(tx, 0)
        assert [(entry.id, entry.seq) for entry in found] == [(e.id, n) for n, e in enumerate(entries)]
        checkpoint = ledger.opened()
        _, root = merkle.extend(0, lambda level, index: b"", [merkle.leaf_hash(e.leaf) for e in entries])
        assert (checkpoint.origin, checkpoint.size, checkpoint.root) == (ORIGIN, 5, root)
        assert ledger.prover.checkpoint() == checkpoint

    def test_runs_are_bounded_and_each_has_its_checkpoint(self, ledger: Ledger) -> None:
        ledger.write(7)
        assert ledger.sequencer.run(limit=3) == 3
        ledger.clock.time = NOW + timedelta(1)
        assert number_everything(ledger.sequencer, limit=3) == 4
        assert [ledger.opened(size).size for size in (3, 6, 7)] == [3, 6, 7]
        assert ledger.prover.checkpoint(3).at == NOW
        assert ledger.prover.checkpoint().at == NOW + timedelta(1)
        with pytest.raises(NotFound):
            ledger.prover.checkpoint(4)

    def test_a_signer_that_fails_leaves_nothing_behind(self, ledger: Ledger) -> None:
        class Broken:
            name = ORIGIN

            def sign_note(self, text: str) -> str:
                raise LocalFault("the key is gone")

        ledger.write(3)
        broken = Sequencer(ledger.uow, ledger.store, Broken(), ledger.clock, ORIGIN)
        with pytest.raises(LocalFault):
            broken.run()
        with ledger.uow.read() as tx:
            assert ledger.store.size(tx) == 0
            assert len(ledger.store.unsequenced_entries(tx, 9)) == 3
        assert ledger.sequencer.run() == 3


class TestProver:
    def test_each_entry_is_proved_in_each_tree_that_holds_it(self, ledger: Ledger) -> None:
        entries = ledger.write(20)
        number_everything(ledger.sequencer, limit=6)
        for size in (6, 12, 18, 20):
            checkpoint = ledger.opened(size)
            for index, entry in enumerate(entries[:size]):
                proof = ledger.prover.inclusion(entry.id, size)
                assert (proof.index, proof.size) == (index, size)
                assert proof.leaf_hash == merkle.leaf_hash(entry.leaf)
                check_inclusion(proof, checkpoint)

    def test_the_default_is_the_newest_checkpoint(self, ledger: Ledger) -> None:
        [entry] = ledger.write()
        ledger.sequencer.run()
        ledger.write(3)
        ledger.sequencer.run()
        proof = ledger.prover.inclusion(entry.id)
        assert proof.size == 4
        check_inclusion(proof, ledger.opened())

    def test_consistency_between_all_checkpoints(self, ledger: Ledger) -> None:
        ledger.write(20)
        number_everything(ledger.sequencer, limit=3)
        for old in (3, 6, 18, 20):
            for new in (6, 15, 20):
                if old <= new:
                    proof = ledger.prover.consistency(old, new)
                    check_consistency(proof, ledger.opened(old), ledger.opened(new))
        assert ledger.prover.consistency(3).new == 20

    def test_an_unknown_entry(self, ledger: Ledger) -> None:
        ledger.write()
        ledger.sequencer.run()
        with pytest.raises(NotFound):
            ledger.prover.inclusion("urn:unknown")

    def test_an_entry_that_is_not_under_the_checkpoint_yet(self, ledger: Ledger) -> None:
        [first] = ledger.write()
        with pytest.raises(NotFound):
            ledger.prover.inclusion(first.id)
        ledger.sequencer.run()
        [second] = ledger.write()
        with pytest.raises(NotFound):
            ledger.prover.inclusion(second.id)
        ledger.sequencer.run()
        with pytest.raises(NotFound):
            ledger.prover.inclusion(second.id, 1)
        assert ledger.prover.inclusion(second.id, 2).index == 1

    def test_sizes_that_the_ledger_has_not_reached(self, ledger: Ledger) -> None:
        [entry] = ledger.write()
        ledger.sequencer.run()
        with pytest.raises(InvalidInput):
            ledger.prover.inclusion(entry.id, 2)
        for old, new in ((1, 2), (2, 1), (2, 2), (-1, 1)):
            with pytest.raises(InvalidInput):
                ledger.prover.consistency(old, new)

    def test_a_damaged_tree_is_our_fault(self, ledger: Ledger) -> None:
        entries = ledger.write(4)
        ledger.sequencer.run()
        with ledger.uow.begin() as tx:
            tx.drop("nodes", (1, 1))
        with pytest.raises(LocalFault):
            ledger.prover.inclusion(entries[0].id)


class TestProofs:
    def test_as_json_and_back(self, ledger: Ledger) -> None:
        entries = ledger.write(5)
        ledger.sequencer.run()
        inclusion, consistency = ledger.prover.inclusion(entries[2].id), ledger.prover.consistency(3, 5)
        assert inclusion_from_json(inclusion_to_json(inclusion)) == inclusion
        assert consistency_from_json(consistency_to_json(consistency)) == consistency

    @pytest.mark.parametrize(
        "change",
        [
            {"index": -1},
            {"index": "0"},
            {"index": True},
            {"size": None},
            {"leafHash": "AAAA"},
            {"leafHash": 5},
            {"leafHash": "?"},
            {"path": None},
            {"path": ["AAAA"]},
            {"path": [None]},
            {"path": ["A" * 43 + "="] * 129},
        ],
    )
    def test_malformed_proofs(self, ledger: Ledger, change: dict[str, object]) -> None:
        [entry] = ledger.write()
        ledger.sequencer.run()
        members = inclusion_to_json(ledger.prover.inclusion(entry.id))
        with pytest.raises(InvalidInput):
            inclusion_from_json(members | change)

    def test_proof_and_checkpoint_must_belong_together(self, ledger: Ledger) -> None:
        [entry] = ledger.write()
        ledger.sequencer.run()
        ledger.write()
        ledger.sequencer.run()
        with pytest.raises(InvalidInput):
            check_inclusion(ledger.prover.inclusion(entry.id, 1), ledger.opened(2))
        proof = ledger.prover.consistency(1, 2)
        with pytest.raises(InvalidInput):
            check_consistency(proof, ledger.opened(2), ledger.opened(2))
        other = Ledger()
        other.write()
        other.sequencer.run()
        with pytest.raises(InvalidInput):
            check_consistency(proof, other.opened(1), ledger.opened(2))

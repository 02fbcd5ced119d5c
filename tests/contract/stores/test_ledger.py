"""LedgerStore: append-only entries, one sequencer, the tree's hashes, checkpoints, cursors."""

from __future__ import annotations

import threading
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from node.base.errors import Conflict, InvalidInput, LocalFault, NotFound
from node.ledger.model import Checkpoint, Entry, EntryKind
from node.ledger.usecases import Sequencer, verify_all
from tests.fakes.clock import FixedClock
from tests.fakes.stores.ledger import log_signer, number_everything
from tests.stores import Stores

NOW = datetime(2026, 11, 20, 9, 30, 15, 123456, tzinfo=UTC)


def entry(
    name: str, *, subject: str = "urn:a", kind: EntryKind = EntryKind.RECORD, body: bytes = b'{"n":"\xc3\xbc"}'
) -> Entry:
    return Entry(id=name, kind=kind, subject=subject, at=NOW, by="did:web:a", body=body)


def append(stores: Stores, *entries: Entry) -> None:
    with stores.uow.begin() as tx:
        for one in entries:
            stores.ledger.append(tx, one)


def number_all(stores: Stores, first: int) -> None:
    with stores.uow.begin() as tx:
        stores.ledger.number(tx, stores.ledger.unsequenced_entries(tx, 100), first)


class TestLedgerStore:
    def test_an_entry_comes_out_as_it_went_in(self, stores: Stores) -> None:
        append(stores, entry("e1"))
        with stores.uow.read() as tx:
            assert stores.ledger.get(tx, "e1") == entry("e1")
            assert stores.ledger.get(tx, "e2") is None

    @pytest.mark.parametrize("body", [b"", b"x", b"x" * 5_000, b"{}", b'{"text": "' + b"bicycle " * 500 + b'"}'])
    def test_a_body_comes_out_as_it_went_in(self, stores: Stores, body: bytes) -> None:
        append(stores, replace(entry("e1"), body=body))
        with stores.uow.read() as tx:
            assert stores.ledger.get(tx, "e1") == replace(entry("e1"), body=body)

    def test_a_known_id_is_a_conflict_that_leaves_the_transaction_usable(self, stores: Stores) -> None:
        append(stores, entry("e1"))
        with stores.uow.begin() as tx:
            with pytest.raises(Conflict):
                stores.ledger.append(tx, replace(entry("e1"), body=b"other"))
            stores.ledger.append(tx, entry("e2"))
        with stores.uow.read() as tx:
            assert stores.ledger.get(tx, "e1") == entry("e1")
            assert stores.ledger.get(tx, "e2") == entry("e2")

    def test_an_entry_cannot_bring_its_own_number(self, stores: Stores) -> None:
        with pytest.raises(LocalFault), stores.uow.begin() as tx:
            stores.ledger.append(tx, replace(entry("e1"), seq=0))

    def test_numbering(self, stores: Stores) -> None:
        append(stores, entry("e1"), entry("e2"), entry("e3"))
        with stores.uow.begin() as tx:
            assert stores.ledger.size(tx, lock=True) == 0
            assert stores.ledger.count_unnumbered(tx) == 3
            two = stores.ledger.unsequenced_entries(tx, 2)
            assert [one.id for one in two] == ["e1", "e2"]
            stores.ledger.number(tx, two, 0)
        with stores.uow.read() as tx:
            assert stores.ledger.size(tx) == 2
            assert [one.id for one in stores.ledger.unsequenced_entries(tx, 9)] == ["e3"]
            assert stores.ledger.count_unnumbered(tx) == 1
            found = stores.ledger.get(tx, "e2")
            assert found == replace(entry("e2"), seq=1)
        with stores.uow.begin() as tx:
            assert stores.ledger.size(tx, lock=True) == 2

    def test_a_number_is_given_once(self, stores: Stores) -> None:
        append(stores, entry("e1"))
        number_all(stores, 0)
        with pytest.raises(LocalFault), stores.uow.begin() as tx:
            stores.ledger.number(tx, [entry("e1")], 1)
        with pytest.raises(LocalFault), stores.uow.begin() as tx:
            stores.ledger.number(tx, [entry("unknown")], 1)
        with stores.uow.read() as tx:
            assert stores.ledger.size(tx) == 1

    def test_since_reads_numbered_entries_in_order(self, stores: Stores) -> None:
        append(stores, entry("e1"), entry("e2", kind=EntryKind.AGREEMENT), entry("e3"), entry("e4"))
        with stores.uow.begin() as tx:
            e1, e2, e3, _ = stores.ledger.unsequenced_entries(tx, 9)
            stores.ledger.number(tx, [e3, e1, e2], 0)
        with stores.uow.read() as tx:
            assert [(one.id, one.seq) for one in stores.ledger.since(tx, 0)] == [("e3", 0), ("e1", 1), ("e2", 2)]
            assert [one.id for one in stores.ledger.since(tx, 1, limit=1)] == ["e1"]
            assert [one.id for one in stores.ledger.since(tx, 0, kinds=[EntryKind.AGREEMENT])] == ["e2"]
            both = [EntryKind.AGREEMENT, EntryKind.RECORD]
            assert len(stores.ledger.since(tx, 1, kinds=both)) == 2
            assert stores.ledger.since(tx, 3) == []

    def test_newest_first_filtered_and_within_bounds(self, stores: Stores) -> None:
        access = replace(entry("e3", kind=EntryKind.ACCESS), by="els", at=NOW + timedelta(days=2))
        append(stores, entry("e1"), entry("e2", subject="urn:b"), access, entry("e4"))
        number_all(stores, 0)
        append(stores, entry("e5"))
        with stores.uow.read() as tx:

            def ids(limit: int = 9, first: int = 0, before: int = 4, **criteria: Any) -> list[str]:
                return [
                    one.id for one in stores.ledger.newest(tx, first=first, before=before, limit=limit, **criteria)
                ]

            assert ids() == ["e4", "e3", "e2", "e1"]
            assert ids(limit=2) == ["e4", "e3"]
            assert ids(before=3, first=1) == ["e3", "e2"]
            assert ids(kind=EntryKind.ACCESS) == ids(by="els") == ids(since=NOW + timedelta(days=1)) == ["e3"]
            assert ids(subject="urn:b") == ["e2"]
            assert ids(until=NOW + timedelta(days=2)) == ["e4", "e2", "e1"]
            assert ids(until=NOW) == []

    def test_history_of_a_subject(self, stores: Stores) -> None:
        append(stores, entry("e1"), entry("x", subject="urn:b"), entry("e2", kind=EntryKind.DECISION))
        number_all(stores, 0)
        append(stores, entry("e3"))
        with stores.uow.read() as tx:
            assert [one.id for one in stores.ledger.history(tx, "urn:a")] == ["e1", "e2", "e3"]
            assert [one.id for one in stores.ledger.history(tx, "urn:a", EntryKind.RECORD)] == ["e1", "e3"]
            assert stores.ledger.history(tx, "urn:c") == []

    def test_nodes_of_the_tree(self, stores: Stores) -> None:
        with stores.uow.begin() as tx:
            stores.ledger.put_nodes(tx, [(0, 0, b"a" * 32), (0, 1, b"b" * 32), (1, 0, b"c" * 32), (0, 3, b"d" * 32)])
            stores.ledger.put_nodes(tx, [])
        with stores.uow.read() as tx:
            assert stores.ledger.node(tx, 1, 0) == b"c" * 32
            assert stores.ledger.node(tx, 1, 1) is None
            assert stores.ledger.nodes(tx, 0, 1, 3) == {1: b"b" * 32, 3: b"d" * 32}
            assert stores.ledger.nodes(tx, 2, 0, 9) == {}

    def test_checkpoints(self, stores: Stores) -> None:
        def checkpoint(size: int, note: str = "note\n") -> Checkpoint:
            return Checkpoint(origin="a.example", size=size, root=bytes([size]) * 32, at=NOW, note=note)

        with stores.uow.begin() as tx:
            assert stores.ledger.checkpoint(tx) is None
            for size in (2, 10, 7):
                stores.ledger.put_checkpoint(tx, checkpoint(size))
        with stores.uow.begin() as tx:
            assert stores.ledger.checkpoint(tx) == checkpoint(10)
            assert stores.ledger.checkpoint(tx, 7) == checkpoint(7)
            assert stores.ledger.checkpoint(tx, 3) is None
            assert [one.size for one in stores.ledger.checkpoints(tx)] == [2, 7, 10]
            assert [one.size for one in stores.ledger.checkpoints(tx, 3, 1)] == [7]
            stores.ledger.put_checkpoint(tx, checkpoint(10, "— signed anew\n"))
            assert stores.ledger.checkpoint(tx) == checkpoint(10, "— signed anew\n")

    def test_cursors_of_views(self, stores: Stores) -> None:
        with stores.uow.begin() as tx:
            assert stores.ledger.position(tx, "graph", "n1") == 0
            stores.ledger.advance(tx, "graph", "n1", 5)
            stores.ledger.advance(tx, "graph", "n2", 7)
            stores.ledger.advance(tx, "graph", "n1", 6)
        with stores.uow.begin() as tx:
            assert stores.ledger.position(tx, "graph", "n1") == 6
            assert stores.ledger.position(tx, "graph", "n2") == 7
            stores.ledger.advance(tx, "graph", "n1", 0)
            assert stores.ledger.position(tx, "graph", "n1") == 0

    def test_text_that_no_database_keeps_is_the_callers_fault(self, database_stores: Stores) -> None:
        stores = database_stores
        for subject in ("nul \0 inside", "half a pair \ud800"):
            with pytest.raises(InvalidInput), stores.uow.begin() as tx:
                stores.ledger.append(tx, entry("e1", subject=subject))
            with pytest.raises(InvalidInput), stores.uow.read() as tx:
                stores.ledger.history(tx, subject)

    @pytest.mark.parametrize("number", [2**63, -(2**63) - 1, 10**30])
    def test_numbers_that_no_database_keeps_are_the_callers_fault(self, database_stores: Stores, number: int) -> None:
        stores = database_stores
        for ask in (stores.ledger.checkpoint, stores.ledger.since, stores.ledger.checkpoints):
            with pytest.raises(InvalidInput), stores.uow.read() as tx:
                ask(tx, number)
        with pytest.raises(InvalidInput), stores.uow.read() as tx:
            stores.records.get(tx, "urn:a", version=number)


class TestConcurrency:
    def test_sequencers_beside_writers_number_everything_once(self, database_stores: Stores) -> None:
        stores = database_stores
        signer = log_signer()
        sequencer = Sequencer(stores.uow, stores.ledger, signer, FixedClock(NOW), signer.name)
        done = threading.Event()
        failures: list[BaseException] = []

        def guarded(work: object, *args: object) -> threading.Thread:
            def run() -> None:
                try:
                    work(*args)  # type: ignore[operator]
                except BaseException as error:  # the test shows it
                    failures.append(error)

            thread = threading.Thread(target=run)
            thread.start()
            return thread

        def write(writer: int) -> None:
            for number in range(12):
                append(stores, entry(f"{writer}-{number}-a"), entry(f"{writer}-{number}-b"))

        def sequence() -> None:
            while not done.wait(0.001):
                sequencer.run(limit=5)

        sequencers = [guarded(sequence) for _ in range(2)]
        for thread in [guarded(write, writer) for writer in range(4)]:
            thread.join()
        done.set()
        for thread in sequencers:
            thread.join()
        number_everything(sequencer)
        assert failures == []
        with stores.uow.read() as tx:
            found = stores.ledger.since(tx, 0)
            assert [one.seq for one in found] == list(range(96))
            assert len({one.id for one in found}) == 96
            assert stores.ledger.unsequenced_entries(tx, 9) == []
        assert verify_all(stores.uow, stores.ledger, [signer.key]) == []

    def test_an_entry_that_commits_late_is_not_skipped(self, database_stores: Stores) -> None:
        """On PostgreSQL a row with a smaller number may commit after one with a larger number was sequenced."""
        stores = database_stores
        if stores.kind == "sqlite":
            pytest.skip("SQLite has one writer at a time: rows commit in their order")
        signer = log_signer()
        sequencer = Sequencer(stores.uow, stores.ledger, signer, FixedClock(NOW + timedelta(seconds=1)), signer.name)
        with stores.uow.begin() as slow:
            stores.ledger.append(slow, entry("slow"))
            append(stores, entry("quick"))
            assert sequencer.run() == 1
        assert sequencer.run() == 1
        with stores.uow.read() as tx:
            assert [one.id for one in stores.ledger.since(tx, 0)] == ["quick", "slow"]


class TestErasure:
    def test_the_body_goes_and_the_leaf_stays(self, stores: Stores) -> None:
        original = replace(entry("e1"), body=b'{"text": "' + b"Jan Janssens " * 200 + b'"}')
        append(stores, original, entry("e2"))
        with stores.uow.begin() as tx:
            stores.ledger.erase(tx, "e1", b'{"left":1}')
        with stores.uow.begin() as tx:
            stores.ledger.erase(tx, "e1", b'{"again":1}')
        with stores.uow.read() as tx:
            erased, other = stores.ledger.get(tx, "e1"), stores.ledger.get(tx, "e2")
        assert erased is not None
        assert (erased.body, erased.leaf) == (b'{"left":1}', original.leaf)
        assert other == entry("e2")

    def test_an_unknown_entry_is_refused(self, stores: Stores) -> None:
        with stores.uow.begin() as tx, pytest.raises(NotFound):
            stores.ledger.erase(tx, "e9", b"{}")

    @pytest.mark.parametrize("early", [True, False], ids=["before", "after it was numbered"])
    def test_the_ledger_verifies_if_an_entry_says_so(self, stores: Stores, early: bool) -> None:
        signer = log_signer()
        sequencer = Sequencer(stores.uow, stores.ledger, signer, FixedClock(NOW), "a.example")
        append(stores, entry("e1"))
        if not early:
            number_everything(sequencer)
        with stores.uow.begin() as tx:
            stores.ledger.erase(tx, "e1", b"{}")
        number_everything(sequencer)
        (fault,) = verify_all(stores.uow, stores.ledger, [signer.key])
        assert (fault.trouble, fault.entry) == ("erased", "e1")
        append(stores, entry("e2", body=b'{"erases":["e1"]}'))
        number_everything(sequencer)
        assert verify_all(stores.uow, stores.ledger, [signer.key]) == []

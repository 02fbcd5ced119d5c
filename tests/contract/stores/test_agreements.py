"""AgreementStore and DecisionStore."""

from __future__ import annotations

import threading
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from node.base.errors import Conflict, LocalFault
from node.negotiation.model import Agreement, Limits, PendingDecision
from tests.stores import Stores

NOW = datetime(2026, 11, 20, 9, 30, tzinfo=UTC)
DAY = timedelta(days=1)


def agreement(name: str = "urn:a", **members: Any) -> Agreement:
    values: dict[str, Any] = {
        "negotiation": "urn:n",
        "dataset": "https://ghent.example/datasets/traffic",
        "provider": "did:web:ghent.example",
        "consumer": "did:web:antwerp.example",
        "role": "consumer",
        "body": {"@id": name, "permission": [{"action": "odrl:use"}]},
        "sha256": "ab" * 32,
        "signatures": {"did:web:ghent.example": "eyJ…"},
        "at": NOW,
    }
    return Agreement(id=name, **{**values, **members})


def decision(name: str = "urn:d", **members: Any) -> PendingDecision:
    values: dict[str, Any] = {
        "kind": "use",
        "subject": "urn:n",
        "peer": "did:web:antwerp.example",
        "peer_name": "Stad Antwerpen",
        "summary": {"en": "Antwerp asks", "nl": "Antwerpen vraagt"},
        "details": {"offer": {"@id": "urn:o"}},
        "at": NOW,
    }
    return PendingDecision(id=name, **{**values, **members})


class TestAgreementStore:
    def test_an_agreement_comes_out_as_it_went_in(self, stores: Stores) -> None:
        full = agreement(finalized=NOW + DAY, ended=NOW + 2 * DAY, ended_why="the term is over", entry="urn:e")
        with stores.uow.begin() as tx:
            stores.agreements.add(tx, full)
            stores.agreements.add(tx, agreement("urn:bare"))
        with stores.uow.read() as tx:
            assert stores.agreements.get(tx, "urn:a") == full
            assert stores.agreements.get(tx, "urn:bare") == agreement("urn:bare")
            assert stores.agreements.get(tx, "urn:unknown") is None

    def test_the_same_again_is_left_alone_another_is_a_conflict(self, stores: Stores) -> None:
        with stores.uow.begin() as tx:
            stores.agreements.add(tx, agreement())
            stores.agreements.add(tx, agreement(role="provider"))
            with pytest.raises(Conflict):
                stores.agreements.add(tx, agreement(sha256="cd" * 32))
        with stores.uow.read() as tx:
            assert stores.agreements.get(tx, "urn:a") == agreement()

    def test_save_replaces(self, stores: Stores) -> None:
        changed = agreement(finalized=NOW, signatures={"a": "1", "b": "2"})
        with stores.uow.begin() as tx:
            stores.agreements.add(tx, agreement())
            stores.agreements.save(tx, changed)
        with stores.uow.read() as tx:
            assert stores.agreements.get(tx, "urn:a") == changed
        with pytest.raises(LocalFault), stores.uow.begin() as tx:
            stores.agreements.save(tx, agreement("urn:unknown"))

    def test_save_leaves_what_was_agreed(self, stores: Stores) -> None:
        with stores.uow.begin() as tx:
            stores.agreements.add(tx, agreement())
            other = agreement(
                provider="did:web:evil.example", dataset="urn:other", at=NOW + DAY, body={}, entry="urn:e"
            )
            stores.agreements.save(tx, other)
        with stores.uow.read() as tx:
            assert stores.agreements.get(tx, "urn:a") == agreement(entry="urn:e")

    @pytest.mark.parametrize("other", [{"negotiation": "urn:other"}, {"sha256": "cd" * 32}])
    def test_save_never_puts_another_agreement_in_its_place(self, stores: Stores, other: dict[str, str]) -> None:
        with stores.uow.begin() as tx:
            stores.agreements.add(tx, agreement())
            with pytest.raises(Conflict):
                stores.agreements.save(tx, agreement(provider="did:web:evil.example", finalized=NOW, **other))
        with stores.uow.read() as tx:
            assert stores.agreements.get(tx, "urn:a") == agreement()

    def test_select_newest_first(self, stores: Stores) -> None:
        with stores.uow.begin() as tx:
            stores.agreements.add(tx, agreement("1", at=NOW - DAY, dataset="urn:x"))
            stores.agreements.add(tx, agreement("2", provider="did:web:p"))
            stores.agreements.add(tx, agreement("3", consumer="did:web:c", dataset="urn:x"))
            stores.agreements.add(tx, agreement("4", at=NOW - 2 * DAY))
        with stores.uow.read() as tx:

            def ids(**filters: Any) -> list[str]:
                return [found.id for found in stores.agreements.select(tx, **filters)]

            assert ids() == ["3", "2", "1", "4"]
            assert ids(limit=1) == ["3"]
            assert ids(dataset="urn:x") == ["3", "1"]
            assert ids(provider="did:web:p") == ["2"]
            assert ids(consumer="did:web:c", dataset="urn:x") == ["3"]
            assert ids(consumer="did:web:c", dataset="urn:y") == []

    def test_all_are_walked_in_pages_the_last_stored_first(self, stores: Stores) -> None:
        count = 450
        with stores.uow.begin() as tx:
            for number in range(count):
                stores.agreements.add(tx, agreement(f"urn:{number}", dataset=f"urn:x{number % 2}"))
        with stores.uow.read() as tx:
            ids = [known.id for known in stores.agreements.walk(tx)]
            assert ids == [f"urn:{number}" for number in reversed(range(count))]
            ours = stores.agreements.walk(tx, dataset="urn:x1", provider=agreement().provider)
            assert [known.id for known in ours] == ids[::2]
            assert list(stores.agreements.walk(tx, consumer="did:web:c")) == []


class TestDecisionStore:
    def test_a_decision_comes_out_as_it_went_in(self, stores: Stores) -> None:
        original = decision(due=NOW + DAY)
        with stores.uow.begin() as tx:
            stores.decisions.add(tx, original)
            with pytest.raises(Conflict):
                stores.decisions.add(tx, original)
        with stores.uow.read() as tx:
            assert stores.decisions.get(tx, "urn:d") == original
            assert stores.decisions.get(tx, "urn:unknown") is None

    def test_open_decisions_oldest_first(self, stores: Stores) -> None:
        with stores.uow.begin() as tx:
            stores.decisions.add(tx, decision("1"))
            stores.decisions.add(tx, decision("2", at=NOW - DAY))
            stores.decisions.add(tx, decision("3", at=NOW + DAY))
            stores.decisions.decide(tx, "1", approved=False, by="anna", at=NOW, reason="no")
            assert [waiting.id for waiting in stores.decisions.open(tx)] == ["2", "3"]
            assert [waiting.id for waiting in stores.decisions.open(tx, 1)] == ["2"]
            assert stores.decisions.count_open(tx) == 2

    def test_by_subject_the_newest(self, stores: Stores) -> None:
        with stores.uow.begin() as tx:
            stores.decisions.add(tx, decision("1", subject="urn:s"))
            stores.decisions.add(tx, decision("2", subject="urn:s"))
            found = stores.decisions.by_subject(tx, "urn:s")
            assert found is not None
            assert found.id == "2"
            assert stores.decisions.by_subject(tx, "urn:t") is None

    def test_a_decision_is_taken_once(self, stores: Stores) -> None:
        decided = replace(
            decision(), approved=True, decided_by="anna", decided_at=NOW + DAY, reason="it is for the public good"
        )
        with stores.uow.begin() as tx:
            stores.decisions.add(tx, decision())
            decide = stores.decisions.decide
            assert decide(tx, "urn:unknown", approved=True, by="anna", at=NOW, reason=None) is None
            first = decide(tx, "urn:d", approved=True, by="anna", at=NOW + DAY, reason=decided.reason)
            assert first == decided
            assert decide(tx, "urn:d", approved=False, by="bert", at=NOW + DAY, reason=None) is None
            assert stores.decisions.get(tx, "urn:d") == decided

    def test_of_two_people_one_decides(self, database_stores: Stores) -> None:
        stores, answers = database_stores, []
        with stores.uow.begin() as tx:
            stores.decisions.add(tx, decision())
        start = threading.Barrier(2)

        def decide(who: str) -> None:
            start.wait()
            with stores.uow.begin() as tx:
                answers.append(stores.decisions.decide(tx, "urn:d", approved=True, by=who, at=NOW, reason=None))

        threads = [threading.Thread(target=decide, args=(who,)) for who in ("anna", "bert")]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert [answer is None for answer in answers].count(True) == 1


def test_limits_are_kept_by_asset_until_they_are_taken_back(stores: Stores) -> None:
    limits = Limits(dataset="https://ghent.example/datasets/traffic", terms={"@id": "urn:o"}, by="ann", at=NOW)
    with stores.uow.begin() as tx:
        assert stores.limits.get(tx, limits.dataset) is None
        stores.limits.put(tx, limits)
        stores.limits.put(tx, replace(limits, dataset="https://ghent.example/datasets/other"))
        stores.limits.put(tx, replace(limits, by="bob"))
    with stores.uow.begin() as tx:
        assert stores.limits.get(tx, limits.dataset) == replace(limits, by="bob")
        stores.limits.drop(tx, limits.dataset)
        stores.limits.drop(tx, "https://ghent.example/datasets/none")
    with stores.uow.read() as tx:
        assert stores.limits.get(tx, limits.dataset) is None
        assert stores.limits.get(tx, "https://ghent.example/datasets/other") is not None

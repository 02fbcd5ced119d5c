"""ProcessStore: negotiations and transfers, moved one revision at a time."""

from __future__ import annotations

import hashlib
import threading
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from node.base.errors import Conflict, LocalFault
from node.dialogue.process import IMPLIED, AcceptedMessage, Exchange, PendingMessage, Process, Role
from node.negotiation.model import Negotiation
from node.transfer.model import Transfer
from tests.stores import Stores

NOW = datetime(2026, 11, 20, 9, 30, tzinfo=UTC)
PEER = "did:web:antwerp.example"


def negotiation(pid: str = "urn:n1", peer_pid: str | None = None, **members: Any) -> Negotiation:
    values: dict[str, Any] = {
        "role": Role.CONSUMER,
        "peer": PEER,
        "peer_address": "https://antwerp.example/dsp/2025-1",
        "version": "2025-1",
        "state": "REQUESTED",
        "created": NOW,
        "updated": NOW,
        "dataset": "https://antwerp.example/datasets/traffic",
        "offer": {"@id": "urn:o", "permission": [{"action": "odrl:use"}]},
        "offered_by": "provider",
    }
    return Negotiation(pid=pid, peer_pid=peer_pid, **{**values, **members})


def transfer(pid: str = "urn:t1", peer_pid: str | None = None, **members: Any) -> Transfer:
    values: dict[str, Any] = {
        "role": Role.PROVIDER,
        "peer": PEER,
        "peer_address": "https://antwerp.example/dsp/2025-1",
        "version": "2025-1",
        "state": "STARTED",
        "created": NOW,
        "updated": NOW,
        "agreement": "urn:agreement",
        "dataset": "https://antwerp.example/datasets/traffic",
        "format": "HttpData-PULL",
    }
    return Transfer(pid=pid, peer_pid=peer_pid, **{**values, **members})


def exchange(pid: str, body: bytes, **members: Any) -> Exchange:
    values: dict[str, Any] = {
        "at": NOW,
        "outgoing": False,
        "message": "ContractOfferMessage",
        "message_id": "urn:m",
        "answer_status": 200,
        "answer": b"",
    }
    digest = hashlib.sha256(body).hexdigest()
    return Exchange(pid=pid, body=body, body_sha256=digest, **{**values, **members})


class TestProcessStore:
    @pytest.mark.parametrize(
        "process",
        [
            negotiation(),
            negotiation(
                peer_pid="urn:theirs",
                pending=PendingMessage("ContractAgreementMessage", "urn:m1"),
                revision=7,
                code="refused",
                reason=["because", {"@value": "waarom", "@language": "nl"}],
                agreement={"@id": "urn:a", "assigner": PEER},
                signatures={PEER: "eyJ…"},
                decision={"allowed": True, "rules": []},
                approved_by="anna",
                purpose="hz:TrafficManagement",
            ),
        ],
        ids=["bare", "full"],
    )
    def test_a_negotiation_comes_out_as_it_went_in(self, stores: Stores, process: Negotiation) -> None:
        with stores.uow.begin() as tx:
            stores.negotiations.add(tx, process)
        with stores.uow.begin() as tx:
            stored = stores.negotiations.get(tx, process.pid, lock=True)
            assert stored == process
            assert stored is not None
            assert type(stored.role) is Role

    def test_a_transfer_comes_out_as_it_went_in(self, stores: Stores) -> None:
        process = transfer(peer_pid="urn:t2", data_address={"@type": "DataAddress"}, manifest="eyJ…")
        with stores.uow.begin() as tx:
            stores.transfers.add(tx, process)
        with stores.uow.read() as tx:
            assert stores.transfers.get(tx, "urn:t1") == process
            assert stores.transfers.get(tx, "urn:t2") is None
            assert stores.negotiations.get(tx, "urn:t1") is None

    def test_the_same_process_of_the_peer_is_a_conflict(self, stores: Stores) -> None:
        with stores.uow.begin() as tx:
            stores.negotiations.add(tx, negotiation("urn:n1", "urn:theirs"))
            with pytest.raises(Conflict):
                stores.negotiations.add(tx, negotiation("urn:n2", "urn:theirs"))
            with pytest.raises(Conflict):
                stores.negotiations.add(tx, negotiation("urn:n1", "urn:other"))
            stores.negotiations.add(tx, negotiation("urn:n3", "urn:theirs", role=Role.PROVIDER))
            stores.negotiations.add(tx, negotiation("urn:n4", "urn:theirs", peer="did:web:other"))
        with stores.uow.read() as tx:
            assert stores.negotiations.get(tx, "urn:n2") is None

    def test_processes_are_counted_by_peer_role_and_state(self, stores: Stores) -> None:
        with stores.uow.begin() as tx:
            stores.negotiations.add(tx, negotiation("urn:n1"))
            stores.negotiations.add(tx, negotiation("urn:n2", state="OFFERED"))
            stores.negotiations.add(tx, negotiation("urn:n3", state="TERMINATED"))
            stores.negotiations.add(tx, negotiation("urn:n4", peer="did:web:other"))
            stores.negotiations.add(tx, negotiation("urn:n5", role=Role.PROVIDER))
            stores.negotiations.record(tx, exchange("urn:n1", b"one"))
            stores.negotiations.record(tx, exchange("urn:n1", b"two", answer_status=400))
            stores.negotiations.record(tx, exchange("urn:n2", b"three"))

        def count(*states: str) -> int:
            with stores.uow.read() as tx:
                return stores.negotiations.count(tx, peer=PEER, role=Role.CONSUMER, states=states)

        assert (count("REQUESTED"), count("REQUESTED", "OFFERED"), count("FINALIZED"), count()) == (1, 2, 0, 0)
        with stores.uow.read() as tx:
            assert [stores.negotiations.count_exchanges(tx, pid) for pid in ("urn:n1", "urn:n2", "urn:n3")] == [
                1,
                1,
                0,
            ]
            assert [stores.negotiations.refusals(tx, "urn:n1", outgoing=way) for way in (False, True)] == [
                [(exchange("urn:n1", b"two").body_sha256, 400)],
                [],
            ]

    def test_many_processes_may_wait_for_the_peers_id(self, stores: Stores) -> None:
        with stores.uow.begin() as tx:
            stores.negotiations.add(tx, negotiation("urn:n1"))
            stores.negotiations.add(tx, negotiation("urn:n2"))
            assert len(stores.negotiations.select(tx)) == 2

    def test_save_moves_on_by_one_revision(self, stores: Stores) -> None:
        first = negotiation()
        second = replace(first, revision=1, state="AGREED", peer_pid="urn:theirs", updated=NOW + timedelta(1))
        with stores.uow.begin() as tx:
            stores.negotiations.add(tx, first)
            stores.negotiations.save(tx, second)
        with stores.uow.read() as tx:
            assert stores.negotiations.get(tx, first.pid) == second
            assert stores.negotiations.by_peer(tx, PEER, "urn:theirs", Role.CONSUMER) == second
        for stale in (second, first, replace(second, revision=3), replace(second, pid="urn:unknown")):
            with pytest.raises(LocalFault), stores.uow.begin() as tx:
                stores.negotiations.save(tx, stale)

    def test_save_cannot_take_the_peers_id_of_another_process(self, stores: Stores) -> None:
        with stores.uow.begin() as tx:
            stores.negotiations.add(tx, negotiation("urn:n1", "urn:theirs"))
            stores.negotiations.add(tx, negotiation("urn:n2"))
            with pytest.raises(Conflict):
                stores.negotiations.save(tx, negotiation("urn:n2", "urn:theirs", revision=1))
            stores.negotiations.save(tx, negotiation("urn:n2", "urn:theirs too", revision=1))

    def test_by_peer_asks_for_peer_pid_and_our_role(self, stores: Stores) -> None:
        with stores.uow.begin() as tx:
            stores.negotiations.add(tx, negotiation("urn:n1", "urn:theirs"))
        with stores.uow.read() as tx:
            found = stores.negotiations.by_peer(tx, PEER, "urn:theirs", Role.CONSUMER)
            assert found is not None
            assert found.pid == "urn:n1"
            assert stores.negotiations.by_peer(tx, PEER, "urn:theirs", Role.PROVIDER) is None
            assert stores.negotiations.by_peer(tx, "did:web:x", "urn:theirs", Role.CONSUMER) is None
            assert stores.negotiations.by_peer(tx, PEER, "urn:n1", Role.CONSUMER) is None

    def test_select_newest_first(self, stores: Stores) -> None:
        with stores.uow.begin() as tx:
            for name, age, state in (("a", 2, "AGREED"), ("b", 0, "AGREED"), ("c", 1, "OFFERED")):
                stores.negotiations.add(tx, negotiation(name, created=NOW - timedelta(age), state=state))
            stores.negotiations.add(tx, negotiation("d", peer="did:web:x", created=NOW))
        with stores.uow.read() as tx:

            def pids(**filters: Any) -> list[str]:
                return [process.pid for process in stores.negotiations.select(tx, **filters)]

            assert pids() == ["d", "b", "c", "a"]
            assert pids(limit=2) == ["d", "b"]
            assert pids(state="AGREED") == ["b", "a"]
            assert pids(peer=PEER, state="OFFERED") == ["c"]
            assert pids(peer="did:web:nobody") == []

    def test_messages_in_the_order_in_which_they_were_recorded(self, stores: Stores) -> None:
        messages = [
            exchange("urn:n1", b"\x00\xff"),
            exchange("urn:n1", b"ours", outgoing=True, message_id=None, answer_status=-200),
            exchange("urn:n1", b"void", outgoing=True, message_id="urn:void", answer_status=-200),
            exchange("urn:n1", b"refused", outgoing=True, message_id="urn:refused", answer_status=409),
            exchange("urn:n1", b"third", at=NOW - timedelta(1), answer_status=400, answer=b"no"),
        ]
        with stores.uow.begin() as tx:
            for message in messages:
                stores.negotiations.record(tx, message)
            stores.negotiations.record(tx, exchange("urn:n2", b"other"))
        with stores.uow.read() as tx:
            assert stores.negotiations.exchanges(tx, "urn:n1") == messages
            assert stores.negotiations.exchanges(tx, "urn:n3") == []
            names = ("urn:m", "urn:void", "urn:refused")
            assert [stores.negotiations.is_delivered(tx, "urn:n1", name) for name in names] == [False, True, False]
            assert stores.transfers.exchanges(tx, "urn:n1") == []

    def test_what_was_said_is_told_without_its_content(self, stores: Stores) -> None:
        exchanges = [
            exchange("urn:n1", b"one", message_id=None),
            exchange("urn:n1", b"implied", outgoing=True, answer_status=IMPLIED),
            exchange("urn:n1", b"refused", answer_status=400),
            exchange("urn:n1", b"void", outgoing=True, answer_status=-200),
            exchange("urn:n1", b"two", message="Other", answer_status=201),
        ]
        with stores.uow.begin() as tx:
            for one in (*exchanges, exchange("urn:n2", b"elsewhere")):
                stores.negotiations.record(tx, one)
        with stores.uow.read() as tx:
            assert stores.negotiations.accepted_messages(tx, "urn:n1") == [
                AcceptedMessage(False, "ContractOfferMessage", None),
                AcceptedMessage(True, "ContractOfferMessage", "urn:m"),
                AcceptedMessage(False, "Other", "urn:m"),
            ]
            assert stores.negotiations.accepted_messages(tx, "urn:n3") == []

    def test_the_accepted_message_of_this_id(self, stores: Stores) -> None:
        first, last = exchange("urn:n1", b"first"), exchange("urn:n1", b"last", answer_status=201)
        others = [
            exchange("urn:n1", b"refused", answer_status=400),
            exchange("urn:n1", b"ours", outgoing=True),
            exchange("urn:n1", b"another name", message="Other"),
            exchange("urn:n1", b"another id", message_id="urn:x"),
            exchange("urn:n1", b"no id", message_id=None),
            exchange("urn:n2", b"elsewhere"),
        ]
        with stores.uow.begin() as tx:
            for one in (first, last, *others):
                stores.negotiations.record(tx, one)
        with stores.uow.read() as tx:
            by_id = stores.negotiations.accepted_as
            assert by_id(tx, "urn:n1", "ContractOfferMessage", "urn:m") == last
            assert by_id(tx, "urn:n1", "Other", "urn:x") is None
            assert by_id(tx, "urn:n3", "ContractOfferMessage", "urn:m") is None

    def test_the_accepted_message_with_this_body(self, stores: Stores) -> None:
        accepted = exchange("urn:n1", b"accepted", answer=b"first answer")
        refused = exchange("urn:n1", b"refused", answer_status=400)
        ours = exchange("urn:n1", b"ours", outgoing=True)
        last = exchange("urn:n1", b"last", answer_status=201)
        with stores.uow.begin() as tx:
            assert stores.negotiations.last_accepted(tx, "urn:n1") is None
            for message in (accepted, last, refused, ours, exchange("urn:n2", b"elsewhere")):
                stores.negotiations.record(tx, message)
        with stores.uow.read() as tx:
            by_body = stores.negotiations.accepted_exchange
            assert by_body(tx, "urn:n1", accepted.body_sha256) == accepted
            assert by_body(tx, "urn:n1", refused.body_sha256) is None
            assert by_body(tx, "urn:n1", ours.body_sha256) is None
            assert by_body(tx, "urn:n2", accepted.body_sha256) is None
            assert stores.negotiations.last_accepted(tx, "urn:n1") == last


class TestConcurrency:
    @pytest.mark.parametrize("reads_later", [False, True])
    def test_a_locked_process_is_changed_by_one_at_a_time(self, database_stores: Stores, reads_later: bool) -> None:
        stores = database_stores
        with stores.uow.begin() as tx:
            stores.negotiations.add(tx, negotiation())
        failures: list[BaseException] = []

        def move() -> None:
            try:
                for _ in range(10):
                    with stores.uow.begin() as tx:
                        if reads_later:
                            stores.negotiations.lock(tx, "urn:n1")
                        found: Process | None = stores.negotiations.get(tx, "urn:n1", lock=not reads_later)
                        assert isinstance(found, Negotiation)
                        stores.negotiations.save(tx, replace(found, revision=found.revision + 1))
            except BaseException as error:  # the test shows it
                failures.append(error)

        threads = [threading.Thread(target=move) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert failures == []
        with stores.uow.read() as tx:
            found = stores.negotiations.get(tx, "urn:n1")
            assert found is not None
            assert found.revision == 40

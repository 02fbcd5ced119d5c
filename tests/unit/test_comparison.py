"""The comparison finds what it is there to find: two sound sides, and then one thing wrong with them at a time."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from node.dialogue.process import Exchange, Role
from node.ledger.model import Entry, EntryKind
from node.negotiation.model import Agreement, Negotiation
from node.transfer.model import Reception, Transfer
from tests import comparison
from tests.comparison import Findings
from tests.simulator.invariants import MOVES
from tests.stores import memory_stores

NOW = datetime(2026, 11, 20, 9, 30, tzinfo=UTC)
DATA = b"hour,count\n"
WISH = "somebody wants it so"
AGREED = (
    (Role.CONSUMER, "ContractRequestMessage"),
    (Role.PROVIDER, "ContractAgreementMessage"),
    (Role.CONSUMER, "ContractAgreementVerificationMessage"),
    (Role.PROVIDER, "ContractNegotiationEventMessage:FINALIZED"),
)
BROKEN_OFF = (
    (Role.CONSUMER, "ContractRequestMessage"),
    (Role.CONSUMER, "ContractNegotiationTerminationMessage"),
)
FETCHED = (
    (Role.CONSUMER, "TransferRequestMessage"),
    (Role.PROVIDER, "TransferStartMessage"),
    (Role.CONSUMER, "TransferCompletionMessage"),
)
Said = tuple[tuple[Role, str], ...]


class Side:
    """One node's database, in memory."""

    def __init__(self, role: Role) -> None:
        self.role = role
        self.stores: Any = memory_stores()

    def says(self, name: str, number: int, message: str, *, status: int, outgoing: bool = True) -> None:
        """A message of the conversation ``name`` goes over the wire, and is answered so."""
        kind = "transfers" if message.startswith("Transfer") else "negotiations"
        body = f"{name} {number}".encode()
        exchange = Exchange(
            pid=f"urn:{name}:{self.role}",
            at=NOW,
            outgoing=outgoing,
            message=message,
            message_id=f"urn:{name}:{number}",
            body=body,
            body_sha256=hashlib.sha256(body).hexdigest(),
            answer_status=status,
            answer=b"",
        )
        with self.stores.uow.begin() as tx:
            getattr(self.stores, kind).record(tx, exchange)

    def holds(
        self, name: str, messages: Said, *, untaken: str = "", numbers: tuple[int, ...] = (), **members: Any
    ) -> None:
        """The conversation ``name`` as ``messages``; the message ``untaken`` is noted, but was not taken.

        ``numbers`` are those of the messages, where they are not just counted."""
        kind = "transfers" if messages[0][1].startswith("Transfer") else "negotiations"
        pid, peer = f"urn:{name}:{self.role}", f"urn:{name}:{self.role.other}"
        common: dict[str, Any] = {
            "pid": pid,
            "peer_pid": peer,
            "role": self.role,
            "peer": "did:web:peer.example",
            "peer_address": "https://peer.example/dsp/2025-1",
            "version": "2025-1",
            "created": NOW,
            "updated": NOW,
            "dataset": "https://peer.example/datasets/one",
        }
        state, states = "", []
        for _, message in messages:
            state = MOVES[kind][state, message][0]
            states.append(state)
        process: Any
        if kind == "negotiations":
            terms = {"@id": "urn:o", "permission": [{"action": "odrl:use"}]}
            process = Negotiation(**{**common, "state": state, "offer": terms, "offered_by": "provider", **members})
        else:
            process = Transfer(
                **{**common, "state": state, "agreement": "urn:a", "format": "HttpData-PULL", **members}
            )
        store = getattr(self.stores, kind)
        with self.stores.uow.begin() as tx:
            store.add(tx, process)
            for number, ((_, message), entered) in enumerate(zip(messages, states, strict=True)):
                note = json.dumps({"message": message, "state": entered}).encode()
                entry = Entry(
                    id=f"urn:e:{name}:{number}",
                    kind=EntryKind.PROCESS,
                    subject=process.pid,
                    at=NOW,
                    by="did:web:me.example",
                    body=note,
                )
                self.stores.ledger.append(tx, entry)
        for number, (sender, message) in zip(numbers or range(len(messages)), messages, strict=True):
            status = 503 if message == untaken else 200
            self.says(name, number, message, status=status, outgoing=sender is self.role)

    def agreed(self, name: str, **members: Any) -> None:
        """The final agreement of the negotiation ``name``."""
        values: dict[str, Any] = {
            "id": f"urn:a:{name}",
            "negotiation": f"urn:{name}:{self.role}",
            "dataset": "https://peer.example/datasets/one",
            "provider": "did:web:provider.example",
            "consumer": "did:web:consumer.example",
            "role": str(self.role),
            "body": {"@id": f"urn:a:{name}"},
            "sha256": "ab" * 32,
            "signatures": {"did:web:provider.example": "eyJ…"},
            "at": NOW,
            "finalized": NOW,
        }
        with self.stores.uow.begin() as tx:
            self.stores.agreements.add(tx, Agreement(**{**values, **members}))


class Both:
    """A provider and a consumer, and what is found between them."""

    def __init__(self) -> None:
        self.provider, self.consumer = Side(Role.PROVIDER), Side(Role.CONSUMER)
        self.sides = (self.provider, self.consumer)

    def hold(self, name: str, messages: Said, **members: Any) -> None:
        for side in self.sides:
            side.holds(name, messages, **members)

    def findings(self, kind: str = "negotiations", acknowledged: tuple[str, ...] = ()) -> Findings:
        findings = Findings()
        stores = (self.provider.stores, self.consumer.stores)
        comparison.conversations(findings, *stores, kind, acknowledged, reasons=(WISH,))
        comparison.agreements(findings, *stores)
        return findings


def only(findings: Findings, name: str, words: str) -> None:
    """``findings`` has some, all of them of one sort and about one thing."""
    others = {"lost", "doubled", "diverged"} - {name}
    assert not any(getattr(findings, other) for other in others), findings
    assert getattr(findings, name), f"nothing was found: {findings}"
    assert all(words in what for what in getattr(findings, name)), findings


def test_two_sides_that_agree_are_sound() -> None:
    both = Both()
    both.hold("n", AGREED)
    for side in both.sides:
        side.agreed("n")
    both.hold("m", BROKEN_OFF, code="ended-by-person", reason=[WISH])
    both.hold("t", FETCHED)
    assert not both.findings(acknowledged=("urn:n:consumer", "urn:m:consumer")).count
    assert not both.findings("transfers", acknowledged=("urn:t:consumer",)).count


def test_what_was_acknowledged_and_is_gone() -> None:
    only(Both().findings(acknowledged=("urn:n:consumer",)), "lost", "urn:n:consumer")


def test_an_agreement_that_both_have_lost() -> None:
    both = Both()
    both.hold("n", AGREED)
    found = both.findings()
    only(found, "lost", "agreement of urn:n:")
    assert len(found.lost) == 2


def test_an_agreement_that_one_has_lost() -> None:
    both = Both()
    both.hold("n", AGREED)
    both.provider.agreed("n")
    found = both.findings()
    assert found.lost == ["the consumer's agreement of urn:n:consumer"]
    assert found.diverged == ["agreement urn:a:n"]


def test_an_agreement_of_a_negotiation_that_was_terminated() -> None:
    both = Both()
    both.hold("n", BROKEN_OFF, reason=[WISH])
    for side in both.sides:
        side.agreed("n")
    only(both.findings(), "diverged", "not FINALIZED")


def test_agreements_with_other_words() -> None:
    both = Both()
    both.hold("n", AGREED)
    both.provider.agreed("n")
    both.consumer.agreed("n", sha256="cd" * 32)
    only(both.findings(), "diverged", "agreement urn:a:n")


def test_two_agreements_of_one_negotiation() -> None:
    both = Both()
    both.hold("n", AGREED)
    for side in both.sides:
        side.agreed("n")
        side.agreed("n", id="urn:a:again", body={"@id": "urn:a:again"})
    only(both.findings(), "doubled", "agreement of urn:n:")


@pytest.mark.parametrize("reason", [[], ["the node thought better of it"]])
def test_what_nobody_wanted_to_end(reason: list[str]) -> None:
    both = Both()
    both.hold("n", BROKEN_OFF, code="out-of-step", reason=reason)
    only(both.findings(), "lost", "nobody's wish")


@pytest.mark.parametrize("side", ["provider", "consumer"])
def test_what_ended_for_another_reason_than_the_one_who_wished_it_gave(side: str) -> None:
    both = Both()
    both.hold("n", BROKEN_OFF, code="not-received", reason=["the transfer is not active"])
    findings = Findings()
    stores = (both.provider.stores, both.consumer.stores)
    comparison.conversations(findings, *stores, "negotiations", reasons=(WISH,), wished={f"urn:n:{side}"})
    assert not findings.count


def test_an_opening_of_which_the_provider_never_heard() -> None:
    both = Both()
    both.consumer.holds("n", BROKEN_OFF, reason=[WISH])
    only(both.findings(), "lost", "the provider has none")


def test_a_conversation_of_which_the_consumer_never_heard() -> None:
    both = Both()
    both.provider.holds("n", BROKEN_OFF, reason=[WISH])
    only(both.findings(), "diverged", "the consumer has none")


def test_two_states() -> None:
    both = Both()
    both.provider.holds("n", BROKEN_OFF, reason=[WISH])
    both.consumer.holds("n", BROKEN_OFF, reason=[WISH], state="REQUESTED")
    only(both.findings(), "diverged", "REQUESTED")


def test_what_has_not_ended_on_either_side() -> None:
    both = Both()
    both.hold("n", AGREED[:1])
    only(both.findings(), "diverged", "REQUESTED")


def test_who_takes_another_for_its_peer() -> None:
    both = Both()
    both.provider.holds("n", BROKEN_OFF, reason=[WISH])
    both.consumer.holds("n", BROKEN_OFF, reason=[WISH], peer_pid="urn:another")
    only(both.findings(), "diverged", "are not each other's")


def test_one_request_that_opened_two() -> None:
    both = Both()
    both.hold("n", BROKEN_OFF, reason=[WISH])
    both.provider.holds("m", BROKEN_OFF, reason=[WISH], peer="did:web:else", peer_pid="urn:n:consumer")
    assert any("urn:n:consumer ×2" in what for what in both.findings().doubled)


def test_a_message_that_only_one_side_counts() -> None:
    both = Both()
    both.provider.holds("n", BROKEN_OFF, reason=[WISH], untaken=BROKEN_OFF[1][1])
    both.consumer.holds("n", BROKEN_OFF, reason=[WISH])
    found = both.findings()
    assert any("taken" in what for what in found.doubled), found
    assert any("not the same messages" in what for what in found.diverged), found


CROSSED = (
    (Role.CONSUMER, "ContractRequestMessage"),
    (Role.PROVIDER, "ContractOfferMessage"),
    (Role.CONSUMER, "ContractNegotiationEventMessage:ACCEPTED"),
    (Role.PROVIDER, "ContractNegotiationTerminationMessage"),
)


@pytest.mark.parametrize("is_noted", [True, False])
def test_what_crossed_a_termination_may_count_for_its_receiver_alone(is_noted: bool) -> None:
    """The provider breaks off while the consumer accepts: the consumer takes that back, and may have died before it
    read that it was taken."""
    both = Both()
    both.provider.holds("n", CROSSED, reason=[WISH])
    both.consumer.holds("n", (*CROSSED[:2], CROSSED[3]), reason=[WISH], numbers=(0, 1, 3))
    if is_noted:
        both.consumer.says("n", 2, CROSSED[2][1], status=-200)
    assert not both.findings().count


def test_what_crossed_nothing_counts_on_both_sides() -> None:
    both = Both()
    both.provider.holds("n", AGREED)
    both.consumer.holds("n", AGREED, untaken=AGREED[2][1])
    assert any("not the same messages" in what for what in both.findings().diverged)


def test_what_was_taken_back_and_never_arrived() -> None:
    both = Both()
    both.hold("n", BROKEN_OFF, reason=[WISH])
    both.consumer.says("n", 7, "ContractNegotiationEventMessage:ACCEPTED", status=-200)
    only(both.findings(), "diverged", "not the same messages")


def test_a_message_that_was_noted_twice() -> None:
    both = Both()
    both.hold("n", BROKEN_OFF, reason=[WISH])
    stores = both.provider.stores
    with stores.uow.begin() as tx:
        last = stores.ledger.history(tx, "urn:n:provider", EntryKind.PROCESS)[-1]
        stores.ledger.append(tx, replace(last, id="urn:e:again"))
    found = both.findings()
    assert any("noted" in what for what in found.doubled), found


# ---- bytes --------------------------------------------------------------------------------------------------------


def received(folder: Path, *left: str, sha256: str = hashlib.sha256(DATA).hexdigest(), **members: Any) -> Findings:
    """What is found of a complete transfer with its bytes below ``folder``, where ``left`` lies besides."""
    consumer = Side(Role.CONSUMER)
    consumer.holds("t", FETCHED)
    values: dict[str, Any] = {
        "transfer": "urn:t:consumer",
        "state": "done",
        "name": "data.csv",
        "media_type": "text/csv",
        "sealed": False,
        "expected": len(DATA),
        "received": len(DATA),
        "at": NOW,
        "path": "t/data.csv",
    }
    with consumer.stores.uow.begin() as tx:
        consumer.stores.receptions.put(tx, Reception(**{**values, **members}))
    for name in ("t/data.csv", *left):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(DATA)
    found = Findings()
    comparison.files(found, consumer.stores, folder, sha256)
    return found


def test_bytes_that_are_there(tmp_path: Path) -> None:
    assert not received(tmp_path).count


def test_bytes_that_are_kept_sealed_as_well(tmp_path: Path) -> None:
    assert not received(tmp_path, "t/data.csv.age", sealed=True).count


@pytest.mark.parametrize("left", ["t.part", "u.opening", "t/other.csv", "t/data.csv.age"])
def test_a_beginning_that_was_left_behind(tmp_path: Path, left: str) -> None:
    only(received(tmp_path, left), "diverged", f"received/{left}")


def test_bytes_that_were_named_and_never_recorded(tmp_path: Path) -> None:
    found = received(tmp_path, state="receiving", path=None)
    assert found.lost == ["bytes of transfer urn:t:consumer"]
    assert found.diverged == ["left behind: received/t/data.csv"]


def test_other_bytes(tmp_path: Path) -> None:
    only(received(tmp_path, sha256="ab" * 32), "lost", "bytes of transfer urn:t:consumer")

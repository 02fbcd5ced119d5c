"""The agreement that a provider proposes is compared with what was asked for before anything is signed."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest

from node.base.clock import stamp
from node.base.errors import InvalidInput
from node.base.jsons import canonical
from node.dialogue.process import Role
from node.identity.model import Caller, DidDocument
from node.negotiation import agreement, machine, messages, proposal
from node.negotiation.agreement_records import KeepAgreements
from node.negotiation.checks import Checks
from node.negotiation.messages import TERMS
from node.negotiation.model import Agreement, Negotiation
from node.negotiation.strategy import StandardStrategy
from node.negotiation.usecases import Negotiations
from node.policy.odrl import SEALED
from node.policy.terms import PROFILE
from node.vocab.dsp import V2025_1
from tests.fakes.clock import FixedClock
from tests.fakes.stores.negotiation import (
    MemoryAgreementStore,
    MemoryNegotiationStore,
)
from tests.fakes.stores.records import MemoryRecordStore
from tests.fakes.stores.work import MemoryOutbox, MemoryUnitOfWork
from tests.simulator.nodes import SimKeyRing, verify_jws
from tests.unit.negotiation import parts
from tests.unit.negotiation.parts import DATASET, ME, NOW, PEER

OFFER = {"@id": "urn:offer", "@type": "Offer", "permission": [{"action": "use", "dct:description": "As you like."}]}
FOREIGN = "https://other.example/ns#priority"


def negotiation(**changes: Any) -> Negotiation:
    """One in which this node has asked for ``OFFER``, with ``changes``."""
    asking = {"state": machine.REQUESTED, "created": NOW - timedelta(hours=1), "offer": OFFER, "asked": OFFER}
    return parts.negotiation(**{**asking, "offered_by": Role.CONSUMER, **changes})


def proposed(**changes: Any) -> dict[str, Any]:
    """An agreement as it should be, with ``changes``; None leaves a member out."""
    body: dict[str, Any] = {
        "@id": "urn:uuid:agreement",
        "@type": "Agreement",
        "target": DATASET,
        "assigner": PEER,
        "assignee": ME,
        "timestamp": stamp(NOW),
        "permission": [{"action": "use", "dct:description": "As you like."}],
        TERMS: {
            "offer": "urn:offer",
            "provider": {"did": PEER, "name": "Bruges", "contact": ""},
            "consumer": {"did": ME, "name": "Ghent", "contact": ""},
            "asset": {"iri": DATASET, "title": {"en": "D"}, "kind": "dataset", "version": 1, "sha256": "00"},
            "rulebook": None,
            "languages": ["en"],
            "sealed": False,
        },
    }
    return {name: value for name, value in (body | changes).items() if value is not None}


def within_terms(**changes: Any) -> dict[str, Any]:
    return {TERMS: proposed()[TERMS] | changes}


def rule(**changes: Any) -> dict[str, Any]:
    return {"permission": [{"action": "use"} | changes]}


DIFFERENCES: dict[str, dict[str, Any]] = {
    "another target": {"target": "https://bruges.example/datasets/other"},
    "another assigner": {"assigner": "did:web:mallory.example"},
    "another assignee": {"assignee": "did:web:mallory.example"},
    "another action": {"permission": [{"action": "distribute"}]},
    "a duty more": rule(duty=[{"action": "compensate"}]),
    "an obligation": {"obligation": [{"action": "compensate"}]},
    "another profile": {"profile": "https://mallory.example/profile"},
    "a policy member that is not known": {"inheritFrom": "https://mallory.example/policy"},
    "a rule member that is not known": rule(refinement=[]),
    "a description that the offer has not": rule(**{"dct:description": "The recipient pays 1000 euros."}),
    "an addition of ours in a rule": rule(**{"https://w3id.org/hansa/ns#fee": "1000"}),
    "a context of its own": {"@context": {"use": "https://mallory.example/sell"}},
    "a graph of its own": {"@included": [{"@id": "urn:x"}]},
    "a context in a rule": rule(**{"@context": {"use": "https://mallory.example/sell"}}),
    "a second id": {"uid": "urn:uuid:other"},
    "sealed, which was not offered": {"https://w3id.org/hansa/ns#sealed": True},
    "a day to come": {"timestamp": stamp(NOW + timedelta(minutes=6))},
    "a day before the negotiation": {"timestamp": stamp(NOW - timedelta(hours=2))},
    "no day at all": {"timestamp": "tomorrow"},
    "a number for a day": {"timestamp": 20261120},
    "terms that are no object": {TERMS: ["x"]},
    "an unknown member of the terms": within_terms(fee="1000"),
    "terms with another consumer": within_terms(consumer={"did": "did:web:mallory.example", "name": "M"}),
    "terms with another provider": within_terms(provider={"did": "did:web:mallory.example", "name": "M"}),
    "terms with another asset": within_terms(asset={"iri": "https://bruges.example/datasets/other"}),
    "terms with another offer": within_terms(offer="urn:other"),
    "terms with a strange rulebook": within_terms(rulebook={"iri": "https://r.example/r", "fee": "1000"}),
}


@pytest.mark.parametrize("difference", DIFFERENCES.values(), ids=DIFFERENCES)
def test_what_was_not_on_the_table_is_refused(difference: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput):
        proposal.check(negotiation(), proposed(**difference), ME, now=NOW)


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"timestamp": None},
        {"timestamp": stamp(NOW + timedelta(minutes=4))},
        {TERMS: None},
        within_terms(rulebook={"iri": "https://r.example/r", "version": 1, "sha256": "00", "publisher": "Region"}),
        {FOREIGN: 5},
        rule(),
    ],
    ids=["all as asked", "no timestamp", "a fast clock", "another connector", "a rulebook", "foreign", "no remark"],
)
def test_what_was_on_the_table_is_taken(changes: dict[str, Any]) -> None:
    proposal.check(negotiation(), proposed(**changes), ME, now=NOW)


BESIDE_THE_TERMS: dict[str, dict[str, Any]] = {
    "a member of others": {FOREIGN: "the assignee pays 1,000,000 EUR"},
    "our own addition": {TERMS: {"offer": "urn:offer"}},
    "a description": rule(**{"dct:description": "every use costs 1000 EUR"}),
    "an addition of ours in a rule": rule(**{"https://w3id.org/hansa/ns#fee": "1000"}),
    "a profile": {"profile": [PROFILE, "https://mallory.example/profile"]},
    "what wins": {"odrl:conflict": {"@id": "odrl:perm"}},
    "a party": rule(compensatedParty="did:web:mallory.example"),
    "a remedy": {"prohibition": [{"action": "odrl:sell", "remedy": [{"action": "odrl:compensate"}]}]},
    "a remedy beside a permission": rule(remedy=[{"action": "odrl:compensate"}]),
    "a consequence": rule(duty=[{"action": "odrl:inform", "consequence": [{"action": "odrl:compensate"}]}]),
    "an action of others": {"permission": [{"action": "use"}, {"action": "https://mallory.example/pay"}]},
    "a context": {"@context": {"use": "https://mallory.example/sell"}},
    "a context in a rule": rule(**{"@context": {"use": "https://mallory.example/sell"}}),
    "a text for yes or no": {SEALED: "the assignee pays 1,000,000 EUR"},
}


@pytest.mark.parametrize("name", BESIDE_THE_TERMS)
def test_what_no_comparison_weighs_is_something_more(name: str) -> None:
    addition = BESIDE_THE_TERMS[name]
    assert not proposal.adds_nothing(OFFER | addition, OFFER)
    assert not proposal.adds_nothing(OFFER | addition, OFFER, {**OFFER, FOREIGN: "another"})
    assert proposal.adds_nothing(OFFER | addition, OFFER, OFFER | addition), "we have said so ourselves"
    assert proposal.beside(OFFER | addition, OFFER), "whoever is asked is told"
    assert proposal.beside(OFFER | addition, OFFER, OFFER | addition) == []


@pytest.mark.parametrize("addition", [rule(**{"dct:description": 0.5}), {"permission": [{"action": 5}]}], ids=str)
def test_what_cannot_be_read_or_signed_is_something_more(addition: dict[str, Any]) -> None:
    assert not proposal.adds_nothing(OFFER | addition, OFFER | addition)
    assert [one["name"] for one in proposal.beside(OFFER | addition, OFFER | addition)] == ["offer"]


@pytest.mark.parametrize(
    "addition",
    [
        {},
        {"@id": "urn:another", "target": DATASET, "assigner": PEER, "assignee": ME, "timestamp": stamp(NOW)},
        {"profile": PROFILE, "odrl:conflict": {"@id": "odrl:prohibit"}, SEALED: True},
        rule(),
        rule(duty=[{"action": "odrl:inform"}], constraint=[]),
        {"permission": [{"action": "use"}, {"action": "odrl:distribute"}], "prohibition": [{"action": "odrl:sell"}]},
    ],
    ids=str,
)
def test_what_is_weighed_elsewhere_is_nothing_more(addition: dict[str, Any]) -> None:
    assert proposal.adds_nothing(OFFER | addition, OFFER)


def test_others_members_are_left_out_of_the_signature_by_name() -> None:
    body = proposed(**{FOREIGN: {"level": 5}})
    assert proposal.unsigned_members(negotiation(), body) == (FOREIGN,)
    assert proposal.unsigned_members(negotiation(offer={**OFFER, FOREIGN: {"level": 5}}), body) == ()
    signature = agreement.sign(SimKeyRing(ME), body, (FOREIGN,))
    agreement.verify(signature, body, DidDocument(id=ME, raw={}), verify_jws)
    agreement.verify(signature, body | {FOREIGN: "another"}, DidDocument(id=ME, raw={}), verify_jws)
    said = json.loads(verify_jws(signature, DidDocument(id=ME, raw={})))
    assert said == agreement.envelope(proposed()) | {"unsigned": [FOREIGN]}


@pytest.mark.parametrize(
    "left_out", [["permission"], [TERMS], ["@id"], [5], "permission", ["https://absent.example"]]
)
def test_a_signature_may_leave_out_nothing_else(left_out: Any) -> None:
    body = proposed(**{FOREIGN: 5})
    said = agreement.envelope({**body, "@id": body["@id"]}) | {"unsigned": left_out}
    signature = SimKeyRing(ME).sign_jws({}, canonical(said))
    with pytest.raises(InvalidInput):
        agreement.verify(signature, body, DidDocument(id=ME, raw={}), verify_jws)


class Rig:
    """A consumer that has asked."""

    def __init__(self) -> None:
        self.uow, self.outbox = MemoryUnitOfWork(), MemoryOutbox()
        self.store, self.agreements = MemoryNegotiationStore(), MemoryAgreementStore()
        clock, talk = FixedClock(NOW), parts.conversation(self.store, self.outbox)
        self.negotiations = Negotiations(
            uow=self.uow,
            store=self.store,
            conversation=talk,
            reactions=parts.reactions(talk, StandardStrategy(), SimKeyRing(ME)),
            checks=Checks(
                store=self.store,
                agreements=self.agreements,
                records=MemoryRecordStore(),
                may_see=lambda record, caller: True,
                verify_jws=verify_jws,
                clock=clock,
                me=ME,
            ),
            agreements=KeepAgreements(
                store=self.store,
                agreements=self.agreements,
                conversation=talk,
                append=parts.no_entry,
                clock=clock,
                me=ME,
            ),
            clock=clock,
            me=ME,
            address="https://ghent.example/dsp",
        )

    def add(self, process: Negotiation) -> None:
        with self.uow.begin() as tx:
            self.store.add(tx, process)

    def propose(self, body: dict[str, Any], pid: str = "urn:uuid:ours") -> int:
        message = {
            "@context": [V2025_1.context],
            "@type": machine.AGREEMENT,
            "@id": f"urn:uuid:message-{pid}",
            "providerPid": f"{pid.replace('ours', 'theirs')}",
            "consumerPid": pid,
            "agreement": body,
        }
        incoming = messages.read(json.dumps(message).encode(), machine.AGREEMENT)
        return self.negotiations.receive(pid, Caller(did=PEER), incoming).status

    def sent(self) -> list[str]:
        with self.uow.read() as tx:
            due = self.outbox.due(tx, now=NOW + timedelta(days=1), limit=10, busy=())
            return [str(task.headers["message"]) for task in due]

    def state(self, pid: str = "urn:uuid:ours") -> str | None:
        with self.uow.read() as tx:
            found = self.store.get(tx, pid)
        return found.state if found else None


def test_a_sound_proposal_is_kept_and_signed() -> None:
    rig = Rig()
    rig.add(negotiation())
    assert rig.propose(proposed(**{FOREIGN: 5})) == 200
    assert (rig.state(), rig.sent()) == (machine.AGREED, [machine.VERIFICATION])
    with rig.uow.read() as tx:
        kept = rig.agreements.get(tx, "urn:uuid:agreement")
    assert kept is not None
    assert (kept.finalized, kept.body[FOREIGN]) == (None, 5)


def test_a_refused_proposal_changes_nothing_and_nothing_is_signed() -> None:
    rig = Rig()
    rig.add(negotiation())
    with pytest.raises(InvalidInput):
        rig.propose(proposed(timestamp=stamp(NOW + timedelta(days=1))))
    assert (rig.state(), rig.sent()) == (machine.REQUESTED, [])


def test_the_id_of_a_known_agreement_is_refused() -> None:
    rig = Rig()
    rig.add(negotiation())
    with rig.uow.begin() as tx:
        known = Agreement(
            id="urn:uuid:agreement",
            negotiation="urn:uuid:another",
            dataset=DATASET,
            provider=PEER,
            consumer=ME,
            role="consumer",
            body={},
            sha256="00",
            signatures={},
            at=NOW,
        )
        rig.agreements.add(tx, known)
    with pytest.raises(InvalidInput, match="another agreement"):
        rig.propose(proposed())
    assert (rig.state(), rig.sent()) == (machine.REQUESTED, [])


def test_two_negotiations_at_once_do_not_share_an_id() -> None:
    rig = Rig()
    rig.add(negotiation())
    rig.add(negotiation(pid="urn:uuid:ours-2", peer_pid="urn:uuid:theirs-2"))
    assert rig.propose(proposed()) == 200
    with pytest.raises(InvalidInput, match="another agreement"):
        rig.propose(proposed(), "urn:uuid:ours-2")
    assert rig.state("urn:uuid:ours-2") == machine.REQUESTED


def test_what_stands_beside_the_terms_is_told_in_its_own_words() -> None:
    said = {FOREIGN: "the assignee pays 1,000,000 EUR", "https://mallory.example/long": "x" * 1000}
    long, penalty = sorted(proposal.beside(OFFER | said, OFFER), key=lambda one: one["name"] == FOREIGN)
    assert penalty == {"name": FOREIGN, "value": "the assignee pays 1,000,000 EUR"}
    assert len(long["value"]) < 600


@pytest.mark.parametrize(
    ("stated", "number"),
    [(1, 1), (2**31 - 1, 2**31 - 1), (0, None), (-1, None), (2**31, None), (True, None), ("1", None), (None, None)],
)
def test_only_numbers_that_versions_can_have_count_as_the_agreed_version(stated: Any, number: int | None) -> None:
    assert agreement.agreed_version({TERMS: {"asset": {"version": stated}}}) == number

"""The strategy that counters within limits, and what it leaves to the one that it wraps."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from node.dialogue.process import Role
from node.identity.model import Caller
from node.negotiation import machine
from node.negotiation.limits import PATIENCE, WithinLimits, in_our_words
from node.negotiation.model import Negotiation
from node.negotiation.strategy import Accept, Agree, Ask, Counter, Look, Offer, StandardStrategy, Terminate
from node.policy.comparison import same_terms
from node.policy.decide import decide, principal_action
from node.policy.model import Situation
from node.policy.odrl import parse
from node.policy.templates import compile_conditions
from node.policy.terms import PROFILE
from node.vocab.dsp import V2025_1

IRI = "https://ghent.example/datasets/counts"
PROVIDER = "did:web:ghent.example"
NOW = datetime(2026, 11, 20, tzinfo=UTC)


def terms(until: str, template: str = "mobility-partners") -> dict[str, Any]:
    """Terms that differ by their last day; nobody has the credential that the template asks for."""
    conditions = {"template": template, "until": until}
    offer = compile_conditions(conditions, target=IRI, offer_id="urn:own", region="did:web:region.example").offer
    assert offer is not None
    return offer


def open_until(until: str) -> dict[str, Any]:
    rule = {
        "action": "odrl:use",
        "constraint": [{"leftOperand": "odrl:dateTime", "operator": "lteq", "rightOperand": f"{until}T00:00:00Z"}],
    }
    return {"@id": "urn:own", "@type": "Offer", "profile": PROFILE, "target": IRI, "permission": [rule]}


OWN, LIMITS = open_until("2026-12-31"), open_until("2027-12-31")


def look(
    role: Role,
    state: str,
    offer: dict[str, Any],
    *messages: str,
    limits: dict[str, Any] | None = LIMITS,
    own: dict[str, Any] | None = OWN,
) -> Look:
    negotiation = Negotiation(
        pid="urn:ours",
        role=role,
        peer="did:web:plzen.example",
        peer_pid="urn:theirs",
        peer_address="https://plzen.example/dsp",
        version=V2025_1.name,
        state=state,
        created=NOW,
        updated=NOW,
        dataset=IRI,
        offer=offer,
        offered_by=Role.CONSUMER if state == machine.REQUESTED else Role.PROVIDER,
    )
    policy = parse(offer)
    asking = Situation(caller=Caller(did="did:web:plzen.example"), at=NOW, provider=PROVIDER, negotiating=True)
    decision = decide(policy, asking, action=principal_action(policy)) if role is Role.PROVIDER else None
    return Look(
        negotiation=negotiation,
        decision=decision,
        own_offer=own if role is Role.PROVIDER else None,
        same_terms=own is not None and same_terms(offer, own),
        messages_so_far=lambda: messages,
        limits=limits,
        title="Counts",
        in_our_words=in_our_words(offer, IRI) if role is Role.PROVIDER else None,
    )


STRATEGY = WithinLimits(StandardStrategy())


def provider(offer: dict[str, Any], *messages: str, state: str = machine.REQUESTED, **more: Any) -> Any:
    return STRATEGY.next(look(Role.PROVIDER, state, offer, *messages, **more))


def consumer(offer: dict[str, Any], *messages: str, **more: Any) -> Any:
    return STRATEGY.next(look(Role.CONSUMER, machine.OFFERED, offer, *messages, own=None, **more))


def test_a_provider_agrees_to_what_lies_within() -> None:
    assert provider(open_until("2027-06-30"), machine.REQUEST) == Agree()


def test_another_connector_may_leave_out_the_profile() -> None:
    asked = open_until("2027-06-30")
    del asked["profile"]
    assert provider(asked, machine.REQUEST) == Agree()


def test_it_agrees_when_its_own_counter_offer_was_accepted() -> None:
    said = (machine.REQUEST, machine.OFFER, machine.ACCEPTED_EVENT)
    assert provider(open_until("2027-12-31"), *said, state=machine.ACCEPTED) == Agree()


def test_it_answers_more_with_what_it_would_give_of_it() -> None:
    answer = provider(open_until("2029-01-01"), machine.REQUEST)
    assert isinstance(answer, Offer)
    assert same_terms(answer.terms, LIMITS)
    assert answer.terms["@id"] != OWN["@id"]
    assert provider(open_until("2029-01-01"), machine.REQUEST) == answer, "a strategy is pure"


def test_it_says_why_not_after_some_patience() -> None:
    said = (machine.REQUEST, *[machine.OFFER, machine.REQUEST] * PATIENCE)
    answer = provider(open_until("2029-01-01"), *said)
    assert isinstance(answer, Terminate)
    assert answer.code == "beyond-limits"
    assert "31 December 2027" in answer.reason[0]["text"]["en"]


def test_within_the_limits_the_policy_still_decides() -> None:
    """Nobody is let in by the length of a term: the credential that the terms ask for is missing."""
    limits = terms("2027-12-31")
    answer = provider(terms("2027-06-30"), machine.REQUEST, limits=limits, own=terms("2026-12-31"))
    assert isinstance(answer, Terminate)
    assert answer.code == "policy-refused"


def test_terms_that_we_cannot_say_ourselves_are_never_agreed_to() -> None:
    strange = open_until("2027-06-30")
    strange["permission"].append({"action": "x:cook", "constraint": []})
    answer = provider(strange, machine.REQUEST)
    assert not isinstance(answer, Agree)


@pytest.mark.parametrize("asked", [90, 95, 98])
def test_what_it_offers_it_agrees_to_once_it_is_accepted(asked: int) -> None:
    """What both sides allow has the rules of both: where these are too many to compare, the offer stands instead."""

    def apart_from(until: str, name: str, number: int) -> dict[str, Any]:
        policy = open_until(until)
        for place in range(number):
            constraint = {
                "leftOperand": "odrl:spatial",
                "operator": "neq",
                "rightOperand": f"urn:{name}:{place}",
            }
            policy["permission"][0]["constraint"].append(constraint)
        return policy

    limits = apart_from("2027-12-31", "limits", 5)
    answer = provider(apart_from("2029-01-01", "asked", asked), machine.REQUEST, limits=limits)
    assert isinstance(answer, Offer)
    said = (machine.REQUEST, machine.OFFER, machine.ACCEPTED_EVENT)
    assert provider(answer.terms, *said, state=machine.ACCEPTED, limits=limits) == Agree()


@pytest.mark.parametrize("limits", [None, LIMITS])
def test_what_equals_the_offer_needs_no_limits(limits: dict[str, Any] | None) -> None:
    assert provider(OWN, machine.REQUEST, limits=limits) == Agree()


def test_without_limits_the_offer_stands() -> None:
    assert provider(open_until("2027-06-30"), machine.REQUEST, limits=None) == Offer(OWN)


def test_an_asset_that_is_on_offer_no_more_is_not_given() -> None:
    answer = provider(open_until("2027-06-30"), machine.REQUEST, own=None)
    assert isinstance(answer, Terminate)
    assert answer.code == "not-offered"


def test_a_consumer_accepts_what_gives_it_enough() -> None:
    assert consumer(open_until("2028-01-01"), machine.REQUEST, machine.OFFER) == Accept()


PENALTY = {"https://mallory.example/penalty": "the assignee pays 1,000,000 EUR on request"}


@pytest.mark.parametrize("limits", [None, LIMITS])
def test_what_stands_beside_the_terms_is_for_a_person(limits: dict[str, Any] | None) -> None:
    """Accepting signs it, and no comparison of terms weighs it."""
    offer = LIMITS if limits is None else open_until("2028-01-01")
    plain = look(Role.CONSUMER, machine.OFFERED, offer, machine.REQUEST, machine.OFFER, limits=limits, own=LIMITS)

    def answer(asked: dict[str, Any], **more: Any) -> Any:
        table = replace(plain.negotiation, asked=asked, offer={**offer, **more})
        return STRATEGY.next(replace(plain, negotiation=table))

    assert answer(LIMITS) == Accept()
    assert answer(LIMITS, permission=[{**offer["permission"][0], "dct:description": "costs 1000 EUR"}]) == Ask()
    assert answer(LIMITS, **{"odrl:conflict": {"@id": "odrl:perm"}}) == Ask()
    assert answer(LIMITS, **PENALTY) == Ask()
    assert answer({**LIMITS, **PENALTY}, **PENALTY) == Accept(), "we have said so ourselves"


def test_it_says_once_what_it_needs_and_then_asks_a_person() -> None:
    messages = (machine.REQUEST, machine.OFFER)
    answer = consumer(open_until("2027-01-01"), *messages)
    assert isinstance(answer, Counter)
    assert same_terms(answer.terms, LIMITS)
    assert consumer(open_until("2027-01-01"), *messages, machine.REQUEST, machine.OFFER) == Ask()


def test_it_asks_a_person_where_nobody_has_set_limits() -> None:
    assert consumer(open_until("2028-01-01"), machine.REQUEST, machine.OFFER, limits=None) == Ask()

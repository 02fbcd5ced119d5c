"""`conflict: perm`: a permission wins over a prohibition of the same, and is told, compared and inherited so."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from node.policy.conflicts import lint
from node.policy.decide import decide
from node.policy.flow.limits import beyond, in_own_words, nearest
from node.policy.flow.result import Source, admits, inherit, strictest_offer
from node.policy.model import Outcome, Situation
from node.policy.odrl import parse
from node.policy.templates import compile_conditions
from node.policy.terms import DISTRIBUTE, READ, REPRODUCE, USE
from node.policy.words import sentences, summary
from node.texts.languages import LANGUAGES
from tests.fakes.policy import NOW, brugge, situation

PERM: dict[str, Any] = {"odrl:conflict": {"@id": "odrl:perm"}}
RESEARCH = {"leftOperand": "odrl:purpose", "operator": "eq", "rightOperand": "dpv:ScientificResearch"}
UNTIL = {
    "leftOperand": "odrl:dateTime",
    "operator": "lteq",
    "rightOperand": (NOW + timedelta(days=30)).date().isoformat(),
}


def offer(*permissions: dict[str, Any], forbid: list[dict[str, Any]] | None = None, **more: Any) -> dict[str, Any]:
    made = {"@id": "urn:uuid:1", "@type": "Offer", "permission": list(permissions), **more}
    return made if forbid is None else {**made, "prohibition": forbid}


def rule(action: str, *constraints: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"action": action, **({"constraint": list(constraints)} if constraints else {}), **more}


def outcome(document: dict[str, Any], action: str = USE, asked: Situation | None = None) -> Outcome:
    return decide(parse(document), asked or situation(brugge()), action=action).outcome


# ---- the decision ---------------------------------------------------------------------------------------------

CASES = {
    "the same action": (offer(rule("odrl:use"), forbid=[rule("odrl:use")]), USE),
    "a narrower one is forbidden": (offer(rule("odrl:use"), forbid=[rule("odrl:distribute")]), DISTRIBUTE),
    "a wider one is forbidden": (offer(rule("odrl:read"), forbid=[rule("odrl:use")]), READ),
    "forbidden until a day": (offer(rule("odrl:use"), forbid=[rule("odrl:use", UNTIL)]), USE),
}


@pytest.mark.parametrize("case", CASES)
def test_a_permission_wins_where_the_policy_says_so_and_only_there(case: str) -> None:
    document, action = CASES[case]
    assert outcome({**document, **PERM}, action) is Outcome.PERMIT
    for said in ({}, {"odrl:conflict": {"@id": "odrl:prohibit"}}, {"odrl:conflict": {"@id": "odrl:invalid"}}):
        assert outcome({**document, **said}, action) is Outcome.REFUSE


def test_a_permission_that_is_not_met_wins_over_nothing() -> None:
    document = offer(rule("odrl:use", RESEARCH), forbid=[rule("odrl:use")], **PERM)
    assert outcome(document, asked=situation(brugge(), purpose="dpv:Marketing")) is Outcome.REFUSE
    assert outcome(document, asked=situation(brugge(), purpose="dpv:ScientificResearch")) is Outcome.PERMIT


def test_what_no_permission_covers_stays_forbidden() -> None:
    document = offer(rule("odrl:read"), forbid=[rule("odrl:distribute")], **PERM)
    assert outcome(document, READ) is Outcome.PERMIT
    assert outcome(document, DISTRIBUTE) is Outcome.REFUSE


def test_a_permission_that_waits_for_a_person_still_asks() -> None:
    asks = rule("odrl:use", duty=[{"action": "odrl:obtainConsent"}])
    assert outcome(offer(asks, forbid=[rule("odrl:use")], **PERM)) is Outcome.ASK


def test_a_prohibition_that_is_not_understood_is_not_overridden() -> None:
    assert outcome(offer(rule("odrl:use"), forbid=[rule("https://x.example/do")], **PERM)) is Outcome.REFUSE
    strange = {"leftOperand": "https://x.example/phase", "operator": "eq", "rightOperand": "full"}
    assert outcome(offer(rule("odrl:use"), forbid=[rule("odrl:use", strange)], **PERM)) is Outcome.REFUSE


def test_duties_are_not_overridden() -> None:
    document = offer(rule("odrl:use"), forbid=[rule("odrl:use")], obligation=[{"action": "odrl:delete"}], **PERM)
    broken = situation(brugge(), facts={"http://www.w3.org/ns/odrl/2/delete": False})
    assert outcome(document, asked=broken) is Outcome.REFUSE


# ---- through publishing ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["conflict", "odrl:conflict", "http://www.w3.org/ns/odrl/2/conflict"])
@pytest.mark.parametrize("value", ["perm", "odrl:perm", {"@id": "odrl:perm"}])
def test_a_publishers_strategy_is_in_the_offer_however_it_is_spelt(name: str, value: Any) -> None:
    """A bare ``conflict`` was dropped, so that the offer said the contrary of what was written."""
    own = {"permission": [rule("odrl:use")], "prohibition": [rule("odrl:distribute")], name: value}
    offer = compile_conditions(own, target="urn:x:1", offer_id="urn:uuid:9", region="did:web:r.example").offer
    assert offer is not None
    assert offer["odrl:conflict"] == {"@id": "odrl:perm"}
    assert [one.rule for one in lint(offer) if one.severity == "violation"] == []
    assert outcome(offer, DISTRIBUTE) is Outcome.PERMIT


@pytest.mark.parametrize("name", ["assignee", "odrl:assignee"])
def test_a_publishers_assignee_is_in_the_offer_however_it_is_spelt(name: str) -> None:
    own = {"permission": [rule("odrl:use")], name: "did:web:brno.example"}
    offer = compile_conditions(own, target="urn:x:1", offer_id="urn:uuid:9", region="did:web:r.example").offer
    assert offer is not None
    assert parse(offer).assignee == "did:web:brno.example"
    assert outcome(offer) is Outcome.REFUSE


# ---- in words -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_sentence_forbids_what_the_policy_permits(language: str) -> None:
    plain = parse(offer(rule("odrl:use"), forbid=[rule("odrl:distribute")]))
    wins = parse(offer(rule("odrl:use"), forbid=[rule("odrl:distribute")], **PERM))
    forbidden, yielding = sentences(plain, language)[-1], sentences(wins, language)[-1]
    assert yielding.endswith(forbidden)
    assert len(yielding) > len(forbidden) + 10
    assert summary(wins, language) != summary(plain, language)


def test_the_reason_says_so_too() -> None:
    document = offer(rule("odrl:use"), forbid=[rule("odrl:use")], **PERM)
    told = {reason.rule: reason for reason in decide(parse(document), situation(brugge())).reasons}
    assert told["prohibition[0]"].met
    assert told["prohibition[0]"].text["en"].startswith("Unless these conditions allow it: ")


# ---- compared -------------------------------------------------------------------------------------------------

NO_PASSING_ON = offer(rule("odrl:use"), forbid=[rule("odrl:distribute")])
NOT_YET = offer(rule("odrl:use"), forbid=[rule("odrl:distribute", UNTIL)])


@pytest.mark.parametrize("strict", [NO_PASSING_ON, NOT_YET])
def test_the_same_rules_are_more_open_where_permissions_win(strict: dict[str, Any]) -> None:
    free = {**strict, **PERM}
    assert beyond(free, strict), "it lets people pass on what the limits forbid"
    assert beyond(strict, free) == ()
    assert beyond(free, free) == ()
    assert beyond(offer(rule("odrl:use")), free) == ()


def test_terms_that_lie_within_both_keep_the_prohibition() -> None:
    free = {**NO_PASSING_ON, **PERM}
    met = nearest(free, NO_PASSING_ON, target="urn:x:1", offer_id="urn:uuid:9")
    assert met is not None
    assert met["odrl:conflict"] == {"@id": "odrl:prohibit"}
    assert outcome(met, DISTRIBUTE) is Outcome.REFUSE
    assert outcome(met, REPRODUCE) is Outcome.PERMIT


def test_own_words_keep_the_strategy() -> None:
    free = {**NO_PASSING_ON, **PERM}
    own_offer = in_own_words(free, target="urn:x:1", offer_id="urn:uuid:9")
    assert own_offer is not None
    assert own_offer["odrl:conflict"] == {"@id": "odrl:perm"}
    assert outcome(own_offer, DISTRIBUTE) is Outcome.PERMIT


# ---- inherited ------------------------------------------------------------------------------------------------


def result_of(*policies: dict[str, Any]) -> dict[str, Any]:
    sources = [Source(iri=f"urn:x:{n}", title=f"{n}", policy=one) for n, one in enumerate(policies)]
    return strictest_offer(inherit(sources), target="urn:x:result", offer_id="urn:uuid:9")


def test_a_result_inherits_no_prohibition_that_a_permission_wins_over() -> None:
    assert outcome(result_of({**NO_PASSING_ON, **PERM}), DISTRIBUTE) is Outcome.PERMIT
    assert outcome(result_of({**NOT_YET, **PERM}), DISTRIBUTE) is Outcome.PERMIT
    assert outcome(result_of({**NO_PASSING_ON, **PERM}, NO_PASSING_ON), DISTRIBUTE) is Outcome.REFUSE


@pytest.mark.parametrize("forbidden", [rule("odrl:distribute"), rule("odrl:distribute", UNTIL)])
def test_a_permission_to_run_wins_over_nothing_that_binds_results(forbidden: dict[str, Any]) -> None:
    """It becomes one to use the results, which is more than the policy gave: not over what forbids passing on."""
    run = offer(rule("odrl:execute"), forbid=[forbidden], **PERM)
    assert outcome(result_of(run), DISTRIBUTE) is Outcome.REFUSE
    assert outcome(result_of(run), READ) is Outcome.PERMIT


def test_an_offer_of_a_result_cannot_shake_off_a_prohibition_by_the_strategy() -> None:
    bound = inherit([Source(iri="urn:x:1", title="Counts", policy=NO_PASSING_ON)])
    assert admits(bound, NO_PASSING_ON) == ()
    assert admits(bound, {**NO_PASSING_ON, **PERM})

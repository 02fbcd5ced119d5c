"""What must hold for every policy: decisions are total and reasoned, words complete, ignorance never helps."""

from __future__ import annotations

import copy
import random
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from node.identity.model import Caller, Credential
from node.policy.comparison import same_terms
from node.policy.decide import decide, principal_action
from node.policy.model import Decision, Outcome, Situation
from node.policy.odrl import normal, parse
from node.policy.rules import Constraint, leaves
from node.policy.terms import EXECUTE, ODRL, PREFIXES, READ, USE, expand_term
from node.policy.words import LANGUAGES, explain, summary

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
REGION = "did:web:region.example"
RANKS = [Outcome.REFUSE, Outcome.ASK, Outcome.PERMIT]
UNKNOWN = {"leftOperand": "https://example.org/unheard", "operator": "eq", "rightOperand": "of"}

dates = st.sampled_from(["2025-01-01", "2026-11-20", "2027-12-31T23:59:59Z", "2026-11-20T12:00:00+01:00", "soon"])
iris = st.lists(
    st.sampled_from(["dpv:Marketing", "dpv:ScientificResearch", "dpv:ResearchAndDevelopment"]), max_size=2
)


def atom(left: str, operators: list[str], right: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries(
        {"leftOperand": st.just(left), "operator": st.sampled_from(operators), "rightOperand": right}
    )


atoms = st.one_of(
    atom("odrl:dateTime", ["lt", "lteq", "gt", "gteq", "eq", "neq", "isA"], dates),
    atom("odrl:purpose", ["eq", "isA", "isAnyOf", "isNoneOf", "neq"], iris),
    atom("hz:credential", ["eq", "isAnyOf", "isAllOf"], st.sampled_from(["MembershipCredential", "XCredential"])),
    atom("hz:membership", ["eq", "isAnyOf"], st.sampled_from([REGION, "did:web:other.example"])),
    atom("hz:participant", ["eq", "neq", "isNoneOf"], st.sampled_from(["did:web:a.example", "did:web:b.example"])),
    atom("hz:minimumCellSize", ["gteq", "lt"], st.just({"@value": "10", "@type": "xsd:integer"})),
    atom("hz:columns", ["isAnyOf", "isNoneOf"], st.sampled_from(["id", "a column"])),
    atom("hz:rows", ["isAllOf"], st.sampled_from(["kind eq berth", "kind is berth"])),
    atom("hz:box", ["eq"], st.sampled_from(["3.6,51,3.8,51.1", "1,2,3"])),
    atom("odrl:spatial", ["isPartOf", "eq"], st.just("http://data.europa.eu/nuts/code/BE2")),
    atom("odrl:elapsedTime", ["lteq"], st.sampled_from(["P30D", "P1Y2M", "soon"])),
    st.just(UNKNOWN),
)
conditions: st.SearchStrategy[dict[str, Any]] = st.recursive(
    atoms,
    lambda inner: st.sampled_from(["and", "or", "xone", "andSequence"]).flatmap(
        lambda operator: st.lists(inner, min_size=1, max_size=3).map(lambda items: {operator: items})
    ),
    max_leaves=5,
)
actions = st.sampled_from(["odrl:use", "use", "odrl:execute", "odrl:distribute", "odrl:sell", "https://x.example/do"])
duty_actions = st.sampled_from(
    ["odrl:delete", "odrl:attribute", "odrl:inform", "odrl:compensate", "odrl:obtainConsent", "odrl:sneeze"]
)


def rules(action: st.SearchStrategy[str], **more: st.SearchStrategy[Any]) -> st.SearchStrategy[list[dict[str, Any]]]:
    rule = st.fixed_dictionaries(
        {"action": action}, optional={"constraint": st.lists(conditions, max_size=3), **more}
    )
    return st.lists(rule, max_size=2)


policies = st.fixed_dictionaries(
    {"@id": st.just("urn:uuid:offer"), "@type": st.just("Offer")},
    optional={
        "permission": rules(actions, duty=rules(duty_actions)),
        "prohibition": rules(actions, remedy=rules(duty_actions)),
        "obligation": rules(duty_actions, consequence=rules(duty_actions)),
        "conflict": st.sampled_from(["odrl:prohibit", "odrl:perm", "odrl:invalid"]),
    },
)
credential = Credential(
    id="urn:uuid:c",
    types=("MembershipCredential",),
    issuer=REGION,
    subject="did:web:a.example",
    claims={"memberOf": REGION},
    valid_from=NOW - timedelta(days=1),
    valid_until=NOW + timedelta(days=1),
)
callers = st.sampled_from(
    [Caller(), Caller(did="did:web:a.example"), Caller(did="did:web:a.example", credentials=(credential,))]
)
situations = st.builds(
    Situation,
    caller=callers,
    at=st.sampled_from([NOW, NOW.replace(tzinfo=None), NOW + timedelta(days=900)]),
    provider=st.just("did:web:p.example"),
    purpose=st.sampled_from(
        [None, "", "dpv:Marketing", "https://w3id.org/dpv#ScientificResearch", "mobility-planning"]
    ),
    approved=st.booleans(),
    rulebook=st.just(None),
    issuers=st.sampled_from([{}, {"MembershipCredential": (REGION,)}]),
    agreed=st.booleans(),
    facts=st.sampled_from([{}, {"https://w3id.org/hansa/policy#minimumCellSize": 12}, {ODRL + "delete": False}]),
    negotiating=st.booleans(),
)
requests = st.sampled_from([USE, READ, EXECUTE, "odrl:sell", "https://x.example/do"])


def rank(decision: Decision) -> int:
    return RANKS.index(decision.outcome)


@settings(max_examples=300, deadline=None)
@given(policies, situations, requests)
def test_every_leaf_has_one_reason_and_the_outcome_follows_from_them(
    document: dict[str, Any], situation: Situation, action: str
) -> None:
    policy = parse(document)
    decision = decide(policy, situation, action=action)
    told = [reason.rule for reason in decision.reasons]
    assert len(told) == len(set(told))
    assert {leaf.path for leaf in leaves(policy)} <= set(told)
    assert all(set(reason.text) == set(LANGUAGES) and all(reason.text.values()) for reason in decision.reasons)
    if decision.permits:
        assert decision.unmet == ()
    elif decision.asks:
        assert {reason.operand for reason in decision.unmet} == {ODRL + "obtainConsent"}
    else:
        assert decision.unmet
        assert all(reason.remedy for reason in decision.unmet)
    assert decision == decide(policy, situation, action=action)
    decision.to_json()


@settings(max_examples=200, deadline=None)
@given(policies, st.sampled_from(LANGUAGES), st.sampled_from(["", "dataset", "model", "rulebook"]))
def test_every_leaf_is_in_exactly_one_sentence(document: dict[str, Any], language: str, kind: str) -> None:
    policy = parse(document)
    sentences = explain(policy, language, kind)
    covered = [path for sentence in sentences for path in sentence.paths]
    assert sorted(covered) == sorted(leaf.path for leaf in leaves(policy))
    for sentence in sentences:
        assert sentence.text.endswith(".")
        assert "{" not in sentence.text
        assert sentence.text[0] == sentence.text[0].upper()
    by_path = {path: sentence.text for sentence in sentences for path in sentence.paths}
    for leaf in leaves(policy):
        if isinstance(leaf.content, Constraint) and leaf.content.left_operand == UNKNOWN["leftOperand"]:
            assert UNKNOWN["leftOperand"] in by_path[leaf.path]
    assert "{" not in summary(policy, language)


@settings(max_examples=200, deadline=None)
@given(policies, situations, st.randoms(use_true_random=False))
def test_what_is_not_understood_never_helps(
    document: dict[str, Any], situation: Situation, chance: random.Random
) -> None:
    places = list(_atoms(document))
    if not places:
        return
    before = rank(decide(parse(document), situation))
    holder, key = chance.choice(places)
    holder[key] = UNKNOWN
    assert rank(decide(parse(document), situation)) <= before


@settings(max_examples=200, deadline=None)
@given(policies, situations, conditions, actions)
def test_more_conditions_never_help_and_more_permissions_never_harm(
    document: dict[str, Any], situation: Situation, condition: dict[str, Any], action: str
) -> None:
    before = rank(decide(parse(document), situation))
    stricter = copy.deepcopy(document)
    for rule in stricter.get("permission", []):
        rule["constraint"] = [*rule.get("constraint", []), condition]
    assert rank(decide(parse(stricter), situation)) <= before
    forbidding = copy.deepcopy(document)
    forbidding["prohibition"] = [*document.get("prohibition", []), {"action": action, "constraint": [condition]}]
    assert rank(decide(parse(forbidding), situation)) <= before
    wider = {**document, "conflict": "odrl:prohibit"}
    before = rank(decide(parse(wider), situation))
    wider["permission"] = [*document.get("permission", []), {"action": action, "constraint": [condition]}]
    assert rank(decide(parse(wider), situation)) >= before


@settings(max_examples=200, deadline=None)
@given(policies, st.randoms(use_true_random=False))
def test_spelling_and_order_do_not_change_the_terms(document: dict[str, Any], chance: random.Random) -> None:
    other = _respelt(document, chance)
    other.update({"@id": "urn:uuid:other", "target": "https://x.example/d", "assigner": "did:web:p.example"})
    other["https://w3id.org/hansa/ns#terms"] = {"anything": 1}
    assert same_terms(document, other)
    assert normal(document) == normal(other)


@settings(max_examples=100, deadline=None)
@given(policies, conditions)
def test_another_condition_is_another_policy(document: dict[str, Any], condition: dict[str, Any]) -> None:
    if not document.get("permission"):
        return
    other = copy.deepcopy(document)
    other["permission"][0]["constraint"] = [*other["permission"][0].get("constraint", []), condition]
    assert not same_terms(document, other)


@settings(max_examples=100, deadline=None)
@given(policies)
def test_the_principal_action_is_one_that_is_permitted(document: dict[str, Any]) -> None:
    policy = parse(document)
    assert principal_action(policy) in {USE, *(rule.action for rule in policy.permissions)}


def _atoms(part: Any) -> Any:
    """Every place in the document that holds an atomic constraint."""
    pairs = part.items() if isinstance(part, dict) else enumerate(part) if isinstance(part, list) else ()
    for key, value in list(pairs):
        if isinstance(value, dict) and "leftOperand" in value:
            yield part, key
        else:
            yield from _atoms(value)


def _respelt(part: Any, chance: random.Random) -> Any:
    if isinstance(part, dict):
        respelt = {}
        for key, value in part.items():
            changed = _respelt(value, chance)
            if isinstance(changed, list) and key != "andSequence":
                chance.shuffle(changed)
            if key in {"action", "leftOperand"}:
                changed = expand_term(changed) if chance.random() < 0.5 else changed
                changed = {"@id": changed} if chance.random() < 0.3 else changed
            if key == "operator":
                changed = chance.choice([changed, "odrl:" + changed, ODRL + changed])
            spelt = key if key.startswith("@") else chance.choice([key, "odrl:" + key, ODRL + key])
            respelt[spelt] = changed
        items = list(respelt.items())
        chance.shuffle(items)
        return dict(items)
    if isinstance(part, list):
        return [_respelt(item, chance) for item in part]
    if isinstance(part, str) and part.partition(":")[0] in PREFIXES and chance.random() < 0.5:
        return expand_term(part)
    return part

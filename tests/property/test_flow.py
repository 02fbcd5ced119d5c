"""What must hold however inputs are combined: the order and repeats of inputs do not matter, the offer that just fits
fits, is understood as the inputs are, and grows too open with anything taken from it."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from hypothesis import HealthCheck, assume, given, reject, settings
from hypothesis import strategies as st

from node.base.errors import TooLarge
from node.policy.decide import decide
from node.policy.flow.freedom import TOP, Freedom
from node.policy.flow.limits import beyond
from node.policy.flow.result import Inheritance, Source, admits, inherit, normal_form, strictest_offer
from node.policy.odrl import parse
from node.policy.portion import ENFORCED
from node.policy.terms import COMMERCIAL_USE, DISTRIBUTE, READ, REPRODUCE, USE
from node.texts.languages import LANGUAGES
from tests.property.test_policy import atom, rank, situations

PARTIES = ["did:web:a.example", "did:web:b.example", "did:web:c.example"]
PURPOSES = [
    "dpv:Marketing",
    "dpv:ScientificResearch",
    "dpv:ResearchAndDevelopment",
    "dpv:ImproveTransportMobility",
    "dpv:PublicBenefit",
    "https://w3id.org/hansa/policy#PublicTask",
]
NUTS = "http://data.europa.eu/nuts/code/"


def some(values: list[str]) -> st.SearchStrategy[list[str]]:
    return st.lists(st.sampled_from(values), min_size=1, max_size=3, unique=True)


def integer(number: int) -> dict[str, str]:
    return {"@value": str(number), "@type": "xsd:integer"}


atoms = st.one_of(
    atom(
        "odrl:dateTime",
        ["lt", "lteq", "gt", "gteq", "eq"],
        st.sampled_from(["2026-01-01", "2026-11-20", "2027-12-31"]),
    ),
    atom("odrl:purpose", ["isAnyOf", "isNoneOf"], some(PURPOSES)),
    atom("hz:credential", ["isAnyOf", "isAllOf"], some(["MembershipCredential", "XCredential"])),
    atom("hz:membership", ["isAnyOf"], some(["did:web:region.example", "did:web:other.example"])),
    atom("hz:participant", ["isAnyOf", "isNoneOf"], some(PARTIES)),
    atom("odrl:recipient", ["isAnyOf", "isNoneOf"], some(PARTIES)),
    atom("odrl:spatial", ["isPartOf", "isNoneOf"], some([NUTS + "BE2", NUTS + "BE23", NUTS + "CZ03"])),
    atom("hz:minimumCellSize", ["gteq"], st.sampled_from([5, 10]).map(integer)),
    atom("hz:columns", ["isAnyOf"], some(["id", "kind", "name"])),
    atom("hz:rows", ["isAllOf"], some(["kind eq berth", "places gteq 10"])),
    atom("hz:box", ["eq"], st.sampled_from(["3.6,51,3.8,51.1", "3.7,51,3.8,51.1", "nowhere"])),
    atom("odrl:count", ["lteq"], st.sampled_from([1, 3]).map(integer)),
    atom("https://example.org/unheard", ["eq"], st.just("of")),
)
conditions: st.SearchStrategy[dict[str, Any]] = st.recursive(
    atoms,
    lambda inner: st.sampled_from(["and", "or", "xone"]).flatmap(
        lambda operator: st.lists(inner, min_size=1, max_size=2).map(lambda items: {operator: items})
    ),
    max_leaves=3,
)
deletions = st.sampled_from(["P7D", "P30D", "P1M", "P1Y"]).map(
    lambda span: {
        "action": "odrl:delete",
        "constraint": [{"leftOperand": "odrl:elapsedTime", "operator": "lteq", "rightOperand": span}],
    }
)
duties = st.one_of(
    deletions, st.sampled_from(["odrl:attribute", "odrl:inform", "odrl:delete"]).map(lambda a: {"action": a})
)
permission = st.fixed_dictionaries(
    {"action": st.sampled_from(["odrl:use", "odrl:use", "odrl:use", "odrl:read", "odrl:derive", "odrl:execute"])},
    optional={
        "constraint": st.lists(conditions, min_size=1, max_size=3),
        "duty": st.just([{"action": "odrl:obtainConsent"}]),
    },
)
prohibition = st.fixed_dictionaries(
    {"action": st.sampled_from(["odrl:distribute", "odrl:reproduce", "cc:CommercialUse", "odrl:print"])},
    optional={"constraint": st.lists(atoms, min_size=1, max_size=1)},
)
policies = st.fixed_dictionaries(
    {
        "@id": st.just("urn:uuid:1"),
        "@type": st.just("Offer"),
        "permission": st.lists(permission, min_size=1, max_size=2),
    },
    optional={
        "prohibition": st.lists(prohibition, min_size=1, max_size=2),
        "obligation": st.lists(duties, min_size=1, max_size=2),
        "https://w3id.org/hansa/ns#sealed": st.booleans(),
        "assigner": st.sampled_from(PARTIES),
        "odrl:conflict": st.sampled_from(["odrl:prohibit", "odrl:perm"]),
    },
)
LICENCES = [
    "CC0",
    "CC-BY-4.0",
    "CC-BY-SA-4.0",
    "CC-BY-NC-4.0",
    "ODbL",
    "ODC-BY",
    "CC-BY-ND-4.0",
    "https://x.example/own",
]
licences = st.sampled_from(LICENCES)


@st.composite
def sources(draw: st.DrawFn, name: str = "a", *, licensed: bool = True) -> Source:
    return Source(
        iri=f"https://x.example/{name}",
        title=name,
        policy=draw(policies),
        licence=draw(st.none() | licences) if licensed else None,
    )


several = st.tuples(sources("a"), sources("b"), sources("c"))


def met(sources: Sequence[Source]) -> Inheritance:
    """What binds a result of ``sources``; an example is passed over where their alternatives multiply beyond all use:
    that this is refused, and how, is a unit test's business."""
    try:
        return inherit(sources)
    except TooLarge:
        reject()


# Most policies that are made up exclude one another, and most of what is found out is about those that do not.
PATIENT: dict[str, Any] = {"deadline": None, "suppress_health_check": [HealthCheck.filter_too_much]}


@settings(max_examples=100, **PATIENT)
@given(several)
def test_the_meet_knows_no_order_and_no_repeats(three: tuple[Source, Source, Source]) -> None:
    first, second, third = (normal_form(source) for source in three)
    assert first.meet(second) == second.meet(first)
    assert first.meet(second).meet(third) == first.meet(second.meet(third))
    assert first.meet(first) == first
    assert first.meet(TOP) == first
    assert first.meet(second).meet(second) == first.meet(second)


@settings(max_examples=60, **PATIENT)
@given(several)
def test_an_input_more_never_frees_anything(three: tuple[Source, Source, Source]) -> None:
    fewer, more = met(three[:2]), met(three)
    assume(more.publishable)
    assert fewer.publishable
    offer = strictest_offer(more, target="https://x.example/r", offer_id="urn:uuid:2")
    assert admits(fewer, offer, licence=more.licence) == ()


@settings(max_examples=80, **PATIENT)
@given(several)
def test_the_offer_that_just_fits_fits(three: tuple[Source, Source, Source]) -> None:
    bound = met(three)
    offer = strictest_offer(bound, target="https://x.example/r", offer_id="urn:uuid:2")
    breaches = admits(bound, offer, licence=bound.licence)
    if bound.publishable:
        assert breaches == ()
        assert offer["permission"]
        told = bound.to_json()["sources"].values()
        assert all(origin["input"] in {source.iri for source in three} for origins in told for origin in origins)
    else:
        assert "permission" not in offer
        assert breaches
        assert {breach.input for breach in breaches} <= {source.iri for source in three}
    for language in LANGUAGES:
        assert all("{" not in line for line in bound.sentences(language))


@settings(max_examples=80, **PATIENT)
@given(st.tuples(sources("a"), sources("b")), st.data())
def test_with_anything_taken_from_it_it_is_too_open(two: tuple[Source, Source], data: st.DataObject) -> None:
    bound = met(two)
    assume(bound.publishable)
    offer = strictest_offer(bound, target="https://x.example/r", offer_id="urn:uuid:2")
    opener = copy.deepcopy(offer)
    lists = [(name, opener.get(name, [])) for name in ("prohibition", "obligation")]
    lists += [(name, rule.get(name, [])) for rule in opener["permission"] for name in ("constraint", "duty")]
    parts = [(name, members, index) for name, members in lists for index in range(len(members))]
    assume(parts)
    name, members, index = data.draw(st.sampled_from(parts))
    del members[index]
    breaches = admits(bound, opener, licence=bound.licence)
    # An obligation may say what another rule says too; every other part is needed.
    if name != "obligation" or len(offer["obligation"]) == 1:
        assert breaches
    for breach in breaches:
        assert breach.input in {source.iri for source in two}
        assert breach.rule
        assert set(breach.text) == set(breach.remedy) == set(LANGUAGES)


@settings(max_examples=150, **PATIENT)
@given(
    st.tuples(sources("a", licensed=False), sources("b", licensed=False)),
    situations,
    st.sampled_from([USE, READ, DISTRIBUTE, REPRODUCE, COMMERCIAL_USE]),
)
def test_it_lets_nobody_do_what_an_input_forbids(two: tuple[Source, Source], situation: Any, action: str) -> None:
    """The decision point agrees: whoever it lets use the result could have used each input so."""
    visited = any(rule["action"] == "odrl:execute" for source in two for rule in (source.policy or {})["permission"])
    assume(not visited)
    bound = met(two)
    assume(bound.publishable)
    offer = parse(strictest_offer(bound, target="https://x.example/r", offer_id="urn:uuid:2"))
    # What was received of an input is the part that its agreement gives.
    situation = replace(situation, facts={**ENFORCED, **situation.facts})
    granted = rank(decide(offer, situation, action=action))
    for source in two:
        assert source.policy is not None
        assert granted <= rank(decide(parse(source.policy), situation, action=action))


@settings(max_examples=250, **PATIENT)
@given(policies, policies, situations, st.sampled_from([USE, READ, DISTRIBUTE, REPRODUCE, COMMERCIAL_USE]))
def test_terms_within_limits_let_nobody_do_what_these_forbid(
    terms: dict[str, Any], limits: dict[str, Any], situation: Any, action: str
) -> None:
    """Whatever strategies for conflicts the two name: nothing is called as strict that is not."""
    for requested in (terms, {**limits, "odrl:conflict": "odrl:perm"}, {**terms, **limits}):
        try:
            more_open = beyond(requested, limits)
        except TooLarge:
            reject()
        if not more_open:
            allowed = rank(decide(parse(requested), situation, action=action))
            assert allowed <= rank(decide(parse(limits), situation, action=action))


def test_nothing_binds_what_is_made_from_nothing() -> None:
    bound = met([])
    assert bound.freedom == TOP == Freedom(permits=TOP.permits)
    assert bound.sentences("en") == ["No conditions apply to the result."]

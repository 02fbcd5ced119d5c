"""Terms against limits: within, beyond, and what both allow."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import partial
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.base.errors import InvalidInput, TooLarge
from node.identity.model import Caller
from node.policy.comparison import same_terms
from node.policy.decide import decide
from node.policy.flow.limits import MOST, MOST_VALUES, beyond, in_own_words, nearest
from node.policy.model import Situation
from node.policy.odrl import parse
from node.policy.templates import compile_conditions
from node.policy.terms import USE

IRI = "https://ghent.example/datasets/counts"
REGION = "did:web:region.example"
NOBODY = Situation(caller=Caller(), at=datetime(2028, 6, 1, tzinfo=UTC), provider="did:web:p.example", agreed=True)


def terms(conditions: Any) -> dict[str, Any]:
    offer = compile_conditions(conditions, target=IRI, offer_id="urn:offer", region=REGION).offer
    assert offer is not None
    return offer


def until(day: str, **more: Any) -> dict[str, Any]:
    return terms({"template": "members", "until": day, **more})


LIMITS = until("2027-12-31")


@pytest.mark.parametrize(
    "asked",
    [
        until("2027-12-31"),
        until("2027-06-30"),
        until("2027-06-30", sealed=True),
        terms({"template": "members-ask", "until": "2027-06-30"}),
    ],
)
def test_what_is_no_more_open_lies_within(asked: dict[str, Any]) -> None:
    assert beyond(asked, LIMITS) == ()


@pytest.mark.parametrize(
    ("asked", "parts"),
    [
        (until("2028-01-01"), ["until 31 December 2027"]),
        (terms("members"), ["until 31 December 2027"]),
        (terms("open"), ["member of", "until 31 December 2027"]),
    ],
)
def test_each_respect_in_which_it_is_more_open_is_told(asked: dict[str, Any], parts: list[str]) -> None:
    found = [breach.text["en"] for breach in beyond(asked, LIMITS, title="Counts")]
    assert len(found) == len(parts)
    for sentence, part in zip(found, parts, strict=True):
        assert part in sentence
        assert "“Counts”" in sentence


def test_what_both_allow_is_the_nearest_to_what_was_asked() -> None:
    common = nearest(until("2028-01-01"), LIMITS, target=IRI, offer_id="urn:counter")
    assert common is not None
    assert same_terms(common, LIMITS)
    assert (common["@id"], common["target"]) == ("urn:counter", IRI)


def test_there_may_be_nothing_that_both_allow() -> None:
    other = compile_conditions(
        {"template": "members", "region": REGION, "from": "2029-01-01"}, target=IRI, offer_id="urn:offer"
    ).offer
    assert other is not None
    assert nearest(other, LIMITS, target=IRI, offer_id="urn:counter") is None


DAYS = st.dates().filter(lambda day: 1000 < day.year < 9000).map(str)
ASKED = st.one_of(
    st.just("open"),
    st.builds(lambda day: {"template": "members", "until": day}, DAYS),
    st.builds(lambda day: {"template": "members-ask", "from": day}, DAYS),
    st.builds(lambda day: {"template": "mobility-partners", "until": day}, DAYS),
)


@given(ASKED, ASKED)
def test_what_both_allow_lies_within_both(asked: Any, limits: Any) -> None:
    request, most = terms(asked), terms(limits)
    common = nearest(request, most, target=IRI, offer_id="urn:counter")
    if common is not None:
        assert beyond(common, most) == ()
        assert beyond(common, request) == ()
    if beyond(request, most) == () and common is not None:
        # Asked for within the limits, it is given as it was asked: nothing is taken away.
        assert beyond(request, common) == ()


@given(ASKED)
def test_our_own_words_say_the_same(asked: Any) -> None:
    request = terms(asked)
    offer = in_own_words({**request, "x:remark": "and your house"}, target=IRI, offer_id="urn:offer")
    assert offer is not None
    assert same_terms(offer, request)
    assert "x:remark" not in offer
    assert parse(offer).sealed == parse(request).sealed


def test_terms_that_cannot_be_read_are_refused() -> None:
    with pytest.raises(InvalidInput):
        beyond({"@id": "urn:offer", "permission": [{"action": 7}]}, LIMITS)


def atom(operand: str, operator: str, *values: str) -> dict[str, Any]:
    right = list(values) if len(values) > 1 else values[0]
    return {"leftOperand": operand, "operator": operator, "rightOperand": right}


def using(*constraints: dict[str, Any]) -> dict[str, Any]:
    return {"@id": "urn:offer", "permission": [{"action": "odrl:use", "constraint": list(constraints)}]}


def purposes(constraints: int, values: int) -> list[dict[str, Any]]:
    return [
        atom("odrl:purpose", "isAnyOf", *(f"https://x.example/{one}/{value}" for value in range(values)))
        for one in range(constraints)
    ]


def either(choices: int) -> list[dict[str, Any]]:
    """Constraints that have 2^choices alternatives together."""
    return [
        {
            "or": [
                atom("odrl:purpose", "eq", f"https://x.example/p{n}"),
                atom("odrl:dateTime", "lteq", f"2027-01-0{n + 1}"),
            ]
        }
        for n in range(choices)
    ]


@pytest.mark.parametrize(
    "large",
    [
        using(*purposes(2, MOST_VALUES // 2), atom("odrl:purpose", "eq", "https://x.example/p")),
        using(atom("odrl:purpose", "isAnyOf", *map(str, range(MOST_VALUES + 1)))),
        {**using(), "obligation": [{"action": "odrl:inform", "constraint": purposes(3, MOST_VALUES // 2)}]},
        using({"or": [{"and": purposes(5, MOST_VALUES // 5)}, *purposes(1, 2)]}),
        using(*either(6), *purposes(20, 2)),
    ],
    ids=["several sets", "one set", "in a duty", "in alternatives", "alternatives"],
)
def test_terms_of_many_values_or_alternatives_are_not_compared(large: dict[str, Any]) -> None:
    """A few kilobytes would keep a node busy for minutes, while it holds a lock."""
    for compare in (beyond, partial(nearest, target=IRI, offer_id="urn:counter")):
        with pytest.raises(TooLarge):
            compare(large, LIMITS)
        with pytest.raises(TooLarge):
            compare(LIMITS, large)


def test_as_many_values_as_a_list_of_partners_has_are_compared() -> None:
    asked = using(*purposes(1, MOST_VALUES))
    assert beyond(asked, LIMITS), "there is no membership in it"
    assert not beyond(asked, asked)
    assert not beyond(using(*either(2)), using(*either(2)))


def test_alternatives_are_not_compared_with_as_many_others() -> None:
    with pytest.raises(TooLarge):
        beyond(using(*either(5)), using(*either(5)))


def test_large_policies_are_not_compared() -> None:
    """Comparing each part with each takes time, and these are a stranger's."""
    rules = [
        {
            "action": "odrl:attribute",
            "constraint": [{"leftOperand": "odrl:count", "operator": "lteq", "rightOperand": str(n)}],
        }
        for n in range(MOST)
    ]
    large = {"@id": "urn:offer", "permission": [{"action": "odrl:use"}], "obligation": rules}
    for compare in (beyond, partial(nearest, target=IRI, offer_id="urn:counter")):
        with pytest.raises(TooLarge):
            compare(large, LIMITS)


@pytest.mark.parametrize(
    ("operand", "values"),
    [
        ("odrl:purpose", ["https://w3id.org/dpv#Marketing", "https://w3id.org/dpv#ScientificResearch"]),
        ("odrl:recipient", ["did:web:a.example", "did:web:b.example"]),
        ("odrl:spatial", ["http://data.europa.eu/nuts/code/BE2", "http://data.europa.eu/nuts/code/CZ03"]),
    ],
)
def test_promises_that_exclude_each_other_put_nothing_within(operand: str, values: list[str]) -> None:
    """A decision takes both promises, so the date of the limits must bind all the same."""
    operator = "isPartOf" if operand == "odrl:spatial" else "isAnyOf"
    promises = [{"leftOperand": operand, "operator": operator, "rightOperand": [{"@id": value}]} for value in values]
    requested = {
        "@id": "urn:uuid:1",
        "@type": "Offer",
        "permission": [{"action": "odrl:use", "constraint": promises}],
    }
    assert decide(parse(requested), NOBODY, action=USE).permits
    sentences = [breach.text["en"] for breach in beyond(requested, LIMITS)]
    assert any("until 31 December 2027" in sentence for sentence in sentences)

"""The part of the data that an offer gives: written by a steward, kept in the policy, understood or refused."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from node.base.errors import InvalidInput
from node.policy import terms
from node.policy.concealment import Concealment, SmallestGroup, pseudonym
from node.policy.decide import decide
from node.policy.flow.limits import beyond
from node.policy.flow.result import Source, inherit, strictest_offer
from node.policy.odrl import parse
from node.policy.portion import ENFORCED, WHOLE, RowCondition, may_limit, portion_of
from node.policy.summary import summary
from node.policy.terms import BOX, COLUMNS, CONCEALED, ROWS
from node.policy.words import sentences
from node.texts.languages import LANGUAGES
from tests.fakes.policy import brugge, offer
from tests.unit.policy.test_decide import situation

PART: dict[str, Any] = {
    "conceal": {"kind of place": "pseudonym", "day": "time hour", "n": "bins 0.5", "who": "suppress"},
    "group": {"size": 5, "columns": ["day", "hz:odd"]},
    "columns": ["id", "kind of place", "hz:odd"],
    "rows": [{"column": "kind of place", "operator": "neq", "value": "a b 'c' OR 1=1"}, {"column": "n", "value": 5}],
    "box": [3.6, 51, 3.8, 51.125],
    "period": {"column": "day", "from": date(2026, 1, 1), "until": "2026-06-30"},
}


def narrowed(**part: Any) -> dict[str, Any]:
    return offer({"template": "open", "part": part})


def test_what_the_steward_writes_is_what_the_policy_gives() -> None:
    portion = portion_of(parse(narrowed(**PART)))
    assert portion.columns == ("id", "kind of place", "hz:odd")
    assert portion.rows == (
        RowCondition("kind of place", "neq", "a b 'c' OR 1=1"),
        RowCondition("n", "eq", "5"),
        RowCondition("day", "gteq", "2026-01-01"),
        RowCondition("day", "lt", "2026-07-01"),
    )
    assert portion.boxes == ((3.6, 51.0, 3.8, 51.125),)
    assert portion.forms == (
        Concealment("kind of place", "pseudonym"),
        Concealment("day", "time", "hour"),
        Concealment("n", "bins", "0.5"),
        Concealment("who", "suppress"),
    )
    assert portion.group == SmallestGroup(5, ("day", "hz:odd"))
    forms = {"pseudonym", "time", "bins", "suppress", "group"}
    assert portion.kinds == {"columns", "boxes", "neq", "eq", "gteq", "lt", *forms}
    assert portion_of(parse(offer("open"))) == WHOLE
    assert WHOLE.is_whole
    assert not portion.is_whole


@pytest.mark.parametrize("piece", PART)
def test_an_offer_of_a_part_is_told_from_others_without_being_read(piece: str) -> None:
    limited = narrowed(**{piece: PART[piece]})
    written_out = {"odrl:permission": [{"odrl:constraint": {"odrl:leftOperand": {"@id": BOX}}}]}
    assert not portion_of(parse(limited)).is_whole
    assert may_limit(limited)
    assert may_limit(written_out)
    assert not may_limit(offer("open"))
    assert not may_limit(offer("members"))


def test_it_is_written_beside_any_conditions() -> None:
    assert portion_of(parse(offer({"members": {}, "part": {"columns": "id"}}))).columns == ("id",)
    own = {"permission": [{"action": "use"}, {"action": "odrl:read"}], "part": {"columns": ["id"]}}
    assert [len(rule["constraint"]) for rule in offer(own)["permission"]] == [1, 1]


@pytest.mark.parametrize(
    "part",
    [
        {},
        "id",
        {"colums": ["id"]},
        {"columns": []},
        {"columns": ["a\nb"]},
        {"columns": [" id"]},
        {"columns": [{"a": 1}]},
        {"columns": ["x"] * 51},
        {"rows": [{"column": "a"}]},
        {"conceal": {"a": "hash"}},
        {"conceal": {"a": "time fortnight"}},
        {"conceal": {"a": "bins"}},
        {"conceal": {"a": "bins -1"}},
        {"conceal": {"a": "pseudonym 1"}},
        {"conceal": ["a"]},
        {"group": {"size": 1, "columns": ["a"]}},
        {"group": {"size": 5}},
        {"rows": [{"column": "a", "operator": "like", "value": "%"}]},
        {"rows": [{"column": "a", "value": ""}]},
        {"rows": [{"column": "a", "value": "x" * 201}]},
        {"rows": [{"column": "a", "value": "a\x00b"}]},
        {"rows": ["a = b"]},
        {"box": [1, 2, 3]},
        {"box": [3.8, 51, 3.6, 51.1]},
        {"box": [0, 0, 1, "inf"]},
        {"box": "everywhere"},
        {"period": {"column": "day"}},
        {"period": {"from": "2026-01-01"}},
        {"period": {"column": "day", "from": "yesterday"}},
        {"columns": None},
    ],
)
def test_a_part_that_cannot_be_read_is_refused_with_an_example(part: Any) -> None:
    with pytest.raises(InvalidInput) as caught:
        offer({"template": "open", "part": part})
    assert "columns: [id, kind]" in caught.value.remedy
    assert caught.value.facts["field"] == "conditions"


def test_a_part_of_what_nobody_may_use_is_refused() -> None:
    with pytest.raises(InvalidInput, match="permit nobody"):
        offer({"template": "internal", "part": {"columns": ["id"]}})


def test_of_several_permissions_no_reading_gives_more() -> None:
    policy = narrowed(columns=["a", "b", "c"])
    wider = {"leftOperand": COLUMNS, "operator": "isAnyOf", "rightOperand": ["b", "d"]}
    policy["permission"].append({"action": "use", "constraint": [{"or": [wider]}]})
    assert portion_of(parse(policy)).columns == ("b",)


@pytest.mark.parametrize(
    ("operand", "operator", "value"),
    [
        (COLUMNS, "isNoneOf", ["secret"]),
        (COLUMNS, "isAnyOf", ["not%2"]),
        (ROWS, "isAllOf", ["kind like x"]),
        (ROWS, "isAnyOf", ["kind eq x"]),
        (BOX, "eq", "1,2,3"),
        (BOX, "neq", "3.6,51,3.8,51.1"),
    ],
)
def test_a_part_that_is_not_understood_gives_nothing(operand: str, operator: str, value: Any) -> None:
    constraint = {"leftOperand": operand, "operator": operator, "rightOperand": value}
    policy = parse(offer({"permission": [{"action": "use", "constraint": [constraint]}]}))
    facts = replace(situation(brugge()), agreed=True, facts=dict(ENFORCED))
    assert decide(policy, facts).refuses


def test_under_the_agreement_only_a_read_of_the_part_is_allowed() -> None:
    policy = parse(narrowed(**PART))
    asking = situation(brugge())
    assert decide(policy, asking).permits
    agreed = replace(asking, agreed=True)
    refusal = decide(policy, agreed)
    assert {reason.operand for reason in refusal.unmet} == set(terms.PART)
    assert "hansa live" in refusal.unmet[0].remedy["en"]
    assert decide(policy, replace(agreed, facts=dict(ENFORCED))).permits


def test_it_is_said_in_words_in_each_language() -> None:
    policy = parse(narrowed(**PART))
    lines = sentences(policy, "en")
    assert "Only the columns “id”, “kind of place” and “hz:odd”." in lines
    assert any("“n = 5”" in line and "“day ≥ 2026-01-01”" in line and "“day < 2026-07-01”" in line for line in lines)
    assert "Only what touches the box 3.6 / 51 / 3.8 / 51.125 (west, south, east, north)." in lines
    assert "the columns “id”" in summary(policy, "en")
    for language in LANGUAGES:
        assert len(sentences(policy, language)) == 6
        assert all("{" not in line for line in sentences(policy, language))


def test_terms_within_limits_give_no_more() -> None:
    limits = narrowed(columns=["a", "b"], rows=[{"column": "k", "value": "x"}], box=[0, 0, 2, 2])
    inside = narrowed(
        columns=["a"], rows=[{"column": "k", "value": "x"}, {"column": "n", "value": "1"}], box=[0, 0, 1, 1]
    )
    assert beyond(inside, limits) == ()
    assert beyond(limits, limits) == ()
    for wider in (
        narrowed(columns=["a", "c"], rows=[{"column": "k", "value": "x"}], box=[0, 0, 1, 1]),
        narrowed(columns=["a"], rows=[{"column": "k", "value": "y"}], box=[0, 0, 1, 1]),
        narrowed(columns=["a"], rows=[{"column": "k", "value": "x"}], box=[0, 0, 3, 1]),
        narrowed(columns=["a"], box=[0, 0, 1, 1]),
        offer("open"),
    ):
        assert beyond(wider, limits), wider


def test_the_part_of_an_input_is_no_condition_of_a_result() -> None:
    source = Source(iri="https://x.example/a", title="a", policy=narrowed(columns=["id"]), licence="CC-BY-4.0")
    bound = inherit([source])
    assert bound.publishable
    made = strictest_offer(bound, target="https://x.example/r", offer_id="urn:uuid:2")
    assert COLUMNS not in str(made)


def test_forms_of_columns_are_said_in_every_language() -> None:
    policy = parse(narrowed(conceal=PART["conceal"], group=PART["group"]))
    texts = {language: " ".join(sentences(policy, language)) for language in LANGUAGES}
    assert (
        "Only in this form: “kind of place” as pseudonyms, “day” in steps of 1 hour, “n” in steps of 0.5 and “who” "
        "left empty. Only rows of groups of at least 5 rows that are equal in “day” and “hz:odd”." in texts["en"]
    )
    assert len(set(texts.values())) == len(LANGUAGES)
    for text in texts.values():
        assert "hour" not in text or text is texts["en"]
        assert "hz:concealed" not in text


def test_terms_may_conceal_more_than_limits_ask_and_not_less() -> None:
    limits = narrowed(conceal={"plate": "pseudonym"}, group={"size": 5, "columns": ["kind"]})
    stricter = narrowed(
        conceal={"plate": "pseudonym", "day": "time hour"}, group={"size": 6, "columns": ["kind", "day"]}
    )
    assert beyond(stricter, limits) == ()
    for part in (
        {"conceal": {"plate": "bins 10"}, "group": {"size": 5, "columns": ["kind"]}},
        {"conceal": {"plate": "pseudonym"}, "group": {"size": 4, "columns": ["kind"]}},
        {"conceal": {"plate": "pseudonym"}, "group": {"size": 9, "columns": ["day"]}},
        {"conceal": {"plate": "pseudonym"}},
        {"group": {"size": 5, "columns": ["kind"]}},
    ):
        assert beyond(narrowed(**part), limits) != (), part


def test_two_forms_of_a_column_leave_none_of_its_values() -> None:
    own = {
        "permission": [
            {
                "action": action,
                "constraint": [{"leftOperand": CONCEALED, "operator": "isAllOf", "rightOperand": [form]}],
            }
            for action, form in (("use", "day time hour"), ("odrl:read", "day time day"))
        ]
    }
    assert portion_of(parse(offer(own))).forms == (Concealment("day", "suppress"),)


def test_a_form_of_a_value_tells_no_more_than_it_says() -> None:
    key = bytes(range(32))
    assert Concealment("a", "pseudonym").apply(7, key) == pseudonym("7", key) != pseudonym("7", key[::-1])
    assert [Concealment("a", "bins", "10").apply(value, key) for value in (19, -1, 7.5, "7", True, None)] == [
        10,
        -10,
        0.0,
        None,
        None,
        None,
    ]
    assert Concealment("a", "grid", "0.01").apply(3.72519, key) == 3.73
    assert Concealment("a", "suppress").apply("x", key) is None

"""Policies as rows of a form: what a row shows means the same when it is written back, and the rest stays."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.base.errors import InvalidInput
from node.policy.editor.fields import form_of_fields
from node.policy.editor.outlines import template_form
from node.policy.editor.paths import field_paths, gaps, nearest_path
from node.policy.editor.reader import policy_form, read_policy
from node.policy.editor.rows import MOST_ROWS, ConstraintRow, Exact, Group, PolicyForm, Row, RuleForm
from node.policy.editor.writing import policy_json, policy_text
from node.policy.odrl import SEALED, normal
from node.policy.templates import templates

REGION = "did:web:region.example"
DAY = {"leftOperand": "odrl:dateTime", "operator": "lteq", "rightOperand": {"@value": "2027-12-31T23:59:59Z"}}
MEMBER = {"leftOperand": "hz:membership", "operator": "eq", "rightOperand": REGION}


def rule(*constraints: Any, **members: Any) -> dict[str, Any]:
    return {"action": "odrl:use", **members, "constraint": list(constraints)}


def same(operand: str, text: str) -> str:
    del operand
    return text


def fields_of(form: PolicyForm) -> dict[str, str]:
    """The fields that a page with this form sends."""
    fields = {"conflict": form.conflict, "rest": form.rest, "sealed": "yes" if form.sealed else ""}
    for place, each in enumerate(form.rules):
        fields |= {f"r.{place}.section": each.section, **rule_fields(each, f"r.{place}")}
    return fields


def rule_fields(form: RuleForm, path: str) -> dict[str, str]:
    if form.exact:
        return {f"{path}.exact": form.exact}
    fields = {f"{path}.action": form.action, f"{path}.party": form.party, f"{path}.rest": form.rest}
    for number, row in enumerate(form.rows):
        fields |= row_fields(row, f"{path}.c.{number}")
    for number, duty in enumerate(form.duties):
        fields |= rule_fields(duty, f"{path}.d.{number}")
    return fields


def row_fields(row: Row, path: str) -> dict[str, str]:
    if isinstance(row, Exact):
        return {f"{path}.exact": row.text}
    if isinstance(row, Group):
        inner = [row_fields(each, f"{path}.c.{number}") for number, each in enumerate(row.rows)]
        return {f"{path}.group": row.operator, **{name: text for part in inner for name, text in part.items()}}
    fields = {f"{path}.operand": row.operand, f"{path}.before": row.operand, f"{path}.operator": row.operator}
    return {
        **fields,
        f"{path}.unit": row.unit,
        **{f"{path}.v.{number}": value for number, value in enumerate(row.values)},
    }


def test_every_template_is_the_same_policy_after_the_form() -> None:
    for template in templates():
        answers = {"until": "2027-12-31", "models": ["https://data.example/models/noise"]}
        form = template_form(template, answers, REGION)
        assert form_of_fields(fields_of(form), same) == form, template.id
        assert not any(isinstance(row, Exact) for each in form.rules for row in each.rows), template.id
        assert policy_form(json.loads(policy_text(form))) == form, template.id


def test_a_template_with_blanks_has_them_as_blanks() -> None:
    (partners,) = (template for template in templates() if template.id == "mobility-partners")
    form = template_form(partners, {"until": "soon"}, None)
    assert form.sealed
    assert form.rules[0].rows[2] == ConstraintRow(operand="odrl:dateTime", operator="lteq")
    assert gaps(form) == ["r.0.c.2"]


@pytest.mark.parametrize(
    "policy",
    [
        {"permission": [rule({"xone": [MEMBER, {"and": [DAY, MEMBER]}]}, DAY)]},
        {"permission": [{**rule(MEMBER), "duty": [{"action": "odrl:compensate", "constraint": [DAY]}]}]},
        {"odrl:permission": {"odrl:action": {"@id": "odrl:use"}}},
        {"permission": [rule({"leftOperand": "ex:mood", "operator": "eq", "rightOperand": "good"})]},
        {"permission": [rule({"leftOperand": "odrl:count", "operator": "hasPart", "rightOperand": "10"})]},
        {"permission": [rule({"leftOperand": "odrl:dateTime", "operator": "lteq", "rightOperand": "soon"})]},
        {"prohibition": [{"action": "odrl:copy", "remedy": [{"action": "odrl:delete"}]}]},
        {"obligation": [{"action": "odrl:inform", "odrl:informedParty": "did:web:a.example"}]},
        {"obligation": [{"action": "odrl:inform", "odrl:trackingParty": "did:web:a.example"}]},
        {"permission": [rule()], "odrl:conflict": {"@id": "odrl:perm"}, SEALED: True},
        {"permission": [rule({"leftOperand": "odrl:elapsedTime", "operator": "lteq", "rightOperand": "P1Y6M"})]},
        {"permission": [rule({"leftOperand": "odrl:elapsedTime", "operator": "lteq", "rightOperand": "PT90M"})]},
        {"permission": [rule({"leftOperand": "odrl:payAmount", "operator": "eq", "rightOperand": "5", "unit": "X"})]},
    ],
)
def test_a_policy_means_the_same_after_the_form(policy: dict[str, Any]) -> None:
    form = policy_form(policy)
    assert not any(each.exact for each in form.rules)
    again = form_of_fields(fields_of(form), same)
    assert normal(policy_json(again)) == normal(policy)
    assert policy_json(policy_form(policy_json(again))) == policy_json(again)


def test_what_no_row_can_show_stays_exactly_as_it_is() -> None:
    odd = {"leftOperand": "odrl:dateTime", "operator": "lteq", "rightOperand": {"@value": "x", "@language": "de"}}
    deep: Any = MEMBER
    for _ in range(6):
        deep = {"or": [deep]}
    kinds = {"@type": "odrl:Constraint", **MEMBER}
    refined = {"action": {"rdf:value": "odrl:print"}, "constraint": [DAY]}
    policy = {
        "@context": {"ex": "https://x.example/"},
        "uid": "urn:x",
        "ex:note": [1, {"a": None}],
        "permission": [rule(kinds, deep, odd, **{"dct:title": "Größe <b>"}), refined, "nonsense"],
        "unknown": True,
    }
    form = policy_form(policy)
    again = policy_json(form_of_fields(fields_of(form), same))
    assert again["permission"] == policy["permission"], "a list that is no list of rules stays whole"

    fields = fields_of(form) | {"r.0.section": "permission", "r.0.action": "odrl:use"}
    assert policy_json(form_of_fields(fields, same))["permission"] == [*policy["permission"], {"action": "odrl:use"}]  # type: ignore[misc]

    policy["permission"] = policy["permission"][:2]  # type: ignore[index]
    form = policy_form(policy)
    assert form.rules[1].exact
    again = policy_json(form_of_fields(fields_of(form), same))
    assert again["permission"][1] == refined
    first = again["permission"][0]
    assert (first["constraint"][0], first["dct:title"]) == (kinds, "Größe <b>")
    assert {name: again[name] for name in ("@context", "uid", "ex:note", "unknown")} == {
        name: policy[name] for name in ("@context", "uid", "ex:note", "unknown")
    }
    inner = first["constraint"][1]
    for _ in range(6):
        (inner,) = inner["or"]
    assert inner == MEMBER


def test_a_section_in_two_spellings_stays_an_error() -> None:
    policy = {"permission": [{"action": "odrl:use"}], "odrl:permission": [{"action": "odrl:read"}]}
    assert policy_json(form_of_fields(fields_of(policy_form(policy)), same)) == policy


def test_a_policy_with_too_many_rows_is_for_the_text() -> None:
    policy = {"permission": [rule(*[MEMBER] * (MOST_ROWS + 1))]}
    form = policy_form(policy)
    assert policy_json(form)["permission"] == policy["permission"]
    assert form.rules[0].exact
    with pytest.raises(InvalidInput, match="more than 150 rows"):
        form_of_fields({f"r.{place}.section": "permission" for place in range(MOST_ROWS + 1)}, same)


def test_buttons_add_and_remove() -> None:
    fields = fields_of(policy_form({"permission": [rule(MEMBER)]}))
    form = form_of_fields(fields, same, "add.r.0.c")
    assert form.rules[0].rows[1] == ConstraintRow()
    form = form_of_fields(fields_of(form), same, "add.r.0.g")
    group = form.rules[0].rows[2]
    assert isinstance(group, Group)
    assert group == Group(operator="or", rows=(ConstraintRow(), ConstraintRow()))
    form = form_of_fields(fields_of(form), same, "remove.r.0.c.2.c.0")
    form = form_of_fields(fields_of(form), same, "add.r.0.d")
    form = form_of_fields(fields_of(form), same, "add.prohibition")
    form = form_of_fields(fields_of(form), same, "add.obligation")
    assert [each.section for each in form.rules] == ["permission", "prohibition", "obligation"]
    assert form.rules[0].duties == (RuleForm(section="duty"),)
    assert gaps(form) == ["r.0.c.1", "r.0.c.2.c.0", "r.0.d.0", "r.2"]
    # What is not there, or no place for this, changes nothing.
    for button in (
        "add.r.7.c",
        "add.r.1.d",
        "add.x",
        "remove.r.9",
        "remove.r",
        "remove.",
        "add.",
        "add.r.0.c.0.v",
        "x",
    ):
        assert form_of_fields(fields_of(form), same, button) == form, button
    assert form_of_fields(fields_of(form), same, "remove.r.0").rules == form.rules[1:]


def test_another_operand_gets_a_comparison_that_fits() -> None:
    fields = fields_of(policy_form({"permission": [rule(DAY)]}))
    (row,) = form_of_fields({**fields, "r.0.c.0.operand": "odrl:count"}, same).rules[0].rows
    assert isinstance(row, ConstraintRow)
    assert (row.operator, row.values) == ("lteq", ("2027-12-31",))
    (row,) = form_of_fields({**fields, "r.0.c.0.operand": "odrl:purpose"}, same).rules[0].rows
    assert isinstance(row, ConstraintRow)
    assert row.operator == "eq"
    # A forged comparison stays, so that the page can say that it does not fit.
    (row,) = form_of_fields({**fields, "r.0.c.0.operator": "isA"}, same).rules[0].rows
    assert isinstance(row, ConstraintRow)
    assert row.operator == "isA"


def test_a_day_is_a_whole_day() -> None:
    for operator, text in (
        ("lteq", "2027-12-31T23:59:59Z"),
        ("gt", "2027-12-31T23:59:59Z"),
        ("gteq", "2027-12-31T00:00:00Z"),
        ("lt", "2027-12-31T00:00:00Z"),
    ):
        fields = {
            "r.0.section": "permission",
            "r.0.action": "odrl:use",
            "r.0.c.0.operand": "odrl:dateTime",
            "r.0.c.0.before": "odrl:dateTime",
            "r.0.c.0.operator": operator,
            "r.0.c.0.v.0": "2027-12-31",
        }
        policy = policy_json(form_of_fields(fields, same))
        value = policy["permission"][0]["constraint"][0]["rightOperand"]
        assert value == {"@value": text, "@type": "xsd:dateTime"}
        assert policy_form(policy).rules[0].rows[0].values == ("2027-12-31",)  # type: ignore[union-attr]


def test_places_of_findings_are_places_of_the_form() -> None:
    policy = {"prohibition": [{"action": "odrl:copy"}], "permission": [rule(MEMBER, {"or": [MEMBER, DAY]})]}
    paths = field_paths(policy_form(policy))
    assert paths["permission[0].constraint[1].or[1]"] == "r.1.c.1.c.1"
    assert paths["prohibition[0]"] == "r.0"
    assert nearest_path(paths, "permission[0].constraint") == "r.1"
    assert nearest_path(paths, "conflict") == ""
    empty = PolicyForm(rules=(RuleForm(section="permission", rows=(ConstraintRow(), ConstraintRow(operand="x"))),))
    assert field_paths(empty)["permission[0].constraint[0]"] == "r.0.c.1", "an empty row is not in the policy"


@pytest.mark.parametrize("text", ["[]", "{", '{"a": NaN}', '{"a": 1, "a": 2}', "[" * 100, " " * 70_000, "1"])
def test_texts_that_are_no_policy(text: str) -> None:
    with pytest.raises(InvalidInput, match="policy"):
        read_policy(text)


@pytest.mark.parametrize(
    "fields",
    [
        {"rest": "[1]"},
        {"rest": "{"},
        {"r.0.section": "permission", "r.0.exact": "7"},
        {"r.0.section": "permission", "r.0.c.0.exact": "[" * 200},
        {"r.0.section": "permission", "r.0.c.0.v.0": "x" * 3000},
    ],
)
def test_forged_fields_are_refused(fields: dict[str, str]) -> None:
    with pytest.raises(InvalidInput):
        form_of_fields(fields, same)


@given(
    st.dictionaries(
        st.text("r.0cdgv1x", max_size=12).map("r.{}".format)
        | st.sampled_from(["r.0.section", "r.0.c.0.operand", "r.0.c.0.c", "r.0", "r.0.c", "r.0.c.0.v", "conflict"]),
        st.sampled_from(["permission", "odrl:use", "or", "", "odrl:dateTime", "x", "2027-01-01"]),
        max_size=12,
    ),
    st.text("adremov.rc0gd1", max_size=14),
)
def test_no_fields_break_the_form(fields: dict[str, str], button: str) -> None:
    form = form_of_fields(fields, same, button)
    json.loads(policy_text(form))


def by_section(form: PolicyForm) -> PolicyForm:
    return replace(form, rules=tuple(sorted(form.rules, key=lambda each: each.section)))


json_values: Any = st.recursive(
    st.none() | st.booleans() | st.text(max_size=6) | st.sampled_from([MEMBER, DAY]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["permission", "action", "constraint", "duty", "or", "leftOperand", "@id", "x", "odrl:conflict"]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@given(
    st.dictionaries(
        st.sampled_from(["permission", "prohibition", "obligation", "conflict", "x", SEALED]), json_values
    )
)
def test_any_object_comes_back_from_the_form(policy: dict[str, Any]) -> None:
    form = policy_form(policy)
    again = form_of_fields(fields_of(form), same)
    assert by_section(policy_form(policy_json(again))) == by_section(form)
    try:
        meaning = normal(policy)
    except InvalidInput:
        return
    assert normal(policy_json(again)) == meaning

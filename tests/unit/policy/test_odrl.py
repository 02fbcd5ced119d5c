"""Reading DSP policies: every legal spelling, and no silent slip."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest

from node.base.errors import InvalidInput
from node.policy.comparison import same_terms
from node.policy.odrl import MAX_LEAVES, normal, parse
from node.policy.rules import Constraint, Logical, Rule, Value, leaves
from node.policy.terms import COMMERCIAL_USE, CREDENTIAL, DATE_TIME, MODIFY, USE
from tests.artefacts import data
from tests.fakes.policy import D1, P3, P4, offer

ODRL = "http://www.w3.org/ns/odrl/2/"
BARE = {
    "@id": "urn:uuid:1",
    "@type": "Offer",
    "permission": [
        {
            "action": "use",
            "constraint": [{"leftOperand": "dateTime", "operator": "lteq", "rightOperand": "2027-12-31T06:00Z"}],
        }
    ],
}
PREFIXED = {
    "@context": ["https://w3id.org/dspace/2025/1/context.jsonld"],
    "@id": "urn:uuid:2",
    "@type": "odrl:Offer",
    "target": D1,
    "odrl:permission": {
        "@type": "Permission",
        "odrl:action": {"@id": "odrl:use"},
        "odrl:constraint": {
            "@type": "Constraint",
            "odrl:leftOperand": {"@id": "odrl:dateTime"},
            "odrl:operator": {"@id": "odrl:lteq"},
            "odrl:rightOperand": {"@value": "2027-12-31T07:00+01:00", "@type": "xsd:dateTime"},
        },
    },
    "odrl:prohibition": [],
    "odrl:obligation": [],
}
EXPANDED = {
    "@id": "urn:uuid:3",
    "@type": [ODRL + "Offer"],
    ODRL + "permission": [
        {
            ODRL + "action": [{"@id": ODRL + "use"}],
            ODRL + "constraint": {
                "@list": [
                    {
                        ODRL + "leftOperand": [{"@id": ODRL + "dateTime"}],
                        ODRL + "operator": [{"@id": ODRL + "lteq"}],
                        ODRL + "rightOperand": [{"@value": "2027-12-31T06:00:00Z"}],
                    }
                ]
            },
        }
    ],
}


@pytest.mark.parametrize("document", [BARE, PREFIXED, EXPANDED])
def test_three_spellings_of_one_policy(document: dict[str, Any]) -> None:
    policy = parse(document)
    (rule,) = policy.permissions
    assert rule.action == USE
    (constraint,) = rule.constraints
    assert isinstance(constraint, Constraint)
    assert (constraint.left_operand, constraint.operator) == (DATE_TIME, "lteq")
    assert same_terms(document, BARE)


def test_an_agreement_keeps_its_parties() -> None:
    document = {
        **BARE,
        "@type": "Agreement",
        "target": D1,
        "assigner": "did:web:a",
        "assignee": "did:web:b",
        "timestamp": "2026-11-20T12:00:00Z",
        "https://w3id.org/hansa/ns#terms": {"sealed": True},
    }
    policy = parse(document)
    assert (policy.type, policy.target, policy.assigner, policy.assignee) == (
        "Agreement",
        D1,
        "did:web:a",
        "did:web:b",
    )
    assert same_terms(document, BARE)


def test_the_official_examples_are_read() -> None:
    for name in ("contract-agreement-message-full", "contract-agreement-message"):
        agreement = json.loads(data(f"dsp/negotiation/example/{name}.json").read_text())["agreement"]
        assert parse(agreement).permissions
    for name in ("contract-offer-message", "contract-request-message"):
        message = json.loads(data(f"dsp/negotiation/example/{name}.json").read_text())
        assert parse(message["offer"]).permissions
    dataset = json.loads(data("dsp/catalog/example/dataset.json").read_text())
    assert all(parse(item).permissions for item in dataset["hasPolicy"])


def test_values_keep_what_they_are() -> None:
    document = copy.deepcopy(BARE)
    document["permission"][0]["constraint"] = [
        {
            "leftOperand": "hz:credential",
            "operator": "isAnyOf",
            "rightOperand": [
                "A",
                {"@id": "hz:B"},
                {"@value": 10, "@type": "xsd:integer"},
                {"@value": "x", "@language": "NL"},
            ],
        },
        {"leftOperand": "odrl:payAmount", "operator": "eq", "rightOperand": "5", "unit": "https://x.example/EUR"},
    ]
    first, second = parse(document).permissions[0].constraints
    assert isinstance(first, Constraint)
    assert isinstance(second, Constraint)
    assert first.left_operand == CREDENTIAL
    assert first.right_operand == (
        Value("A"),
        Value("hz:B", iri=True),
        Value("10", datatype="http://www.w3.org/2001/XMLSchema#integer"),
        Value("x", language="nl"),
    )
    assert second.unit == "https://x.example/EUR"


def test_deprecated_terms_become_their_heirs() -> None:
    for name, heir in (
        ("odrl:write", MODIFY),
        ("cc:CommericalUse", COMMERCIAL_USE),
        ("commercialize", COMMERCIAL_USE),
    ):
        assert parse({"@id": "urn:x", "permission": [{"action": name}]}).permissions[0].action == heir


def test_leaves_have_the_paths_of_the_document() -> None:
    document = {
        "@id": "urn:x",
        "permission": [
            {
                "action": "use",
                "constraint": [
                    {"or": [{"leftOperand": "a:b", "operator": "eq", "rightOperand": "1"}, {"and": [_atom("c:d")]}]}
                ],
                "duty": [{"action": "odrl:compensate", "constraint": [_atom("e:f")]}],
            }
        ],
        "obligation": [{"action": "odrl:delete", "consequence": [{"action": "odrl:compensate"}]}],
    }
    assert [leaf.path for leaf in leaves(parse(document))] == [
        "permission[0]",
        "permission[0].constraint[0].or[0]",
        "permission[0].constraint[0].or[1].and[0]",
        "permission[0].duty[0]",
        "permission[0].duty[0].constraint[0]",
        "obligation[0]",
        "obligation[0].consequence[0]",
    ]
    (condition,) = parse(document).permissions[0].constraints
    assert isinstance(condition, Logical)
    assert condition.operator == "or"


def _atom(left: str = "odrl:purpose") -> dict[str, Any]:
    return {"leftOperand": left, "operator": "eq", "rightOperand": "x"}


def _with(**members: Any) -> dict[str, Any]:
    return {"@id": "urn:x", "@type": "Offer", "permission": [{"action": "use", **members}]}


@pytest.mark.parametrize(
    ("document", "path"),
    [
        ([], "policy"),
        ("use", "policy"),
        ({"@type": "Ticket", "permission": []}, "@type"),
        ({"permissions": [{"action": "use"}]}, "permissions"),
        ({"odrl:inheritFrom": "urn:y", "permission": []}, "odrl:inheritFrom"),
        ({"permission": [{"action": "use"}], "odrl:permission": []}, "odrl:permission"),
        ({"permission": ["use"]}, "permission[0]"),
        ({"permission": [{}]}, "permission[0]"),
        ({"permission": [{"action": {"rdf:value": {"@id": "odrl:use"}}}]}, "permission[0].action"),
        ({"permission": [{"action": ["use", "read"]}]}, "permission[0].action"),
        ({"permission": [{"action": ""}]}, "permission[0].action"),
        ({"permission": [{"action": 7}]}, "permission[0].action"),
        (_with(constraints=[]), "permission[0].constraints"),
        (_with(refinement=[]), "permission[0].refinement"),
        (_with(constraint=[{}]), "permission[0].constraint[0]"),
        (_with(constraint=[{"leftOperand": "a:b", "operator": "eq"}]), "permission[0].constraint[0]"),
        (_with(constraint=[{**_atom(), "rightOperand": 10}]), "permission[0].constraint[0].rightOperand"),
        (_with(constraint=[{**_atom(), "rightOperand": True}]), "permission[0].constraint[0].rightOperand"),
        (_with(constraint=[{**_atom(), "rightOperand": {"a": 1}}]), "permission[0].constraint[0].rightOperand"),
        (
            _with(constraint=[{**_atom(), "rightOperandReference": "x"}]),
            "permission[0].constraint[0].rightOperandReference",
        ),
        (_with(constraint=[{"and": [_atom()], "or": [_atom()]}]), "permission[0].constraint[0]"),
        (_with(constraint=[{"and": [_atom()], **_atom()}]), "permission[0].constraint[0]"),
        (_with(constraint=[{"and": []}]), "permission[0].constraint[0].and"),
        (_with(constraint=[{"or": [_atom(), {"xone": ["x"]}]}]), "permission[0].constraint[0].or[1].xone[0]"),
        (_with(duty=[{"action": "odrl:delete", "when": "now"}]), "permission[0].duty[0].when"),
        ({**_with(target="https://other.example/x"), "target": D1}, "permission[0].target"),
        ({**_with(), "conflict": "odrl:random"}, "conflict"),
        ({**_with(), "assignee": {"name": "x"}}, "assignee"),
    ],
)
def test_unknown_shapes_are_refused_by_their_path(document: Any, path: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        parse(document)
    assert caught.value.facts["path"] == path
    assert caught.value.remedy
    assert path in caught.value.detail


def test_depth_and_size_are_bounded() -> None:
    nested: dict[str, Any] = _atom()
    for _ in range(40):
        nested = {"and": [nested]}
    with pytest.raises(InvalidInput, match="deeper"):
        parse(_with(constraint=[nested]))
    duties: dict[str, Any] = {"action": "odrl:delete"}
    for _ in range(40):
        duties = {"action": "odrl:delete", "consequence": [duties]}
    with pytest.raises(InvalidInput, match="deeper"):
        parse({"@id": "urn:x", "obligation": [duties]})
    with pytest.raises(InvalidInput, match="more than"):
        parse(_with(constraint=[_atom()] * MAX_LEAVES))


def test_a_rule_may_repeat_what_its_policy_says() -> None:
    document = {**_with(target=D1, assigner="did:web:a", assignee="did:web:b"), "target": D1}
    policy = parse(document)
    assert (policy.target, policy.assignee) == (D1, "did:web:b") or policy.target == D1


def test_parties_of_duties_are_kept() -> None:
    document = _with(duty=[{"action": "odrl:obtainConsent", "consentingParty": "did:web:p"}])
    (duty,) = parse(document).permissions[0].duties
    assert isinstance(duty, Rule)
    assert duty.parties == ((ODRL + "consentingParty", "did:web:p"),)


class TestSameTerms:
    def test_ids_parties_and_the_default_strategy_do_not_count(self) -> None:
        mine = offer(P3)
        theirs = {name: value for name, value in mine.items() if name not in {"odrl:conflict", "target"}}
        assert same_terms(mine, {**theirs, "@id": "urn:other", "assigner": "did:web:p", "timestamp": "x"})

    def test_what_cannot_be_read_equals_nothing_whatever_was_read_before(self) -> None:
        assert same_terms(offer(P3), offer(P3))
        for broken in ({"@id": 5}, {"timestamp": object()}, {"permission": "all"}):
            document = {**offer(P3), **broken}
            assert same_terms(document, offer(P3)) is ("timestamp" in broken)
            assert same_terms(document, document) is ("timestamp" in broken)

    @pytest.mark.parametrize(
        "change",
        [
            lambda o: o["permission"][0].update(action="odrl:read"),
            lambda o: o["permission"][0]["constraint"].pop(),
            lambda o: o["permission"][0]["constraint"][0].update(operator="eq"),
            lambda o: o["permission"][0]["constraint"][1]["rightOperand"].append("dpv:Marketing"),
            lambda o: o["permission"][0]["constraint"][2].update(rightOperand="2028-12-31T23:59:59Z"),
            lambda o: o["permission"].append({"action": "odrl:use"}),
            lambda o: o.pop("prohibition"),
            lambda o: o["obligation"].pop(),
            lambda o: o["obligation"][0]["constraint"][0].update(rightOperand="P31D"),
            lambda o: o.update(profile="https://example.org/other"),
            lambda o: o.update({"odrl:conflict": {"@id": "odrl:perm"}}),
            lambda o: o.update({"odrl:inheritFrom": "urn:y"}),
        ],
    )
    def test_every_term_counts(self, change: Any) -> None:
        mine, theirs = offer(P3), offer(P3)
        change(theirs)
        assert not same_terms(mine, theirs)

    def test_a_dropped_precondition_is_noticed(self) -> None:
        theirs = offer(P4)
        del theirs["permission"][0]["duty"]
        assert not same_terms(offer(P4), theirs)

    def test_equal_values_in_other_spelling(self) -> None:
        mine = _with(constraint=[{"leftOperand": "hz:minimumCellSize", "operator": "gteq", "rightOperand": "10"}])
        theirs = _with(
            constraint=[
                {
                    "leftOperand": "https://w3id.org/hansa/policy#minimumCellSize",
                    "operator": "odrl:gteq",
                    "rightOperand": {"@value": 10, "@type": "http://www.w3.org/2001/XMLSchema#integer"},
                }
            ]
        )
        assert same_terms(mine, theirs)

    def test_order_counts_in_a_sequence_only(self) -> None:
        first, second = _atom("a:b"), _atom("c:d")
        assert same_terms(_with(constraint=[{"or": [first, second]}]), _with(constraint=[{"or": [second, first]}]))
        sequence = _with(constraint=[{"andSequence": [first, second]}])
        assert not same_terms(sequence, _with(constraint=[{"andSequence": [second, first]}]))

    def test_what_cannot_be_read_equals_nothing(self) -> None:
        broken = {"permission": [{}]}
        assert not same_terms(broken, broken)

    def test_normal_is_free_of_ids(self) -> None:
        assert set(normal(offer(P3))) == {"permission", "prohibition", "obligation", "profile"}

"""Templates: what comes out is a valid DSP offer, what is wrong is told with all parameters."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from functools import lru_cache
from typing import Any

import pytest
from jsonschema import Draft201909Validator
from referencing import Registry, Resource

from node.base.errors import InvalidInput
from node.policy.conflicts import lint
from node.policy.odrl import parse
from node.policy.templates import compile_conditions, compile_terms, in_catalogue, template, templates
from tests.artefacts import data
from tests.fakes.policy import D1, M2_VERSION, NOW, P3, P4, P5, REGION, compiled, offer

ALL = ["open", "members", "members-ask", P3, P4, P5, {"open": {"attribution": True}}]


@lru_cache(maxsize=1)
def registry() -> Registry[Any]:
    """The official schemas by their $id; three of them write ``#definitions`` without the slash."""
    resources = []
    for path in data("dsp").rglob("*-schema.json"):
        schema = json.loads(path.read_text().replace("#definitions", "#/definitions"))
        resources.append((schema["$id"], Resource.from_contents(schema)))
    return Registry().with_resources(resources)


def validator(reference: str) -> Draft201909Validator:
    return Draft201909Validator({"$ref": f"https://w3id.org/dspace/2025/1/{reference}"}, registry=registry())


@pytest.mark.parametrize("conditions", ALL)
def test_offers_are_valid_in_messages_and_catalogues(conditions: Any) -> None:
    terms = offer(conditions)
    validator("negotiation/contract-schema.json#/definitions/MessageOffer").validate(terms)
    assert terms["target"] == D1
    assert terms["profile"] == "https://w3id.org/hansa/policy"
    shown = in_catalogue(terms)
    validator("negotiation/contract-schema.json#/definitions/Offer").validate(shown)
    dataset = {
        "@context": ["https://w3id.org/dspace/2025/1/context.jsonld"],
        "@id": D1,
        "@type": "Dataset",
        "hasPolicy": [shown],
        "distribution": [{"@type": "Distribution", "format": "HttpData-PULL", "accessService": "urn:service"}],
    }
    validator("catalog/dataset-schema.json").validate(dataset)
    assert not validator("catalog/dataset-schema.json").is_valid({**dataset, "hasPolicy": [terms]})


@pytest.mark.parametrize("conditions", ALL)
def test_agreements_made_of_them_are_valid(conditions: Any) -> None:
    agreement = {
        **offer(conditions),
        "@type": "Agreement",
        "assigner": "did:web:a",
        "assignee": "did:web:b",
        "timestamp": "2026-11-20T12:00:00Z",
    }
    validator("negotiation/contract-schema.json#/definitions/Agreement").validate(agreement)


@pytest.mark.parametrize("conditions", ALL)
def test_offers_are_free_of_findings(conditions: Any) -> None:
    assert lint(offer(conditions), at=NOW) == []


@pytest.mark.parametrize("conditions", ALL)
def test_every_term_survives_json_ld(conditions: Any) -> None:
    """Each term is bare ``use``, prefixed ``odrl:`` or a full IRI: the DSP context knows no prefix of ours."""

    def check(part: Any, key: str = "") -> None:
        if isinstance(part, dict):
            for name, value in part.items():
                check(value, name)
        elif isinstance(part, list):
            for item in part:
                check(item, key)
        elif key in {"action", "leftOperand", "@type"} and part != "Offer":
            assert part == "use" or part.startswith(("odrl:", "https://", "http://")), part
        assert part is None or isinstance(part, str | dict | list) or key.endswith("#sealed")

    check(offer(conditions))


def test_flags() -> None:
    assert (compiled(P3).sealed, compiled(P3).audience, compiled(P3).ask) == (True, "public", False)
    assert parse(offer(P3)).sealed
    assert compiled({**P3, "sealed": "no"}).sealed is False
    assert not parse(offer({**P3, "sealed": False})).sealed
    assert compiled(P4).ask is True
    internal = compiled("internal")
    assert (internal.offer, internal.audience, internal.template) == (None, "internal", "internal")


def test_parameters_fill_the_offer() -> None:
    terms = offer({**P3, "until": date(2028, 2, 29), "delete": "P7D", "purposes": "dpv:ScientificResearch"})
    constraints = terms["permission"][0]["constraint"]
    assert [constraint["leftOperand"].rpartition("#")[2] for constraint in constraints] == [
        "credential",
        "odrl:purpose",
        "odrl:dateTime",
    ]
    assert constraints[1]["rightOperand"] == ["https://w3id.org/dpv#ScientificResearch"]
    assert constraints[2]["rightOperand"]["@value"] == "2028-02-29T23:59:59Z"
    assert terms["obligation"][0]["constraint"][0]["rightOperand"]["@value"] == "P7D"


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("2027-12-31", "2027-12-31T23:59:59Z"),
        (date(2027, 12, 31), "2027-12-31T23:59:59Z"),
        ("2027-12-31T18:00:00+01:00", "2027-12-31T18:00:00+01:00"),
        ("2027-12-31T18:00:00", "2027-12-31T18:00:00Z"),
        (datetime(2027, 12, 31, 18), "2027-12-31T18:00:00Z"),
        (datetime(2027, 12, 31, 18, tzinfo=UTC), "2027-12-31T18:00:00Z"),
    ],
)
def test_the_end_of_a_term(written: Any, value: str) -> None:
    (bound,) = offer({"template": "members", "until": written})["permission"][0]["constraint"][1:]
    assert bound["rightOperand"] == {"@value": value, "@type": "http://www.w3.org/2001/XMLSchema#dateTime"}


def test_what_is_optional_is_left_out() -> None:
    assert [rule.keys() for rule in offer("open")["permission"]] == [{"action"}]
    assert "obligation" not in offer("open")
    assert offer({"open": {"attribution": True}})["obligation"] == [{"action": "odrl:attribute"}]


def test_numbers_are_written_as_values() -> None:
    constraints = offer({**P5, "cells": 12})["permission"][0]["constraint"]
    assert constraints[2]["rightOperand"] == {"@value": "12", "@type": "http://www.w3.org/2001/XMLSchema#integer"}
    assert constraints[1]["rightOperand"] == [M2_VERSION]


@pytest.mark.parametrize(
    ("conditions", "region", "fields"),
    [
        ({"template": "mobility-partners"}, REGION, {"conditions.until"}),
        ({"template": "mobility-partners", "till": "2027-12-31"}, REGION, {"conditions.until", "conditions.till"}),
        ({**P3, "until": "tomorrow", "delete": "30 days"}, REGION, {"conditions.until", "conditions.delete"}),
        ({**P3, "until": "2027-02-30"}, REGION, {"conditions.until"}),
        ({**P3, "until": 2027}, REGION, {"conditions.until"}),
        ({**P3, "purposes": ["gossip"]}, REGION, {"conditions.purposes"}),
        ({**P3, "purposes": []}, REGION, {"conditions.purposes"}),
        ({**P3, "credential": ""}, REGION, {"conditions.credential"}),
        ({**P3, "sealed": "perhaps"}, REGION, {"conditions.sealed"}),
        ({**P5, "cells": 0}, REGION, {"conditions.cells"}),
        ({**P5, "cells": True}, REGION, {"conditions.cells"}),
        ({"template": "restricted-to-model"}, REGION, {"conditions.models"}),
        ("members", None, {"conditions.region"}),
        ({"members": {"region": "Vlaanderen"}}, None, {"conditions.region"}),
    ],
)
def test_errors_list_every_parameter_with_its_remedy(conditions: Any, region: str | None, fields: set[str]) -> None:
    with pytest.raises(InvalidInput) as caught:
        compile_conditions(conditions, target=D1, offer_id="urn:x", region=region)
    findings = caught.value.facts["findings"]
    assert {finding["field"] for finding in findings} == fields
    assert all(finding["remedy"] and finding["severity"] == "violation" for finding in findings)
    assert all(field.partition(".")[2] in caught.value.detail for field in fields)


@pytest.mark.parametrize(
    "conditions", ["membres", {"template": "x"}, {"a": 1, "b": 2}, {}, 7, None, ["open"], {"open": 3}]
)
def test_unknown_templates_are_answered_with_the_choices(conditions: Any) -> None:
    with pytest.raises(InvalidInput) as caught:
        compile_conditions(conditions, target=D1, offer_id="urn:x")
    assert "members" in caught.value.facts["choices"]
    assert caught.value.remedy


def test_a_policy_of_the_publishers_own() -> None:
    own = {
        "permission": [
            {
                "action": "odrl:use",
                "constraint": [
                    {"leftOperand": "odrl:purpose", "operator": "eq", "rightOperand": "dpv:ScientificResearch"}
                ],
            }
        ],
        "prohibition": [],
        "https://w3id.org/hansa/ns#sealed": True,
    }
    terms = compile_conditions(own, target=D1, offer_id="urn:uuid:9")
    assert terms.offer is not None
    assert terms.sealed
    validator("negotiation/contract-schema.json#/definitions/MessageOffer").validate(terms.offer)
    assert terms.offer["@id"] == "urn:uuid:9"
    assert terms.offer["permission"][0]["constraint"][0]["rightOperand"] == "https://w3id.org/dpv#ScientificResearch"
    for broken in ({"permission": [{}]}, {"obligation": [{"action": "odrl:delete"}]}, {"permission": []}):
        with pytest.raises(InvalidInput):
            compile_conditions(broken, target=D1, offer_id="urn:x")
    with pytest.raises(InvalidInput, match="another asset"):
        compile_conditions({**own, "target": "https://x.example/y"}, target=D1, offer_id="urn:x")


def test_the_gallery() -> None:
    assert [found.id for found in templates()] == [
        "open",
        "members",
        "members-ask",
        "mobility-partners",
        "run-not-copy",
        "restricted-to-model",
        "internal",
    ]
    for choice in templates():
        assert {"en", "nl", "cs"} <= set(choice.label) & set(choice.explanation)
        shown = choice.to_json()
        assert json.loads(json.dumps(shown)) == shown
        for parameter in choice.parameters:
            assert {"en", "nl", "cs"} <= set(parameter.label)
            assert parameter.remedy
    assert template("open").to_json()["offers"] is True


@pytest.mark.parametrize("conditions", ["internal", {"template": "internal"}])
def test_what_is_asked_for_or_given_are_terms(conditions: Any) -> None:
    about = {"target": "urn:asset", "offer_id": "urn:offer", "region": REGION}
    made = compile_terms("open", **about)
    assert (made["@id"], made["target"]) == ("urn:offer", "urn:asset")
    assert made == compile_conditions("open", **about).offer
    with pytest.raises(InvalidInput, match="do not offer"):
        compile_terms(conditions, **about)

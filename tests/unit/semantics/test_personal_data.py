"""Personal data are offered with a basis and a purpose, and an impact assessment where the node asks for one."""

from __future__ import annotations

from typing import Any

import pytest

from node.semantics.in_cage import describe
from node.semantics.model import Submission

GROUNDS = {"personal_basis": "6(1)(e)", "personal_purpose": {"en": "To plan bicycle lanes."}}
ASSESSMENT = {"impact_assessment": "https://city.example/dpia.pdf"}


def rules(fields: dict[str, Any], *, asks: bool = False) -> list[str]:
    """The names of the violations about the grounds of personal data."""
    described = {"title": "Trips", "description": "Trips of people.", "license": "CC-BY-4.0", **fields}
    submission = Submission(kind="dataset", fields={"id": "trips", "conditions": "open", **described}).to_json()
    message = {"submission": submission, "base": "https://city.example", "me": "did:web:city.example"}
    message |= {"myName": "City", "language": "en", "advised": [], "enforced": [], "asksAssessment": asks}
    answer, _ = describe(message, [])
    names = {"field:personal-basis", "field:personal-purpose", "field:impact-assessment"}
    return sorted(
        one["rule"] for one in answer["findings"] if one["severity"] == "violation" and one["rule"] in names
    )


@pytest.mark.parametrize(
    ("fields", "missing"),
    [
        ({}, []),
        ({"personal_data": False}, []),
        ({"personal_data": True}, ["field:personal-basis", "field:personal-purpose"]),
        ({"personal_data": True, "personal_basis": "consent"}, ["field:personal-purpose"]),
        ({"personal_data": True, **GROUNDS}, []),
        ({"personal_data": True, "conditions": "internal"}, []),
        ({"personal_data": True, "audience": "internal"}, []),
    ],
)
def test_an_offer_of_personal_data_has_a_basis_and_a_purpose(fields: dict[str, Any], missing: list[str]) -> None:
    assert rules(fields) == missing


def test_a_node_can_ask_for_an_impact_assessment() -> None:
    assert rules({"personal_data": True, **GROUNDS}, asks=True) == ["field:impact-assessment"]
    assert rules({"personal_data": True, **GROUNDS, **ASSESSMENT}, asks=True) == []
    assert rules({"personal_data": False}, asks=True) == []

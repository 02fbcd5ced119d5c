"""Findings about offers: contradictions, unknown terms, traps."""

from __future__ import annotations

from typing import Any

import pytest

from node.policy.conflicts import lint
from tests.fakes.policy import NOW

PROFILE = "https://w3id.org/hansa/policy"


def constraint(left: str, operator: str, right: Any) -> dict[str, Any]:
    return {"leftOperand": left, "operator": operator, "rightOperand": right}


def offer(*constraints: dict[str, Any], **more: Any) -> dict[str, Any]:
    rule: dict[str, Any] = {"action": "odrl:use"}
    if constraints:
        rule["constraint"] = list(constraints)
    return {"@id": "urn:x", "@type": "Offer", "profile": PROFILE, "permission": [rule], **more}


FROM = constraint("odrl:dateTime", "gteq", "2027-01-01")
UNTIL = constraint("odrl:dateTime", "lteq", "2026-12-31")
RESEARCH = constraint("odrl:purpose", "isAnyOf", ["dpv:ResearchAndDevelopment"])
NO_SCIENCE = constraint("odrl:purpose", "isNoneOf", ["dpv:ScientificResearch"])
MARKETING = constraint("odrl:purpose", "eq", "dpv:Marketing")


@pytest.mark.parametrize(
    ("document", "rule", "severity"),
    [
        (offer(FROM, UNTIL), "policy-dates", "violation"),
        (offer({"and": [FROM, {"and": [UNTIL]}]}), "policy-dates", "violation"),
        (offer({"or": [{"and": [FROM, UNTIL]}, RESEARCH]}), "policy-dates", "violation"),
        (offer(constraint("odrl:dateTime", "lteq", "2026-11-19")), "policy-dates", "warning"),
        (offer(prohibition=[{"action": "odrl:use"}]), "policy-forbidden-and-permitted", "violation"),
        (
            offer(RESEARCH, prohibition=[{"action": "odrl:use", "constraint": [RESEARCH]}]),
            "policy-forbidden-and-permitted",
            "violation",
        ),
        (
            offer(prohibition=[{"action": "odrl:delete"}], obligation=[{"action": "odrl:delete"}]),
            "policy-forbidden-and-due",
            "violation",
        ),
        (offer(constraint("x:y", "eq", "z")), "policy-unknown-term", "violation"),
        (offer(constraint("odrl:purpose", "gteq", "z")), "policy-unknown-term", "violation"),
        (offer(obligation=[{"action": "odrl:dance"}]), "policy-unknown-term", "violation"),
        (offer(prohibition=[{"action": "odrl:dance"}]), "policy-unknown-term", "violation"),
        (offer(obligation=[]), "policy-empty-list", "violation"),
        (offer(constraint("odrl:purpose", "isAnyOf", [])), "policy-empty-list", "violation"),
        (offer(RESEARCH, MARKETING), "policy-contradiction", "violation"),
        (
            offer(constraint("odrl:purpose", "eq", "dpv:ScientificResearch"), NO_SCIENCE),
            "policy-contradiction",
            "violation",
        ),
        ({"@id": "urn:x", "prohibition": [{"action": "odrl:sell"}]}, "policy-no-permission", "violation"),
        ({"@id": "urn:x", "permission": [{"action": "odrl:use"}]}, "policy-no-profile", "info"),
        (offer(permission=[{}]), "policy-unreadable", "violation"),
        (offer(obligation=[{"action": "delete"}]), "policy-bare-term", "warning"),
        (offer(constraint("purpose", "eq", "dpv:Marketing")), "policy-bare-term", "warning"),
        (offer(conflict="odrl:perm", prohibition=[{"action": "odrl:distribute"}]), "policy-overridden", "warning"),
        (
            offer(conflict="odrl:invalid", prohibition=[{"action": "odrl:distribute"}]),
            "policy-conflict-strategy",
            "violation",
        ),
        (
            offer(permission=[{"action": "odrl:use"}, {"action": "odrl:use", "constraint": [RESEARCH]}]),
            "policy-sidestepped",
            "warning",
        ),
        (
            offer(permission=[{"action": "odrl:use", "duty": [{"action": "odrl:delete"}]}]),
            "policy-precondition",
            "warning",
        ),
        (
            offer(
                obligation=[{"action": "odrl:delete", "constraint": [constraint("odrl:elapsedTime", "lteq", "P60M")]}]
            ),
            "policy-months",
            "warning",
        ),
    ],
)
def test_findings(document: dict[str, Any], rule: str, severity: str) -> None:
    findings = [finding for finding in lint(document, at=NOW) if finding.rule == rule]
    assert findings
    assert findings[0].severity == severity
    assert findings[0].message[0].isupper() or not findings[0].message[0].isalpha()
    assert findings[0].remedy
    assert findings[0].field.startswith("conditions")


@pytest.mark.parametrize(
    "document",
    [
        offer(),
        offer(RESEARCH, NO_SCIENCE),
        offer(conflict="odrl:perm"),
        offer(conflict="odrl:perm", prohibition=[{"action": "odrl:transfer"}]),
        offer(prohibition=[{"action": "odrl:distribute"}]),
        offer(prohibition=[{"action": "odrl:use", "constraint": [MARKETING]}]),
        offer(constraint("odrl:dateTime", "eq", "2027-01-01")),
        offer(
            constraint("odrl:dateTime", "gteq", "2027-01-01T12:00:00Z"),
            constraint("odrl:dateTime", "lteq", "2027-01-01T12:00:00Z"),
        ),
        offer(permission=[{"action": "odrl:use", "duty": [{"action": "odrl:obtainConsent"}]}]),
        offer(permission=[{"action": "odrl:use", "constraint": [RESEARCH]}, {"action": "odrl:read"}]),
    ],
)
def test_sound_offers_have_none(document: dict[str, Any]) -> None:
    assert lint(document, at=NOW) == []


def test_violations_come_first() -> None:
    severities = [
        finding.severity
        for finding in lint(
            offer(FROM, UNTIL, conflict="odrl:invalid", prohibition=[{"action": "odrl:distribute"}], profile=None),
            at=NOW,
        )
    ]
    assert severities == ["violation", "violation", "info"]


def test_a_contradiction_is_said_in_every_language() -> None:
    (finding,) = lint(offer(FROM, UNTIL))
    assert set(finding.translations) == {"nl", "fr", "de", "cs"}
    assert finding.message == "The term ends before it begins: nobody can meet it"
    assert finding.translations["nl"]["message"] == "De termijn eindigt voordat hij begint: niemand kan eraan voldoen"
    assert finding.translations["de"]["remedy"] == "berichtigen Sie die Daten"

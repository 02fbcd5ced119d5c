"""An offer that names an assignee is for that party alone, in the decision and in words."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from node.identity.model import ANONYMOUS, Caller
from node.policy.decide import decide
from node.policy.model import Situation
from node.policy.odrl import parse
from node.policy.words import sentences
from node.texts.languages import LANGUAGES

NAMED, OTHER = "did:web:brno.example", "did:web:plzen.example"
OFFER = {"@id": "urn:o", "@type": "Offer", "assignee": NAMED, "permission": [{"action": "odrl:use"}]}
NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)


def asked(caller: Caller) -> Situation:
    return Situation(caller=caller, at=NOW, provider="did:web:gent.example")


@pytest.mark.parametrize(
    ("caller", "may"), [(Caller(did=NAMED), True), (Caller(did=OTHER), False), (ANONYMOUS, False)]
)
def test_somebody_else_gets_no_permission_from_it(caller: Caller, may: bool) -> None:
    decision = decide(parse(OFFER), asked(caller))
    assert decision.permits is may
    if not may:
        (reason,) = decision.unmet
        assert all(NAMED in reason.text[language] for language in LANGUAGES)
    unnamed = {name: value for name, value in OFFER.items() if name != "assignee"}
    assert decide(parse(unnamed), asked(Caller(did=OTHER))).permits


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_conditions_say_for_whom_they_are(language: str) -> None:
    assert NAMED in " ".join(sentences(parse(OFFER), language))


def test_an_agreement_is_read_as_it_was_signed() -> None:
    policy = parse(OFFER)
    agreement = replace(policy, type="Agreement")
    assert NAMED not in " ".join(sentences(agreement, "en"))

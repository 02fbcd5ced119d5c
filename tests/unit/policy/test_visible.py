"""Seeing: who belongs to which audience."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from node.base.errors import InvalidInput
from node.identity.model import ANONYMOUS, Caller
from node.policy.visible import AudienceRule, audiences_of, read_audiences
from tests.fakes.policy import GENT, MEMBER, NOW, REGION, brugge, credential

MEMBERS = AudienceRule(name="members", credential_type="MembershipCredential", issuers=(REGION,))
NOBODY = AudienceRule(name="nobody", credential_type="MembershipCredential", issuers=())
RULES = (MEMBERS, NOBODY)


def test_strangers_see_what_is_public() -> None:
    assert audiences_of(ANONYMOUS, RULES, GENT) == {"public"}
    assert audiences_of(brugge(), RULES, GENT) == {"public"}


def test_holders_belong_and_an_empty_list_of_issuers_admits_nobody() -> None:
    assert audiences_of(brugge(MEMBER), RULES, GENT) == {"public", "members"}


def test_a_credential_of_somebody_else_does_not_count() -> None:
    forged = credential("MembershipCredential", issuer="did:web:elsewhere.example")
    assert audiences_of(brugge(forged), RULES, GENT) == {"public"}


def test_credentials_must_be_in_date_where_a_moment_is_given() -> None:
    late = NOW + timedelta(days=400)
    assert audiences_of(brugge(MEMBER), RULES, GENT, at=NOW) == {"public", "members"}
    assert audiences_of(brugge(MEMBER), RULES, GENT, at=late) == {"public"}
    assert audiences_of(brugge(MEMBER), RULES, GENT, at=NOW.replace(tzinfo=None)) == {"public", "members"}


def test_own_people_and_the_node_itself_see_everything() -> None:
    assert audiences_of(Caller(did=GENT, account="anna"), RULES, GENT) is None
    assert audiences_of(Caller(did=GENT), RULES, GENT) is None


def test_definitions_are_data() -> None:
    defined = [
        {"name": "members", "credentialType": "hansa:MembershipCredential", "issuers": [REGION], "label": {"en": "x"}}
    ]
    (rule,) = read_audiences(defined)
    assert rule.credential_type == "MembershipCredential"
    assert read_audiences([rule.to_json()]) == (rule,)


@pytest.mark.parametrize(
    "item",
    [
        "members",
        {},
        {"name": "public", "credentialType": "X"},
        {"name": "internal", "credentialType": "X"},
        {"name": "members", "credentialType": "X"},
        {"name": "a", "credentialType": 7},
        {"name": "a", "credentialType": "X", "issuers": "did:web:r"},
        {"name": "a", "credentialType": "X", "issuers": [7]},
        {"name": "a", "credentialType": "X", "label": "members"},
    ],
)
def test_broken_definitions_are_refused(item: Any) -> None:
    members = {"name": "members", "credentialType": "X", "issuers": []}
    with pytest.raises(InvalidInput, match=r"audiences\[1\]"):
        read_audiences([members, item])

"""Seeing: who belongs to which audience."""

from __future__ import annotations

from datetime import timedelta

from node.identity.model import ANONYMOUS, Caller
from node.policy.visible import AudienceRule, audiences_of
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

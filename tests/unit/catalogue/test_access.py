"""Access words: what lists say about the use of an asset, in general and to somebody."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from node.catalogue.access import Access, AccessCode, access_code_of, word
from node.catalogue.findings import CATALOGUE
from node.catalogue.model import Record
from node.catalogue.offers import terms_of
from node.identity.model import ANONYMOUS, Caller, Credential
from tests.fakes.catalogue import REGION, START, CatalogueNode, TickingClock

IRI = "https://gent.example/datasets/x"
ME = "did:web:gent.example"
MODEL = "https://plzen.example/models/m2"


def record(conditions: dict[str, Any] | None) -> Record:
    terms = terms_of(conditions, iri=IRI, region=REGION) if conditions else None
    return Record(
        iri=IRI,
        version=1,
        kind="dataset",
        audience="public",
        titles={"en": "x"},
        descriptions={},
        publisher=ME,
        publisher_name="Gent",
        origin=ME,
        nquads=b"",
        sha256="",
        at=START,
        by="els",
        offer=terms.offer if terms else None,
        sealed=bool(terms and terms.sealed),
    )


def holder(did: str, *types: str) -> Caller:
    credentials = tuple(
        Credential(
            id=f"urn:{name}",
            types=(name,),
            issuer=REGION,
            subject=did,
            claims={"memberOf": REGION},
            valid_from=START,
            valid_until=None,
        )
        for name in types
    )
    return Caller(did=did, credentials=credentials)


OPEN = {"template": "open"}
MEMBERS = {"template": "members"}
ASK = {"template": "members-ask"}
RUN = {"template": "run-not-copy"}
PARTNERS = {"template": "mobility-partners", "until": "2027-12-31"}


@pytest.mark.parametrize(
    ("conditions", "expected"),
    [
        (None, AccessCode.NONE),
        ({"template": "internal"}, AccessCode.NONE),
        (OPEN, AccessCode.OPEN),
        (MEMBERS, AccessCode.MEMBERS),
        (PARTNERS, AccessCode.MEMBERS),
        (ASK, AccessCode.MEMBERS),
    ],
    ids=str,
)
def test_the_standing_of_an_asset(conditions: dict[str, Any] | None, expected: AccessCode) -> None:
    assert access_code_of(record(conditions)) is expected


def test_consent_is_on_request() -> None:
    offer = {
        "@id": f"{IRI}#o",
        "permission": [{"action": "odrl:use", "duty": [{"action": "odrl:obtainConsent"}]}],
    }
    assert access_code_of(replace(record(None), offer=offer)) is AccessCode.REQUEST


def test_the_standing_depends_on_the_record_alone() -> None:
    """The index can be rebuilt to the same bytes in a year."""
    limited = record(PARTNERS)
    assert access_code_of(limited) is access_code_of(limited)
    expired = replace(limited, at=datetime(2030, 1, 1, tzinfo=UTC))
    assert access_code_of(expired) is AccessCode.MEMBERS


def test_equal_terms_of_two_assets_are_judged_each_by_its_own_moment() -> None:
    """What was found about the terms of one asset serves for others, but not a date at another moment."""
    until = {"leftOperand": "odrl:dateTime", "operator": "odrl:lt", "rightOperand": "2026-06-01T00:00:00Z"}
    codes = {}
    for name, moment in (("early", datetime(2026, 1, 1, tzinfo=UTC)), ("late", datetime(2026, 12, 1, tzinfo=UTC))):
        iri = f"https://gent.example/datasets/{name}"
        offer = {
            "@id": f"{iri}#o",
            "target": iri,
            "permission": [{"action": "odrl:use", "constraint": [until]}],
        }
        codes[name] = access_code_of(replace(record(None), iri=iri, offer=offer, at=moment))
    assert codes == {"early": AccessCode.OPEN, "late": AccessCode.REQUEST}


def test_an_offer_that_nobody_understands_is_described_only() -> None:
    for offer in ({"@id": "x", "permission": "?"}, {"@id": 1}, {"permission": [{"action": 7}]}):
        assert access_code_of(replace(record(None), offer=offer)) is AccessCode.NONE


@pytest.fixture
def access() -> Access:
    return Access(clock=TickingClock())


def test_what_a_caller_is_told(access: Access) -> None:
    stranger = holder("did:web:stranger.example")
    member = holder("did:web:brugge.example", "MembershipCredential")
    partner = holder("did:web:plzen.example", "MembershipCredential", "MobilityPartnerCredential")
    own = Caller(did=ME, account="els")
    for conditions, caller, expected in (
        (OPEN, ANONYMOUS, AccessCode.OPEN),
        (OPEN, stranger, AccessCode.OPEN),
        (MEMBERS, ANONYMOUS, AccessCode.MEMBERS),
        (MEMBERS, stranger, AccessCode.REFUSED),
        (PARTNERS, own, AccessCode.MEMBERS),
        (None, member, AccessCode.NONE),
    ):
        assert access.code(record(conditions), caller) is expected, (conditions, caller.name)
    for conditions, caller in ((MEMBERS, member), (PARTNERS, partner), (ASK, member)):
        decision = access.decision(record(conditions), caller)
        assert decision is not None
        code = access.code(record(conditions), caller)
        if decision.permits:
            assert code is AccessCode.MEMBERS
        elif decision.asks:
            assert code is AccessCode.REQUEST
        else:
            assert code is AccessCode.REFUSED


def test_conditions_in_words(access: Access) -> None:
    for language in ("en", "nl", "cs"):
        assert access.summary(record(MEMBERS), language)
        assert access.sentences(record(MEMBERS), language)
    assert access.summary(record(MEMBERS), "nl") != access.summary(record(MEMBERS), "en")
    assert (access.summary(record(None)), access.sentences(record(None))) == ("", ())


def test_every_code_has_a_word_in_every_language() -> None:
    assert set(CATALOGUE.keys("access.")) == {f"access.{code}" for code in AccessCode}
    for code in AccessCode:
        assert len(set(CATALOGUE.in_all(f"access.{code}").values())) >= 4
        assert word(code, "xx") == word(code, "en")


async def test_words_are_in_results() -> None:
    node = CatalogueNode(base="https://gent.example")
    await node.publish("counts", conditions=MEMBERS)
    (found,) = await node.browse.newest(holder("did:web:stranger.example"), language="nl")
    assert found.to_json("nl")["accessWord"] == "niet beschikbaar voor u"
    assert found.conditions


def test_a_command_that_helps_has_no_names_in_place_of_addresses() -> None:
    access = Access(clock=TickingClock(), names=lambda: {REGION: "Flanders"})
    decision = access.decision(record(MEMBERS), holder("did:web:brugge.example"))
    assert decision is not None
    commands = [reason.remedy["en"] for reason in decision.unmet if "hansa join" in reason.remedy.get("en", "")]
    assert commands
    for command in commands:
        assert command.partition(": ")[2].startswith("hansa join https://region.example")

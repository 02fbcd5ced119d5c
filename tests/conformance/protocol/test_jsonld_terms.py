"""A reader of JSON-LD with the official context keeps every term that is signed, and every claim of a credential."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from pyld import jsonld as processor  # type: ignore[import-untyped]

from node.base.errors import InvalidInput
from node.base.jsons import canonical, digest
from node.catalogue.dsp import DspCatalogue
from node.dialogue import wire
from node.dialogue.process import Role
from node.identity.credentials.credentials import Statement, issue_credential, read_credential
from node.identity.credentials.status import BITSTRING, ELDER, REVOCATION, SUSPENSION, entry_for
from node.identity.messages import VC1_CONTEXT, VC2_CONTEXT, VC11, VC20
from node.negotiation import agreement as agreed
from node.negotiation import messages as contract
from node.negotiation.messages import JSON_TERMS, TERMS
from node.policy.comparison import same_terms
from node.policy.odrl import parse
from node.policy.templates import templates
from node.vocab.dsp import V2024_1, V2025_1
from node.vocab.namespaces import HANSA, HANSA_CREDENTIALS
from tests.conformance import jsonld
from tests.conformance.dsp import faults
from tests.conformance.protocol.test_dsp_schemas import PARAMETERS, negotiation, offer_of
from tests.fakes.catalogue import CatalogueNode
from tests.simulator.peer_documents import NOW, Participant

PROVIDER, CONSUMER = "did:web:gent.example", "did:web:bruges.example"
SIGNED = {
    "offer": "https://gent.example/datasets/counts#offer-1",
    "provider": {"did": PROVIDER, "name": "Stad Gent", "contact": "data@gent.example"},
    "consumer": {"did": CONSUMER, "name": "Stad Brugge", "contact": ""},
    "asset": {
        "iri": "https://gent.example/datasets/counts",
        "title": {"nl": "Tellingen", "en": "Counts"},
        "kind": "dataset",
        "version": 3,
        "sha256": "ab" * 32,
    },
    "rulebook": None,
    "languages": ["nl", "en"],
    "sealed": False,
}
PROVIDES = negotiation(Role.PROVIDER)
CONDITIONS = [one.id for one in templates() if one.id != "internal"]


def body_of(conditions: str) -> dict[str, Any]:
    """An agreement as ``node.negotiation.agreement`` drafts it."""
    offer = offer_of({"template": conditions, **PARAMETERS.get(conditions, {})})
    assert offer is not None
    members = {name: value for name, value in offer.items() if name not in agreed._OFFERS_OWN}
    return {
        "@id": "urn:uuid:00000000-0000-4000-8000-000000000001",
        "@type": "Agreement",
        "target": "https://gent.example/datasets/counts",
        "assigner": PROVIDER,
        "assignee": CONSUMER,
        "timestamp": "2026-11-21T09:30:00Z",
        **members,
        TERMS: SIGNED,
    }


def literals(node: Any) -> list[Any]:
    """The JSON literals of an expanded message."""
    if isinstance(node, list):
        return [one for item in node for one in literals(item)]
    if not isinstance(node, Mapping):
        return []
    if node.get("@type") == "@json":
        return [node["@value"]]
    return [one for value in node.values() for one in literals(value)]


@pytest.mark.parametrize("conditions", CONDITIONS)
def test_every_signed_term_survives_and_comes_back(conditions: str) -> None:
    body = body_of(conditions)
    message = contract.agreement(PROVIDES, body, "a.b.c")
    assert faults(message) == []
    expanded = jsonld.expanded(message)
    assert literals(expanded) == [SIGNED]
    back = contract.read(json.dumps(expanded).encode(), "ContractAgreementMessage").body["agreement"]
    assert back[TERMS] == SIGNED
    assert same_terms(back, body), "nor is anything of the policy lost"
    assert parse(back).sealed == parse(body).sealed


@pytest.mark.parametrize(
    "context", [{}, {"h": HANSA, "type": "@type", "value": "@value"}, [V2025_1.context]], ids=str
)
def test_in_whatever_form_a_processor_writes_it(context: Any) -> None:
    message = contract.agreement(PROVIDES, body_of("members"), "a.b.c")
    said = json.dumps(jsonld.compacted(message, context)).encode()
    assert contract.read(said, "ContractAgreementMessage").body["agreement"][TERMS] == SIGNED


@pytest.mark.parametrize("version", [V2025_1, V2024_1], ids=lambda version: version.name)
def test_both_sides_sign_the_same_as_before(version: Any) -> None:
    """The agreement that is hashed and signed is what it was: names that the releases before this one know."""
    body = wire.settle(body_of("members"), version)
    message = contract.agreement(replace(PROVIDES, version=version.name), body, "a.b.c")
    found = contract.read(canonical(wire.in_version(message)), "ContractAgreementMessage").body
    assert digest(found["agreement"]) == digest(body)
    assert set(found["agreement"]) == set(body)
    before = {name: value for name, value in message.items() if name != JSON_TERMS}
    old = contract.read(canonical(wire.in_version(before)), "ContractAgreementMessage").body["agreement"]
    assert digest(old) == digest(body), "a message of the release before reads the same"
    assert before[TERMS] == SIGNED, "and that release finds what it looks for"


def test_two_different_terms_in_one_message_are_refused() -> None:
    message = contract.agreement(PROVIDES, body_of("members"), "a.b.c")
    other = {**message, TERMS: {**SIGNED, "sealed": True}}
    with pytest.raises(InvalidInput, match="different things"):
        contract.read(json.dumps(other).encode(), "ContractAgreementMessage")
    alone = {name: value for name, value in message.items() if name != TERMS}
    assert contract.read(json.dumps(alone).encode(), "ContractAgreementMessage").body["agreement"][TERMS] == SIGNED


async def test_the_files_of_a_catalogue_survive() -> None:
    node = CatalogueNode(base="https://gent.example")
    record = await node.publish("counts", conditions={"template": "open"})
    dsp: DspCatalogue = node.dsp
    dataset = await dsp.dataset(record.iri, node.steward)
    assert faults(dataset) == []
    expected = [{"name": "data.bin", "mediaType": "application/octet-stream", "size": "7"}]
    (found,) = jsonld.expanded(dataset)
    assert literals(found[f"{HANSA}files"]) == [expected]
    catalog, _ = await dsp.catalog(node.steward)
    assert faults(catalog) == []
    assert expected in literals(jsonld.expanded(catalog))


# ---- credentials ---------------------------------------------------------------------------------------------

CLAIMS: dict[str, Any] = {
    "legalName": "Stad Gent",
    "memberOf": "did:web:region.example",
    "role": "member",
    "languages": ["nl", "en"],
    "rulebook": "https://region.example/rulebooks/common#v3",
    "contact": {"email": "data@gent.example", "name": "Data office"},
}

_TERM = {"@protected": True, "id": "@id", "type": "@type"}
_DATA_MODEL = {
    **_TERM,
    "VerifiableCredential": "https://www.w3.org/2018/credentials#VerifiableCredential",
    "credentialSubject": {"@id": "https://www.w3.org/2018/credentials#credentialSubject", "@type": "@id"},
    "credentialStatus": {"@id": "https://www.w3.org/2018/credentials#credentialStatus", "@type": "@id"},
    "issuer": {"@id": "https://www.w3.org/2018/credentials#issuer", "@type": "@id"},
}
"""What matters here of the contexts of the W3C: the terms of the data model, protected, and none of ours."""
_STANDING_IN = {
    VC2_CONTEXT: {
        **_DATA_MODEL,
        "name": "https://schema.org/name",
        "description": "https://schema.org/description",
        "BitstringStatusListEntry": "https://www.w3.org/ns/credentials/status#BitstringStatusListEntry",
        "statusPurpose": "https://www.w3.org/ns/credentials/status#statusPurpose",
        "statusListIndex": "https://www.w3.org/ns/credentials/status#statusListIndex",
        "statusListCredential": "https://www.w3.org/ns/credentials/status#statusListCredential",
    },
    VC1_CONTEXT: _DATA_MODEL,
}


def _load(address: str, _: Any) -> dict[str, Any]:
    return {"contextUrl": None, "documentUrl": address, "document": {"@context": _STANDING_IN[address]}}


STATUSES = {
    VC20: [("1", BITSTRING, REVOCATION), ("1.suspension", BITSTRING, SUSPENSION)],
    VC11: [("1", ELDER, REVOCATION)],
}


@pytest.mark.parametrize("profile", [VC20, VC11])
@pytest.mark.parametrize("name", ["MembershipCredential", "MobilityPartnerCredential"])
def test_a_credential_defines_its_terms(profile: str, name: str) -> None:
    statement = Statement(
        id="urn:uuid:1",
        type=name,
        subject="did:web:gent.example",
        claims={**CLAIMS, "name": "Gent"},
        valid_from=NOW,
        valid_until=NOW + timedelta(days=1),
        status=[
            entry_for(f"https://region.example/status/{name}", 5, kind=kind, purpose=purpose)
            for name, kind, purpose in STATUSES[profile]
        ],
    )
    jwt = issue_credential(Participant("region.example", issuer=True).keyring, statement, profile=profile)
    body = read_credential(jwt).body
    (expanded,) = processor.expand(body, {"documentLoader": _load, "base": None})
    assert HANSA_CREDENTIALS + name in expanded["@type"]
    (subject,) = expanded["https://www.w3.org/2018/credentials#credentialSubject"]
    claims = {iri.removeprefix(HANSA_CREDENTIALS).rpartition("/")[2]: value for iri, value in subject.items()}
    assert set(claims) == {"@id", "name", *CLAIMS}, "every claim survives"
    assert claims["memberOf"] == [{"@id": CLAIMS["memberOf"]}]
    assert [one["@value"] for one in claims["languages"]] == CLAIMS["languages"]
    assert [one["@value"] for one in claims["contact"]] == [CLAIMS["contact"]]
    statuses = expanded["https://www.w3.org/2018/credentials#credentialStatus"]
    assert len(statuses) == len(STATUSES[profile])
    assert all(any(iri.endswith("#statusListIndex") for iri in status) for status in statuses)

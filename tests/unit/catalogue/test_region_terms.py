"""ReadRegion: what a person reads of a rulebook is what its hash stands for."""

from __future__ import annotations

import asyncio
import hashlib
from typing import Any

import pytest

from node.base.errors import PeerUnreachable
from node.catalogue.region.terms import ReadRegion, RegionTerms
from node.identity.did import did_of
from node.identity.model import ALL_ROLES, Caller
from node.vocab.namespaces import DCT, HANSA

BASE = "https://region.example"
IRI = f"{BASE}/rules"
TEXT = (
    f'<{IRI}> <{DCT}description> "Wer teilnimmt"@de .\n'
    f'<{IRI}> <{DCT}title> "Strict rules"@en .\n'
    f'<{IRI}> <{HANSA}text> "Members pay."@en .\n'
).encode()


def read(nquads: bytes) -> RegionTerms:
    async def get_json(address: str) -> dict[str, Any]:
        if "/issuer/metadata" in address:
            return {"issuer": did_of(BASE), "credentialsSupported": [{"credentialType": "MembershipCredential"}]}
        if "/search" in address:
            return {"hits": [{"iri": IRI}]}
        return {
            "iri": IRI,
            "version": 1,
            "sha256": hashlib.sha256(nquads).hexdigest(),
            "titles": {"en": "Kind rules"},
            "descriptions": {"en": "Nobody pays."},
        }

    async def get_content(address: str, media_type: str) -> bytes:
        return nquads

    person = Caller(did="did:web:ghent.example", account="anna", roles=ALL_ROLES)
    reading = ReadRegion(get_json=get_json, get_content=get_content, address=lambda did: BASE)
    return asyncio.run(reading.terms(BASE, person))


def test_title_and_description_come_from_the_text_that_is_hashed() -> None:
    rulebook = read(TEXT).rulebook
    assert rulebook is not None
    assert rulebook.titles == {"en": "Strict rules"}
    assert rulebook.descriptions == {"de": "Wer teilnimmt"}
    assert rulebook.sections() == {"text": {"en": "Members pay."}}


@pytest.mark.parametrize(
    "nquads",
    [
        b"<html>Welcome</html>",
        b"\xff\xfe",
        b"",
        TEXT.replace(IRI.encode(), b"https://region.example/other"),
        f'<{IRI}> <{DCT}title> "A title, and no rules"@en .\n'.encode(),
    ],
)
def test_a_text_that_is_no_rulebook_is_not_shown_for_acceptance(nquads: bytes) -> None:
    with pytest.raises(PeerUnreachable, match="form that this node can read") as refusal:
        read(nquads)
    assert "operator of the region" in refusal.value.remedy

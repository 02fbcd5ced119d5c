"""Participants whose every document a test may spoil: tokens, credentials, presentations, status lists.

Each maker builds the good thing and takes changes; ``None`` as a value removes the member. Signatures are made
last, over whatever the test has done, so that a test changes exactly one thing.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from node.base.clock import stamp
from node.identity.credentials.status import encode
from node.identity.documents import build_document
from node.identity.jose import b64url
from tests.fakes.keys import MemoryKeyRing

NOW = datetime(2026, 11, 20, 9, 30, tzinfo=UTC)
VC2 = "https://www.w3.org/ns/credentials/v2"
VC1 = "https://www.w3.org/2018/credentials/v1"
_numbers = itertools.count(1)

Change = dict[str, Any]


class HandClock:
    """A clock that stands until somebody moves it."""

    def __init__(self, at: datetime = NOW) -> None:
        self.at = at

    def now(self) -> datetime:
        return self.at

    def forward(self, seconds: float) -> None:
        self.at += timedelta(seconds=seconds)


class Participant:
    """Somebody with a DID and keys of its own, honest unless told otherwise."""

    def __init__(self, host: str, *, issuer: bool = False) -> None:
        self.did = f"did:web:{host}"
        self.url = f"https://{host}"
        self.keyring = MemoryKeyRing(self.did)
        self.issuer = issuer

    def document(self, change: Callable[[dict[str, Any]], None] | None = None) -> dict[str, Any]:
        raw = build_document(self.keyring, self.url, issuer=self.issuer)
        if change is not None:
            change(raw)
        return raw

    def sign(self, header: dict[str, Any], claims: Any, *, kid: str | None = "#key-1", alg: str = "ES256") -> str:
        """A JWS with exactly this header; ``kid`` is completed with the DID, None leaves it out."""
        protected = {"alg": alg, **header}
        if kid is not None and "kid" not in protected:
            protected["kid"] = self.did + kid if kid.startswith("#") else kid
        payload = claims if isinstance(claims, bytes) else json.dumps(claims).encode()
        head = b64url(json.dumps({k: v for k, v in protected.items() if v is not None}).encode())
        signing_input = f"{head}.{b64url(payload)}"
        signature = raw_signature(self.keyring, signing_input.encode())
        return f"{signing_input}.{b64url(signature)}"

    # tokens ----------------------------------------------------------------------------------------------
    def token(self, audience: str, *, now: datetime = NOW, header: Change | None = None, **claims: Any) -> str:
        """A self-issued ID token."""
        issued = int(now.timestamp())
        good = {
            "iss": self.did,
            "sub": self.did,
            "aud": audience,
            "jti": f"jti-{next(_numbers)}",
            "iat": issued,
            "exp": issued + 300,
        }
        return self.sign({"typ": "JWT", **(header or {})}, without_none({**good, **claims}))

    def bearer(self, audience: str, **claims: Any) -> str:
        return f"Bearer {self.token(audience, **claims)}"

    # credentials -----------------------------------------------------------------------------------------
    def credential(
        self,
        holder: str,
        credential_type: str = "MembershipCredential",
        *,
        now: datetime = NOW,
        subject: Change | None = None,
        header: Change | None = None,
        status: Any = None,
        **claims: Any,
    ) -> str:
        """A credential of data model 2.0 about ``holder``."""
        issued = int(now.timestamp()) - 3600
        identifier = f"urn:uuid:00000000-0000-0000-0000-{next(_numbers):012d}"
        good = {
            "@context": [VC2],
            "id": identifier,
            "type": ["VerifiableCredential", credential_type],
            "issuer": self.did,
            "validFrom": stamp(now - timedelta(hours=1)),
            "validUntil": stamp(now + timedelta(days=30)),
            "credentialSubject": without_none({"id": holder, "legalName": "Stad", **(subject or {})}),
            "credentialStatus": status,
            "iss": self.did,
            "sub": holder,
            "jti": identifier,
            "iat": issued,
            "nbf": issued,
            "exp": int(now.timestamp()) + 30 * 86400,
        }
        return self.sign({"typ": "vc+jwt", **(header or {})}, without_none({**good, **claims}))

    def elder_credential(
        self,
        holder: str,
        credential_type: str = "MembershipCredential",
        *,
        now: datetime = NOW,
        subject: Change | None = None,
        body: Change | None = None,
        **claims: Any,
    ) -> str:
        """A credential of data model 1.1, as the conformance kit makes them."""
        issued = int(now.timestamp()) - 3600
        identifier = f"urn:uuid:00000000-0000-0000-0001-{next(_numbers):012d}"
        credential = {
            "@context": [VC1],
            "id": identifier,
            "type": [credential_type],
            "issuer": self.did,
            "issuanceDate": stamp(now - timedelta(hours=1)),
            "expirationDate": stamp(now + timedelta(days=30)),
            "credentialSubject": without_none({"id": holder, "foo": "bar", **(subject or {})}),
            **(body or {}),
        }
        good = {
            "iss": self.did,
            "sub": holder,
            "jti": identifier,
            "iat": issued,
            "nbf": issued,
            "exp": int(now.timestamp()) + 30 * 86400,
            "vc": without_none(credential),
        }
        return self.sign({"typ": "JWT"}, without_none({**good, **claims}))

    # presentations ---------------------------------------------------------------------------------------
    def presentation(
        self,
        audience: str,
        credentials: Sequence[str],
        *,
        now: datetime = NOW,
        header: Change | None = None,
        **claims: Any,
    ) -> str:
        """A presentation of data model 2.0 to ``audience``."""
        issued = int(now.timestamp())
        good = {
            "@context": [VC2],
            "type": ["VerifiablePresentation"],
            "holder": self.did,
            "verifiableCredential": [
                {
                    "@context": VC2,
                    "type": "EnvelopedVerifiableCredential",
                    "id": f"data:application/vc+jwt,{jwt}",
                }
                for jwt in credentials
            ],
            "iss": self.did,
            "sub": self.did,
            "aud": audience,
            "jti": f"vp-{next(_numbers)}",
            "iat": issued,
            "nbf": issued,
            "exp": issued + 300,
        }
        return self.sign({"typ": "vp+jwt", **(header or {})}, without_none({**good, **claims}))

    def elder_presentation(
        self,
        audience: str,
        credentials: Sequence[str],
        *,
        now: datetime = NOW,
        vp: Change | None = None,
        **claims: Any,
    ) -> str:
        """A presentation of data model 1.1, as the conformance kit makes them."""
        issued = int(now.timestamp())
        good = {
            "iss": self.did,
            "sub": self.did,
            "aud": audience,
            "jti": f"vp-{next(_numbers)}",
            "iat": issued,
            "nbf": issued,
            "exp": issued + 300,
            "vp": {
                "@context": [VC1],
                "type": "VerifiablePresentation",
                "verifiableCredential": list(credentials),
                **(vp or {}),
            },
        }
        return self.sign({"typ": "JWT"}, without_none({**good, **claims}))

    # status ----------------------------------------------------------------------------------------------
    @property
    def list_url(self) -> str:
        return f"{self.url}/status/1"

    def status_entry(self, index: int, **changes: Any) -> dict[str, Any]:
        good = {
            "id": f"{self.list_url}#{index}",
            "type": "BitstringStatusListEntry",
            "statusPurpose": "revocation",
            "statusListIndex": str(index),
            "statusListCredential": self.list_url,
        }
        return without_none({**good, **changes})

    def status_list(
        self,
        revoked: Sequence[int] = (),
        *,
        now: datetime = NOW,
        subject: Change | None = None,
        header: Change | None = None,
        **claims: Any,
    ) -> str:
        """A signed status list."""
        good = {
            "@context": [VC2],
            "id": self.list_url,
            "type": ["VerifiableCredential", "BitstringStatusListCredential"],
            "issuer": self.did,
            "validFrom": stamp(now - timedelta(minutes=1)),
            "validUntil": stamp(now + timedelta(minutes=15)),
            "credentialSubject": without_none(
                {
                    "id": f"{self.list_url}#list",
                    "type": "BitstringStatusList",
                    "statusPurpose": "revocation",
                    "encodedList": encode(revoked),
                    **(subject or {}),
                }
            ),
        }
        return self.sign({"typ": "vc+jwt", **(header or {})}, without_none({**good, **claims}))


def raw_signature(keyring: MemoryKeyRing, signing_input: bytes) -> bytes:
    """ES256 over exactly these bytes."""
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

    private = keyring.key.private_key
    assert private is not None
    r, s = decode_dss_signature(private.sign(signing_input, ec.ECDSA(hashes.SHA256())))
    return r.to_bytes(32, "big") + s.to_bytes(32, "big")


def without_none(members: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in members.items() if value is not None}

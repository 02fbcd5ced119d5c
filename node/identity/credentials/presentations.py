"""Verifiable presentations as JWT: make ours, and verify the answer of a credential service.

A presentation proves that its holder shows these credentials to *us*, now. ``verify_presentation`` checks
(DCP 1.0 §5.4.3; VC-JOSE-COSE §3.2):

1. the presentation's holder is the party that called us, and signed it;
2. the key is listed under ``authentication`` of the holder's DID document;
3. the signature is valid;
4. it is for us alone;
5. it is valid now.

It does not check that the ``jti`` is new: the presentation is the answer to our own query over our own connection,
and only the holder could send it twice.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from node.base.errors import InvalidInput, Unauthenticated
from node.base.jsons import canonical
from node.identity.credentials.credentials import Unacceptable, UnverifiedCredential, read_credential
from node.identity.documents import key_for
from node.identity.jose import BadSignature, Jws, read_jws, verify_jws
from node.identity.messages import VC1_CONTEXT, VC2_CONTEXT, VC20
from node.identity.model import DidDocument, Rejection
from node.identity.periods import document_at, stated_moment
from node.identity.ports import KeyRing
from node.identity.tokens import check_times

MAX_PRESENTATION: Final = 512 * 1024
MAX_PRESENTATIONS: Final = 20
MAX_CREDENTIALS: Final = 50
LIFETIME: Final = 300
_ENVELOPES: Final = ("data:application/vc+jwt,", "data:application/vc+ld+json+jwt,", "data:application/vc-ld+jwt,")


@dataclass(frozen=True, slots=True, kw_only=True)
class UnverifiedPresentation:
    """A parsed presentation; ``unreadable`` are the credentials in it that could not be parsed."""

    jws: Jws = field(repr=False)
    holder: str
    claims: dict[str, Any] = field(repr=False)
    credentials: tuple[UnverifiedCredential, ...]
    unreadable: tuple[Rejection, ...] = ()


def read_presentation(entry: Any) -> UnverifiedPresentation:
    """Parse one entry of a ``presentation`` array. Raises ``Unauthenticated``; verifies nothing."""
    if not isinstance(entry, str):
        raise Unauthenticated("a presentation is not a JWT, the only form that this node reads")
    try:
        jws = read_jws(entry, limit=MAX_PRESENTATION)
        claims = jws.claims()
    except InvalidInput as error:
        raise Unauthenticated(f"a presentation is not readable: {error.detail}") from error
    if "vc" in claims:
        raise Unauthenticated("this is a credential, not a presentation")
    body = claims.get("vp", claims)
    if "vp" in claims and "verifiableCredential" in claims:
        raise Unauthenticated("the token is a presentation of both data models at once")
    if not isinstance(body, dict):
        raise Unauthenticated("a presentation has no readable vp claim")
    if jws.typ not in (("", "jwt") if "vp" in claims else ("vp+jwt", "vp+ld+json+jwt", "vp-ld+jwt", "jwt", "")):
        raise Unauthenticated("the token's typ is not that of a presentation")
    types = body.get("type")
    if "VerifiablePresentation" not in (types if isinstance(types, list) else [types]):
        raise Unauthenticated("the token is not a presentation")
    holder = claims.get("iss", body.get("holder"))
    named = body.get("holder", holder)
    named = named.get("id") if isinstance(named, dict) else named
    if not isinstance(holder, str) or named != holder or claims.get("sub", holder) != holder:
        raise Unauthenticated("the presentation does not name one holder")
    entries = body.get("verifiableCredential") or []
    entries = entries if isinstance(entries, list) else [entries]
    if len(entries) > MAX_CREDENTIALS:
        raise Unauthenticated(f"a presentation holds more than {MAX_CREDENTIALS} credentials")
    credentials, unreadable = [], []
    for item in entries:
        try:
            credentials.append(read_credential(_unwrap(item)))
        except Unacceptable as error:
            unreadable.append(Rejection(types=(), issuer="", why=error.detail))
    return UnverifiedPresentation(
        jws=jws,
        holder=holder,
        claims=claims,
        credentials=tuple(credentials),
        unreadable=tuple(unreadable),
    )


def _unwrap(item: Any) -> Any:
    """Return the JWT inside an EnvelopedVerifiableCredential (VC data model 2.0 §4.13), or the item itself."""
    if isinstance(item, dict):
        address = item.get("id")
        types = item.get("type")
        if isinstance(address, str) and "EnvelopedVerifiableCredential" in (
            types if isinstance(types, list) else [types]
        ):
            for prefix in _ENVELOPES:
                if address.startswith(prefix):
                    return address.removeprefix(prefix)
    return item


def verify_presentation(
    presentation: UnverifiedPresentation,
    *,
    holder: DidDocument,
    audience: str,
    now: datetime,
    skew: int = 30,
) -> None:
    """Check steps 1 to 5 of the module with the DID document of the caller. Raises ``Unauthenticated``.

    Its subclass ``UnknownKey`` means that a fresh copy of the document may help.
    """
    jws, claims = presentation.jws, presentation.claims
    if presentation.holder != holder.id or jws.kid_did not in (holder.id, None):
        raise Unauthenticated("the presentation comes from another party than the caller")  # 1
    key = key_for(document_at(holder, stated_moment(jws, "iat"), first_seen=now), jws.kid, "authentication")  # 2
    try:
        verify_jws(jws, key)  # 3
    except BadSignature as error:
        raise Unauthenticated(f"the presentation is not valid: {error.detail}") from error
    if claims.get("aud") not in (audience, [audience]):
        raise Unauthenticated("the presentation is not for this node")  # 4
    check_times({"iat": int(now.timestamp()), **claims}, now, skew=skew, max_lifetime=86_400)  # 5


def make_presentation(
    keyring: KeyRing, audience: str, credentials: Sequence[str], now: datetime, *, profile: str
) -> str:
    """Return a presentation of ours for ``audience``: credentials (JWTs) of one profile, in the form of the
    profile."""
    issue_time = int(now.timestamp())
    jwt_claims = {
        "iss": keyring.did,
        "sub": keyring.did,
        "aud": audience,
        "jti": str(uuid.uuid4()),
        "iat": issue_time,
        "nbf": issue_time,
        "exp": issue_time + LIFETIME,
    }
    if profile == VC20:
        envelopes = [
            {
                "@context": VC2_CONTEXT,
                "type": "EnvelopedVerifiableCredential",
                "id": f"{_ENVELOPES[0]}{jwt}",
            }
            for jwt in credentials
        ]
        body: dict[str, Any] = {
            "@context": [VC2_CONTEXT],
            "type": ["VerifiablePresentation"],
            "holder": keyring.did,
            "verifiableCredential": envelopes,
            **jwt_claims,
        }
        return keyring.sign_jws({"typ": "vp+jwt"}, canonical(body))
    inner = {
        "@context": [VC1_CONTEXT],
        "type": ["VerifiablePresentation"],
        "holder": keyring.did,
        "verifiableCredential": list(credentials),
    }
    return keyring.sign_jws({"typ": "JWT"}, canonical({**jwt_claims, "vp": inner}))

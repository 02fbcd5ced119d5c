"""Self-issued ID tokens, with which participants identify themselves (DCP 1.0 §4.3).

``make_token`` makes a token for one request; ``read_token`` and ``verify_token`` check a received token. Both
checks are pure functions: key material, our own DID and the time are arguments. The steps, in a safe order (each
number is beside its code):

1. parse; the algorithm is one of ours; the key id, if there is one, is a DID URL;
2. ``iss`` equals ``sub`` and is a DID; the DID in ``kid`` equals ``iss``; it is not our own;
3. ``aud`` is our DID and nothing else;
4. the key that ``kid`` names is in the DID document of ``iss``, whose ``id`` is ``iss``;
5. it is listed under ``capabilityInvocation``;
6. the signature is valid;
7. ``exp``, ``nbf``, ``iat`` are valid, with little leeway and a short lifetime;
8. ``jti`` is there. The caller of this module has to check that it is new, since this needs storage: see
   ``node.identity.replay``.
"""

from __future__ import annotations

import math
import uuid
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

from node.base.errors import InvalidInput, Unauthenticated
from node.base.jsons import canonical
from node.identity.documents import key_for
from node.identity.jose import BadSignature, Jws, read_jws, verify_jws
from node.identity.model import DidDocument
from node.identity.periods import document_at, stated_moment
from node.identity.ports import KeyRing

SKEW: Final = 30
"""Seconds by which clocks may differ. The conformance kit sends tokens that are 60 s off, which must be refused."""

MAX_LIFETIME: Final = 600
MAX_JTI: Final = 256


@dataclass(frozen=True, slots=True, kw_only=True)
class UnverifiedToken:
    """A token with a valid form. ``issuer`` names the DID document to fetch; it is not verified."""

    jws: Jws
    issuer: str
    claims: dict[str, Any] = field(repr=False)
    seen: datetime | None = None
    """The moment when it was received."""


@dataclass(frozen=True, slots=True, kw_only=True)
class IdToken:
    """A verified token: its sender (``issuer``), and the access token for the sender's credentials, if it has one.

    ``wallet`` is this project's own claim: a mark that changes whenever the sender's credentials do.
    """

    issuer: str
    jti: str
    expires: datetime
    access_token: str | None = field(repr=False)
    wallet: str | None = None
    claims: dict[str, Any] = field(repr=False, default_factory=dict)


def make_token(
    keyring: KeyRing,
    audience: str,
    now: datetime,
    *,
    access_token: str | None = None,
    lifetime: int = 300,
    extra: dict[str, Any] | None = None,
) -> str:
    """Return a token of ours for one request to ``audience``, with a fresh ``jti`` (DCP 1.0 §4.3.1)."""
    issue_time = int(now.timestamp())
    claims: dict[str, Any] = {
        "iss": keyring.did,
        "sub": keyring.did,
        "aud": audience,
        "jti": str(uuid.uuid4()),
        "iat": issue_time,
        "nbf": issue_time,
        "exp": issue_time + lifetime,
        **(extra or {}),
    }
    if access_token is not None:
        claims["token"] = access_token
    return keyring.sign_jws({"typ": "JWT"}, canonical(claims))


def read_token(text: str, *, audience: str, now: datetime, skew: int = SKEW) -> UnverifiedToken:
    """Check steps 1, 2, 3, 7 and 8, which need no key. Raises ``Unauthenticated``.

    These steps come first, so that we fetch nothing for a token that cannot be valid.
    """
    try:
        jws = read_jws(text)  # 1
        claims = jws.claims()
    except InvalidInput as error:
        raise Unauthenticated(f"the token is not readable: {error.detail}", remedy=error.remedy) from error
    if jws.typ not in ("", "jwt"):
        raise Unauthenticated("the token is of another kind: its typ must be JWT")  # RFC 8725 §3.11
    issuer = claims.get("iss")
    if not isinstance(issuer, str) or not issuer.startswith("did:"):
        raise Unauthenticated("iss of the token is not a DID")  # 2
    if claims.get("sub") != issuer:
        raise Unauthenticated("sub of the token must equal its iss")
    if jws.kid is not None and jws.kid_did not in (issuer, None):
        raise Unauthenticated("the key of the token belongs to another DID than its iss")
    if jws.kid is not None and jws.kid_did is None and not jws.kid.startswith("#"):
        raise Unauthenticated("kid of the token must be a DID URL")
    if issuer == audience:
        # A token with our own DID would be one that we made for another node, sent back to us.
        raise Unauthenticated("the token was issued in the name of this node itself")
    if "sub_jwk" in claims:
        raise Unauthenticated("the token brings its own key in sub_jwk")
    if claims.get("aud") not in (audience, [audience]):
        raise Unauthenticated("the token is not for this node", remedy=f"set aud to {audience}")  # 3
    check_times(claims, now, skew=skew, max_lifetime=MAX_LIFETIME)  # 7
    jti = claims.get("jti")
    if not isinstance(jti, str) or not 0 < len(jti) <= MAX_JTI:
        raise Unauthenticated("the token has no jti, or an overlong one")  # 8
    if not isinstance(claims.get("token", ""), str):
        raise Unauthenticated("the token claim must be a text")
    return UnverifiedToken(jws=jws, issuer=issuer, claims=claims, seen=now)


def verify_token(token: UnverifiedToken, document: DidDocument) -> IdToken:
    """Check steps 4, 5 and 6 with the DID document of ``token.issuer``. Raises ``Unauthenticated``.

    Its subclass ``UnknownKey`` means that a fresh copy of the document may help.
    """
    if document.id != token.issuer:
        raise Unauthenticated("the DID document is about another DID")  # 4
    # A token lives for minutes, so its key may have been retired shortly after it was made. A revoked key is judged
    # by the present moment: a thief of the key can write any date.
    then = document_at(document, stated_moment(token.jws, "iat"), first_seen=token.seen)
    key = key_for(then, token.jws.kid, "capabilityInvocation")  # 4, 5
    try:
        verify_jws(token.jws, key)  # 6
    except BadSignature as error:
        raise Unauthenticated(f"the token is not valid: {error.detail}") from error
    claims, wallet = token.claims, token.claims.get("https://w3id.org/hansa/ns#wallet")
    return IdToken(
        issuer=token.issuer,
        jti=claims["jti"],
        expires=datetime.fromtimestamp(claims["exp"], UTC),
        access_token=claims.get("token"),
        wallet=wallet if isinstance(wallet, str) and len(wallet) <= 64 else None,
        claims=claims,
    )


def check_times(claims: dict[str, Any], now: datetime, *, skew: int, max_lifetime: int) -> None:
    """Check that ``exp`` and ``iat`` are present and valid, ``nbf`` is valid if present, and the lifetime is short
    (RFC 7519 §4.1).

    Raises ``Unauthenticated``. The moments are compared as numbers, because they may be fractions or huge numbers of
    a stranger, and date arithmetic could overflow.
    """
    instant = now.timestamp()
    expires = _instant(claims, "exp", required=True)
    issue_time = _instant(claims, "iat", required=True)
    not_before = _instant(claims, "nbf", required=False)
    assert expires is not None
    assert issue_time is not None
    if expires + skew <= instant:
        raise Unauthenticated("the token has expired", remedy="send a fresh token; check the clocks")
    if issue_time - skew > instant:
        raise Unauthenticated("the token was issued in the future", remedy="check the clocks")
    if not_before is not None and not_before - skew > instant:
        raise Unauthenticated("the token is not valid yet", remedy="check the clocks")
    if expires - issue_time > max_lifetime:
        raise Unauthenticated(f"the token lives longer than {max_lifetime} s")


def _instant(claims: dict[str, Any], name: str, *, required: bool) -> float | None:
    value = claims.get(name)
    if value is None and not required:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise Unauthenticated(f"{name} of the token is missing or not a number of seconds")
    if not 0 <= value <= 2**40 or not math.isfinite(value):
        raise Unauthenticated(f"{name} of the token is out of range")
    return float(value)

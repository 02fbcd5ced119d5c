"""Verifiable credentials secured as JWT: issue and verify them.

Two profiles (DCP 1.0 appendix A). In ``vc20-bssl/jwt`` the payload *is* the credential (VC data model 2.0,
VC-JOSE-COSE §3.1, ``typ: vc+jwt``); in ``vc11-sl2021/jwt`` the credential is the claim ``vc`` (VC data model
1.1 §6.3.1). A payload of both forms is refused, because two readers would see two credentials.

``read_credential`` parses a credential; ``verify_credential`` follows these steps and raises ``Unacceptable`` with a
sentence for people:

1. the DID of the signing key is the credential's issuer;
2. the key is listed under ``assertionMethod`` of the issuer's DID document;
3. the signature is valid;
4. the dates of the data model and the registered claims beside them are valid now;
5. every subject is the holder.

The use cases check whether the issuer is trusted for this type (``node.identity.credentials.trust``) and whether the
credential is revoked (``node.identity.credentials.status``).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from node.base.clock import moment, stamp
from node.base.errors import InvalidInput, Unauthenticated
from node.base.jsons import canonical
from node.identity.documents import UnknownKey, key_for
from node.identity.jose import BadSignature, Jws, read_jws, verify_jws
from node.identity.messages import VC1_CONTEXT, VC2_CONTEXT, VC11, VC20
from node.identity.model import Credential, DidDocument
from node.identity.periods import document_at
from node.identity.ports import KeyRing
from node.identity.terms import context_of

MAX_CREDENTIAL: Final = 64 * 1024
BASE_TYPE: Final = "VerifiableCredential"
SKEW: Final = timedelta(seconds=30)


class Unacceptable(InvalidInput):
    """The credential is not accepted. ``detail`` is the reason."""

    code = "unacceptable-credential"


@dataclass(frozen=True, slots=True, kw_only=True)
class UnverifiedCredential:
    """A parsed credential with its own statements; none of them is verified."""

    jws: Jws = field(repr=False)
    profile: str
    body: dict[str, Any] = field(repr=False)
    id: str
    types: tuple[str, ...]
    issuer: str

    @property
    def schema_urls(self) -> tuple[str, ...]:
        """Return the addresses of its ``credentialSchema``; "" for an entry without a usable address."""
        entries = self.body.get("credentialSchema") or []
        entries = entries if isinstance(entries, list) else [entries]
        return tuple(
            entry["id"] if isinstance(entry, dict) and isinstance(entry.get("id"), str) else "" for entry in entries
        )


def read_credential(text: Any) -> UnverifiedCredential:
    """Parse a credential in JWT form. Raises ``Unacceptable``; verifies nothing."""
    if not isinstance(text, str):
        raise Unacceptable("the credential is not a JWT, the only form that this node reads")
    try:
        jws = read_jws(text, limit=MAX_CREDENTIAL)
        claims = jws.claims()
    except InvalidInput as error:
        raise Unacceptable(f"the credential is not readable: {error.detail}") from error
    profile, body = _profile_and_body(jws, claims)
    issuer = body.get("issuer")
    issuer = issuer.get("id") if isinstance(issuer, dict) else issuer
    if not isinstance(issuer, str) or not issuer.startswith("did:"):
        raise Unacceptable("the issuer of the credential is not a DID")
    if claims.get("iss", issuer) != issuer:
        raise Unacceptable("the credential names two issuers")
    types = body.get("type")
    types = [types] if isinstance(types, str) else types
    if not isinstance(types, list) or not all(isinstance(name, str) for name in types):
        raise Unacceptable("the credential has no type")
    identifier = body.get("id", claims.get("jti", ""))
    # In data model 1.1 `jti` should repeat the id (§6.3.1), but issuers in use number the token instead.
    two = profile == VC20 and claims.get("jti", identifier) != identifier
    if two or not isinstance(identifier, str):
        raise Unacceptable("the credential has two ids, or one that is not a text")
    return UnverifiedCredential(
        jws=jws,
        profile=profile,
        body=body,
        id=identifier,
        types=tuple(name for name in types if name != BASE_TYPE),
        issuer=issuer,
    )


def _profile_and_body(jws: Jws, claims: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    inner = claims.get("vc")
    contexts = claims.get("@context")
    if "vp" in claims:
        raise Unacceptable("this is a presentation, not a credential")
    if inner is not None:
        if "@context" in claims or "credentialSubject" in claims or not isinstance(inner, dict):
            raise Unacceptable("the token is a credential of both data models at once")
        if jws.typ not in ("", "jwt"):
            raise Unacceptable("the token's typ does not fit a credential of data model 1.1")
        body = dict(inner)
        body.setdefault("issuer", claims.get("iss"))  # VC data model 1.1 §6.3.1: iss may stand for issuer
        return VC11, body
    if jws.typ not in ("vc+jwt", "vc+ld+json+jwt", "vc-ld+jwt", "jwt", ""):
        raise Unacceptable("the token's typ is not that of a credential")
    if not (isinstance(contexts, list) and contexts[:1] == [VC2_CONTEXT]):
        raise Unacceptable("the token is not a credential of a data model that this node reads")
    return VC20, claims


def verify_credential(
    credential: UnverifiedCredential, *, issuer: DidDocument, holder: str, now: datetime
) -> Credential:
    """Check steps 1 to 5 of the module with the issuer's DID document. Raises ``Unacceptable``.

    Also raises ``UnknownKey``: a fresh copy of the document may have the key.
    """
    jws = credential.jws
    if issuer.id != credential.issuer or jws.kid_did not in (credential.issuer, None):
        raise Unacceptable("the credential is signed by another party than its issuer")  # 1
    try:
        begins = _dates(credential)[0]
        # A credential without a date is never accepted under a former key.
        stated = begins if begins.year > 1970 else None
        key = key_for(document_at(issuer, stated, first_seen=now), jws.kid, "assertionMethod")  # 2
        verify_jws(jws, key)  # 3
    except UnknownKey:
        raise
    except Unauthenticated as error:
        raise Unacceptable(f"the credential's key may not sign credentials: {error.detail}") from error
    except BadSignature as error:
        raise Unacceptable("the signature of the credential is not valid") from error
    valid_from, valid_until = _dates(credential)
    if valid_from - SKEW > now:
        raise Unacceptable(f"the credential is not valid before {stamp(valid_from)}")  # 4
    if valid_until is not None and valid_until <= now:
        raise Unacceptable(f"the credential expired on {stamp(valid_until)}")
    claims = _claims_about(credential, holder)  # 5
    return Credential(
        id=credential.id,
        types=credential.types,
        issuer=credential.issuer,
        subject=holder,
        claims=claims,
        valid_from=valid_from,
        valid_until=valid_until,
        status=_status(credential.body),
        jwt=jws.text,
    )


def _status(body: dict[str, Any]) -> dict[str, Any] | None:
    status = body.get("credentialStatus")
    if isinstance(status, list):
        return {"entries": status}
    if status is not None and not isinstance(status, dict):
        raise Unacceptable("the status of the credential is not readable")
    return status


def status_member(credential: Credential) -> Any:
    """Return ``credentialStatus`` as its issuer wrote it: one entry or several."""
    status = credential.status
    return status["entries"] if status is not None and set(status) == {"entries"} else status


def _dates(credential: UnverifiedCredential) -> tuple[datetime, datetime | None]:
    """Return the latest of all beginnings and the earliest of all ends; null counts as absent."""
    names = ("validFrom", "validUntil") if credential.profile == VC20 else ("issuanceDate", "expirationDate")
    claims = credential.jws.claims()
    try:
        begins = [moment(text) for text in [credential.body.get(names[0])] if text is not None]
        ends = [moment(text) for text in [credential.body.get(names[1])] if text is not None]
        begins += [_numeric_date(claims[name]) for name in ("nbf",) if claims.get(name) is not None]
        ends += [_numeric_date(claims[name]) for name in ("exp",) if claims.get(name) is not None]
        times = [_numeric_date(claims["iat"])] if claims.get("iat") is not None else []
    except (ValueError, TypeError, AttributeError, OverflowError) as error:
        raise Unacceptable("a date of the credential is not a date") from error
    if not begins and credential.profile == VC11:
        raise Unacceptable("the credential does not say when it was issued")
    return max(begins + times, default=datetime(1970, 1, 1, tzinfo=UTC)), min(ends, default=None)


def _numeric_date(value: Any) -> datetime:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError("a NumericDate is a number")
    return datetime.fromtimestamp(value, UTC)


def _claims_about(credential: UnverifiedCredential, holder: str) -> dict[str, Any]:
    subjects = credential.body.get("credentialSubject")
    subjects = subjects if isinstance(subjects, list) else [subjects]
    if not subjects or not all(isinstance(subject, dict) for subject in subjects):
        raise Unacceptable("the credential says nothing about anybody")
    # `sub` repeats the subject's id (VC data model 1.1 §6.3.1); the conformance kit writes the credential's own
    # id there instead. `credentialSubject` names the holder in both cases.
    elder_id = {credential.id} if credential.profile == VC11 else set()
    if credential.jws.claims().get("sub", holder) not in {holder} | elder_id or any(
        subject.get("id") != holder for subject in subjects
    ):
        raise Unacceptable("the credential is about another party than its holder")
    all_claims: dict[str, Any] = {}
    for subject in subjects:
        all_claims.update({name: value for name, value in subject.items() if name != "id"})
    return all_claims


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """The statement that a credential certifies: the input of ``issue_credential``."""

    id: str
    type: str
    subject: str
    claims: dict[str, Any]
    valid_from: datetime
    valid_until: datetime
    status: Sequence[dict[str, Any]]
    """Its entries in status lists, one for each purpose."""


def issue_credential(keyring: KeyRing, statement: Statement, *, profile: str = VC20) -> str:
    """Return the signed credential in the form of ``profile``, with a context that defines its terms. Raises
    ``InvalidInput`` for an unknown profile."""
    types = [BASE_TYPE, statement.type]
    subject = {**statement.claims, "id": statement.subject}
    jwt_claims = {
        "iss": keyring.did,
        "sub": statement.subject,
        "jti": statement.id,
        "iat": int(statement.valid_from.timestamp()),
        "nbf": int(statement.valid_from.timestamp()),
        "exp": int(statement.valid_until.timestamp()),
    }
    claims: dict[str, Any] = {
        "id": statement.id,
        "type": types,
        "issuer": keyring.did,
        "credentialSubject": subject,
        "credentialStatus": statement.status[0] if len(statement.status) == 1 else list(statement.status),
    }
    starts, ends = stamp(statement.valid_from), stamp(statement.valid_until)
    if profile == VC20:
        contexts = [VC2_CONTEXT, context_of(statement.type, subject)]
        body = {"@context": contexts, **claims, "validFrom": starts, "validUntil": ends, **jwt_claims}
        return keyring.sign_jws({"typ": "vc+jwt"}, canonical(body))
    if profile == VC11:
        contexts = [VC1_CONTEXT, context_of(statement.type, subject, elder=True)]
        body = {"@context": contexts, **claims, "issuanceDate": starts, "expirationDate": ends}
        return keyring.sign_jws({"typ": "JWT"}, canonical({**jwt_claims, "vc": body}))
    raise InvalidInput(f"credentials are not issued in the form {profile} here")


def profile_of(jwt: str) -> str:
    """Return the profile of a credential that we hold already."""
    return read_credential(jwt).profile

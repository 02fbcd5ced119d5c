"""Status lists: whether a credential is still valid (W3C Bitstring Status List 1.0, and the older StatusList2021).

A list is a long row of bits, compressed; a credential names the index of its bit. Index 0 is the most significant bit
of the first byte. A list is accepted only if its issuer is the credential's issuer, its signature is valid, its
purpose is that of the entry, and it has not expired. Every fault of a list raises an error: an unreadable status
never counts as valid.
"""

from __future__ import annotations

import base64
import binascii
import gzip
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

from node.base.clock import moment, stamp
from node.base.errors import InvalidInput
from node.base.jsons import canonical
from node.identity.documents import key_for
from node.identity.jose import read_jws, verify_jws
from node.identity.messages import REVOKED_SINCE, VC1_CONTEXT, VC2_CONTEXT
from node.identity.model import DidDocument
from node.identity.periods import document_at, stated_moment
from node.identity.ports import KeyRing

BITSTRING: Final = "BitstringStatusListEntry"
ELDER: Final = "StatusList2021Entry"

REVOCATION: Final = "revocation"
SUSPENSION: Final = "suspension"

LENGTH: Final = 131_072
"""The least number of bits (§2.1), so that fetching a list does not reveal which credential is checked."""

MAX_INFLATED: Final = 2 * 1024 * 1024
MAX_DOCUMENT: Final = 4 * 1024 * 1024
_MAX_ENTRIES: Final = 8
_HARMLESS: Final = frozenset({"refresh", "message"})
_KINDS: Final = {
    BITSTRING: ("BitstringStatusListCredential", "BitstringStatusList"),
    ELDER: ("StatusList2021Credential", "StatusList2021"),
}


class BadStatusList(InvalidInput):
    """The answer of the issuer does not show the status of the credential."""

    code = "bad-status-list"


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusEntry:
    """The place of a credential's status: list, index and purpose."""

    kind: str
    purpose: str
    index: int
    url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusList:
    """A verified list: its bits, its purposes, the end of its validity, and ``since``: index → moment of revocation
    or suspension, if its issuer states it."""

    kind: str
    issuer: str
    purposes: frozenset[str]
    bits: bytes = field(repr=False)
    valid_until: datetime | None
    since: Mapping[int, datetime] = field(default_factory=dict)


def read_entries(status: Any) -> tuple[StatusEntry, ...]:
    """Return the entries of ``credentialStatus`` that can end a credential. Raises ``BadStatusList``.

    An entry of an unknown type is an error, since we cannot know its meaning. Purposes that do not affect validity
    (``refresh``, ``message``) are ignored.
    """
    if status is None:
        return ()
    entries = status if isinstance(status, list) else [status]
    if len(entries) > _MAX_ENTRIES:
        raise BadStatusList("the credential has too many status entries")
    read = [_read_entry(entry) for entry in entries]
    return tuple(entry for entry in read if entry.purpose not in _HARMLESS)


def _read_entry(entry: Any) -> StatusEntry:
    if not isinstance(entry, dict) or entry.get("type") not in _KINDS:
        raise BadStatusList("the credential has a status of a kind that this node does not read")
    index, url = entry.get("statusListIndex"), entry.get("statusListCredential")
    text = str(index) if isinstance(index, int | str) and not isinstance(index, bool) else ""
    if not (text.isascii() and text.isdigit() and len(text) <= 10):
        raise BadStatusList("statusListIndex of the credential is not a whole number")
    if not isinstance(url, str) or not 0 < len(url) <= 2048:
        raise BadStatusList("statusListCredential of the credential is not a URL")
    if entry.get("statusSize", 1) != 1:
        raise BadStatusList("status entries of more than one bit are not read here")
    purpose = entry.get("statusPurpose")
    if not isinstance(purpose, str) or not purpose:
        raise BadStatusList("the status entry of the credential has no statusPurpose")
    return StatusEntry(kind=entry["type"], purpose=purpose, index=int(text), url=url)


def read_list(
    document: str | dict[str, Any],
    *,
    issuer: DidDocument,
    now: datetime,
    skew: timedelta = timedelta(seconds=30),
    allow_unsigned: bool = False,
) -> StatusList:
    """Return the list in ``document``, issued by ``issuer``. Raises ``BadStatusList``, or ``Unauthenticated`` from
    the search for the key (``UnknownKey`` if a fresh DID document may help).

    A list without signature is accepted only with ``allow_unsigned`` (the conformance kit serves such a list).
    """
    if isinstance(document, str):
        claims = _verified_claims(document.strip(), issuer, now)
    elif allow_unsigned:
        claims = document
    else:
        raise BadStatusList("the status list is not signed")
    credential = claims.get("vc") if isinstance(claims.get("vc"), dict) else claims
    assert isinstance(credential, dict)
    named = credential.get("issuer", claims.get("iss"))
    named = named.get("id") if isinstance(named, dict) else named
    if named != issuer.id or claims.get("iss", named) != named:
        raise BadStatusList("the status list comes from another issuer than the credential")
    subject = credential.get("credentialSubject")
    if not isinstance(subject, dict):
        raise BadStatusList("the status list has no credentialSubject")
    kind = _kind_of(credential, subject)
    valid_until = _valid_until(claims, credential, now, skew)
    purposes = subject.get("statusPurpose")
    purposes = purposes if isinstance(purposes, list) else [purposes]
    return StatusList(
        kind=kind,
        issuer=issuer.id,
        purposes=frozenset(purpose for purpose in purposes if isinstance(purpose, str)),
        bits=decode(subject.get("encodedList")),
        valid_until=valid_until,
        since=_since(subject.get(REVOKED_SINCE)),
    )


def _verified_claims(text: str, issuer: DidDocument, now: datetime) -> dict[str, Any]:
    try:
        jws = read_jws(text, limit=MAX_DOCUMENT)
        if jws.kid_did not in (issuer.id, None):
            raise BadStatusList("the status list is signed by another party than the credential's issuer")
        then = document_at(issuer, stated_moment(jws, "iat", "nbf", "validFrom"), first_seen=now)
        verify_jws(jws, key_for(then, jws.kid, "assertionMethod"))
        return jws.claims()
    except BadStatusList:
        raise
    except InvalidInput as error:
        raise BadStatusList(f"the status list is not signed as it should be: {error.detail}") from error


def _kind_of(credential: dict[str, Any], subject: dict[str, Any]) -> str:
    types = credential.get("type")
    types = types if isinstance(types, list) else [types]
    for kind, (credential_type, subject_type) in _KINDS.items():
        if credential_type in types and subject.get("type") in (subject_type, [subject_type]):
            return kind
    raise BadStatusList("the document is not a status list")


def _valid_until(
    claims: dict[str, Any], credential: dict[str, Any], now: datetime, skew: timedelta
) -> datetime | None:
    try:
        starts = [moment(credential[name]) for name in ("validFrom", "issuanceDate") if credential.get(name)]
        ends = [moment(credential[name]) for name in ("validUntil", "expirationDate") if credential.get(name)]
    except (ValueError, TypeError, AttributeError) as error:
        raise BadStatusList("a date of the status list is not a date") from error
    for name, dates in (("nbf", starts), ("exp", ends)):
        value = claims.get(name)
        if value is None:
            continue
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 2**33:
            raise BadStatusList(f"{name} of the status list is not a moment")
        dates.append(datetime.fromtimestamp(value, now.tzinfo))
    if any(start - skew > now for start in starts):
        raise BadStatusList("the status list is not valid yet")
    if any(end <= now for end in ends):
        raise BadStatusList("the status list has expired")
    return min(ends, default=None)


def _since(value: Any) -> dict[int, datetime]:
    times: dict[int, datetime] = {}
    for index, text in (value if isinstance(value, dict) else {}).items():
        try:
            times[int(index)] = moment(text)
        except (ValueError, TypeError):
            continue
    return times


def check_status(entry: StatusEntry, status: StatusList) -> bool:
    """Return whether the bit of ``entry`` is set, that is: the credential is revoked or suspended.

    Raises ``BadStatusList`` if the list does not cover this entry (§3.2: wrong purpose, wrong kind, index out of
    range).
    """
    if status.kind != entry.kind:
        raise BadStatusList("the status list is of another kind than the credential's entry")
    if entry.purpose not in status.purposes:
        raise BadStatusList(f"the status list says nothing about {entry.purpose}")
    byte, bit = divmod(entry.index, 8)
    if byte >= len(status.bits):
        raise BadStatusList("the place of the credential is outside of its status list")
    return bool(status.bits[byte] & (0x80 >> bit))


def decode(value: Any) -> bytes:
    """Return the bits of an ``encodedList``: gzip in base64, with or without the multibase prefix ``u``.

    Raises ``BadStatusList``. Inflating stops at ``MAX_INFLATED``, whatever size the text states.
    """
    if not isinstance(value, str) or not value:
        raise BadStatusList("the status list has no encodedList")
    # GZIP begins with the bytes 1f 8b, in base64 `H4s`: so a leading `u` can only be the multibase prefix.
    text = value.removeprefix("u").rstrip("=").replace("+", "-").replace("/", "_")
    try:
        packed_bits = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError) as error:
        raise BadStatusList("encodedList is not base64") from error
    inflater = zlib.decompressobj(16 + zlib.MAX_WBITS)
    try:
        bits = inflater.decompress(packed_bits, MAX_INFLATED + 1)
    except zlib.error as error:
        raise BadStatusList("encodedList is not gzip") from error
    if len(bits) > MAX_INFLATED:
        raise BadStatusList(f"the status list is longer than {MAX_INFLATED} bytes")
    if not inflater.eof or inflater.unused_data:
        raise BadStatusList("encodedList is cut off, or something follows it")
    return bits


def encode(indexes: Iterable[int], *, length: int = LENGTH) -> str:
    """Return the ``encodedList`` with the bits of ``indexes`` set, with the multibase prefix ``u`` (§2.2)."""
    bits = bytearray(length // 8)
    for index in indexes:
        bits[index // 8] |= 0x80 >> (index % 8)
    packed = gzip.compress(bytes(bits), compresslevel=6, mtime=0)
    return "u" + base64.urlsafe_b64encode(packed).rstrip(b"=").decode("ascii")


def entry_for(url: str, index: int, *, kind: str = BITSTRING, purpose: str = REVOCATION) -> dict[str, Any]:
    """Return an entry of the ``credentialStatus`` of a credential of ours."""
    return {
        "id": f"{url}#{index}",
        "type": kind,
        "statusPurpose": purpose,
        "statusListIndex": str(index),
        "statusListCredential": url,
    }


def issue_list(
    keyring: KeyRing,
    url: str,
    moments: Mapping[int, datetime | None],
    now: datetime,
    *,
    kind: str = BITSTRING,
    purpose: str = REVOCATION,
    lifetime: timedelta = timedelta(minutes=15),
) -> str:
    """Return the signed status list credential for ``url``, of the kind that entries of ``kind`` refer to.

    ``validUntil`` is near, because even a verifier that ignores every other hint about age must honour it. A member
    of our own has the moments of revocation or suspension, so that a refusal can state them.
    """
    credential_type, subject_type = _KINDS[kind]
    text, ends = encode(moments), now + lifetime
    subject: dict[str, Any] = {
        "id": f"{url}#list",
        "type": subject_type,
        "statusPurpose": purpose,
        "encodedList": text if kind == BITSTRING else text.removeprefix("u"),
    }
    since = {str(index): stamp(at) for index, at in moments.items() if at is not None}
    if since:
        subject[REVOKED_SINCE] = since
    credential = {
        "id": url,
        "type": ["VerifiableCredential", credential_type],
        "issuer": keyring.did,
        "credentialSubject": subject,
    }
    jwt_claims = {"iss": keyring.did, "iat": int(now.timestamp()), "exp": int(ends.timestamp())}
    if kind == BITSTRING:
        dates = {"validFrom": stamp(now), "validUntil": stamp(ends)}
        payload = {"@context": [VC2_CONTEXT], **credential, **dates, **jwt_claims}
        return keyring.sign_jws({"typ": "vc+jwt"}, canonical(payload))
    dates = {"issuanceDate": stamp(now), "expirationDate": stamp(ends)}
    contexts = [VC1_CONTEXT, "https://w3id.org/vc/status-list/2021/v1"]
    payload = {**jwt_claims, "sub": subject["id"], "vc": {"@context": contexts, **credential, **dates}}
    return keyring.sign_jws({"typ": "JWT"}, canonical(payload))

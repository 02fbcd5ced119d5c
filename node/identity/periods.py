"""Keys have their time: which keys a node has and had, and a DID document as it was at a moment.

A key that was retired stays in the DID document as a verification method, with ``expires`` (W3C Controlled
Identifiers 1.0 §2.2) and with ``formerly``, the purposes that it had; it is listed under none of them any more. So
no reader accepts it for new signatures, and readers of ``formerly`` can still check its old ones. A key
that was revoked has ``revoked``: what it signed counts only where it was seen before that moment, since whoever has a
stolen key can write any date.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final

from node.base.clock import moment, stamp
from node.base.errors import InvalidInput
from node.identity.jose import Jws
from node.identity.model import DidDocument

SKEW: Final = timedelta(seconds=30)
"""How far the clocks of two parties may differ; also covers what was being signed while a key was replaced."""

LIFETIME: Final = 300
"""For so many seconds a DID document is used before it is read again: the longest for which a peer that never meets
the new key goes on with the old one."""


FIRST_PAUSE: Final = timedelta(seconds=1)
LONGEST_PAUSE: Final = timedelta(seconds=60)
"""A key that a document does not have makes a node read it anew at once. Where that found nothing new, the next look
waits for the first pause, and twice as long each time up to the longest: invented names of keys must cost nothing,
and a look that came too early must not hide a new key."""


class KeyKind(StrEnum):
    """What a key of a node is for."""

    SIGNING = "signing"
    LOG = "log"
    SEALING = "sealing"


PREFIX: Final = {KeyKind.SIGNING: "#key-", KeyKind.LOG: "#log-", KeyKind.SEALING: "#seal-"}
RELATIONSHIPS: Final = {
    KeyKind.SIGNING: ("authentication", "assertionMethod", "capabilityInvocation"),
    KeyKind.LOG: ("assertionMethod",),
    KeyKind.SEALING: ("keyAgreement",),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownKey:
    """The public side of one of a node's keys, and its time. ``since`` is None for keys of before it was written
    down; ``until`` is None for the key in use; ``revoked`` is the moment from which nothing of it counts;
    ``handover`` is, for a ledger key, the note by which the one before it handed over, signed by both."""

    id: str
    kind: KeyKind
    jwk: Mapping[str, str]
    since: datetime | None = None
    until: datetime | None = None
    revoked: datetime | None = None
    reason: str = ""
    handover: str = ""

    @property
    def state(self) -> str:
        """``in use``, ``retired`` or ``revoked``."""
        if self.revoked is not None:
            return "revoked"
        return "in use" if self.until is None else "retired"

    def to_json(self) -> dict[str, Any]:
        """As the API shows it and the ledger keeps it."""
        members: dict[str, Any] = {
            "id": self.id,
            "kind": str(self.kind),
            "purpose": list(RELATIONSHIPS[self.kind]),
            "state": self.state,
            "publicKeyJwk": dict(self.jwk),
            "since": stamp(self.since) if self.since else None,
            "until": stamp(self.until) if self.until else None,
            "revoked": stamp(self.revoked) if self.revoked else None,
        }
        return members | {
            name: value for name, value in (("reason", self.reason), ("handover", self.handover)) if value
        }

    @classmethod
    def from_json(cls, members: Mapping[str, Any]) -> KnownKey:
        """``to_json`` read back. Raises ``KeyError``, ``ValueError`` or ``TypeError``."""

        def when(name: str) -> datetime | None:
            return moment(members[name]) if members.get(name) else None

        return cls(
            id=members["id"],
            kind=KeyKind(members["kind"]),
            jwk=dict(members["publicKeyJwk"]),
            since=when("since"),
            until=when("until"),
            revoked=when("revoked"),
            reason=members.get("reason", ""),
            handover=members.get("handover", ""),
        )


def methods(did: str, keys: Sequence[KnownKey]) -> list[dict[str, Any]]:
    """The verification methods of a DID document: those in use first, then those that had their time."""
    return [_method(did, key) for key in sorted(keys, key=lambda key: key.state != "in use")]


def _method(did: str, key: KnownKey) -> dict[str, Any]:
    method: dict[str, Any] = {
        "id": did + key.id,
        "type": "JsonWebKey2020",
        "controller": did,
        "publicKeyJwk": dict(key.jwk),
    }
    if key.until is not None:
        method["expires"] = stamp(key.until)
    if key.revoked is not None:
        method["revoked"] = stamp(key.revoked)
    if key.until is not None or key.revoked is not None:
        method["formerly"] = list(RELATIONSHIPS[key.kind])
    return method


def document_at(document: DidDocument, at: datetime | None, *, seen: datetime | None = None) -> DidDocument:
    """``document`` as it was at ``at``: the keys that were in force then are listed as they were.

    In: ``at``, the moment that what was signed states, and ``seen``, when a source that the reader trusts, such as
    its own ledger, had it; where ``seen`` is given it decides about revoked keys, which can be made to state
    any moment. Without ``at`` nothing is added. Keys whose time is not readable are not added.
    """
    if at is None:
        return document
    listed: dict[str, list[Any]] = {}
    entries = document.raw.get("verificationMethod")
    for method in entries if isinstance(entries, list) else []:
        formerly = method.get("formerly")
        if not isinstance(formerly, list) or not _was_in_force(method, at, seen or at):
            continue
        for name in formerly:
            if name in RELATIONSHIPS[KeyKind.SIGNING]:
                listed.setdefault(name, []).append(method.get("id"))
    if not listed:
        return document
    raw = dict(document.raw)
    for name, added in listed.items():
        there = raw.get(name)
        raw[name] = [*(there if isinstance(there, list) else []), *added]
    return DidDocument(id=document.id, raw=raw)


def _was_in_force(method: Mapping[str, Any], at: datetime, seen: datetime) -> bool:
    try:
        ends = moment(method["expires"]) if "expires" in method else None
        void = moment(method["revoked"]) if "revoked" in method else None
        if ends is None and void is None:
            return False
        return (ends is None or at <= ends + SKEW) and (void is None or max(seen, at) < void)
    except (ValueError, TypeError, AttributeError):
        return False


def why_not(method: Mapping[str, Any]) -> str:
    """Why a key that is not listed counts no more, for people; empty where its document does not say."""
    for name, word in (("revoked", "was revoked as of"), ("expires", "was retired on")):
        if isinstance(method.get(name), str):
            return f"the key {word} {str(method[name])[:40]}"
    return ""


def stated_moment(jws: Jws, *names: str) -> datetime | None:
    """The moment that a JWS states itself, unverified, under the first of ``names`` that it has: a number as
    NumericDate (RFC 7519 §2), a text as a date and time. None where it states none that can be read."""
    try:
        claims = jws.claims()
    except InvalidInput:
        return None
    for name in names:
        value = claims.get(name)
        try:
            if isinstance(value, str):
                return moment(value)
            if isinstance(value, int | float) and not isinstance(value, bool):
                from datetime import UTC

                return datetime.fromtimestamp(value, UTC)
        except (ValueError, OverflowError, OSError):
            return None
    return None

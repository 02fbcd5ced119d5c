"""Periods of keys: the present and former keys of a node, and a DID document as it was at a moment.

A retired key stays in the DID document as a verification method, with ``expires`` (W3C Controlled Identifiers 1.0
§2.2) and with ``formerly``, the purposes that it had; it is no longer listed under any of them. So no reader accepts
it for new signatures, and readers of ``formerly`` can still check its old ones. A revoked key has ``revoked``: its
signatures count only if they were seen before that moment, since a thief of the key can write any date.
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
"""The difference allowed between two clocks; it also covers signatures made while a key was being replaced."""

LIFETIME: Final = 300
"""Seconds that a DID document is used before it is read again: the longest time for which a peer that never meets the
new key uses the old one."""


FIRST_PAUSE: Final = timedelta(seconds=1)
LONGEST_PAUSE: Final = timedelta(seconds=60)
"""A node reads a document again at once if a key is not in it. If the key is still missing, the next read waits for
the first pause, and each further one twice as long, up to the longest pause: invented key ids must not cause many
reads, and a read that came too early must not hide a new key for long."""


class KeyKind(StrEnum):
    """The purpose of a node's key."""

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
    """The public half of one of a node's keys, and its period. ``since`` is None for keys that are older than the
    record of periods; ``until`` is None for the key in use; from the moment ``revoked``, no signature of the key
    counts; ``handover`` is, for a ledger key, the note that hands over from the previous key, signed by both."""

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
        """Return the form for the API and the ledger."""
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
        """Read the result of ``to_json``. Raises ``KeyError``, ``ValueError`` or ``TypeError``."""

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
    """Return the verification methods of a DID document: those in use first, then former ones."""
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


def document_at(document: DidDocument, at: datetime | None, *, first_seen: datetime | None = None) -> DidDocument:
    """Return ``document`` as it was at ``at``, with the keys that were in force then under their former purposes.

    ``at`` is the moment that the signed data states; ``first_seen`` is the moment when a source that the reader
    trusts, such as its own ledger, had the data. If ``first_seen`` is given, it decides about revoked keys, because a
    thief of the key can state any moment. Without ``at``, nothing is added. Keys with an unreadable period are not
    added."""
    if at is None:
        return document
    ids: dict[str, list[Any]] = {}
    entries = document.raw.get("verificationMethod")
    for method in entries if isinstance(entries, list) else []:
        formerly = method.get("formerly")
        if not isinstance(formerly, list) or not _was_in_force(method, at, first_seen or at):
            continue
        for name in formerly:
            if name in RELATIONSHIPS[KeyKind.SIGNING]:
                ids.setdefault(name, []).append(method.get("id"))
    if not ids:
        return document
    raw = dict(document.raw)
    for name, added in ids.items():
        there = raw.get(name)
        raw[name] = [*(there if isinstance(there, list) else []), *added]
    return DidDocument(id=document.id, raw=raw)


def _was_in_force(method: Mapping[str, Any], at: datetime, first_seen: datetime) -> bool:
    try:
        ends = moment(method["expires"]) if "expires" in method else None
        void = moment(method["revoked"]) if "revoked" in method else None
        if ends is None and void is None:
            return False
        return (ends is None or at <= ends + SKEW) and (void is None or max(first_seen, at) < void)
    except (ValueError, TypeError, AttributeError):
        return False


def why_not(method: Mapping[str, Any]) -> str:
    """Return the reason, for people, why a key is no longer listed; "" if its document does not state one."""
    for name, word in (("revoked", "was revoked as of"), ("expires", "was retired on")):
        if isinstance(method.get(name), str):
            return f"the key {word} {str(method[name])[:40]}"
    return ""


def stated_moment(jws: Jws, *names: str) -> datetime | None:
    """Return the unverified moment that a JWS states, under the first of ``names`` that it has: a number as
    NumericDate (RFC 7519 §2), a text as a date and time. None if it states no readable moment."""
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

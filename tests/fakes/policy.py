"""Offers, callers and situations for tests: the cast of the demonstration."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from node.identity.model import Caller, Credential, Rejection
from node.policy.model import Situation
from node.policy.templates import CompiledConditions, compile_conditions

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
REGION = "did:web:vlaanderen.example"
GENT = "did:web:gent.example"
BRUGGE = "did:web:brugge.example"
D1 = "https://gent.example/datasets/traffic-counts"
M2_VERSION = "https://plzen.example/models/road-noise#v1@sha256:" + "4f1c" * 16
ISSUERS = {"MembershipCredential": (REGION,), "MobilityPartnerCredential": (REGION,)}


def offer(conditions: Any, **rest: Any) -> dict[str, Any]:
    """The offer that conditions compile to."""
    made = compiled(conditions, **rest).offer
    assert made is not None
    return made


def compiled(conditions: Any, **rest: Any) -> CompiledConditions:
    return compile_conditions(conditions, target=D1, offer_id="urn:uuid:offer-1", region=REGION, **rest)


P3 = {"template": "mobility-partners", "until": "2027-12-31"}
P4 = {"template": "run-not-copy"}
P5 = {"template": "restricted-to-model", "models": [M2_VERSION]}


def credential(kind: str, **changes: Any) -> Credential:
    """A valid credential of the region for Brugge."""
    members: dict[str, Any] = {
        "id": f"urn:uuid:{kind}",
        "types": (kind,),
        "issuer": REGION,
        "subject": BRUGGE,
        "claims": {"legalName": "Stad Brugge", "memberOf": REGION},
        "valid_from": NOW - timedelta(days=30),
        "valid_until": NOW + timedelta(days=335),
    }
    return Credential(**{**members, **changes})


MEMBER = credential("MembershipCredential")
PARTNER = credential("MobilityPartnerCredential")
REVOKED = Rejection(
    types=("MobilityPartnerCredential",), issuer=REGION, why="revoked", since=NOW - timedelta(hours=1)
)


def brugge(*credentials: Credential, rejected: tuple[Rejection, ...] = ()) -> Caller:
    return Caller(did=BRUGGE, credentials=credentials, rejections=rejected)


def situation(caller: Caller, **changes: Any) -> Situation:
    """``caller`` asks Gent, now."""
    members: dict[str, Any] = {"caller": caller, "at": NOW, "provider": GENT, "issuers": ISSUERS}
    return Situation(**{**members, **changes})

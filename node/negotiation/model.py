"""A negotiation, an agreement, a pending decision."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from node.dialogue.process import Process


@dataclass(frozen=True, slots=True, kw_only=True)
class Negotiation(Process):
    """A contract negotiation.

    ``dataset`` is the IRI that the offers are about; ``offer`` is the current offer (DSP MessageOffer) and
    ``offered_by`` the role that made it; ``asked`` is the consumer's first request; ``agreement`` is the DSP
    Agreement, once there is one, with ``signatures`` (DID → compact JWS over its envelope); ``signer`` is the peer's
    DID document as it was when its signature was checked. ``decision`` is the reasoned decision of the provider.
    ``limits`` are the least open terms that we take as a consumer, if they are set (DSP policy JSON). ``instead`` are
    the ids of the drafts that ``agreement`` replaces, oldest first.
    """

    dataset: str
    offer: dict[str, Any]
    offered_by: str
    asked: dict[str, Any] | None = None
    agreement: dict[str, Any] | None = None
    signatures: dict[str, str] = field(default_factory=dict)
    signer: dict[str, Any] | None = None
    decision: dict[str, Any] | None = None
    approved_by: str | None = None
    purpose: str | None = None
    limits: dict[str, Any] | None = None
    instead: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """The most open terms under which this node gives ``dataset`` without asking a person (``terms``: DSP policy
    JSON). They are not shown to others, but a participant that asks for more learns which of its terms go too far.

    They have the id of the offer for which they were set. It follows from the offer's content
    (``node.catalogue.offers``), so other conditions have another id."""

    dataset: str
    terms: dict[str, Any]
    by: str
    at: datetime

    def stand_beside(self, offer: Mapping[str, Any] | None) -> bool:
        """Return whether they are in force for ``offer``: a publisher of new conditions means those, and earlier
        limits must not go further."""
        return offer is not None and self.terms.get("@id") == offer.get("@id")


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreement:
    """An agreement stored by both sides. ``body`` is the DSP Agreement; ``sha256`` is that of its canonical form.

    ``ours`` is our role. An agreement is in force from FINALIZED until ``ended``.
    """

    id: str
    negotiation: str
    dataset: str
    provider: str
    consumer: str
    role: str
    body: dict[str, Any]
    sha256: str
    signatures: dict[str, str]
    at: datetime
    finalized: datetime | None = None
    ended: datetime | None = None
    ended_why: str | None = None
    entry: str = ""

    @property
    def in_force(self) -> bool:
        return self.finalized is not None and self.ended is None


@dataclass(frozen=True, slots=True, kw_only=True)
class PendingDecision:
    """A decision for a person of this node: about a use of an asset (``negotiation``), an offer of another node that
    this one has not requested in these terms (``offer``), or a membership ``application``."""

    id: str
    kind: str
    subject: str
    peer: str
    peer_name: str
    summary: dict[str, str]
    details: dict[str, Any]
    at: datetime
    due: datetime | None = None
    decided_at: datetime | None = None
    decided_by: str | None = None
    approved: bool | None = None
    reason: str | None = None

"""Ports that negotiation needs: stores, and the catalogues of other nodes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any, Protocol

from node.base.work import Transaction
from node.dialogue.process import ProcessStore
from node.negotiation.model import Agreement, Limits, Negotiation, PendingDecision


class ProviderCatalogue(Protocol):
    """The catalogues of other nodes, read over DSP with our token."""

    async def dataset(self, provider: str, iri: str) -> tuple[dict[str, Any], str]:
        """Return the DSP Dataset ``iri`` at ``provider`` (a DID), and the provider's protocol base URL.

        Raises ``NotFound`` if the provider does not offer it to us, ``PeerUnreachable`` if it does not answer.
        """


NegotiationStore = ProcessStore[Negotiation]


class AgreementStore(Protocol):
    """Agreements by id, by dataset and party."""

    def add(self, tx: Transaction, agreement: Agreement) -> None:
        """Store it. The same id with the same hash again has no effect; with another hash raises ``Conflict``."""

    def save(self, tx: Transaction, agreement: Agreement) -> None:
        """Store changes around it (signatures, its end, when and by which entry it became final), never of what was
        agreed, by whom and when. The provider chooses the id, and may choose one that we have already. Raises
        ``Conflict`` for the id of an agreement from another negotiation or with another hash."""

    def get(self, tx: Transaction, agreement_id: str, *, lock: bool = False) -> Agreement | None:
        """Return it. With ``lock``, no other transaction changes it, or counts a use of it, until this one ends."""

    def select(
        self,
        tx: Transaction,
        *,
        dataset: str | None = None,
        provider: str | None = None,
        consumer: str | None = None,
        limit: int = 200,
    ) -> Sequence[Agreement]:
        """Return the agreements, newest first."""

    def walk(
        self,
        tx: Transaction,
        *,
        dataset: str | None = None,
        provider: str | None = None,
        consumer: str | None = None,
    ) -> Iterator[Agreement]:
        """Yield all the agreements, the last stored first. It reads them in pages, and keeps no page."""


class DecisionStore(Protocol):
    """Pending decisions, and those that were taken."""

    def add(self, tx: Transaction, decision: PendingDecision) -> None: ...

    def get(self, tx: Transaction, decision_id: str) -> PendingDecision | None: ...

    def open(self, tx: Transaction, limit: int | None = None) -> Sequence[PendingDecision]:
        """Return the undecided ones, oldest first; at most ``limit`` of them."""

    def count_open(self, tx: Transaction) -> int:
        """Return how many are undecided."""

    def by_subject(self, tx: Transaction, subject: str) -> PendingDecision | None: ...

    def decide(
        self, tx: Transaction, decision_id: str, *, approved: bool, by: str, at: datetime, reason: str | None
    ) -> PendingDecision | None:
        """Record the decision and return it, or None if it was decided already or does not exist."""


class LimitStore(Protocol):
    """The limits of each of this node's assets (``node.negotiation.model.Limits``)."""

    def get(self, tx: Transaction, dataset: str) -> Limits | None: ...

    def put(self, tx: Transaction, limits: Limits, /) -> None:
        """Set or replace the limits."""

    def drop(self, tx: Transaction, dataset: str) -> None:
        """Remove the limits of ``dataset``."""

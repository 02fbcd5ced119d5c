"""What negotiation needs from storage."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Protocol

from node.base.work import Transaction
from node.dialogue.process import ProcessStore
from node.negotiation.model import Agreement, Limits, Negotiation, PendingDecision


class ProviderCatalogue(Protocol):
    """The catalogues of other nodes, read over DSP with our token."""

    async def dataset(self, provider: str, iri: str) -> tuple[dict[str, Any], str]:
        """The DSP Dataset ``iri`` at ``provider`` (a DID), and the provider's protocol base URL.

        Raises ``NotFound`` where the provider does not offer it to us, ``PeerUnreachable`` where it is silent.
        """


NegotiationStore = ProcessStore[Negotiation]


class AgreementStore(Protocol):
    """Agreements by id, by dataset and party."""

    def add(self, tx: Transaction, agreement: Agreement) -> None:
        """Keep it. The same id with the same hash again is left alone; with another hash raises ``Conflict``."""

    def save(self, tx: Transaction, agreement: Agreement) -> None:
        """Keep what has changed around it (signatures, dates), never what was agreed: the id of an agreement is
        the provider's word, and a provider may say one that we know. Raises ``Conflict`` for the id of an agreement
        from another negotiation or with another hash."""

    def get(self, tx: Transaction, agreement_id: str, *, lock: bool = False) -> Agreement | None:
        """With ``lock``, no other transaction changes it, or counts a use of it, until this one ends."""

    def select(
        self,
        tx: Transaction,
        *,
        dataset: str | None = None,
        provider: str | None = None,
        consumer: str | None = None,
        limit: int = 200,
    ) -> Sequence[Agreement]:
        """Newest first."""


class DecisionStore(Protocol):
    """Decisions that wait for a person, and those that were taken."""

    def add(self, tx: Transaction, decision: PendingDecision) -> None: ...

    def get(self, tx: Transaction, decision_id: str) -> PendingDecision | None: ...

    def open(self, tx: Transaction) -> Sequence[PendingDecision]:
        """Not decided yet, oldest first."""

    def by_subject(self, tx: Transaction, subject: str) -> PendingDecision | None: ...

    def decide(
        self, tx: Transaction, decision_id: str, *, approved: bool, by: str, at: datetime, reason: str | None
    ) -> PendingDecision | None:
        """Record the decision; None where it was decided already or does not exist."""


class LimitStore(Protocol):
    """How far this node goes by itself for each of its assets."""

    def get(self, tx: Transaction, dataset: str) -> Limits | None: ...

    def put(self, tx: Transaction, limits: Limits, /) -> None:
        """Set or replace."""

    def drop(self, tx: Transaction, dataset: str) -> None:
        """From now on there are none."""

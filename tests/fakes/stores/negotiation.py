"""Negotiations, agreements and decisions in memory."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime

from node.base.errors import Conflict, LocalFault
from node.base.work import Transaction
from node.negotiation.model import Agreement, Limits, Negotiation, PendingDecision
from node.negotiation.uses import Use
from tests.fakes.process import MemoryProcessStore
from tests.fakes.stores.work import memory


class MemoryNegotiationStore(MemoryProcessStore[Negotiation]):
    """Negotiations in memory."""

    def __init__(self) -> None:
        super().__init__("negotiations")


class MemoryAgreementStore:
    """Agreements by id."""

    def add(self, tx: Transaction, agreement: Agreement) -> None:
        known: Agreement | None = self.get(tx, agreement.id)
        if known is None:
            memory(tx).put("agreements", agreement.id, agreement)
        elif known.sha256 != agreement.sha256:
            raise Conflict(f"the agreement {agreement.id} already exists, with different content")

    def save(self, tx: Transaction, agreement: Agreement) -> None:
        known = self.get(tx, agreement.id)
        if known is None:
            raise LocalFault(f"the agreement {agreement.id} does not exist")
        if (known.negotiation, known.sha256) != (agreement.negotiation, agreement.sha256):
            raise Conflict(f"there is another agreement {agreement.id}")
        around = {
            name: getattr(agreement, name) for name in ("signatures", "finalized", "ended", "ended_why", "entry")
        }
        memory(tx).put("agreements", agreement.id, replace(known, **around))

    def get(self, tx: Transaction, agreement_id: str, *, lock: bool = False) -> Agreement | None:
        return memory(tx).rows("agreements").get(agreement_id)

    def select(
        self,
        tx: Transaction,
        *,
        dataset: str | None = None,
        provider: str | None = None,
        consumer: str | None = None,
        limit: int = 200,
    ) -> Sequence[Agreement]:
        agreements: list[Agreement] = [
            agreement
            for agreement in reversed(memory(tx).rows("agreements").values())
            if dataset in (None, agreement.dataset)
            and provider in (None, agreement.provider)
            and consumer in (None, agreement.consumer)
        ]
        agreements.sort(key=lambda agreement: agreement.at, reverse=True)
        return agreements[:limit]

    def walk(
        self,
        tx: Transaction,
        *,
        dataset: str | None = None,
        provider: str | None = None,
        consumer: str | None = None,
    ) -> Iterator[Agreement]:
        for agreement in reversed(list(memory(tx).rows("agreements").values())):
            filters = (dataset, agreement.dataset), (provider, agreement.provider), (consumer, agreement.consumer)
            if all(value in (None, own) for value, own in filters):
                yield agreement


class MemoryDecisionStore:
    """Decisions by id."""

    def add(self, tx: Transaction, decision: PendingDecision) -> None:
        if self.get(tx, decision.id) is not None:
            raise Conflict(f"the decision {decision.id} already exists")
        memory(tx).put("decisions", decision.id, decision)

    def get(self, tx: Transaction, decision_id: str) -> PendingDecision | None:
        return memory(tx).rows("decisions").get(decision_id)

    def open(self, tx: Transaction, limit: int | None = None) -> Sequence[PendingDecision]:
        waiting = [known for known in self._all(tx) if known.decided_at is None]
        return sorted(waiting, key=lambda decision: decision.at)[:limit]

    def count_open(self, tx: Transaction) -> int:
        return len(self.open(tx))

    def by_subject(self, tx: Transaction, subject: str) -> PendingDecision | None:
        about = [known for known in self._all(tx) if known.subject == subject]
        return about[-1] if about else None

    def decide(
        self, tx: Transaction, decision_id: str, *, approved: bool, by: str, at: datetime, reason: str | None
    ) -> PendingDecision | None:
        waiting = self.get(tx, decision_id)
        if waiting is None or waiting.decided_at is not None:
            return None
        decided = replace(waiting, approved=approved, decided_by=by, decided_at=at, reason=reason)
        memory(tx).put("decisions", decision_id, decided)
        return decided

    def _all(self, tx: Transaction) -> list[PendingDecision]:
        return list(memory(tx).rows("decisions").values())


class MemoryLimitStore:
    """Limits by asset."""

    def get(self, tx: Transaction, dataset: str) -> Limits | None:
        return memory(tx).rows("limits").get(dataset)

    def put(self, tx: Transaction, limits: Limits) -> None:
        memory(tx).put("limits", limits.dataset, limits)

    def drop(self, tx: Transaction, dataset: str) -> None:
        memory(tx).drop("limits", dataset)


class MemoryUseStore:
    """Uses by agreement."""

    def add(self, tx: Transaction, use: Use) -> None:
        if not self.is_known(tx, use.agreement, use.use):
            memory(tx).put("uses", (use.agreement, use.use), use)

    def is_known(self, tx: Transaction, agreement: str, use: str) -> bool:
        return (agreement, use) in memory(tx).rows("uses")

    def count(self, tx: Transaction, agreement: str) -> int:
        return sum(known.agreement == agreement for known in memory(tx).rows("uses").values())

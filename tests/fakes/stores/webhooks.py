"""Webhooks in memory (``node.operation.webhooks.model.WebhookStore``)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from node.base.work import Transaction
from node.operation.webhooks.model import DeliveryState, Webhook, WebhookDelivery
from tests.fakes.stores.work import memory

_WEBHOOKS, _DELIVERIES = "webhooks", "webhook_deliveries"


class MemoryWebhookStore:
    """Webhooks by name, deliveries by id."""

    def add(self, tx: Transaction, webhook: Webhook) -> bool:
        if webhook.name in memory(tx).rows(_WEBHOOKS):
            return False
        self.put(tx, webhook)
        return True

    def put(self, tx: Transaction, webhook: Webhook) -> None:
        memory(tx).put(_WEBHOOKS, webhook.name, webhook)

    def get(self, tx: Transaction, name: str, *, lock: bool = False) -> Webhook | None:
        return memory(tx).rows(_WEBHOOKS).get(name)

    def all(self, tx: Transaction) -> Sequence[Webhook]:
        return sorted(memory(tx).rows(_WEBHOOKS).values(), key=lambda webhook: webhook.name)

    def drop(self, tx: Transaction, name: str) -> None:
        for delivery in self._of(tx, name):
            memory(tx).drop(_DELIVERIES, delivery.id)
        memory(tx).drop(_WEBHOOKS, name)

    def put_delivery(self, tx: Transaction, delivery: WebhookDelivery) -> None:
        memory(tx).put(_DELIVERIES, delivery.id, delivery)

    def delivery(self, tx: Transaction, delivery_id: str) -> WebhookDelivery | None:
        return memory(tx).rows(_DELIVERIES).get(delivery_id)

    def deliveries(
        self, tx: Transaction, name: str, *, state: DeliveryState | None = None, limit: int, offset: int = 0
    ) -> Sequence[WebhookDelivery]:
        rows = [row for row in self._of(tx, name) if state in (None, row.state)]
        return rows[offset : offset + limit]

    def waiting(
        self, tx: Transaction, name: str, *, aside: bool, limit: int, offset: int = 0
    ) -> Sequence[WebhookDelivery]:
        rows = [row for row in self._of(tx, name) if row.state is DeliveryState.WAITING and row.course.aside is aside]
        return rows[offset : offset + limit]

    def count_waiting(self, tx: Transaction, name: str, *, aside: bool) -> int:
        return len(self.waiting(tx, name, aside=aside, limit=len(memory(tx).rows(_DELIVERIES))))

    def counts(self, tx: Transaction, name: str) -> dict[DeliveryState, int]:
        return dict(Counter(row.state for row in self._of(tx, name)))

    def trim(self, tx: Transaction, name: str, *, keep: int) -> None:
        rows = [row for row in self._of(tx, name) if row.state is DeliveryState.DELIVERED]
        for row in rows[keep:]:
            memory(tx).drop(_DELIVERIES, row.id)

    def _of(self, tx: Transaction, name: str) -> list[WebhookDelivery]:
        rows = [row for row in memory(tx).rows(_DELIVERIES).values() if row.webhook == name]
        return sorted(rows, key=lambda row: row.seq, reverse=True)

"""Queues events for webhooks: follows the ledger, at each webhook's own pace.

The position of a webhook and what was queued up to it are one transaction, so no event is passed over and none is
queued twice, whatever dies and however many processes do this. A webhook that takes nothing has a bounded number of
events in its line; the rest wait in the ledger. Events that it refused wait aside and do not stop the line.
"""

from __future__ import annotations

import logging
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final
from urllib.parse import urlsplit

from node.base.clock import Clock
from node.base.delivery import OutboxWriter
from node.base.errors import DatabaseAway
from node.base.ids import new_urn, new_uuid
from node.base.turns import taken_in_turn
from node.base.work import Transaction, UnitOfWork
from node.ledger.model import Entry
from node.ledger.ports import LedgerStore
from node.operation.webhooks.events import ENTRIES, kind_for
from node.operation.webhooks.model import BROKER, TOPIC, Course, DeliveryState, Webhook, WebhookDelivery, WebhookStore

WINDOW: Final = 200
"""The most events of a webhook that wait in its line."""
MOST_WAITING: Final = 10_000
"""More than can wait: dead letters that are sent again count too."""
KEPT: Final = 500
"""The number of delivered events of a webhook that are listed."""
_BATCH: Final = 200

log = logging.getLogger("hansa.webhooks")


class WebhookTasks:
    """Gives deliveries their tasks."""

    def __init__(self, outbox_writer: OutboxWriter, clock: Clock) -> None:
        self._outbox_writer = outbox_writer
        self._clock = clock

    def assign(
        self, tx: Transaction, webhook: Webhook, delivery: WebhookDelivery, *, pause: timedelta | None = None
    ) -> WebhookDelivery:
        """Return the delivery with a new task, which sends it after those of its line that have one; deliveries aside
        have a line of their own. With ``pause`` it is sent after that time, apart from all others."""
        now = self._clock.now()
        line = f"webhook {webhook.name} aside" if delivery.course.aside else f"webhook {webhook.name}"
        task = self._outbox_writer.deliver(
            tx,
            topic=TOPIC,
            lane=f"webhook {_host_of(webhook.address)}",
            subject=line if pause is None else delivery.id,
            body=b"",
            due=now if pause is None else now + pause,
            headers={"delivery": delivery.id},
            task_id=new_urn(),
        )
        return replace(delivery, course=replace(delivery.course, task=task.id))

    def withdraw(self, tx: Transaction, store: WebhookStore, name: str) -> None:
        """Take back the tasks of all deliveries to a webhook that wait; the deliveries stay."""
        for delivery in store.deliveries(tx, name, state=DeliveryState.WAITING, limit=MOST_WAITING):
            self.take_back(tx, delivery)

    def take_back(self, tx: Transaction, delivery: WebhookDelivery) -> None:
        """Take back the task of one delivery."""
        self._outbox_writer.cancel(tx, delivery.course.task)


class QueueEvents:
    """Queues what has happened since it last looked. Synchronous: call it in a thread."""

    def __init__(
        self, uow: UnitOfWork, store: WebhookStore, *, ledger: LedgerStore, tasks: WebhookTasks, clock: Clock, me: str
    ) -> None:
        self._uow = uow
        self._store = store
        self._ledger = ledger
        self._tasks = tasks
        self._clock = clock
        self._me = me

    def __call__(self) -> int:
        """Queue events for all webhooks that are not paused; return how many. What fails for one of them is logged,
        and tried again at the next call. Raises ``DatabaseAway``."""
        with self._uow.read() as tx:
            webhooks = self._store.all(tx)
            size = self._ledger.size(tx) if webhooks else 0
        behind = [webhook.name for webhook in webhooks if not webhook.paused and webhook.position < size]
        return sum(self._try_to_follow(name) for name in behind)

    def _try_to_follow(self, name: str) -> int:
        try:
            return self._follow(name)
        except DatabaseAway:
            raise
        except Exception:
            log.exception("the events of a webhook could not be queued", extra={"webhook": name})
            return 0

    def _follow(self, name: str) -> int:
        count = 0
        while True:
            queued, has_more = self._queue(name)
            count += queued
            if not has_more:
                return count

    @taken_in_turn
    def _queue(self, name: str) -> tuple[int, bool]:
        """Queue the next events of a webhook; return how many, and whether there is more to look at and room."""
        with self._uow.begin() as tx:
            webhook = self._store.get(tx, name, lock=True)
            if webhook is None or webhook.paused:
                return 0, False
            self._store.trim(tx, name, keep=KEPT)
            room = WINDOW - self._store.count_waiting(tx, name, aside=False)
            if room <= 0:
                return 0, False
            # The size is read first, so that no entry numbered meanwhile is skipped.
            size = self._ledger.size(tx)
            entries = self._ledger.since(tx, webhook.position, limit=_BATCH, kinds=ENTRIES)
            now, count = self._clock.now(), 0
            position = webhook.position
            for entry in entries:
                if count == room:
                    break
                position = (entry.seq or 0) + 1
                kind = kind_for(webhook, entry, self._me)
                if kind is not None:
                    self._store.put_delivery(tx, self._delivery(tx, webhook, entry, kind, now))
                    count += 1
            else:
                if len(entries) < _BATCH:
                    position = max(position, size)
            self._store.put(tx, replace(webhook, position=position))
            return count, position < size and count < room

    def _delivery(self, tx: Transaction, webhook: Webhook, entry: Entry, kind: str, now: datetime) -> WebhookDelivery:
        delivery = WebhookDelivery(
            id=new_uuid().hex,
            webhook=webhook.name,
            event=entry.id,
            seq=entry.seq or 0,
            kind=kind,
            subject=entry.subject,
            at=entry.at,
            changed=now,
            course=Course(task=""),
        )
        return self._tasks.assign(tx, webhook, delivery)


def _host_of(address: str) -> str:
    """Return the host of an address that was permitted when it was registered. Whether it still is, is checked when
    something is sent to it. Of a topic, it is the broker."""
    if address.startswith(BROKER):
        return address.partition("/")[0]
    return urlsplit(address).hostname or ""

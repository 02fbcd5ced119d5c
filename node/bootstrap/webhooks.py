"""Puts webhooks together: events of the node for programs of the city."""

from __future__ import annotations

from dataclasses import dataclass

from node.adapters.peers.event_receivers import EventReceivers
from node.adapters.peers.webhooks import WebhookReceivers
from node.adapters.sql.operation.repetitions import SqlKeyedRequestStore
from node.adapters.sql.operation.webhooks import SqlWebhookStore
from node.bootstrap.foundation import Foundation
from node.datasources.register import DataSources
from node.operation.repetitions.usecases import Repetitions
from node.operation.webhooks.dispatch import WebhookDispatch
from node.operation.webhooks.events import EventTexts
from node.operation.webhooks.queue import QueueEvents, WebhookTasks
from node.operation.webhooks.usecases import Webhooks
from node.worker.webhooks import PACE, WebhookHandler


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookParts:
    """Webhooks for stewards, what queues their events, what sends them, and the requests that programs repeat."""

    webhooks: Webhooks
    repetitions: Repetitions
    queue: QueueEvents
    handler: WebhookHandler


def webhook_parts(base: Foundation, sources: DataSources) -> WebhookParts:
    """Put webhooks together."""
    parts, stores, store = base.parts, base.parts.stores, SqlWebhookStore()
    receivers = EventReceivers(WebhookReceivers(parts.egress), sources.connect)
    tasks = WebhookTasks(base.outbox_writer, parts.clock)
    texts = EventTexts(
        parts.me,
        records=stores.catalogue.records,
        negotiations=stores.negotiation.negotiations,
        transfers=stores.transfer.transfers,
    )
    dispatch = WebhookDispatch(
        stores.uow,
        store,
        ledger=stores.ledger,
        texts=texts,
        tasks=tasks,
        keyring=parts.keyring,
        append=base.append,
        clock=parts.clock,
        pace=PACE,
    )
    return WebhookParts(
        webhooks=Webhooks(
            uow=stores.uow,
            store=store,
            ledger=stores.ledger,
            receivers=receivers,
            dispatch=dispatch,
            texts=texts,
            tasks=tasks,
            keyring=parts.keyring,
            append=base.append,
            clock=parts.clock,
        ),
        queue=QueueEvents(stores.uow, store, ledger=stores.ledger, tasks=tasks, clock=parts.clock, me=parts.me),
        repetitions=Repetitions(stores.uow, SqlKeyedRequestStore(), parts.clock),
        handler=WebhookHandler(dispatch, receivers, parts.clock),
    )

"""Puts webhooks together: events of the node for programs of the city, and notifications for those of partners."""

from __future__ import annotations

import secrets
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
from node.transfer.access import AuthoriseAccess
from node.transfer.live.glances import Glances
from node.transfer.live.reads import ReadDataSource
from node.transfer.notifications.changes import ReadChanges
from node.transfer.notifications.dead_letters import ResendDeadLetters
from node.transfer.notifications.delivery import DeliverNotifications
from node.transfer.notifications.usecases import PartnerSubscriptions
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


@dataclass(frozen=True, slots=True, kw_only=True)
class NotificationParts:
    """The subscriptions of partners, what sends to them, what sends again what was refused, and what looks at whether
    open reads may go on."""

    subscriptions: PartnerSubscriptions
    delivery: DeliverNotifications
    resend: ResendDeadLetters
    glances: Glances


def notification_parts(base: Foundation, authorise: AuthoriseAccess, reads: ReadDataSource) -> NotificationParts:
    """Put subscriptions of partners together."""
    parts, glances = base.parts, Glances(authorise, reads, base.commit_hooks.changes)
    store, receivers, changes = (
        parts.stores.transfer.subscriptions,
        WebhookReceivers(parts.egress),
        ReadChanges(reads),
    )
    subscriptions = PartnerSubscriptions(
        parts.stores.uow,
        store,
        authorise=authorise,
        changes=changes,
        receivers=receivers,
        keyring=parts.keyring,
        append=base.append,
        clock=parts.clock,
    )
    delivery = DeliverNotifications(
        parts.stores.uow,
        store,
        subscriptions,
        authorise=authorise,
        changes=changes,
        glances=glances,
        receivers=receivers,
        clock=parts.clock,
        owner=secrets.token_hex(8),
        alone=parts.settings.is_embedded,
    )
    subscriptions.wake, subscriptions.live = delivery.wake, delivery.progress
    resend = ResendDeadLetters(
        parts.stores.uow,
        store,
        subscriptions,
        authorise=authorise,
        changes=changes,
        receivers=receivers,
        clock=parts.clock,
    )
    return NotificationParts(subscriptions=subscriptions, delivery=delivery, resend=resend, glances=glances)

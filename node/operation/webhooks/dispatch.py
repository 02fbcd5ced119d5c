"""Sends one event to its webhook, and decides what follows from the answer.

An answer 2xx is a success. After 410 the webhook is paused: the receiver says that it is gone. One that refuses the
content of an event (400, 409, 413, 415, 422) gets this event again later, and the next ones meanwhile. After any
other answer, and after none, it gets the events in their order, later. Three days after the first attempt an event is
a dead letter; if nothing was delivered in that time, the webhook is paused.
"""

from __future__ import annotations

import logging
import random
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final, Protocol

from node.base.clock import Clock
from node.base.errors import DatabaseAway, HansaError
from node.base.work import Task, Transaction, UnitOfWork
from node.exchange.signatures import signed_headers
from node.identity.ports import KeyRing
from node.ledger.model import EntryKind
from node.ledger.ports import Append, LedgerStore
from node.operation.webhooks import lineage
from node.operation.webhooks.events import CONTENT_TYPE, EventTexts
from node.operation.webhooks.model import DeliveryState, Webhook, WebhookDelivery, WebhookStore
from node.operation.webhooks.queue import MOST_WAITING, WebhookTasks

GIVE_UP: Final = timedelta(days=3)
MOST_DEAD: Final = 1000
"""The most dead letters of a webhook: with more it is paused."""
MOST_ASIDE: Final = 1000
"""The most refused events of a webhook that are tried again: with more, the oldest become dead letters."""


log = logging.getLogger("hansa.webhooks")


class AttemptPauses(Protocol):
    """The pauses between attempts (``node.worker.pace.Pace``)."""

    def delay(self, attempts: int) -> float: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Parcel:
    """A request that brings an event to its receiver. ``since`` is the time of the first attempt before it."""

    address: str
    headers: Mapping[str, str]
    body: bytes
    attempts: int
    since: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class UnmadeParcel:
    """An event that this node could not put into a request. ``reason`` says why in words; ``is_final`` if it never
    can."""

    reason: str
    attempts: int
    since: datetime | None
    is_final: bool = False


def words_of_fault(error: Exception) -> str:
    """Return in words that this node itself could not send an event; particulars stay in its log."""
    reason = error.detail if isinstance(error, HansaError) else f"{type(error).__name__}, see its log"
    return f"this node could not send the event: {reason}"


class WebhookDispatch:
    """Prepares what is sent, and records what became of it. Synchronous: call it in a thread."""

    def __init__(
        self,
        uow: UnitOfWork,
        store: WebhookStore,
        *,
        ledger: LedgerStore,
        texts: EventTexts,
        tasks: WebhookTasks,
        keyring: KeyRing,
        append: Append,
        clock: Clock,
        pace: AttemptPauses,
    ) -> None:
        self._uow = uow
        self._store = store
        self._ledger = ledger
        self._texts = texts
        self._tasks = tasks
        self._keyring = keyring
        self._append = append
        self._clock = clock
        self._pace = pace

    def parcel(self, task: Task) -> Parcel | UnmadeParcel | None:
        """Return what a task sends, or why this node could not make it; None if it sends nothing any more."""
        with self._uow.read() as tx:
            delivery = self._current(tx, task)
            webhook = None if delivery is None else self._store.get(tx, delivery.webhook)
            if delivery is None or webhook is None or webhook.paused:
                return None
            entry = self._ledger.get(tx, delivery.event)
            if entry is None:
                return None
            attempts, since = delivery.attempts + 1, delivery.course.since
            if entry.erased_sha256 is not None:
                return UnmadeParcel(reason="its content was erased", attempts=attempts, since=since, is_final=True)
            try:
                body = self._texts.text_of(tx, entry, delivery.kind)
                headers = self.headers(webhook, delivery.event, body)
            except DatabaseAway:
                raise
            except Exception as error:
                log.exception("an event could not be made", extra={"webhook": webhook.name, "event": delivery.event})
                return UnmadeParcel(reason=words_of_fault(error), attempts=attempts, since=since)
        return Parcel(address=webhook.address, headers=headers, body=body, attempts=attempts, since=since)

    def headers(self, webhook: Webhook, event_id: str, body: bytes) -> dict[str, str]:
        """Return the headers of a request with an event."""
        secret = None if webhook.secret is None else self._keyring.unwrap(webhook.secret)
        content_type = lineage.CONTENT_TYPE if webhook.takes_lineage else CONTENT_TYPE
        return {"Content-Type": content_type, **signed_headers(secret, event_id, self._clock.now(), body)}

    def pause_after(self, attempts: int) -> float:
        """Return the seconds to wait after so many attempts: more each time, and never the same for all."""
        return self._pace.delay(attempts) * (0.5 + random.random() / 2)  # noqa: S311 - spreads load, guards nothing

    def is_exhausted(self, since: datetime | None) -> bool:
        """Return whether an event was tried for long enough, if the first attempt was ``since``; None: not yet."""
        return since is not None and self._clock.now() - since >= GIVE_UP

    def hold(self, tx: Transaction, task: Task) -> None:
        """Lock the webhook of a task: whoever takes its tasks back has locked it too."""
        delivery = self._store.delivery(tx, str(task.headers["delivery"]))
        if delivery is not None:
            self._store.get(tx, delivery.webhook, lock=True)

    def note_success(self, tx: Transaction, task: Task, answer: str) -> None:
        """Note that the receiver has taken the event."""
        webhook, delivery = self._lock(tx, str(task.headers["delivery"]))
        if webhook is None or delivery is None or delivery.state is DeliveryState.DELIVERED:
            return
        now = self._clock.now()
        self._store.put_delivery(tx, _after_attempt(delivery, answer, DeliveryState.DELIVERED, self._clock))
        self._store.put(tx, replace(webhook, delivered=now))

    def note_failure(self, tx: Transaction, task: Task, answer: str) -> None:
        """Note an attempt after which the same task tries again."""
        _, delivery = self._own(tx, task)
        if delivery is not None:
            self._store.put_delivery(tx, _after_attempt(delivery, answer, DeliveryState.WAITING, self._clock))

    def step_aside(self, tx: Transaction, task: Task, answer: str, pause: float) -> None:
        """Note an attempt after which the event is tried again on its own, and the next ones go on."""
        webhook, delivery = self._own(tx, task)
        if webhook is not None and delivery is not None:
            attempt = _after_attempt(delivery, answer, DeliveryState.WAITING, self._clock)
            aside = replace(attempt, course=replace(attempt.course, aside=True))
            self._store.put_delivery(tx, self._tasks.assign(tx, webhook, aside, pause=timedelta(seconds=pause)))
            self._bound_asides(tx, webhook)

    def give_up(self, tx: Transaction, task: Task, answer: str) -> None:
        """Make an event a dead letter, and pause the webhook if it takes nothing."""
        webhook, delivery = self._own(tx, task)
        if webhook is None or delivery is None:
            return
        self._store.put_delivery(tx, _after_attempt(delivery, answer, DeliveryState.DEAD, self._clock))
        self._pause_if_idle(tx, webhook, delivery, answer)

    def note_erasure(self, tx: Transaction, task: Task, answer: str) -> None:
        """Note that the content of an event was erased, so that it is not sent."""
        _, delivery = self._own(tx, task)
        if delivery is not None:
            now = self._clock.now()
            self._store.put_delivery(tx, replace(delivery, state=DeliveryState.ERASED, answer=answer, changed=now))

    def note_burial(self, tx: Transaction, task: Task, error: str) -> None:
        """Make an event a dead letter whose task was given up; its attempts are counted already."""
        webhook, delivery = self._own(tx, task)
        if webhook is None or delivery is None:
            return
        now = self._clock.now()
        self._store.put_delivery(tx, replace(delivery, state=DeliveryState.DEAD, answer=error, changed=now))
        self._pause_if_idle(tx, webhook, delivery, error)

    def _bound_asides(self, tx: Transaction, webhook: Webhook) -> None:
        """Make the oldest events aside dead letters if there are too many."""
        if self._store.count_waiting(tx, webhook.name, aside=True) <= MOST_ASIDE:
            return
        now = self._clock.now()
        for oldest in self._store.waiting(tx, webhook.name, aside=True, limit=MOST_WAITING, offset=MOST_ASIDE):
            self._tasks.take_back(tx, oldest)
            self._store.put_delivery(tx, replace(oldest, state=DeliveryState.DEAD, changed=now))
        self._pause_if_full(tx, webhook)

    def _pause_if_idle(self, tx: Transaction, webhook: Webhook, delivery: WebhookDelivery, answer: str) -> None:
        """Pause a webhook if nothing was delivered since the first attempt at ``delivery``."""
        since = delivery.course.since or self._clock.now() - GIVE_UP
        if webhook.delivered is None or webhook.delivered < since:
            self._pause(tx, webhook, f"nothing could be delivered for three days: {answer}")
        else:
            self._pause_if_full(tx, webhook)

    def _pause_if_full(self, tx: Transaction, webhook: Webhook) -> None:
        if self._store.counts(tx, webhook.name).get(DeliveryState.DEAD, 0) >= MOST_DEAD:
            self._pause(tx, webhook, f"it has {MOST_DEAD} dead letters")

    def pause(self, tx: Transaction, task: Task, answer: str) -> None:
        """Pause a webhook whose receiver says that it is gone. The event waits."""
        webhook, delivery = self._own(tx, task)
        if webhook is not None and delivery is not None:
            self._store.put_delivery(tx, _after_attempt(delivery, answer, DeliveryState.WAITING, self._clock))
            self._pause(tx, webhook, answer)

    def _pause(self, tx: Transaction, webhook: Webhook, reason: str) -> None:
        self._store.put(tx, replace(webhook, paused=True, reason=reason))
        self._tasks.withdraw(tx, self._store, webhook.name)
        body = {"webhook": webhook.name, "change": "paused"}
        self._append(tx, EntryKind.NODE, f"webhook {webhook.name}", "node", body)
        log.warning("a webhook was paused", extra={"webhook": webhook.name, "why": reason})

    def _current(self, tx: Transaction, task: Task) -> WebhookDelivery | None:
        """Return the delivery of a task that still has a say; None if it has none."""
        delivery = self._store.delivery(tx, str(task.headers["delivery"]))
        is_current = (
            delivery is not None and delivery.course.task == task.id and delivery.state is DeliveryState.WAITING
        )
        return delivery if is_current else None

    def _own(self, tx: Transaction, task: Task) -> tuple[Webhook | None, WebhookDelivery | None]:
        webhook, _ = self._lock(tx, str(task.headers["delivery"]))
        return webhook, self._current(tx, task)

    def _lock(self, tx: Transaction, delivery_id: str) -> tuple[Webhook | None, WebhookDelivery | None]:
        delivery = self._store.delivery(tx, delivery_id)
        if delivery is None:
            return None, None
        webhook = self._store.get(tx, delivery.webhook, lock=True)
        # Read again: the lock may have been waited for.
        return webhook, self._store.delivery(tx, delivery_id)


def _after_attempt(delivery: WebhookDelivery, answer: str, state: DeliveryState, clock: Clock) -> WebhookDelivery:
    now = clock.now()
    course = replace(delivery.course, since=delivery.course.since or now)
    attempts = delivery.attempts + 1
    return replace(delivery, state=state, attempts=attempts, answer=answer, changed=now, course=course)

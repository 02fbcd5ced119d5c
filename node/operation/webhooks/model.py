"""A webhook, an event on its way to it, and their store."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Final, Protocol

from node.base.errors import InvalidInput
from node.base.work import Transaction
from node.operation.webhooks.lineage import is_lineage

TOPIC: Final = "webhook"
"""The topic of the tasks that send an event."""
BROKER: Final = "broker:"
"""The beginning of the address of a topic: ``broker:NAME/TOPIC``, with the name of a data source."""
_NAME: Final = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?", re.ASCII)


class DeliveryState(StrEnum):
    """The states of an event on its way to a webhook. A dead letter is set aside until a person sends it again.
    An event whose content was erased before it was taken is sent no more."""

    WAITING = "waiting"
    DELIVERED = "delivered"
    DEAD = "dead"
    ERASED = "erased"


@dataclass(frozen=True, slots=True, kw_only=True)
class Webhook:
    """An address that is told about events of some ``kinds``; of all, also of later ones, if there are none.

    ``secret`` signs what is sent, sealed with a key outside the database; None if nothing is signed. ``position`` is
    the number of the first entry of the ledger that was not looked at for it. ``delivered`` is the time of the last
    success, ``reason`` says why it is paused.
    """

    name: str
    address: str
    kinds: tuple[str, ...]
    secret: bytes | None = field(default=None, repr=False)
    position: int
    paused: bool = False
    reason: str = ""
    delivered: datetime | None = None
    by: str
    at: datetime

    @property
    def takes_lineage(self) -> bool:
        """Return whether it is told about lineage: its events are those of OpenLineage then, and no CloudEvents."""
        return any(map(is_lineage, self.kinds))

    def takes(self, kind: str | None) -> bool:
        """Return whether it is told about events of a kind; False for None, which is no event."""
        return kind is not None and (not self.kinds or kind in self.kinds)


@dataclass(frozen=True, slots=True, kw_only=True)
class Course:
    """The way on which an event is sent. ``task`` is the task of the outbox that sends it: another one has no say any
    more. ``aside``: it is sent apart from the line, in which events keep their order. ``since`` is the time of the
    first attempt, None before it."""

    task: str
    aside: bool = False
    since: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookDelivery:
    """An event for a webhook. ``event`` is the id of the entry of the ledger that it tells, and of the event;
    ``seq`` the number of that entry; ``answer`` says in words how the last attempt ended. ``at`` is when
    the event happened."""

    id: str
    webhook: str
    event: str
    seq: int
    kind: str
    subject: str
    at: datetime
    state: DeliveryState = DeliveryState.WAITING
    attempts: int = 0
    answer: str = ""
    changed: datetime
    course: Course


class WebhookStore(Protocol):
    """Webhooks and their deliveries."""

    def add(self, tx: Transaction, webhook: Webhook) -> bool:
        """Store a new one; return False if there is one with the same name."""

    def put(self, tx: Transaction, webhook: Webhook) -> None:
        """Store it; the one with the same name is replaced."""

    def get(self, tx: Transaction, name: str, *, lock: bool = False) -> Webhook | None: ...

    def all(self, tx: Transaction) -> Sequence[Webhook]:
        """Return all webhooks, by name."""

    def drop(self, tx: Transaction, name: str) -> None:
        """Remove a webhook and its deliveries."""

    def put_delivery(self, tx: Transaction, delivery: WebhookDelivery) -> None:
        """Store it; the one with the same id is replaced."""

    def delivery(self, tx: Transaction, delivery_id: str) -> WebhookDelivery | None: ...

    def deliveries(
        self, tx: Transaction, name: str, *, state: DeliveryState | None = None, limit: int, offset: int = 0
    ) -> Sequence[WebhookDelivery]:
        """Return deliveries to a webhook, the newest event first; those in one state if it is given."""

    def waiting(
        self, tx: Transaction, name: str, *, aside: bool, limit: int, offset: int = 0
    ) -> Sequence[WebhookDelivery]:
        """Return deliveries to a webhook that wait in the line, or aside, the newest event first."""

    def count_waiting(self, tx: Transaction, name: str, *, aside: bool) -> int:
        """Return how many deliveries to a webhook wait in the line, or aside."""

    def counts(self, tx: Transaction, name: str) -> dict[DeliveryState, int]:
        """Return how many deliveries to a webhook are in each state; states of none are left out."""

    def trim(self, tx: Transaction, name: str, *, keep: int) -> None:
        """Forget delivered events of a webhook but for about the ``keep`` newest."""


def check_webhook_name(name: str) -> None:
    """Raise ``InvalidInput`` unless ``name`` can name a webhook."""
    if not _NAME.fullmatch(name):
        raise InvalidInput(
            "a webhook is named by up to 63 characters a-z, 0-9 and hyphens", remedy="such as airflow or night-job"
        )

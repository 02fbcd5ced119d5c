"""A subscription of a partner, its progress, its dead letters, and their store."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final, Protocol
from urllib.parse import urlsplit

from node.base.clock import stamp
from node.base.work import Transaction

MOST: Final = 100
"""The subscriptions of one transfer."""
MOST_OF_NODE: Final = 2000
MOST_DEAD: Final = 1000
"""The dead letters of a subscription: with more it is paused."""
KEPT: Final = timedelta(days=30)
"""For so long a subscription is listed after its end."""


class SubscriptionState(StrEnum):
    """The states of a subscription. A paused one goes on where it was when its owner says so; one that has ended, or
    expired, never does."""

    ACTIVE = "active"
    PAUSED = "paused"
    EXPIRED = "expired"
    ENDED = "ended"


@dataclass(frozen=True, slots=True, kw_only=True)
class PartnerSubscription:
    """The wish of a partner to be told of data, under one transfer.

    ``document`` is the subscription as the partner wrote it (ETSI GS CIM 009 §5.2.12), without the values of
    ``receiverInfo`` and ``notifierInfo``: those are in ``secrets``, encrypted. ``id`` is the partner's name for it,
    ``key`` that of this node.
    """

    key: str
    id: str
    transfer: str
    agreement: str
    partner: str
    document: Mapping[str, Any]
    secrets: bytes | None = field(default=None, repr=False)
    at: datetime

    @property
    def receiver(self) -> str:
        """Return where notifications go, for people: without the path, which may be a secret of the partner."""
        parts = urlsplit(self.document["notification"]["endpoint"]["uri"])
        return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"


@dataclass(frozen=True, slots=True, kw_only=True)
class SubscriptionProgress:
    """The progress of a subscription.

    ``place`` is after the last observation that was dealt with. ``notifications`` counts those that were taken,
    ``entities`` what was in them, ``failures`` attempts that were not, ``omissions`` what could be no entity,
    ``gaps`` how often observations were no longer kept. ``failing_since`` is the time of the first attempt at the
    present notification that failed. ``ended`` is when the subscription was paused or ended; then ``code``,
    ``error``, ``remedy`` and ``reasons`` say why, else they are those of the last fault.
    """

    state: SubscriptionState = SubscriptionState.ACTIVE
    place: str = ""
    notifications: int = 0
    entities: int = 0
    failures: int = 0
    omissions: int = 0
    gaps: int = 0
    last_sent: datetime | None = None
    last_success: datetime | None = None
    last_failure: datetime | None = None
    failing_since: datetime | None = None
    ended: datetime | None = None
    code: str = ""
    error: str = ""
    remedy: str = ""
    reasons: Sequence[Any] = ()

    @property
    def is_failing(self) -> bool:
        """Return whether it is to go on, and something hinders it."""
        return self.state is SubscriptionState.ACTIVE and bool(self.error)


@dataclass(frozen=True, slots=True, kw_only=True)
class SubscriptionView:
    """A subscription with its progress, and how many dead letters it has."""

    subscription: PartnerSubscription
    progress: SubscriptionProgress
    dead: int = 0

    def to_json(self) -> dict[str, Any]:
        """Return it for the people of this node. The partner's own headers are not among it."""
        subscription, progress = self.subscription, self.progress
        return {
            "key": subscription.key,
            "id": subscription.id,
            "partner": subscription.partner,
            "agreement": subscription.agreement,
            "transfer": subscription.transfer,
            "to": subscription.receiver,
            "at": stamp(subscription.at),
            "state": "failing" if progress.is_failing else str(progress.state),
            "sent": progress.notifications,
            "entities": progress.entities,
            "failures": progress.failures,
            "omissions": progress.omissions,
            "gaps": progress.gaps,
            "dead": self.dead,
            "lastSuccess": _stamp(progress.last_success),
            "lastFailure": _stamp(progress.last_failure),
            "failingSince": _stamp(progress.failing_since),
            "endedAt": _stamp(progress.ended),
            "code": progress.code,
            "error": progress.error,
            "remedy": progress.remedy,
            "reasons": list(progress.reasons),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadLetter:
    """A notification that the receiver refused: the observations after ``place``, ``count`` of them, were in it or
    were looked at for it. ``answer`` says in words how the last attempt ended."""

    id: str
    subscription: str
    place: str
    count: int
    answer: str
    at: datetime


class PartnerSubscriptionStore(Protocol):
    """Subscriptions of partners by key, with their progress, who works for them, and their dead letters.

    One process works for a subscription: its *owner*, until a time that it puts off.
    """

    def put(self, tx: Transaction, subscription: PartnerSubscription, progress: SubscriptionProgress) -> None:
        """Store it, without an owner; that of the same key is replaced, and keeps its dead letters."""

    def get(self, tx: Transaction, key: str, *, lock: bool = False) -> SubscriptionView | None: ...

    def of_transfer(self, tx: Transaction, transfer: str) -> Sequence[SubscriptionView]:
        """Return those of a transfer, by time and key."""

    def all(self, tx: Transaction) -> Sequence[SubscriptionView]:
        """Return all, by time and key."""

    def count(self, tx: Transaction) -> int: ...

    def drop(self, tx: Transaction, key: str) -> None:
        """Forget it, with its dead letters."""

    def forget(self, tx: Transaction, before: datetime) -> None:
        """Forget those that ended or expired before this time, with their dead letters."""

    def claim(self, tx: Transaction, *, owner: str, now: datetime, until: datetime) -> Sequence[SubscriptionView]:
        """Make ``owner`` the owner until ``until`` of the active ones that are its own, or nobody's at ``now``.
        Return those that it owns."""

    def release(self, tx: Transaction, *, owner: str | None = None) -> None:
        """Give up what ``owner`` owns; without it, what anybody owns."""

    def note(self, tx: Transaction, key: str, progress: SubscriptionProgress, *, owner: str) -> bool:
        """Store the progress, if ``owner`` owns the subscription and it is active; return whether it was so."""

    def add_dead(self, tx: Transaction, letter: DeadLetter) -> None: ...

    def dead(self, tx: Transaction, key: str) -> Sequence[DeadLetter]:
        """Return the dead letters of a subscription, the oldest first."""

    def drop_dead(self, tx: Transaction, letter_id: str) -> None: ...


def key_of(transfer: str, subscription_id: str) -> str:
    """Return this node's name for the subscription that a partner calls ``subscription_id``."""
    return hashlib.sha256(f"{transfer}\n{subscription_id}".encode()).hexdigest()[:24]


def _stamp(moment: datetime | None) -> str | None:
    return None if moment is None else stamp(moment)

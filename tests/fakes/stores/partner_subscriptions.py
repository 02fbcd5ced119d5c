"""Subscriptions of partners in memory (``node.transfer.notifications.model.PartnerSubscriptionStore``)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from node.base.work import Transaction
from node.transfer.notifications.model import (
    DeadLetter,
    PartnerSubscription,
    SubscriptionProgress,
    SubscriptionState,
    SubscriptionView,
)
from tests.fakes.owners import Owners
from tests.fakes.stores.work import memory

_VIEWS, _DEAD = "partner_subscriptions", "dead_notifications"
_OWNERS = Owners("partner_subscription_owners")


class MemoryPartnerSubscriptionStore:
    """Views by key; owner and its time by key; dead letters by id."""

    def put(self, tx: Transaction, subscription: PartnerSubscription, progress: SubscriptionProgress) -> None:
        memory(tx).put(_VIEWS, subscription.key, SubscriptionView(subscription=subscription, progress=progress))
        _OWNERS.forget(tx, subscription.key)

    def get(self, tx: Transaction, key: str, *, lock: bool = False) -> SubscriptionView | None:
        view = memory(tx).rows(_VIEWS).get(key)
        return None if view is None else replace(view, dead=len(self.dead(tx, key)))

    def of_transfer(self, tx: Transaction, transfer: str) -> Sequence[SubscriptionView]:
        return [view for view in self.all(tx) if view.subscription.transfer == transfer]

    def all(self, tx: Transaction) -> Sequence[SubscriptionView]:
        views = sorted(
            memory(tx).rows(_VIEWS).values(), key=lambda view: (view.subscription.at, view.subscription.key)
        )
        return [replace(view, dead=len(self.dead(tx, view.subscription.key))) for view in views]

    def count(self, tx: Transaction) -> int:
        return len(memory(tx).rows(_VIEWS))

    def drop(self, tx: Transaction, key: str) -> None:
        memory(tx).drop(_VIEWS, key)
        _OWNERS.forget(tx, key)
        for letter in self.dead(tx, key):
            self.drop_dead(tx, letter.id)

    def forget(self, tx: Transaction, before: datetime) -> None:
        over = (SubscriptionState.ENDED, SubscriptionState.EXPIRED)
        for view in self.all(tx):
            progress = view.progress
            if progress.state in over and progress.ended is not None and progress.ended < before:
                self.drop(tx, view.subscription.key)

    def claim(self, tx: Transaction, *, owner: str, now: datetime, until: datetime) -> Sequence[SubscriptionView]:
        active = {
            view.subscription.key: view for view in self.all(tx) if view.progress.state is SubscriptionState.ACTIVE
        }
        own = _OWNERS.claim(tx, active, owner=owner, now=now, until=until)
        return [view for key, view in active.items() if key in own]

    def release(self, tx: Transaction, *, owner: str | None = None) -> None:
        _OWNERS.release(tx, owner)

    def note(self, tx: Transaction, key: str, progress: SubscriptionProgress, *, owner: str) -> bool:
        view = self.get(tx, key)
        if view is None or view.progress.state is not SubscriptionState.ACTIVE or not _OWNERS.owns(tx, key, owner):
            return False
        memory(tx).put(_VIEWS, key, replace(view, progress=progress))
        return True

    def add_dead(self, tx: Transaction, letter: DeadLetter) -> None:
        memory(tx).put(_DEAD, letter.id, letter)

    def dead(self, tx: Transaction, key: str) -> Sequence[DeadLetter]:
        own = [letter for letter in memory(tx).rows(_DEAD).values() if letter.subscription == key]
        return sorted(own, key=lambda letter: (letter.at, letter.id))

    def drop_dead(self, tx: Transaction, letter_id: str) -> None:
        memory(tx).drop(_DEAD, letter_id)

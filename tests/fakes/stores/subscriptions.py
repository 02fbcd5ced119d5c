"""Subscriptions in memory (``node.catalogue.subscriptions.model.SubscriptionStore``)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from node.base.errors import Conflict
from node.base.work import Transaction
from node.catalogue.subscriptions.model import Subscriber, Subscription
from tests.fakes.stores.work import memory


class MemorySubscriptionStore:
    """Subscriptions by id, subscribers by login."""

    def add(self, tx: Transaction, subscription: Subscription) -> None:
        if subscription.id in memory(tx).rows("subscriptions"):
            raise Conflict("this subscription already exists")
        memory(tx).put("subscriptions", subscription.id, subscription)

    def of_person(self, tx: Transaction, login: str) -> Sequence[Subscription]:
        own = [one for one in memory(tx).rows("subscriptions").values() if one.login == login]
        return sorted(own, key=lambda one: (one.created, one.id), reverse=True)

    def save(self, tx: Transaction, subscription: Subscription) -> None:
        if subscription.id in memory(tx).rows("subscriptions"):
            memory(tx).put("subscriptions", subscription.id, subscription)

    def drop(self, tx: Transaction, login: str, subscription_id: str) -> bool:
        known = memory(tx).rows("subscriptions").get(subscription_id)
        if known is None or known.login != login:
            return False
        memory(tx).drop("subscriptions", subscription_id)
        return True

    def drop_person(self, tx: Transaction, login: str) -> None:
        for one in self.of_person(tx, login):
            memory(tx).drop("subscriptions", one.id)
        if login in memory(tx).rows("subscribers"):
            memory(tx).drop("subscribers", login)

    def hold(self, tx: Transaction, login: str) -> Subscriber:
        if login not in memory(tx).rows("subscribers"):
            memory(tx).put("subscribers", login, Subscriber(login=login))
        held: Subscriber = memory(tx).rows("subscribers")[login]
        return held

    def subscriber(self, tx: Transaction, login: str) -> Subscriber | None:
        return memory(tx).rows("subscribers").get(login)

    def by_feed(self, tx: Transaction, feed_sha256: str) -> Subscriber | None:
        known = memory(tx).rows("subscribers").values()
        return next((one for one in known if one.feed_sha256 == feed_sha256), None)

    def with_mail_due(self, tx: Transaction, now: datetime) -> Sequence[Subscriber]:
        known = memory(tx).rows("subscribers").values()
        due = [one for one in known if one.mail_due is not None and one.mail_due <= now]
        return sorted(due, key=lambda one: one.mail_due or now)

    def save_subscriber(self, tx: Transaction, subscriber: Subscriber) -> None:
        memory(tx).put("subscribers", subscriber.login, subscriber)

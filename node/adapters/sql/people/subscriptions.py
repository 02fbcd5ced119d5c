"""Subscriptions and the people who have them (``node.catalogue.subscriptions.model.SubscriptionStore``)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import bindparam, delete, select

from node.adapters.sql.rows import add, build, put, values
from node.adapters.sql.schema.subscriptions import subscribers, subscriptions
from node.adapters.sql.work import connection_of
from node.base.errors import Conflict
from node.base.work import Transaction
from node.catalogue.subscriptions.model import Subscriber, Subscription

_OF_PERSON = (
    select(subscriptions)
    .where(subscriptions.c.login == bindparam("who"))
    .order_by(subscriptions.c.created.desc(), subscriptions.c.id.desc())
)
_DROP = delete(subscriptions).where(subscriptions.c.login == bindparam("who"), subscriptions.c.id == bindparam("of"))
_DROP_ALL = delete(subscriptions).where(subscriptions.c.login == bindparam("who"))
_DROP_SUBSCRIBER = delete(subscribers).where(subscribers.c.login == bindparam("who"))
_SUBSCRIBER = select(subscribers).where(subscribers.c.login == bindparam("who"))
_HELD = _SUBSCRIBER.with_for_update()
_BY_FEED = select(subscribers).where(subscribers.c.feed_sha256 == bindparam("sha256"))
_MAIL_DUE = select(subscribers).where(subscribers.c.mail_due <= bindparam("now")).order_by(subscribers.c.mail_due)
_CHANGE = subscriptions.update().where(subscriptions.c.id == bindparam("of"))


class SqlSubscriptionStore:
    """Subscriptions by id, subscribers by login."""

    def add(self, tx: Transaction, subscription: Subscription) -> None:
        if not add(connection_of(tx), subscriptions, _row(subscription)):
            raise Conflict("this subscription already exists", remedy="see the list: hansa subscription list")

    def of_person(self, tx: Transaction, login: str) -> Sequence[Subscription]:
        return [build(Subscription, row) for row in connection_of(tx).execute(_OF_PERSON, {"who": login})]

    def save(self, tx: Transaction, subscription: Subscription) -> None:
        row = {name: value for name, value in _row(subscription).items() if name != "id"}
        connection_of(tx).execute(_CHANGE.values(row), {"of": subscription.id})

    def drop(self, tx: Transaction, login: str, subscription_id: str) -> bool:
        return connection_of(tx).execute(_DROP, {"who": login, "of": subscription_id}).rowcount == 1

    def drop_person(self, tx: Transaction, login: str) -> None:
        # First what others hold first: in the other order they and we could wait for each other.
        for statement in (_DROP_SUBSCRIBER, _DROP_ALL):
            connection_of(tx).execute(statement, {"who": login})

    def hold(self, tx: Transaction, login: str) -> Subscriber:
        connection = connection_of(tx)
        add(connection, subscribers, values(Subscriber(login=login)))
        # SQLite has one writer at a time, and no FOR UPDATE: SQLAlchemy leaves it out there.
        return build(Subscriber, connection.execute(_HELD, {"who": login}).one())

    def subscriber(self, tx: Transaction, login: str) -> Subscriber | None:
        row = connection_of(tx).execute(_SUBSCRIBER, {"who": login}).one_or_none()
        return None if row is None else build(Subscriber, row)

    def by_feed(self, tx: Transaction, feed_sha256: str) -> Subscriber | None:
        row = connection_of(tx).execute(_BY_FEED, {"sha256": feed_sha256}).one_or_none()
        return None if row is None else build(Subscriber, row)

    def with_mail_due(self, tx: Transaction, now: datetime) -> Sequence[Subscriber]:
        return [build(Subscriber, row) for row in connection_of(tx).execute(_MAIL_DUE, {"now": now})]

    def save_subscriber(self, tx: Transaction, subscriber: Subscriber) -> None:
        put(connection_of(tx), subscribers, values(subscriber))


def _row(subscription: Subscription) -> dict[str, object]:
    return values(subscription, criteria=dict(subscription.criteria))

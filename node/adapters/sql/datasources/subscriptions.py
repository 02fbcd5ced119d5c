"""Subscriptions of streams to brokers (``node.datasources.brokers.ports.BrokerSubscriptionStore``)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, delete, select

from node.adapters.sql.datasources.owned_rows import NO_OWNER, OwnedRows
from node.adapters.sql.rows import build, put, values
from node.adapters.sql.schema.streams import stream_subscriptions as table
from node.adapters.sql.work import connection_of
from node.base.work import Transaction
from node.datasources.brokers.model import BrokerSubscription, BrokerSubscriptionView, ConnectionState, Form

_SUBSCRIPTION = select(table).where(table.c.stream == bindparam("of"))
_BY_SESSION = select(table).where(table.c.session == bindparam("of"))
_ALL = select(table).order_by(table.c.stream)
_DROP = delete(table).where(table.c.stream == bindparam("of"))
_OWNED = OwnedRows(table, table.c.session, _ALL, ConnectionState.__dataclass_fields__)


class SqlBrokerSubscriptionStore:
    """Subscriptions by stream, with the state of their connections, and who keeps these up."""

    def put(self, tx: Transaction, subscription: BrokerSubscription) -> None:
        row = values(subscription, form=str(subscription.form), members=dict(subscription.members))
        put(connection_of(tx), table, {**row, **values(ConnectionState()), **NO_OWNER})

    def get(self, tx: Transaction, stream: str) -> BrokerSubscriptionView | None:
        row = connection_of(tx).execute(_SUBSCRIPTION, {"of": stream}).one_or_none()
        return None if row is None else _view(row)

    def by_session(self, tx: Transaction, session: str) -> BrokerSubscription | None:
        row = connection_of(tx).execute(_BY_SESSION, {"of": session}).first()
        return None if row is None else _subscription(row)

    def all(self, tx: Transaction) -> Sequence[BrokerSubscriptionView]:
        return [_view(row) for row in connection_of(tx).execute(_ALL)]

    def drop(self, tx: Transaction, stream: str) -> None:
        connection_of(tx).execute(_DROP, {"of": stream})

    def claim(self, tx: Transaction, *, owner: str, now: datetime, until: datetime) -> Sequence[BrokerSubscription]:
        return [_subscription(row) for row in _OWNED.claim(tx, owner=owner, now=now, until=until)]

    def release(self, tx: Transaction, *, owner: str | None = None) -> None:
        _OWNED.release(tx, owner)

    def note(self, tx: Transaction, session: str, state: ConnectionState, *, owner: str) -> None:
        _OWNED.note(tx, session, values(state), owner=owner)


def _view(row: Any) -> BrokerSubscriptionView:
    return BrokerSubscriptionView(subscription=_subscription(row), state=build(ConnectionState, row))


def _subscription(row: Any) -> BrokerSubscription:
    return build(BrokerSubscription, row, form=Form(row.form))

"""Subscriptions of streams to brokers (``node.datasources.brokers.ports.BrokerSubscriptionStore``)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, delete, null, or_, select, update

from node.adapters.sql.rows import build, put, values
from node.adapters.sql.schema.streams import stream_subscriptions as table
from node.adapters.sql.work import connection_of
from node.base.work import Transaction
from node.datasources.brokers.model import BrokerSubscription, BrokerSubscriptionView, ConnectionState, Form

_SUBSCRIPTION = select(table).where(table.c.stream == bindparam("of"))
_BY_SESSION = select(table).where(table.c.session == bindparam("of"))
_ALL = select(table).order_by(table.c.stream)
_DROP = delete(table).where(table.c.stream == bindparam("of"))
_CLAIM = (
    update(table)
    .where(
        or_(table.c.owner.is_(None), table.c.owner == bindparam("holder"), table.c.owned_until <= bindparam("now"))
    )
    .values(owner=bindparam("holder"), owned_until=bindparam("until"))
)
_OWN = select(table).where(table.c.owner == bindparam("holder")).order_by(table.c.stream)
_RELEASE_ALL = update(table).values(owner=null(), owned_until=null())
_RELEASE = _RELEASE_ALL.where(table.c.owner == bindparam("holder"))
_NOTE = (
    update(table)
    .where(table.c.session == bindparam("of"), table.c.owner == bindparam("holder"))
    .values({name: bindparam(f"new_{name}") for name in ConnectionState.__dataclass_fields__})
)


class SqlBrokerSubscriptionStore:
    """Subscriptions by stream, with the state of their connections, and who keeps these up."""

    def put(self, tx: Transaction, subscription: BrokerSubscription) -> None:
        row = values(subscription, form=str(subscription.form), members=dict(subscription.members))
        put(connection_of(tx), table, {**row, **values(ConnectionState()), "owner": None, "owned_until": None})

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
        connection = connection_of(tx)
        connection.execute(_CLAIM, {"holder": owner, "now": now, "until": until})
        return [_subscription(row) for row in connection.execute(_OWN, {"holder": owner})]

    def release(self, tx: Transaction, *, owner: str | None = None) -> None:
        if owner is None:
            connection_of(tx).execute(_RELEASE_ALL)
        else:
            connection_of(tx).execute(_RELEASE, {"holder": owner})

    def note(self, tx: Transaction, session: str, state: ConnectionState, *, owner: str) -> None:
        new = {f"new_{name}": value for name, value in values(state).items()}
        connection_of(tx).execute(_NOTE, {"of": session, "holder": owner, **new})


def _view(row: Any) -> BrokerSubscriptionView:
    return BrokerSubscriptionView(subscription=_subscription(row), state=build(ConnectionState, row))


def _subscription(row: Any) -> BrokerSubscription:
    return build(BrokerSubscription, row, form=Form(row.form))

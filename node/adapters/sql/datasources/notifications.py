"""Subscriptions of partners (``node.transfer.notifications.model.PartnerSubscriptionStore``)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, delete, func, insert, select

from node.adapters.sql.datasources.owned_rows import NO_OWNER, OwnedRows
from node.adapters.sql.rows import build, put, values
from node.adapters.sql.schema.notifications import dead_notifications as letters
from node.adapters.sql.schema.notifications import partner_subscriptions as table
from node.adapters.sql.work import connection_of
from node.base.work import Transaction
from node.transfer.notifications.model import (
    DeadLetter,
    PartnerSubscription,
    SubscriptionProgress,
    SubscriptionState,
    SubscriptionView,
)

_DEAD = (
    select(func.count())
    .select_from(letters)
    .where(letters.c.subscription == table.c.key)
    .correlate(table)
    .scalar_subquery()
    .label("dead")
)
_VIEWS = select(table, _DEAD)
_LOCK = select(table.c.key).where(table.c.key == bindparam("of")).with_for_update()
_VIEW = _VIEWS.where(table.c.key == bindparam("of"))
_OF_TRANSFER = _VIEWS.where(table.c.transfer == bindparam("of")).order_by(table.c.at, table.c.key)
_ALL = _VIEWS.order_by(table.c.at, table.c.key)
_COUNT = select(func.count()).select_from(table)
_DROP = delete(table).where(table.c.key == bindparam("of"))
_DROP_LETTERS = delete(letters).where(letters.c.subscription == bindparam("of"))
_OVER = (str(SubscriptionState.ENDED), str(SubscriptionState.EXPIRED))
_OLD = select(table.c.key).where(table.c.state.in_(_OVER), table.c.ended < bindparam("before"))
_IS_ACTIVE = table.c.state == str(SubscriptionState.ACTIVE)
_OWNED = OwnedRows(table, table.c.key, _ALL, SubscriptionProgress.__dataclass_fields__, among=_IS_ACTIVE)
_ADD_LETTER = insert(letters)
_LETTERS = select(letters).where(letters.c.subscription == bindparam("of")).order_by(letters.c.at, letters.c.id)
_DROP_LETTER = delete(letters).where(letters.c.id == bindparam("of"))


class SqlPartnerSubscriptionStore:
    """Subscriptions of partners by key, with their progress, who works for them, and their dead letters."""

    def put(self, tx: Transaction, subscription: PartnerSubscription, progress: SubscriptionProgress) -> None:
        document = dict(subscription.document)
        row = {**values(subscription, document=document), **_columns(progress), **NO_OWNER}
        put(connection_of(tx), table, row)

    def get(self, tx: Transaction, key: str, *, lock: bool = False) -> SubscriptionView | None:
        connection = connection_of(tx)
        if lock:
            connection.execute(_LOCK, {"of": key}).one_or_none()
        row = connection.execute(_VIEW, {"of": key}).one_or_none()
        return None if row is None else _view(row)

    def of_transfer(self, tx: Transaction, transfer: str) -> Sequence[SubscriptionView]:
        return [_view(row) for row in connection_of(tx).execute(_OF_TRANSFER, {"of": transfer})]

    def all(self, tx: Transaction) -> Sequence[SubscriptionView]:
        return [_view(row) for row in connection_of(tx).execute(_ALL)]

    def count(self, tx: Transaction) -> int:
        return int(connection_of(tx).execute(_COUNT).scalar_one())

    def drop(self, tx: Transaction, key: str) -> None:
        connection = connection_of(tx)
        connection.execute(_DROP_LETTERS, {"of": key})
        connection.execute(_DROP, {"of": key})

    def forget(self, tx: Transaction, before: datetime) -> None:
        for row in connection_of(tx).execute(_OLD, {"before": before}).all():
            self.drop(tx, row.key)

    def claim(self, tx: Transaction, *, owner: str, now: datetime, until: datetime) -> Sequence[SubscriptionView]:
        return [_view(row) for row in _OWNED.claim(tx, owner=owner, now=now, until=until)]

    def release(self, tx: Transaction, *, owner: str | None = None) -> None:
        _OWNED.release(tx, owner)

    def note(self, tx: Transaction, key: str, progress: SubscriptionProgress, *, owner: str) -> bool:
        return _OWNED.note(tx, key, _columns(progress), owner=owner)

    def add_dead(self, tx: Transaction, letter: DeadLetter) -> None:
        connection_of(tx).execute(_ADD_LETTER, values(letter))

    def dead(self, tx: Transaction, key: str) -> Sequence[DeadLetter]:
        return [build(DeadLetter, row) for row in connection_of(tx).execute(_LETTERS, {"of": key})]

    def drop_dead(self, tx: Transaction, letter_id: str) -> None:
        connection_of(tx).execute(_DROP_LETTER, {"of": letter_id})


def _columns(progress: SubscriptionProgress) -> dict[str, Any]:
    return values(progress, reasons=list(progress.reasons), state=str(progress.state))


def _view(row: Any) -> SubscriptionView:
    progress = build(SubscriptionProgress, row, reasons=tuple(row.reasons), state=SubscriptionState(row.state))
    return SubscriptionView(subscription=build(PartnerSubscription, row), progress=progress, dead=row.dead)

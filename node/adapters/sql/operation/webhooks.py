"""Webhooks and their deliveries (``node.operation.webhooks.model.WebhookStore``)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import bindparam, delete, func, select

from node.adapters.sql.rows import add, build, put, values
from node.adapters.sql.schema.webhooks import webhook_deliveries as delivery_table
from node.adapters.sql.schema.webhooks import webhooks as table
from node.adapters.sql.work import connection_of
from node.base.work import Transaction
from node.operation.webhooks.model import Course, DeliveryState, Webhook, WebhookDelivery

_WEBHOOK = select(table).where(table.c.name == bindparam("of"))
_HELD = _WEBHOOK.with_for_update()
_ALL = select(table).order_by(table.c.name)
_DROP = delete(table).where(table.c.name == bindparam("of"))
_DROP_DELIVERIES = delete(delivery_table).where(delivery_table.c.webhook == bindparam("of"))
_DELIVERY = select(delivery_table).where(delivery_table.c.id == bindparam("of"))
_OF_WEBHOOK = delivery_table.c.webhook == bindparam("of")
_IN_STATE = delivery_table.c.state == bindparam("in_state")
_NEWEST = select(delivery_table).order_by(delivery_table.c.seq.desc()).limit(bindparam("most"))
_DELIVERIES = _NEWEST.where(_OF_WEBHOOK).offset(bindparam("skipped"))
_DELIVERIES_IN_STATE = _DELIVERIES.where(_IN_STATE)
_WAITING_ON = (
    _OF_WEBHOOK,
    delivery_table.c.state == str(DeliveryState.WAITING),
    delivery_table.c.aside == bindparam("is_aside"),
)
_WAITING = _NEWEST.where(*_WAITING_ON).offset(bindparam("skipped"))
_COUNT_WAITING = select(func.count()).select_from(delivery_table).where(*_WAITING_ON)
_COUNTS = (
    select(delivery_table.c.state, func.count().label("number")).where(_OF_WEBHOOK).group_by(delivery_table.c.state)
)
_LAST_KEPT = (
    select(delivery_table.c.seq)
    .where(_OF_WEBHOOK, _IN_STATE)
    .order_by(delivery_table.c.seq.desc())
    .limit(1)
    .offset(bindparam("skipped"))
)
_TRIM = delete(delivery_table).where(_OF_WEBHOOK, _IN_STATE, delivery_table.c.seq <= bindparam("up_to"))


class SqlWebhookStore:
    """Webhooks by name, deliveries by id and webhook."""

    def add(self, tx: Transaction, webhook: Webhook) -> bool:
        return add(connection_of(tx), table, _row(webhook))

    def put(self, tx: Transaction, webhook: Webhook) -> None:
        put(connection_of(tx), table, _row(webhook))

    def get(self, tx: Transaction, name: str, *, lock: bool = False) -> Webhook | None:
        row = connection_of(tx).execute(_HELD if lock else _WEBHOOK, {"of": name}).one_or_none()
        return None if row is None else _webhook(row)

    def all(self, tx: Transaction) -> Sequence[Webhook]:
        return [_webhook(row) for row in connection_of(tx).execute(_ALL)]

    def drop(self, tx: Transaction, name: str) -> None:
        for statement in (_DROP_DELIVERIES, _DROP):
            connection_of(tx).execute(statement, {"of": name})

    def put_delivery(self, tx: Transaction, delivery: WebhookDelivery) -> None:
        put(connection_of(tx), delivery_table, _delivery_row(delivery))

    def delivery(self, tx: Transaction, delivery_id: str) -> WebhookDelivery | None:
        row = connection_of(tx).execute(_DELIVERY, {"of": delivery_id}).one_or_none()
        return None if row is None else _delivery(row)

    def deliveries(
        self, tx: Transaction, name: str, *, state: DeliveryState | None = None, limit: int, offset: int = 0
    ) -> Sequence[WebhookDelivery]:
        bounds = {"of": name, "most": limit, "skipped": offset}
        if state is None:
            rows = connection_of(tx).execute(_DELIVERIES, bounds)
        else:
            rows = connection_of(tx).execute(_DELIVERIES_IN_STATE, {**bounds, "in_state": str(state)})
        return [_delivery(row) for row in rows]

    def waiting(
        self, tx: Transaction, name: str, *, aside: bool, limit: int, offset: int = 0
    ) -> Sequence[WebhookDelivery]:
        bounds = {"of": name, "is_aside": aside, "most": limit, "skipped": offset}
        return [_delivery(row) for row in connection_of(tx).execute(_WAITING, bounds)]

    def count_waiting(self, tx: Transaction, name: str, *, aside: bool) -> int:
        number: int = connection_of(tx).execute(_COUNT_WAITING, {"of": name, "is_aside": aside}).scalar_one()
        return number

    def counts(self, tx: Transaction, name: str) -> dict[DeliveryState, int]:
        rows = connection_of(tx).execute(_COUNTS, {"of": name})
        return {DeliveryState(row.state): row.number for row in rows}

    def trim(self, tx: Transaction, name: str, *, keep: int) -> None:
        connection, of = connection_of(tx), {"of": name, "in_state": str(DeliveryState.DELIVERED)}
        last = connection.execute(_LAST_KEPT, {**of, "skipped": keep}).scalar_one_or_none()
        if last is not None:
            connection.execute(_TRIM, {**of, "up_to": last})


def _row(webhook: Webhook) -> dict[str, Any]:
    return values(webhook, kinds=list(webhook.kinds))


def _webhook(row: Any) -> Webhook:
    return build(Webhook, row, kinds=tuple(row.kinds))


def _delivery_row(delivery: WebhookDelivery) -> dict[str, Any]:
    row = values(delivery, state=str(delivery.state)) | values(delivery.course)
    del row["course"]
    return row


def _delivery(row: Any) -> WebhookDelivery:
    return build(WebhookDelivery, row, state=DeliveryState(row.state), course=build(Course, row))

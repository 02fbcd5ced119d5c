"""All tables, by the reason for which they change. The import of this package registers them all in ``metadata``."""

from node.adapters.sql.schema import (
    credentials,
    datasources,
    ledger,
    negotiation,
    node_state,
    outbox,
    people,
    processes,
    questions,
    records,
    scenarios,
    schedules,
    shipments,
    streams,
    subscriptions,
    transfer,
    webhooks,
)
from node.adapters.sql.schema.registry import metadata

__all__ = [
    "credentials",
    "datasources",
    "ledger",
    "metadata",
    "negotiation",
    "node_state",
    "outbox",
    "people",
    "processes",
    "questions",
    "records",
    "scenarios",
    "schedules",
    "shipments",
    "streams",
    "subscriptions",
    "transfer",
    "webhooks",
]

"""Tables of webhooks, and of events on their way to them."""

from __future__ import annotations

from sqlalchemy import Boolean, Column, Index, LargeBinary, Table, false

from node.adapters.sql.columns import Big, Json, Moment, Words
from node.adapters.sql.schema.registry import metadata

webhooks = Table(
    "webhooks",
    metadata,
    Column("name", Words, primary_key=True),
    Column("address", Words, nullable=False),
    Column("kinds", Json, nullable=False),
    Column("secret", LargeBinary),
    Column("position", Big, nullable=False),
    Column("paused", Boolean, nullable=False),
    Column("reason", Words, nullable=False),
    Column("delivered", Moment),
    Column("by", Words, nullable=False),
    Column("at", Moment, nullable=False),
)
webhook_deliveries = Table(
    "webhook_deliveries",
    metadata,
    Column("id", Words, primary_key=True),
    Column("webhook", Words, nullable=False),
    Column("event", Words, nullable=False),
    Column("seq", Big, nullable=False),
    Column("kind", Words, nullable=False),
    Column("subject", Words, nullable=False),
    Column("at", Moment, nullable=False),
    Column("state", Words, nullable=False),
    Column("attempts", Big, nullable=False),
    Column("answer", Words, nullable=False),
    Column("changed", Moment, nullable=False),
    Column("task", Words, nullable=False),
    Column("aside", Boolean, nullable=False, server_default=false()),
    Column("since", Moment),
    Index("ix_webhook_deliveries_place", "webhook", "seq"),
    Index("ix_webhook_deliveries_state", "webhook", "state", "seq"),
)

"""The tables of subscriptions of partners, and of notifications that their receivers refused."""

from __future__ import annotations

from sqlalchemy import Column, LargeBinary, Table

from node.adapters.sql.columns import Big, Json, Moment, Words
from node.adapters.sql.schema.registry import metadata

partner_subscriptions = Table(
    "partner_subscriptions",
    metadata,
    Column("key", Words, primary_key=True),
    Column("id", Words, nullable=False),
    Column("transfer", Words, nullable=False, index=True),
    Column("agreement", Words, nullable=False),
    Column("partner", Words, nullable=False),
    Column("document", Json, nullable=False),
    Column("secrets", LargeBinary),
    Column("at", Moment, nullable=False),
    Column("owner", Words),
    Column("owned_until", Moment),
    Column("state", Words, nullable=False),
    Column("place", Words, nullable=False),
    Column("notifications", Big, nullable=False),
    Column("entities", Big, nullable=False),
    Column("failures", Big, nullable=False),
    Column("omissions", Big, nullable=False),
    Column("gaps", Big, nullable=False),
    Column("last_sent", Moment),
    Column("last_success", Moment),
    Column("last_failure", Moment),
    Column("failing_since", Moment),
    Column("ended", Moment),
    Column("code", Words, nullable=False),
    Column("error", Words, nullable=False),
    Column("remedy", Words, nullable=False),
    Column("reasons", Json, nullable=False),
)

dead_notifications = Table(
    "dead_notifications",
    metadata,
    Column("id", Words, primary_key=True),
    Column("subscription", Words, nullable=False, index=True),
    Column("place", Words, nullable=False),
    Column("count", Big, nullable=False),
    Column("answer", Words, nullable=False),
    Column("at", Moment, nullable=False),
)

"""The table of bridges from streams of partners to topics of brokers."""

from __future__ import annotations

from sqlalchemy import Column, Table

from node.adapters.sql.columns import Big, Json, Moment, Words
from node.adapters.sql.schema.registry import metadata

stream_bridges = Table(
    "stream_bridges",
    metadata,
    Column("id", Words, primary_key=True),
    Column("agreement", Words, nullable=False, index=True),
    Column("file", Words, nullable=False),
    Column("source", Words, nullable=False),
    Column("topic", Words, nullable=False),
    Column("key", Words, nullable=False),
    Column("start", Moment),
    Column("by", Words, nullable=False),
    Column("at", Moment, nullable=False),
    Column("owner", Words),
    Column("owned_until", Moment),
    Column("place", Words, nullable=False),
    Column("deliveries", Big, nullable=False),
    Column("refusals", Big, nullable=False),
    Column("gaps", Big, nullable=False),
    Column("since", Moment),
    Column("seen", Moment),
    Column("ended", Moment),
    Column("code", Words, nullable=False),
    Column("error", Words, nullable=False),
    Column("remedy", Words, nullable=False),
    Column("reasons", Json, nullable=False),
    Column("error_at", Moment),
)

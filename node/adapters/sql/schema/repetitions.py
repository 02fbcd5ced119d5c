"""The table of requests with a key."""

from __future__ import annotations

from sqlalchemy import Column, LargeBinary, Table

from node.adapters.sql.columns import Big, Moment, Words
from node.adapters.sql.schema.registry import metadata

keyed_requests = Table(
    "keyed_requests",
    metadata,
    Column("owner", Words, primary_key=True),
    Column("key", Words, primary_key=True),
    Column("fingerprint", Words, nullable=False),
    Column("at", Moment, nullable=False, index=True),
    Column("status", Big),
    Column("media_type", Words),
    Column("body", LargeBinary),
)

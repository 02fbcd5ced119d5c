"""Tables of streams: their descriptions, their observations in batches, keys, latest observations, faults,
subscriptions to brokers."""

from __future__ import annotations

from sqlalchemy import Boolean, Column, Index, LargeBinary, Table

from node.adapters.sql.columns import Big, Json, Moment, Octets, Words
from node.adapters.sql.schema.registry import metadata, ordinal

streams = Table(
    "streams",
    metadata,
    Column("name", Words, primary_key=True),
    Column("schema", Json, nullable=False),
    Column("time_member", Words, nullable=False),
    Column("subject_member", Words, nullable=False),
    Column("key_members", Json, nullable=False),
    Column("keep_seconds", Big, nullable=False),
    Column("most", Big, nullable=False),
    Column("by", Words, nullable=False),
    Column("at", Moment, nullable=False),
    Column("last", Big, nullable=False),
    Column("repeats", Big, nullable=False),
    Column("faults", Big, nullable=False),
    Column("gone_until", Moment),
)
stream_batches = Table(
    "stream_batches",
    metadata,
    Column("stream", Words, primary_key=True),
    Column("last", Big, primary_key=True),
    Column("first", Big, nullable=False),
    Column("earliest", Moment, nullable=False),
    Column("latest", Moment, nullable=False),
    Column("received", Moment, nullable=False),
    Column("body", Octets, nullable=False),
    Index("ix_stream_batches_received", "stream", "received"),
)
stream_keys = Table(
    "stream_keys",
    metadata,
    Column("stream", Words, primary_key=True),
    Column("key", LargeBinary, primary_key=True),
    Column("number", Big, nullable=False),
    Index("ix_stream_keys_number", "stream", "number"),
)
stream_heads = Table(
    "stream_heads",
    metadata,
    Column("stream", Words, primary_key=True),
    Column("subject", Words, primary_key=True),
    Column("number", Big, nullable=False),
    Column("time", Moment, nullable=False),
    Column("received", Moment, nullable=False),
    Column("text", Words, nullable=False),
)
stream_faults = Table(
    "stream_faults",
    metadata,
    ordinal(),
    Column("stream", Words, nullable=False),
    Column("at", Moment, nullable=False),
    Column("reason", Words, nullable=False),
    Column("text", Words, nullable=False),
    Index("ix_stream_faults_stream", "stream", "ordinal"),
)
stream_subscriptions = Table(
    "stream_subscriptions",
    metadata,
    Column("stream", Words, primary_key=True),
    Column("source", Words, nullable=False),
    Column("topic", Words, nullable=False),
    Column("form", Words, nullable=False),
    Column("members", Json, nullable=False),
    Column("session", Words, nullable=False, index=True),
    Column("by", Words, nullable=False),
    Column("at", Moment, nullable=False),
    Column("owner", Words),
    Column("owned_until", Moment),
    Column("since", Moment),
    Column("seen", Moment),
    Column("messages", Big, nullable=False),
    Column("is_lasting", Boolean, nullable=False),
    Column("error", Words, nullable=False),
    Column("remedy", Words, nullable=False),
    Column("error_at", Moment),
)

"""The table of tasks that wait for the worker."""

from __future__ import annotations

from sqlalchemy import Boolean, Column, LargeBinary, Table, text

from node.adapters.sql.columns import Big, Json, Moment, Words
from node.adapters.sql.schema.registry import metadata, ordinal, partial_index

outbox = Table(
    "outbox",
    metadata,
    ordinal(),
    Column("id", Words, nullable=False, unique=True),
    Column("topic", Words, nullable=False),
    Column("lane", Words, nullable=False),
    Column("subject", Words, nullable=False),
    Column("body", LargeBinary, nullable=False),
    Column("headers", Json, nullable=False),
    Column("due", Moment, nullable=False),
    Column("attempts", Big, nullable=False),
    Column("fence", Big, nullable=False),
    Column("last_error", Words),
    Column("dead", Boolean, nullable=False),
    Column("owner", Words),
    Column("leased_until", Moment),
)
partial_index("ix_outbox_order", outbox.c.lane, outbox.c.subject, outbox.c.ordinal, where=~outbox.c.dead)
partial_index("ix_outbox_due", outbox.c.due, outbox.c.ordinal, where=~outbox.c.dead)
partial_index(
    "ix_outbox_dead",
    outbox.c.ordinal,
    # SQLite uses a partial index only if the query spells its condition in the same way.
    where=text("dead = 1"),
    postgresql_where=outbox.c.dead,
)

"""Tables of agreements, decisions, limits and uses, and of processes that strangers have open."""

from __future__ import annotations

from sqlalchemy import Boolean, Column, Index, Table

from node.adapters.sql.columns import Big, Json, Moment, Words
from node.adapters.sql.schema.registry import metadata, ordinal, partial_index

agreements = Table(
    "agreements",
    metadata,
    ordinal(),
    Column("id", Words, nullable=False, unique=True),
    Column("negotiation", Words, nullable=False),
    Column("dataset", Words, nullable=False),
    Column("provider", Words, nullable=False),
    Column("consumer", Words, nullable=False),
    Column("role", Words, nullable=False),
    Column("body", Json, nullable=False),
    Column("sha256", Words, nullable=False),
    Column("signatures", Json, nullable=False),
    Column("at", Moment, nullable=False),
    Column("finalized", Moment),
    Column("ended", Moment),
    Column("ended_why", Words),
    Column("entry", Words, nullable=False),
)
Index("ix_agreements_dataset", agreements.c.dataset, agreements.c.at)
Index("ix_agreements_provider", agreements.c.provider, agreements.c.at)
Index("ix_agreements_consumer", agreements.c.consumer, agreements.c.at)
Index("ix_agreements_at", agreements.c.at, agreements.c.ordinal)

decisions = Table(
    "decisions",
    metadata,
    ordinal(),
    Column("id", Words, nullable=False, unique=True),
    Column("kind", Words, nullable=False),
    Column("subject", Words, nullable=False),
    Column("peer", Words, nullable=False),
    Column("peer_name", Words, nullable=False),
    Column("summary", Json, nullable=False),
    Column("details", Json, nullable=False),
    Column("at", Moment, nullable=False),
    Column("due", Moment),
    Column("decided_at", Moment),
    Column("decided_by", Words),
    Column("approved", Boolean),
    Column("reason", Words),
)
Index("ix_decisions_subject", decisions.c.subject, decisions.c.ordinal)
partial_index("ix_decisions_open", decisions.c.at, where=decisions.c.decided_at.is_(None))

limits = Table(
    "limits",
    metadata,
    Column("dataset", Words, primary_key=True),
    Column("terms", Json, nullable=False),
    Column("by", Words, nullable=False),
    Column("at", Moment, nullable=False),
)

agreement_uses = Table(
    "agreement_uses",
    metadata,
    Column("agreement", Words, primary_key=True),
    Column("use", Words, primary_key=True),
    Column("at", Moment, nullable=False),
)

# Open processes of strangers. The bytes stored for them are counted by the day.
stranger_processes = Table(
    "guests",
    metadata,
    Column("pid", Words, primary_key=True),
    Column("process", Words, nullable=False),
    Column("peer", Words, nullable=False),
    Column("host", Words, nullable=False),
    Column("address", Words, nullable=False),
)

stranger_bytes = Table(
    "guest_bytes",
    metadata,
    Column("day", Words, primary_key=True),
    Column("party", Words, primary_key=True),
    Column("bytes", Big, nullable=False),
)

"""Tables of the ledger, and how far each view has followed it."""

from __future__ import annotations

from sqlalchemy import Column, Index, LargeBinary, Table

from node.adapters.sql.columns import Big, Moment, Octets, Ordinal, Words
from node.adapters.sql.schema.registry import metadata, ordinal, partial_index

entries = Table(
    "entries",
    metadata,
    ordinal(),
    Column("id", Words, nullable=False, unique=True),
    Column("kind", Words, nullable=False),
    Column("subject", Words, nullable=False),
    Column("at", Moment, nullable=False),
    Column("by", Words, nullable=False),
    Column("body", Octets, nullable=False),
    Column("seq", Big, unique=True),
    Column("erased_sha256", Words),
)
Index("ix_entries_subject", entries.c.subject, entries.c.ordinal)
Index("ix_entries_kind_seq", entries.c.kind, entries.c.seq)
partial_index("ix_entries_unsequenced", entries.c.ordinal, where=entries.c.seq.is_(None))

ledger_size = Table(
    "ledger_size",
    metadata,
    Column("id", Ordinal, primary_key=True, autoincrement=False),
    Column("size", Big, nullable=False),
)

ledger_nodes = Table(
    "ledger_nodes",
    metadata,
    Column("level", Ordinal, primary_key=True, autoincrement=False),
    Column("index", Big, primary_key=True, autoincrement=False),
    Column("hash", LargeBinary, nullable=False),
)

ledger_checkpoints = Table(
    "ledger_checkpoints",
    metadata,
    Column("size", Ordinal, primary_key=True, autoincrement=False),
    Column("origin", Words, nullable=False),
    Column("root", LargeBinary, nullable=False),
    Column("at", Moment, nullable=False),
    Column("note", Words, nullable=False),
)

views = Table(
    "views",
    metadata,
    Column("view", Words, primary_key=True),
    Column("instance", Words, primary_key=True),
    Column("position", Big, nullable=False),
)

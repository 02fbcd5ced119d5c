"""Tables of access grants and of received files."""

from __future__ import annotations

from sqlalchemy import Boolean, Column, LargeBinary, Table, text

from node.adapters.sql.columns import Big, Json, Moment, Words
from node.adapters.sql.schema.registry import metadata, partial_index

UNFINISHED = "state NOT IN ('done', 'failed')"
"""Receptions with work left; the query spells the condition as the index does."""

grants = Table(
    "grants",
    metadata,
    Column("transfer", Words, primary_key=True),
    Column("agreement", Words, nullable=False),
    Column("recipient", Words, nullable=False),
    Column("dataset", Words, nullable=False),
    Column("version", Big, nullable=False),
    Column("file_sha256", Words, nullable=False),
    Column("file_size", Big, nullable=False),
    Column("file_name", Words, nullable=False),
    Column("media_type", Words, nullable=False),
    Column("sealed", Boolean, nullable=False),
    Column("token_sha256", Words, nullable=False, unique=True),
    Column("expires", Moment, nullable=False),
    Column("secrets", LargeBinary),
    Column("closed", Boolean, nullable=False),
    Column("accesses", Big, nullable=False),
    Column("source", Words, nullable=False, server_default=""),
    Column("item", Words, nullable=False, server_default=""),
    Column("conversion", Json),
)

conversions = Table(
    "conversions",
    metadata,
    Column("key", Words, primary_key=True),
    Column("sha256", Words, nullable=False),
    Column("size", Big, nullable=False),
    Column("name", Words, nullable=False),
    Column("media_type", Words, nullable=False),
    Column("facts", Json, nullable=False),
    Column("at", Moment, nullable=False),
)

receptions = Table(
    "receptions",
    metadata,
    Column("transfer", Words, primary_key=True),
    Column("state", Words, nullable=False),
    Column("name", Words, nullable=False),
    Column("media_type", Words, nullable=False),
    Column("sealed", Boolean, nullable=False),
    Column("expected", Big),
    Column("received", Big, nullable=False),
    Column("at", Moment, nullable=False),
    Column("sha256", Words),
    Column("manifest", Words),
    Column("error", Words),
    Column("path", Words),
    Column("facts", Json),
)
partial_index("ix_receptions_unfinished", receptions.c.at, receptions.c.transfer, where=text(UNFINISHED))

deletions = Table(
    "deletions",
    metadata,
    Column("agreement", Words, primary_key=True),
    Column("at", Moment, nullable=False),
    Column("by", Words, nullable=False),
    Column("statement", Words, nullable=False),
    Column("told", Moment),
    Column("untold", Words, nullable=False),
)

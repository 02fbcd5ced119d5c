"""Tables of scheduled sources, of their runs and of the reports of these; value tables."""

from __future__ import annotations

from sqlalchemy import Column, Index, LargeBinary, Table

from node.adapters.sql.columns import Big, Json, Moment, Ordinal, Words
from node.adapters.sql.schema.registry import metadata, ordinal

harvest_sources = Table(
    "harvest_sources",
    metadata,
    Column("name", Words, primary_key=True),
    Column("url", Words, nullable=False, unique=True),
    Column("every", Words, nullable=False),
    Column("options", Json, nullable=False),
    Column("by", Words, nullable=False),
    Column("at", Moment, nullable=False),
    Column("due", Moment),
    Column("run", Words),
    Column("failures", Big, nullable=False),
)

harvest_runs = Table(
    "harvest_runs",
    metadata,
    ordinal(),
    Column("id", Words, nullable=False, unique=True),
    Column("source", Words, nullable=False),
    Column("by", Words, nullable=False),
    Column("queued", Moment, nullable=False),
    Column("state", Words, nullable=False),
    Column("attempt", Big, nullable=False),
    Column("started", Moment),
    Column("ended", Moment),
    Column("opened", Json, nullable=False),
    Column("counts", Json, nullable=False),
    Column("problem", Json, nullable=False),
)
Index("ix_harvest_runs_source", harvest_runs.c.source, harvest_runs.c.ordinal)

harvest_sheets = Table(
    "harvest_sheets",
    metadata,
    Column("run", Words, primary_key=True),
    Column("number", Ordinal, primary_key=True, autoincrement=False),
    Column("outcomes", Json, nullable=False),
    Column("body", LargeBinary, nullable=False),
)

value_tables = Table(
    "value_tables",
    metadata,
    Column("source", Words, primary_key=True),
    Column("counts", Json, nullable=False),
    Column("choices", Json, nullable=False),
    Column("size", Big, nullable=False),
    Column("open_values", Big, nullable=False),
    Column("by", Words, nullable=False),
    Column("at", Moment),
)

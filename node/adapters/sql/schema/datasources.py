"""Table of data sources."""

from __future__ import annotations

from sqlalchemy import Column, LargeBinary, Table

from node.adapters.sql.columns import Json, Moment, Words
from node.adapters.sql.schema.registry import metadata

data_sources = Table(
    "data_sources",
    metadata,
    Column("name", Words, primary_key=True),
    Column("kind", Words, nullable=False),
    Column("address", Words, nullable=False),
    Column("options", Json, nullable=False),
    Column("shown", Json, nullable=False),
    Column("secret", LargeBinary),
    Column("by", Words, nullable=False),
    Column("at", Moment, nullable=False),
)

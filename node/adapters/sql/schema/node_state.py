"""Tables of the node's own notes and of the nodes that it follows."""

from __future__ import annotations

from sqlalchemy import Boolean, Column, Table, false

from node.adapters.sql.columns import Json, Moment, Words
from node.adapters.sql.schema.registry import metadata

meta = Table(
    "meta",
    metadata,
    Column("key", Words, primary_key=True),
    Column("value", Words, nullable=False),
)

followed = Table(
    "followed",
    metadata,
    Column("url", Words, primary_key=True),
    Column("did", Words),
    Column("name", Words, nullable=False),
    Column("cursor", Json, nullable=False),
    Column("state", Words, nullable=False),
    Column("last_error", Words),
    Column("at", Moment, nullable=False),
    Column("seen", Moment),
    Column("current", Boolean, nullable=False, server_default=false()),
    Column("place", Json, nullable=False, server_default="{}"),
)

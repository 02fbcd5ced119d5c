"""Tables of people's subscriptions, and of their feeds."""

from __future__ import annotations

from sqlalchemy import Column, Table

from node.adapters.sql.columns import Big, Json, Moment, Words
from node.adapters.sql.schema.registry import metadata

subscriptions = Table(
    "subscriptions",
    metadata,
    Column("id", Words, primary_key=True),
    Column("login", Words, nullable=False, index=True),
    Column("iri", Words, nullable=False),
    Column("criteria", Json, nullable=False),
    Column("name", Words, nullable=False),
    Column("created", Moment, nullable=False),
    *(
        Column(name, Big, nullable=False)
        for name in ("version", "place", "mailed_version", "mailed_place", "first_version", "first_place")
    ),
)

subscribers = Table(
    "subscribers",
    metadata,
    Column("login", Words, primary_key=True),
    Column("feed_sha256", Words, unique=True),
    Column("feed_made", Moment),
    Column("mail", Words, nullable=False, server_default=""),
    Column("mail_asked", Moment),
    Column("mail_confirmed", Moment),
    Column("mail_due", Moment, index=True),
    Column("language", Words, nullable=False, server_default=""),
)

"""Tables of credentials: held, requested, applied for and issued; and of tokens that were shown before."""

from __future__ import annotations

from sqlalchemy import Column, Index, Table, UniqueConstraint

from node.adapters.sql.columns import Big, Json, Moment, Ordinal, Words
from node.adapters.sql.schema.registry import metadata, ordinal, partial_index

jtis = Table(
    "jtis",
    metadata,
    Column("issuer", Words, primary_key=True),
    Column("jti", Words, primary_key=True),
    Column("expires", Moment, nullable=False, index=True),
)

credentials = Table(
    "credentials",
    metadata,
    ordinal(),
    Column("id", Words, nullable=False, unique=True),
    Column("types", Json, nullable=False),
    Column("issuer", Words, nullable=False),
    Column("subject", Words, nullable=False),
    Column("claims", Json, nullable=False),
    Column("valid_from", Moment, nullable=False),
    Column("valid_until", Moment),
    Column("status", Json),
    Column("jwt", Words, nullable=False),
    Column("at", Moment, nullable=False),
)

credential_requests = Table(
    "credential_requests",
    metadata,
    ordinal(),
    Column("holder_pid", Words, nullable=False, unique=True),
    Column("issuer", Words, nullable=False),
    Column("issuer_pid", Words),
    Column("credential_type", Words, nullable=False),
    Column("at", Moment, nullable=False),
    Column("state", Words, nullable=False),
    Column("reason", Words),
)

applications = Table(
    "applications",
    metadata,
    ordinal(),
    Column("id", Words, nullable=False, unique=True),
    Column("holder", Words, nullable=False),
    Column("holder_pid", Words, nullable=False),
    Column("credential_type", Words, nullable=False),
    Column("accession", Json, nullable=False),
    Column("state", Words, nullable=False),
    Column("at", Moment, nullable=False),
    Column("decided_by", Words),
    Column("decided_at", Moment),
    Column("reason", Words),
    UniqueConstraint("holder", "holder_pid"),
)
Index("ix_applications_state", applications.c.state, applications.c.at)

status_places = Table(
    "status_places",
    metadata,
    Column("list_id", Ordinal, primary_key=True, autoincrement=False),
    Column("index", Ordinal, primary_key=True, autoincrement=False),
)

issued = Table(
    "issued",
    metadata,
    ordinal(),
    Column("id", Words, nullable=False, unique=True),
    Column("holder", Words, nullable=False),
    Column("type", Words, nullable=False),
    Column("jwt", Words, nullable=False),
    Column("list_id", Big, nullable=False),
    Column("index", Big, nullable=False),
    Column("at", Moment, nullable=False),
    Column("valid_until", Moment, nullable=False),
    Column("revoked_at", Moment),
    Column("revoked_why", Words),
    Column("suspended_at", Moment),
    Column("suspended_why", Words),
    UniqueConstraint("list_id", "index"),
)
Index("ix_issued_holder", issued.c.holder, issued.c.at)
partial_index("ix_issued_revoked", issued.c.list_id, issued.c.index, where=issued.c.revoked_at.is_not(None))

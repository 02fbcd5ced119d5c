"""Tables of accounts, their second factors, sessions and tokens."""

from __future__ import annotations

from sqlalchemy import Boolean, Column, ForeignKey, Index, Table, false

from node.adapters.sql.columns import Big, Json, Moment, Words
from node.adapters.sql.schema.registry import metadata

accounts = Table(
    "accounts",
    metadata,
    Column("login", Words, primary_key=True),
    Column("id", Words, nullable=False, unique=True),
    Column("name", Words, nullable=False),
    Column("roles", Json, nullable=False),
    Column("created", Moment, nullable=False),
    Column("disabled", Boolean, nullable=False),
    Column("password_hash", Words, nullable=False),
    Column("reset_by", Words),
    Column("reset_at", Moment),
    Column("chosen_at", Moment),
    Column("reset_what", Words),
    Column("second_factor", Moment),
    Column("disabled_why", Words),
    Column("last_sign_in", Moment),
    Column("language", Words),
    Column("removed", Moment),
    Column("issuer", Words),
    Column("subject", Words),
)
Index("uq_accounts_subject", accounts.c.issuer, accounts.c.subject, unique=True)

second_factors = Table(
    "second_factors",
    metadata,
    Column("login", Words, ForeignKey(accounts.c.login, ondelete="CASCADE"), primary_key=True),
    Column("secret", Words, nullable=False),
    Column("last_step", Big, nullable=False),
)

recovery_codes = Table(
    "recovery_codes",
    metadata,
    Column("login", Words, ForeignKey(accounts.c.login, ondelete="CASCADE"), primary_key=True),
    Column("code_sha256", Words, primary_key=True),
)

tokens = Table(
    "tokens",
    metadata,
    Column("token_sha256", Words, primary_key=True),
    Column("login", Words, ForeignKey(accounts.c.login, ondelete="CASCADE"), nullable=False, index=True),
    Column("kind", Words, nullable=False),
    Column("label", Words, nullable=False),
    Column("expires", Moment, nullable=False),
    Column("second_factor", Boolean, nullable=False, server_default=false()),
    Column("created", Moment),
    Column("used", Moment),
    Column("roles", Json),
    Column("address", Words, nullable=False, server_default=""),
    Column("agent", Words, nullable=False, server_default=""),
    Column("provider", Words, nullable=False, server_default=""),
    Column("provider_session", Words, nullable=False, server_default=""),
    Column("proof", Words, nullable=False, server_default=""),
)

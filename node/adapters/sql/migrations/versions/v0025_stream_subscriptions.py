"""Subscriptions of streams to topics of brokers, with the state and the owner of each connection."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0025"
down_revision = "0024"
branch_labels = None
depends_on = None

# Text compares by code point on both databases.
_WORDS = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def _words(name: str, *, nullable: bool = False) -> sa.Column[str]:
    return sa.Column(name, _WORDS, nullable=nullable)


def upgrade() -> None:
    op.create_table(
        "stream_subscriptions",
        _words("stream"),
        _words("source"),
        _words("topic"),
        _words("form"),
        sa.Column("members", sa.Text(), nullable=False),
        _words("session"),
        _words("by"),
        _words("at"),
        _words("owner", nullable=True),
        _words("owned_until", nullable=True),
        _words("since", nullable=True),
        _words("seen", nullable=True),
        sa.Column("messages", sa.BigInteger(), nullable=False),
        sa.Column("is_lasting", sa.Boolean(), nullable=False),
        _words("error"),
        _words("remedy"),
        _words("error_at", nullable=True),
        sa.PrimaryKeyConstraint("stream", name="pk_stream_subscriptions"),
    )

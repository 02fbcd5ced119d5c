"""Subscriptions of partners, notifications that were refused, and sessions with brokers by their names."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0042"
down_revision = "0040"
branch_labels = None
depends_on = None

# Text compares by code point on both databases.
_WORDS = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    op.create_table(
        "partner_subscriptions",
        sa.Column("key", _WORDS, nullable=False),
        sa.Column("id", _WORDS, nullable=False),
        sa.Column("transfer", _WORDS, nullable=False),
        sa.Column("agreement", _WORDS, nullable=False),
        sa.Column("partner", _WORDS, nullable=False),
        sa.Column("document", sa.Text(), nullable=False),
        sa.Column("secrets", sa.LargeBinary(), nullable=True),
        sa.Column("at", _WORDS, nullable=False),
        sa.Column("owner", _WORDS, nullable=True),
        sa.Column("owned_until", _WORDS, nullable=True),
        sa.Column("state", _WORDS, nullable=False),
        sa.Column("place", _WORDS, nullable=False),
        sa.Column("notifications", sa.BigInteger(), nullable=False),
        sa.Column("entities", sa.BigInteger(), nullable=False),
        sa.Column("failures", sa.BigInteger(), nullable=False),
        sa.Column("omissions", sa.BigInteger(), nullable=False),
        sa.Column("gaps", sa.BigInteger(), nullable=False),
        sa.Column("last_sent", _WORDS, nullable=True),
        sa.Column("last_success", _WORDS, nullable=True),
        sa.Column("last_failure", _WORDS, nullable=True),
        sa.Column("failing_since", _WORDS, nullable=True),
        sa.Column("ended", _WORDS, nullable=True),
        sa.Column("code", _WORDS, nullable=False),
        sa.Column("error", _WORDS, nullable=False),
        sa.Column("remedy", _WORDS, nullable=False),
        sa.Column("reasons", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("key", name="pk_partner_subscriptions"),
    )
    op.create_index("ix_partner_subscriptions_transfer", "partner_subscriptions", ["transfer"])
    op.create_table(
        "dead_notifications",
        sa.Column("id", _WORDS, nullable=False),
        sa.Column("subscription", _WORDS, nullable=False),
        sa.Column("place", _WORDS, nullable=False),
        sa.Column("count", sa.BigInteger(), nullable=False),
        sa.Column("answer", _WORDS, nullable=False),
        sa.Column("at", _WORDS, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_dead_notifications"),
    )
    op.create_index("ix_dead_notifications_subscription", "dead_notifications", ["subscription"])
    op.create_index("ix_stream_subscriptions_session", "stream_subscriptions", ["session"])

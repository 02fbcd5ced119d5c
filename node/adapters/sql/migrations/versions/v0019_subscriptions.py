"""Subscriptions of people, and the addresses of their feeds."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None

# Text compares by code point on both databases.
_WORDS = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    op.create_table(
        "subscriptions",
        sa.Column("id", _WORDS, nullable=False),
        sa.Column("login", _WORDS, nullable=False),
        sa.Column("iri", _WORDS, nullable=False),
        sa.Column("criteria", sa.Text(), nullable=False),
        sa.Column("name", _WORDS, nullable=False),
        sa.Column("created", _WORDS, nullable=False),
        *(
            sa.Column(name, sa.BigInteger(), nullable=False)
            for name in ("version", "place", "mailed_version", "mailed_place", "first_version", "first_place")
        ),
        sa.PrimaryKeyConstraint("id", name="pk_subscriptions"),
    )
    op.create_index("ix_subscriptions_login", "subscriptions", ["login"])
    op.create_table(
        "subscribers",
        sa.Column("login", _WORDS, nullable=False),
        sa.Column("feed_sha256", _WORDS),
        sa.Column("feed_made", _WORDS),
        sa.PrimaryKeyConstraint("login", name="pk_subscribers"),
        sa.UniqueConstraint("feed_sha256", name="uq_subscribers_feed_sha256"),
    )

"""Bridges from streams of partners to topics of brokers."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0039"
down_revision = "0038"
branch_labels = None
depends_on = None

# Text compares by code point on both databases.
_WORDS = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    op.create_table(
        "stream_bridges",
        sa.Column("id", _WORDS, nullable=False),
        sa.Column("agreement", _WORDS, nullable=False),
        sa.Column("file", _WORDS, nullable=False),
        sa.Column("source", _WORDS, nullable=False),
        sa.Column("topic", _WORDS, nullable=False),
        sa.Column("key", _WORDS, nullable=False),
        sa.Column("start", _WORDS, nullable=True),
        sa.Column("by", _WORDS, nullable=False),
        sa.Column("at", _WORDS, nullable=False),
        sa.Column("owner", _WORDS, nullable=True),
        sa.Column("owned_until", _WORDS, nullable=True),
        sa.Column("place", _WORDS, nullable=False),
        sa.Column("deliveries", sa.BigInteger(), nullable=False),
        sa.Column("refusals", sa.BigInteger(), nullable=False),
        sa.Column("gaps", sa.BigInteger(), nullable=False),
        sa.Column("since", _WORDS, nullable=True),
        sa.Column("seen", _WORDS, nullable=True),
        sa.Column("ended", _WORDS, nullable=True),
        sa.Column("code", _WORDS, nullable=False),
        sa.Column("error", _WORDS, nullable=False),
        sa.Column("remedy", _WORDS, nullable=False),
        sa.Column("reasons", sa.Text(), nullable=False),
        sa.Column("error_at", _WORDS, nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_stream_bridges"),
    )
    op.create_index("ix_stream_bridges_agreement", "stream_bridges", ["agreement"])

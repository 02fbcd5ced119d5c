"""Requests with an ``Idempotency-Key``, and their answers."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0031"
down_revision = "0030"
branch_labels = None
depends_on = None

# Text compares by code point on both databases.
_WORDS = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    op.create_table(
        "keyed_requests",
        sa.Column("owner", _WORDS, nullable=False),
        sa.Column("key", _WORDS, nullable=False),
        sa.Column("fingerprint", _WORDS, nullable=False),
        sa.Column("at", _WORDS, nullable=False),
        sa.Column("status", sa.BigInteger()),
        sa.Column("media_type", _WORDS),
        sa.Column("body", sa.LargeBinary()),
        sa.PrimaryKeyConstraint("owner", "key", name="pk_keyed_requests"),
    )
    op.create_index("ix_keyed_requests_at", "keyed_requests", ["at"])

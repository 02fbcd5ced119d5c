"""The limits within which a node agrees by itself in negotiations."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

# Text compares by code point on both databases.
_WORDS = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    op.create_table(
        "limits",
        sa.Column("dataset", _WORDS, nullable=False),
        sa.Column("terms", sa.Text(), nullable=False),
        sa.Column("by", _WORDS, nullable=False),
        sa.Column("at", _WORDS, nullable=False),
        sa.PrimaryKeyConstraint("dataset", name="pk_limits"),
    )

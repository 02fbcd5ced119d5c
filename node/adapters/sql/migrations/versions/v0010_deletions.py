"""Confirmations that data received under an agreement were deleted."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

# Text compares by code point on both databases.
_WORDS = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    op.create_table(
        "deletions",
        sa.Column("agreement", _WORDS, nullable=False),
        sa.Column("at", _WORDS, nullable=False),
        sa.Column("by", _WORDS, nullable=False),
        sa.Column("statement", _WORDS, nullable=False),
        sa.Column("told", _WORDS, nullable=True),
        sa.Column("untold", _WORDS, nullable=False),
        sa.PrimaryKeyConstraint("agreement", name="pk_deletions"),
    )

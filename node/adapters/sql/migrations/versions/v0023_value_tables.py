"""The codes that stewards chose for the own values of sources."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None

# Text compares by code point on both databases.
_WORDS = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    op.create_table(
        "value_tables",
        sa.Column("source", _WORDS, nullable=False),
        sa.Column("counts", sa.Text(), nullable=False),
        sa.Column("choices", sa.Text(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("open_values", sa.BigInteger(), nullable=False),
        sa.Column("by", _WORDS, nullable=False),
        sa.Column("at", _WORDS),
        sa.PrimaryKeyConstraint("source", name="pk_value_tables"),
    )

"""Files that a provider converts on their way to a consumer."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0036"
down_revision = "0035"
branch_labels = None
depends_on = None

# Text compares by code point on both databases.
_WORDS = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    op.add_column("grants", sa.Column("conversion", sa.Text(), nullable=True))
    op.create_table(
        "conversions",
        sa.Column("key", _WORDS, nullable=False),
        sa.Column("sha256", _WORDS, nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("name", _WORDS, nullable=False),
        sa.Column("media_type", _WORDS, nullable=False),
        sa.Column("facts", sa.Text(), nullable=False),
        sa.Column("at", _WORDS, nullable=False),
        sa.PrimaryKeyConstraint("key", name="pk_conversions"),
    )

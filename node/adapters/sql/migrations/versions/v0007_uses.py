"""A table with the number of uses of agreements that limit it."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

# Text compares by code point on both databases.
_WORDS = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    op.create_table(
        "agreement_uses",
        sa.Column("agreement", _WORDS, nullable=False),
        sa.Column("use", _WORDS, nullable=False),
        sa.Column("at", _WORDS, nullable=False),
        sa.PrimaryKeyConstraint("agreement", "use", name="pk_agreement_uses"),
    )

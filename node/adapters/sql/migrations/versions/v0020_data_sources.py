"""Data sources, and the access grants that read them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None

# Text compares by code point on both databases.
_WORDS = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    op.create_table(
        "data_sources",
        sa.Column("name", _WORDS, nullable=False),
        sa.Column("kind", _WORDS, nullable=False),
        sa.Column("address", _WORDS, nullable=False),
        sa.Column("options", sa.Text(), nullable=False),
        sa.Column("shown", sa.Text(), nullable=False),
        sa.Column("secret", sa.LargeBinary()),
        sa.Column("by", _WORDS, nullable=False),
        sa.Column("at", _WORDS, nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_data_sources"),
    )
    op.add_column("grants", sa.Column("source", _WORDS, nullable=False, server_default=""))
    op.add_column("grants", sa.Column("item", _WORDS, nullable=False, server_default=""))

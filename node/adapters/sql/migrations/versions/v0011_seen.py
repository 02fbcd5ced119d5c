"""Columns for the last reading of a followed node's feed, and for whether it came to its end."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

# Text compares by code point on both databases.
_WORDS = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    op.add_column("followed", sa.Column("seen", _WORDS, nullable=True))
    op.add_column("followed", sa.Column("current", sa.Boolean(), nullable=False, server_default=sa.false()))

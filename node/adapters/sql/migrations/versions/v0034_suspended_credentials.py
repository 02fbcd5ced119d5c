"""Credentials that are suspended: since when, and why."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0034"
down_revision = "0033"
branch_labels = None
depends_on = None

# Text compares by code point on both databases.
_WORDS = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    op.add_column("issued", sa.Column("suspended_at", _WORDS))
    op.add_column("issued", sa.Column("suspended_why", _WORDS))

"""The time of the first attempt at an event, and whether it waits aside from the others."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0032"
down_revision = "0031"
branch_labels = None
depends_on = None

# Text compares by code point on both databases.
_WORDS = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    op.add_column("webhook_deliveries", sa.Column("aside", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.add_column("webhook_deliveries", sa.Column("since", _WORDS, nullable=True))

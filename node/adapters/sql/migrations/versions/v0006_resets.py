"""Columns for the person who set an account's password, if not its owner, and for the owner's next choice.

It is unknown for existing accounts: they count as chosen by their owners, so that all can continue their work.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

# Text compares by code point on both databases.
_WORDS = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    for name in ("reset_by", "reset_at", "chosen_at"):
        op.add_column("accounts", sa.Column(name, _WORDS))

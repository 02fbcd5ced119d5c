"""Who set the password of an account, if it was not its owner, and when the owner chose a new one since.

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

"""Who set the password of an account where that was somebody else, and when its owner chose one of their own since.

Of the accounts that there are nobody knows: they count as their owners' own, so that nobody is kept from their work.
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

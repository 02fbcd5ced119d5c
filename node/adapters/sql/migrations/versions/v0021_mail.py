"""The addresses to which people get e-mails about their subscriptions."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None

# Text compares by code point on both databases.
_WORDS = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    op.add_column("subscribers", sa.Column("mail", _WORDS, nullable=False, server_default=""))
    for name in ("mail_asked", "mail_confirmed", "mail_due"):
        op.add_column("subscribers", sa.Column(name, _WORDS))
    op.add_column("subscribers", sa.Column("language", _WORDS, nullable=False, server_default=""))
    op.create_index("ix_subscribers_mail_due", "subscribers", ["mail_due"])

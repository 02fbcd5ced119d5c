"""Sign-ins of accounts, reasons of blocks, deleted accounts; the roles and the use of API tokens."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

# Text compares by code point on both databases.
_WORDS = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    for name in ("disabled_why", "last_sign_in", "language", "removed"):
        op.add_column("accounts", sa.Column(name, _WORDS))
    for name in ("created", "used"):
        op.add_column("tokens", sa.Column(name, _WORDS))
    op.add_column("tokens", sa.Column("roles", sa.Text()))
    for name in ("address", "agent"):
        op.add_column("tokens", sa.Column(name, _WORDS, nullable=False, server_default=""))

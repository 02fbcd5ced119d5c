"""Accounts of identity providers, and the sessions that were opened there."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None

# Text compares by code point on both databases.
_WORDS = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    for name in ("issuer", "subject"):
        op.add_column("accounts", sa.Column(name, _WORDS))
    op.create_index("uq_accounts_subject", "accounts", ["issuer", "subject"], unique=True)
    for name in ("provider", "provider_session", "proof"):
        op.add_column("tokens", sa.Column(name, _WORDS, nullable=False, server_default=""))

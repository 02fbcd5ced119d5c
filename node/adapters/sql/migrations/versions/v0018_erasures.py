"""The hash of the body of a ledger entry whose content was erased."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("entries", sa.Column("erased_sha256", sa.Text().with_variant(sa.Text(collation="C"), "postgresql")))

"""The places that followed nodes state."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0043"
down_revision = "0042"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("followed", sa.Column("place", sa.Text(), nullable=False, server_default="{}"))

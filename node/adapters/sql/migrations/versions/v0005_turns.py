"""Tasks take turns by how long they have been due."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index(
        "ix_outbox_due",
        "outbox",
        ["due", "ordinal"],
        sqlite_where=sa.text("dead = 0"),
        postgresql_where=sa.text("NOT dead"),
    )

"""Counting what one peer has open, and what one origin has here."""

from __future__ import annotations

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for table in ("negotiations", "transfers"):
        op.create_index(f"ix_{table}_open", table, ["peer", "role", "state"])
    op.create_index("ix_records_origin", "records", ["origin"])

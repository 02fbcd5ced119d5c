"""The version of the asset in each shipment; 0 in earlier ones, of which the time is known only."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0028"
down_revision = "0027"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("shipments", sa.Column("version", sa.BigInteger(), nullable=False, server_default="0"))

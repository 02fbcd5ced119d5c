"""The latest time of the observations that a stream has removed: a window from before it may lack some of them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from node.adapters.sql.columns import Moment

revision = "0030"
down_revision = "0029"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("streams", sa.Column("gone_until", Moment, nullable=True))

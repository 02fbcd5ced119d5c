"""The open processes of strangers, and how many bytes were stored for them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

# Text compares by code point on both databases.
_WORDS = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    op.create_table(
        "guests",
        *(sa.Column(name, _WORDS, nullable=False) for name in ("pid", "process", "peer", "host", "address")),
        sa.PrimaryKeyConstraint("pid", name="pk_guests"),
    )
    op.create_table(
        "guest_bytes",
        sa.Column("day", _WORDS, nullable=False),
        sa.Column("party", _WORDS, nullable=False),
        sa.Column("bytes", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("day", "party", name="pk_guest_bytes"),
    )

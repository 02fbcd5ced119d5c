"""Checks of harvested data against the schemas to which they say that they conform."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0040"
down_revision = "0039"
branch_labels = None
depends_on = None

# Text compares by code point on both databases.
_WORDS = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    op.create_table(
        "data_checks",
        sa.Column("key", _WORDS, nullable=False),
        sa.Column("iri", _WORDS, nullable=False),
        sa.Column("address", _WORDS, nullable=False),
        sa.Column("schema", _WORDS, nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("schema_version", sa.BigInteger(), nullable=False),
        sa.Column("at", _WORDS, nullable=False),
        sa.Column("due", _WORDS, nullable=False),
        sa.Column("state", _WORDS, nullable=False),
        sa.Column("reason", _WORDS, nullable=False),
        sa.Column("rows", sa.BigInteger(), nullable=False),
        sa.Column("count", sa.BigInteger(), nullable=False),
        sa.Column("breaches", _WORDS, nullable=False),
        sa.PrimaryKeyConstraint("key", name="pk_data_checks"),
    )
    op.create_index("ix_data_checks_iri", "data_checks", ["iri", "key"])
    op.create_index("ix_data_checks_state", "data_checks", ["state", "iri"])

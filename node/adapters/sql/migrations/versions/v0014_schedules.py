"""Sources that are harvested on a schedule, their runs and their reports."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

# Text compares by code point on both databases.
_WORDS = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
# SQLite numbers rows itself only if the column is an INTEGER.
_ORDINAL = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "harvest_sources",
        sa.Column("name", _WORDS, nullable=False),
        sa.Column("url", _WORDS, nullable=False),
        sa.Column("every", _WORDS, nullable=False),
        sa.Column("options", sa.Text(), nullable=False),
        sa.Column("by", _WORDS, nullable=False),
        sa.Column("at", _WORDS, nullable=False),
        sa.Column("due", _WORDS),
        sa.Column("run", _WORDS),
        sa.Column("failures", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_harvest_sources"),
        sa.UniqueConstraint("url", name="uq_harvest_sources_url"),
    )
    op.create_table(
        "harvest_runs",
        sa.Column("ordinal", _ORDINAL, autoincrement=True, nullable=False),
        sa.Column("id", _WORDS, nullable=False),
        sa.Column("source", _WORDS, nullable=False),
        sa.Column("by", _WORDS, nullable=False),
        sa.Column("queued", _WORDS, nullable=False),
        sa.Column("state", _WORDS, nullable=False),
        sa.Column("attempt", sa.BigInteger(), nullable=False),
        sa.Column("started", _WORDS),
        sa.Column("ended", _WORDS),
        sa.Column("opened", sa.Text(), nullable=False),
        sa.Column("counts", sa.Text(), nullable=False),
        sa.Column("problem", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("ordinal", name="pk_harvest_runs"),
        sa.UniqueConstraint("id", name="uq_harvest_runs_id"),
    )
    op.create_index("ix_harvest_runs_source", "harvest_runs", ["source", "ordinal"])
    op.create_table(
        "harvest_sheets",
        sa.Column("run", _WORDS, nullable=False),
        sa.Column("number", _ORDINAL, autoincrement=False, nullable=False),
        sa.Column("outcomes", sa.Text(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("run", "number", name="pk_harvest_sheets"),
    )

"""Link checks: the addresses in records, the last check of each, and the points that follow."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0035"
down_revision = "0034"
branch_labels = None
depends_on = None

# Text compares by code point on both databases.
_WORDS = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
_ORDINAL = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "link_records",
        sa.Column("iri", _WORDS, nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("iri", name="pk_link_records"),
    )
    op.create_table(
        "record_links",
        sa.Column("iri", _WORDS, nullable=False),
        sa.Column("place", _ORDINAL, autoincrement=False, nullable=False),
        sa.Column("use", _WORDS, nullable=False),
        sa.Column("file", sa.BigInteger(), nullable=False),
        sa.Column("address", _WORDS, nullable=False),
        sa.Column("key", _WORDS, nullable=False),
        sa.Column("checked", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("iri", "place", name="pk_record_links"),
    )
    op.create_index("ix_record_links_key", "record_links", ["key", "iri"])
    op.create_table(
        "link_checks",
        sa.Column("key", _WORDS, nullable=False),
        sa.Column("address", _WORDS, nullable=False),
        sa.Column("host", _WORDS, nullable=False),
        sa.Column("due", _WORDS, nullable=False),
        sa.Column("state", _WORDS, nullable=False),
        sa.Column("status", sa.BigInteger(), nullable=False),
        sa.Column("reason", _WORDS, nullable=False),
        sa.Column("at", _WORDS, nullable=True),
        sa.Column("failures", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("key", name="pk_link_checks"),
    )
    op.create_index("ix_link_checks_due", "link_checks", ["due", "host"])
    op.create_index("ix_link_checks_host", "link_checks", ["host", "due"])
    op.create_table(
        "link_points",
        sa.Column("iri", _WORDS, nullable=False),
        sa.Column("day", _WORDS, nullable=False),
        sa.Column("at", _WORDS, nullable=False),
        sa.Column("access", sa.BigInteger(), nullable=True),
        sa.Column("download", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("iri", "day", name="pk_link_points"),
    )

"""Assets that declare for how long files of earlier versions are kept, and the versions whose files were removed."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0033"
down_revision = "0032"
branch_labels = None
depends_on = None

# Text compares by code point on both databases.
_WORDS = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    op.create_table(
        "record_retentions",
        sa.Column("iri", _WORDS, nullable=False),
        sa.PrimaryKeyConstraint("iri", name="pk_record_retentions"),
    )
    op.create_table(
        "removed_files",
        sa.Column("iri", _WORDS, nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("at", _WORDS, nullable=False),
        sa.PrimaryKeyConstraint("iri", "version", name="pk_removed_files"),
    )

"""The offered records of each origin, in the order of its catalogue."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

# Text compares by code point on both databases.
_WORDS = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    # The content follows from the versions of the records, so the table is made anew.
    op.drop_table("record_heads")
    op.create_table(
        "record_heads",
        sa.Column("iri", _WORDS, nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("kind", _WORDS, nullable=False),
        sa.Column("audience", _WORDS, nullable=False),
        sa.Column("withdrawn", sa.Boolean(), nullable=False),
        sa.Column("origin", _WORDS, nullable=False),
        sa.Column("offered", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("iri", name="pk_record_heads"),
    )
    op.execute(
        "INSERT INTO record_heads (iri, version, kind, audience, withdrawn, origin, offered) "
        "SELECT iri, version, kind, audience, withdrawn, origin, offer IS NOT NULL AND NOT withdrawn FROM records "
        "WHERE version = (SELECT max(newer.version) FROM records AS newer WHERE newer.iri = records.iri)"
    )
    op.create_index("ix_record_heads_kind", "record_heads", ["kind", "iri"])
    op.create_index(
        "ix_record_heads_origin",
        "record_heads",
        ["origin", "offered", "iri", "audience", "kind", "withdrawn", "version"],
    )

"""The source of the record that a link is in; every record is read once more."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0037"
down_revision = "0036"
branch_labels = None
depends_on = None

# Text compares by code point on both databases.
_WORDS = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    op.add_column("link_records", sa.Column("source", _WORDS, nullable=False, server_default=""))
    op.create_index("ix_link_records_source", "link_records", ["source", "iri"])
    # No record has version 0: the next walk over the records stores them with their sources.
    op.execute("UPDATE link_records SET version = 0")

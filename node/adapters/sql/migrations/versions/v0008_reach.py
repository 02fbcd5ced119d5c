"""Each version of a record is for the audience that it was published for."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

# Text compares by code point on both databases.
_WORDS = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    op.create_table(
        "record_reach",
        sa.Column("iri", _WORDS, nullable=False),
        sa.Column("audience", _WORDS, nullable=False),
        sa.Column("last", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("iri", "audience", name="pk_record_reach"),
    )
    op.execute(
        "INSERT INTO record_reach (iri, audience, last) "
        "SELECT iri, audience, max(version) FROM records GROUP BY iri, audience"
    )

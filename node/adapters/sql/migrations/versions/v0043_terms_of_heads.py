"""The hash of the terms of each current offer, so that they are judged once and not for every record."""

from __future__ import annotations

import json

import sqlalchemy as sa
from alembic import op

from node.catalogue.offers import terms_hash

revision = "0043"
down_revision = "0037"
branch_labels = None
depends_on = None

# Text compares by code point on both databases.
_WORDS = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")

_BATCH = 500
_NEXT = sa.text(
    "SELECT heads.iri, records.offer FROM record_heads AS heads JOIN records "
    "ON records.iri = heads.iri AND records.version = heads.version "
    "WHERE heads.offered AND heads.iri > :after ORDER BY heads.iri LIMIT :most"
)
_KEEP = sa.text("UPDATE record_heads SET terms = :terms WHERE iri = :iri")


def upgrade() -> None:
    op.add_column("record_heads", sa.Column("terms", _WORDS, nullable=False, server_default=""))
    connection = op.get_bind()
    after = ""
    while rows := connection.execute(_NEXT, {"after": after, "most": _BATCH}).all():
        after = rows[-1].iri
        hashes = [{"iri": row.iri, "terms": terms_hash(json.loads(row.offer))} for row in rows if row.offer]
        connection.execute(_KEEP, hashes)

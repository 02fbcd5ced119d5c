"""The hash of the terms of each current offer, and the points of each version of a dataset: pages add these up over
all records."""

from __future__ import annotations

import json

import sqlalchemy as sa
from alembic import op

from node.adapters.sql.columns import Json, LongJson
from node.catalogue.offers import terms_hash

revision = "0038"
down_revision = "0037"
branch_labels = None
depends_on = None

# Text compares by code point on both databases.
_WORDS = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
_ORDINAL = sa.BigInteger().with_variant(sa.Integer(), "sqlite")

_BATCH = 500
_NEXT_OFFERS = sa.text(
    "SELECT heads.iri, records.offer FROM record_heads AS heads JOIN records "
    "ON records.iri = heads.iri AND records.version = heads.version "
    "WHERE heads.offered AND heads.iri > :after ORDER BY heads.iri LIMIT :most"
)
_KEEP_TERMS = sa.text("UPDATE record_heads SET terms = :terms WHERE iri = :iri")
_COPIED = ("iri", "version", "origin", "at", "publisher", "publisher_name", "withdrawn")
_VERSIONS = sa.table(
    "records", *(sa.column(name) for name in _COPIED), sa.column("kind"), sa.column("extra", LongJson())
)
_SCORES = sa.table("record_scores", *(sa.column(name) for name in _COPIED), sa.column("score", Json()))
_NEXT_VERSIONS = (
    sa.select(*(_VERSIONS.c[name] for name in _COPIED), _VERSIONS.c.extra)
    .where(
        _VERSIONS.c.kind == "dataset",
        sa.or_(
            _VERSIONS.c.iri > sa.bindparam("after"),
            sa.and_(_VERSIONS.c.iri == sa.bindparam("after"), _VERSIONS.c.version > sa.bindparam("number")),
        ),
    )
    .order_by(_VERSIONS.c.iri, _VERSIONS.c.version)
    .limit(_BATCH)
)


def upgrade() -> None:
    op.add_column("record_heads", sa.Column("terms", _WORDS, nullable=False, server_default=""))
    op.create_table(
        "record_scores",
        sa.Column("iri", _WORDS, nullable=False),
        sa.Column("version", _ORDINAL, autoincrement=False, nullable=False),
        sa.Column("origin", _WORDS, nullable=False),
        sa.Column("at", _WORDS, nullable=False),
        sa.Column("publisher", _WORDS, nullable=False),
        sa.Column("publisher_name", _WORDS, nullable=False),
        sa.Column("withdrawn", sa.Boolean(), nullable=False),
        sa.Column("score", sa.Text()),
        sa.PrimaryKeyConstraint("iri", "version", name="pk_record_scores"),
    )
    _fill_terms(op.get_bind())
    _fill_scores(op.get_bind())


def _fill_terms(connection: sa.Connection) -> None:
    after = ""
    while rows := connection.execute(_NEXT_OFFERS, {"after": after, "most": _BATCH}).all():
        after = rows[-1].iri
        hashes = [{"iri": row.iri, "terms": terms_hash(json.loads(row.offer))} for row in rows if row.offer]
        if hashes:
            connection.execute(_KEEP_TERMS, hashes)


def _fill_scores(connection: sa.Connection) -> None:
    place = {"after": "", "number": 0}
    while rows := connection.execute(_NEXT_VERSIONS, place).all():
        place = {"after": rows[-1].iri, "number": rows[-1].version}
        scores = [{name: getattr(row, name) for name in _COPIED} for row in rows]
        for score, row in zip(scores, rows, strict=True):
            score["score"] = (row.extra or {}).get("score") or None
        connection.execute(_SCORES.insert(), scores)

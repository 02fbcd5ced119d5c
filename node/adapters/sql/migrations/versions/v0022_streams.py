"""Streams: their descriptions, their observations in batches, keys, latest observations, faults."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None

# Text compares by code point on both databases.
_WORDS = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
# SQLite numbers rows itself only if the column is an INTEGER.
_ORDINAL = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def _number(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger(), autoincrement=False, nullable=False)


def _words(name: str) -> sa.Column[str]:
    return sa.Column(name, _WORDS, nullable=False)


def upgrade() -> None:
    op.create_table(
        "streams",
        _words("name"),
        sa.Column("schema", sa.Text(), nullable=False),
        _words("time_member"),
        _words("subject_member"),
        sa.Column("key_members", sa.Text(), nullable=False),
        _number("keep_seconds"),
        _number("most"),
        _words("by"),
        _words("at"),
        _number("last"),
        _number("repeats"),
        _number("faults"),
        sa.PrimaryKeyConstraint("name", name="pk_streams"),
    )
    op.create_table(
        "stream_batches",
        _words("stream"),
        _number("last"),
        _number("first"),
        _words("earliest"),
        _words("latest"),
        _words("received"),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("stream", "last", name="pk_stream_batches"),
    )
    op.create_index("ix_stream_batches_received", "stream_batches", ["stream", "received"])
    op.create_table(
        "stream_keys",
        _words("stream"),
        sa.Column("key", sa.LargeBinary(), nullable=False),
        _number("number"),
        sa.PrimaryKeyConstraint("stream", "key", name="pk_stream_keys"),
    )
    op.create_index("ix_stream_keys_number", "stream_keys", ["stream", "number"])
    op.create_table(
        "stream_heads",
        _words("stream"),
        _words("subject"),
        _number("number"),
        _words("time"),
        _words("received"),
        _words("text"),
        sa.PrimaryKeyConstraint("stream", "subject", name="pk_stream_heads"),
    )
    op.create_table(
        "stream_faults",
        sa.Column("ordinal", _ORDINAL, autoincrement=True, nullable=False),
        _words("stream"),
        _words("at"),
        _words("reason"),
        _words("text"),
        sa.PrimaryKeyConstraint("ordinal", name="pk_stream_faults"),
    )
    op.create_index("ix_stream_faults_stream", "stream_faults", ["stream", "ordinal"])

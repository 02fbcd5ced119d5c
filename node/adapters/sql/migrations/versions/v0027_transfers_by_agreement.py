"""The agreement of each transfer in a column of its own, with an index."""

from __future__ import annotations

import json
from typing import Final

import sqlalchemy as sa
from alembic import op

revision = "0027"
down_revision = "0026"
branch_labels = None
depends_on = None

_AT_ONCE: Final = 1000

# Text compares by code point on both databases.
_WORDS = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    op.add_column("transfers", sa.Column("agreement", _WORDS, nullable=False, server_default=""))
    _fill()
    op.create_index("ix_transfers_agreement", "transfers", ["agreement", "created"])


def _fill() -> None:
    transfers = sa.table("transfers", sa.column("ordinal"), sa.column("rest"), sa.column("agreement"))
    page = (
        sa.select(transfers.c.ordinal, transfers.c.rest)
        .where(transfers.c.ordinal > sa.bindparam("last"))
        .order_by(transfers.c.ordinal)
        .limit(_AT_ONCE)
    )
    note = (
        sa.update(transfers)
        .where(transfers.c.ordinal == sa.bindparam("row"))
        .values(agreement=sa.bindparam("agreement_id"))
    )
    connection, last = op.get_bind(), 0
    while rows := connection.execute(page, {"last": last}).fetchall():
        agreements = [{"row": row.ordinal, "agreement_id": json.loads(row.rest)["agreement"]} for row in rows]
        connection.execute(note, agreements)
        last = rows[-1].ordinal

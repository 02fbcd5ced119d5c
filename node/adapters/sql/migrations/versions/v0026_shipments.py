"""Shipments of received files to data sources, and orders for them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0026"
down_revision = "0025"
branch_labels = None
depends_on = None

# Text compares by code point on both databases.
_WORDS = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def _words(name: str) -> sa.Column[str]:
    return sa.Column(name, _WORDS, nullable=False)


def upgrade() -> None:
    op.create_table(
        "shipments",
        _words("id"),
        _words("transfer"),
        _words("agreement"),
        _words("dataset"),
        _words("source"),
        _words("path"),
        _words("sha256"),
        sa.Column("size", sa.BigInteger(), nullable=False),
        _words("state"),
        _words("by"),
        _words("at"),
        _words("changed"),
        _words("reason"),
        _words("remedy"),
        sa.Column("attempts", sa.BigInteger(), nullable=False),
        _words("address"),
        sa.Column("progress", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_shipments"),
    )
    for column in ("transfer", "agreement", "at"):
        op.create_index(f"ix_shipments_{column}", "shipments", [column])
    op.create_index("ix_shipments_place", "shipments", ["source", "path"])
    op.create_table(
        "shipment_orders",
        _words("id"),
        _words("agreement"),
        _words("source"),
        _words("pattern"),
        _words("by"),
        _words("at"),
        sa.PrimaryKeyConstraint("id", name="pk_shipment_orders"),
    )
    op.create_index("ix_shipment_orders_agreement", "shipment_orders", ["agreement"])

"""Tables of shipments of received files to data sources, and of orders for them."""

from __future__ import annotations

from sqlalchemy import Column, Index, Table

from node.adapters.sql.columns import Big, Json, Moment, Words
from node.adapters.sql.schema.registry import metadata

shipments = Table(
    "shipments",
    metadata,
    Column("id", Words, primary_key=True),
    Column("transfer", Words, nullable=False, index=True),
    Column("agreement", Words, nullable=False, index=True),
    Column("dataset", Words, nullable=False),
    Column("source", Words, nullable=False),
    Column("path", Words, nullable=False),
    Column("sha256", Words, nullable=False),
    Column("size", Big, nullable=False),
    Column("state", Words, nullable=False),
    Column("by", Words, nullable=False),
    Column("at", Moment, nullable=False, index=True),
    Column("changed", Moment, nullable=False),
    Column("reason", Words, nullable=False),
    Column("remedy", Words, nullable=False),
    Column("attempts", Big, nullable=False),
    Column("address", Words, nullable=False),
    Column("progress", Json, nullable=False),
    Column("version", Big, nullable=False, server_default="0"),
    Index("ix_shipments_place", "source", "path"),
)
shipment_orders = Table(
    "shipment_orders",
    metadata,
    Column("id", Words, primary_key=True),
    Column("agreement", Words, nullable=False, index=True),
    Column("source", Words, nullable=False),
    Column("pattern", Words, nullable=False),
    Column("by", Words, nullable=False),
    Column("at", Moment, nullable=False),
)

"""Tables of checks: the links in records, the points that follow, and harvested data against their schemas."""

from __future__ import annotations

from sqlalchemy import Column, Index, Table

from node.adapters.sql.columns import Big, Moment, Ordinal, Words
from node.adapters.sql.schema.registry import metadata

link_records = Table(
    "link_records",
    metadata,
    Column("iri", Words, primary_key=True),
    Column("version", Big, nullable=False),
    Column("source", Words, nullable=False, server_default=""),
)
Index("ix_link_records_source", link_records.c.source, link_records.c.iri)

record_links = Table(
    "record_links",
    metadata,
    Column("iri", Words, primary_key=True),
    Column("place", Ordinal, primary_key=True, autoincrement=False),
    Column("use", Words, nullable=False),
    Column("file", Big, nullable=False),
    Column("address", Words, nullable=False),
    # Addresses may be longer than a key of an index may be.
    Column("key", Words, nullable=False),
    Column("checked", Big, nullable=False),
)
Index("ix_record_links_key", record_links.c.key, record_links.c.iri)

link_checks = Table(
    "link_checks",
    metadata,
    Column("key", Words, primary_key=True),
    Column("address", Words, nullable=False),
    Column("host", Words, nullable=False),
    Column("due", Moment, nullable=False),
    Column("state", Words, nullable=False),
    Column("status", Big, nullable=False),
    Column("reason", Words, nullable=False),
    Column("at", Moment),
    Column("failures", Big, nullable=False),
)
Index("ix_link_checks_due", link_checks.c.due, link_checks.c.host)
Index("ix_link_checks_host", link_checks.c.host, link_checks.c.due)

link_points = Table(
    "link_points",
    metadata,
    Column("iri", Words, primary_key=True),
    Column("day", Words, primary_key=True),
    Column("at", Moment, nullable=False),
    Column("access", Big),
    Column("download", Big),
)

data_checks = Table(
    "data_checks",
    metadata,
    # The hash of dataset, address and schema.
    Column("key", Words, primary_key=True),
    Column("iri", Words, nullable=False),
    Column("address", Words, nullable=False),
    Column("schema", Words, nullable=False),
    Column("version", Big, nullable=False),
    Column("schema_version", Big, nullable=False),
    Column("at", Moment, nullable=False),
    Column("due", Moment, nullable=False),
    Column("state", Words, nullable=False),
    Column("reason", Words, nullable=False),
    Column("rows", Big, nullable=False),
    Column("count", Big, nullable=False),
    Column("breaches", Words, nullable=False),
)
Index("ix_data_checks_iri", data_checks.c.iri, data_checks.c.key)
Index("ix_data_checks_state", data_checks.c.state, data_checks.c.iri)

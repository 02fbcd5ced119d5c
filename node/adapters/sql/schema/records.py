"""Tables of the catalogue's records: all versions, the newest of each, and who could read them."""

from __future__ import annotations

from sqlalchemy import Boolean, Column, Index, Table

from node.adapters.sql.columns import Big, Json, LongJson, Moment, Octets, Ordinal, Words
from node.adapters.sql.schema.registry import metadata

records = Table(
    "records",
    metadata,
    Column("iri", Words, primary_key=True),
    Column("version", Ordinal, primary_key=True, autoincrement=False),
    Column("kind", Words, nullable=False),
    Column("audience", Words, nullable=False),
    Column("titles", Json, nullable=False),
    Column("descriptions", LongJson, nullable=False),
    Column("publisher", Words, nullable=False),
    Column("publisher_name", Words, nullable=False),
    Column("origin", Words, nullable=False),
    Column("nquads", Octets, nullable=False),
    Column("sha256", Words, nullable=False),
    Column("at", Moment, nullable=False),
    Column("by", Words, nullable=False),
    Column("offer", Json),
    Column("files", Json, nullable=False),
    Column("keywords", Json, nullable=False),
    Column("themes", Json, nullable=False),
    Column("sealed", Boolean, nullable=False),
    Column("withdrawn", Boolean, nullable=False),
    Column("entry", Words, nullable=False),
    Column("warnings", LongJson, nullable=False),
    Column("extra", LongJson, nullable=False),
)
Index("ix_records_entry", records.c.entry)
Index("ix_records_origin", records.c.origin)

record_heads = Table(
    "record_heads",
    metadata,
    Column("iri", Words, primary_key=True),
    Column("version", Big, nullable=False),
    Column("kind", Words, nullable=False),
    Column("audience", Words, nullable=False),
    Column("withdrawn", Boolean, nullable=False),
    Column("origin", Words, nullable=False),
    # Whether the record can be obtained: it has an offer and is not withdrawn.
    Column("offered", Boolean, nullable=False),
    # The hash of the terms of the offer (node.catalogue.offers.terms_hash); empty if the record is not offered.
    Column("terms", Words, nullable=False, server_default=""),
)
Index("ix_record_heads_kind", record_heads.c.kind, record_heads.c.iri)
# Pages of one origin's catalogue, in the order of the index; the audience of a record is read from the index too.
Index(
    "ix_record_heads_origin",
    record_heads.c.origin,
    record_heads.c.offered,
    record_heads.c.iri,
    record_heads.c.audience,
    record_heads.c.kind,
    record_heads.c.withdrawn,
    record_heads.c.version,
)

# The points of each version of a dataset (node.semantics.quality): read together, without their long records.
record_scores = Table(
    "record_scores",
    metadata,
    Column("iri", Words, primary_key=True),
    Column("version", Ordinal, primary_key=True, autoincrement=False),
    Column("origin", Words, nullable=False),
    Column("at", Moment, nullable=False),
    Column("publisher", Words, nullable=False),
    Column("publisher_name", Words, nullable=False),
    Column("withdrawn", Boolean, nullable=False),
    Column("score", Json),
)

# Assets of which a version declares for how long the files of earlier versions are kept.
record_retentions = Table("record_retentions", metadata, Column("iri", Words, primary_key=True))

removed_files = Table(
    "removed_files",
    metadata,
    Column("iri", Words, primary_key=True),
    Column("version", Big, primary_key=True, autoincrement=False),
    Column("at", Moment, nullable=False),
)

record_reach = Table(
    "record_reach",
    metadata,
    Column("iri", Words, primary_key=True),
    # Empty in the row of the last version that also opened the earlier ones.
    Column("audience", Words, primary_key=True),
    Column("last", Big, nullable=False),
)

"""Tables of jobs, runs and layers of scenarios."""

from __future__ import annotations

from sqlalchemy import Column, Index, Table, UniqueConstraint

from node.adapters.sql.columns import Json, Moment, Words
from node.adapters.sql.schema.registry import metadata

jobs = Table(
    "jobs",
    metadata,
    Column("id", Words, primary_key=True),
    Column("owner", Words, nullable=False),
    Column("key", Words),
    Column("model", Words, nullable=False),
    Column("state", Words, nullable=False),
    Column("created", Moment, nullable=False),
    Column("body", Json, nullable=False),
    UniqueConstraint("owner", "key"),
)
Index("ix_jobs_owner", jobs.c.owner, jobs.c.created)
Index("ix_jobs_created", jobs.c.created)

runs = Table(
    "runs",
    metadata,
    Column("pid", Words, primary_key=True),
    Column("template", Words, nullable=False),
    Column("state", Words, nullable=False),
    Column("created", Moment, nullable=False),
    Column("body", Json, nullable=False),
)
Index("ix_runs_template", runs.c.template, runs.c.created)
Index("ix_runs_created", runs.c.created)

layers = Table(
    "layers",
    metadata,
    Column("id", Words, primary_key=True),
    Column("sha256", Words, primary_key=True),
    Column("target", Words, nullable=False),
    Column("at", Moment, nullable=False),
    Column("body", Json, nullable=False),
)
Index("ix_layers_sha256", layers.c.sha256)
Index("ix_layers_target", layers.c.target, layers.c.at)

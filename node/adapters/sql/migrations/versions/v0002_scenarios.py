"""Jobs, runs and change layers."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

# Text compares by code point on both databases.
_WORDS = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def words(name: str, *, null: bool = False) -> sa.Column[str]:
    return sa.Column(name, _WORDS, nullable=null)


def body() -> sa.Column[str]:
    return sa.Column("body", sa.Text(), nullable=False)


def upgrade() -> None:
    op.create_table(
        "jobs",
        words("id"),
        words("owner"),
        words("key", null=True),
        words("model"),
        words("state"),
        words("created"),
        body(),
        sa.PrimaryKeyConstraint("id", name="pk_jobs"),
        sa.UniqueConstraint("owner", "key", name="uq_jobs_owner_key"),
    )
    op.create_index("ix_jobs_owner", "jobs", ["owner", "created"])
    op.create_index("ix_jobs_created", "jobs", ["created"])
    op.create_table(
        "runs",
        words("pid"),
        words("template"),
        words("state"),
        words("created"),
        body(),
        sa.PrimaryKeyConstraint("pid", name="pk_runs"),
    )
    op.create_index("ix_runs_template", "runs", ["template", "created"])
    op.create_index("ix_runs_created", "runs", ["created"])
    op.create_table(
        "layers",
        words("id"),
        words("sha256"),
        words("target"),
        words("at"),
        body(),
        sa.PrimaryKeyConstraint("id", "sha256", name="pk_layers"),
    )
    op.create_index("ix_layers_sha256", "layers", ["sha256"])
    op.create_index("ix_layers_target", "layers", ["target", "at"])

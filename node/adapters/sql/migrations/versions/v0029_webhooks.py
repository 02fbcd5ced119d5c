"""Webhooks, and events on their way to them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0029"
down_revision = "0028"
branch_labels = None
depends_on = None

# Text compares by code point on both databases.
_WORDS = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def _words(name: str, *, nullable: bool = False) -> sa.Column[str]:
    return sa.Column(name, _WORDS, nullable=nullable)


def upgrade() -> None:
    op.create_table(
        "webhooks",
        _words("name"),
        _words("address"),
        sa.Column("kinds", sa.Text(), nullable=False),
        sa.Column("secret", sa.LargeBinary()),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("paused", sa.Boolean(), nullable=False),
        _words("reason"),
        _words("delivered", nullable=True),
        _words("by"),
        _words("at"),
        sa.PrimaryKeyConstraint("name", name="pk_webhooks"),
    )
    op.create_table(
        "webhook_deliveries",
        _words("id"),
        _words("webhook"),
        _words("event"),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        _words("kind"),
        _words("subject"),
        _words("at"),
        _words("state"),
        sa.Column("attempts", sa.BigInteger(), nullable=False),
        _words("answer"),
        _words("changed"),
        _words("task"),
        sa.PrimaryKeyConstraint("id", name="pk_webhook_deliveries"),
    )
    op.create_index("ix_webhook_deliveries_place", "webhook_deliveries", ["webhook", "seq"])
    op.create_index("ix_webhook_deliveries_state", "webhook_deliveries", ["webhook", "state", "seq"])

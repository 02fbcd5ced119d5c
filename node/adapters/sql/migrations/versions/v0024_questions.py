"""Questions on assets."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None

# Text compares by code point on both databases.
_WORDS = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    op.create_table(
        "questions",
        *(sa.Column(name, _WORDS, nullable=False) for name in ("id", "iri", "publisher", "asker", "login", "text")),
        *(sa.Column(name, sa.Boolean(), nullable=False) for name in ("private", "stranger")),
        *(sa.Column(name, _WORDS, nullable=False) for name in ("at", "state")),
        sa.Column("public", sa.Boolean(), nullable=False),
        *(sa.Column(name, _WORDS, nullable=False) for name in ("answer", "reason")),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        *(sa.Column(name, _WORDS, nullable=False) for name in ("changed_at", "by")),
        *(sa.Column(name, sa.Boolean(), nullable=False) for name in ("seen", "mail_due")),
        sa.Column("delivered_at", _WORDS),
        sa.Column("delivery_fault", _WORDS, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_questions"),
    )
    op.create_index("ix_questions_iri", "questions", ["iri", "state"])
    op.create_index("ix_questions_publisher", "questions", ["publisher", "state", "at"])
    op.create_index("ix_questions_asker", "questions", ["asker", "at"])
    op.create_index("ix_questions_login", "questions", ["login", "at"])
    op.create_index("ix_questions_mail_due", "questions", ["mail_due"])
    op.create_table(
        "question_holds",
        sa.Column("name", _WORDS, nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_question_holds"),
    )

"""Tables of questions on assets, and of the names that are held while they are counted."""

from __future__ import annotations

from sqlalchemy import Boolean, Column, Index, Table

from node.adapters.sql.columns import Big, Moment, Words
from node.adapters.sql.schema.registry import metadata

questions = Table(
    "questions",
    metadata,
    Column("id", Words, primary_key=True),
    Column("iri", Words, nullable=False),
    Column("publisher", Words, nullable=False),
    Column("asker", Words, nullable=False),
    Column("login", Words, nullable=False),
    Column("text", Words, nullable=False),
    Column("private", Boolean, nullable=False),
    Column("stranger", Boolean, nullable=False),
    Column("at", Moment, nullable=False),
    Column("state", Words, nullable=False),
    Column("public", Boolean, nullable=False),
    Column("answer", Words, nullable=False),
    Column("reason", Words, nullable=False),
    Column("revision", Big, nullable=False),
    Column("changed_at", Moment, nullable=False),
    Column("by", Words, nullable=False),
    Column("seen", Boolean, nullable=False),
    Column("mail_due", Boolean, nullable=False),
    Column("delivered_at", Moment),
    Column("delivery_fault", Words, nullable=False),
    Index("ix_questions_iri", "iri", "state"),
    Index("ix_questions_publisher", "publisher", "state", "at"),
    Index("ix_questions_asker", "asker", "at"),
    Index("ix_questions_login", "login", "at"),
    Index("ix_questions_mail_due", "mail_due"),
)

question_holds = Table("question_holds", metadata, Column("name", Words, primary_key=True))

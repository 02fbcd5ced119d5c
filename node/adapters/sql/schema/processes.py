"""Tables of negotiations and transfers, with the messages of each."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Boolean, Column, Index, LargeBinary, Table, UniqueConstraint

from node.adapters.sql.columns import Big, Json, Moment, Words
from node.adapters.sql.schema.registry import metadata, ordinal


def _processes(name: str, *own: Column[Any]) -> Table:
    """Return a table of processes; ``own`` are columns by which processes of this kind are looked up."""
    table = Table(
        name,
        metadata,
        ordinal(),
        Column("pid", Words, nullable=False, unique=True),
        Column("role", Words, nullable=False),
        Column("peer", Words, nullable=False),
        Column("peer_pid", Words),
        Column("peer_address", Words, nullable=False),
        Column("version", Words, nullable=False),
        Column("state", Words, nullable=False),
        Column("created", Moment, nullable=False),
        Column("updated", Moment, nullable=False),
        Column("pending_message", Words),
        Column("pending_id", Words),
        Column("revision", Big, nullable=False),
        Column("code", Words),
        Column("reason", Json, nullable=False),
        Column("rest", Json, nullable=False),
        *own,
        UniqueConstraint("peer", "peer_pid", "role"),
    )
    Index(f"ix_{name}_created", table.c.created, table.c.ordinal)
    Index(f"ix_{name}_state", table.c.state, table.c.created)
    Index(f"ix_{name}_peer", table.c.peer, table.c.created)
    Index(f"ix_{name}_open", table.c.peer, table.c.role, table.c.state)
    return table


def _messages(name: str) -> Table:
    table = Table(
        name,
        metadata,
        ordinal(),
        Column("pid", Words, nullable=False),
        Column("at", Moment, nullable=False),
        Column("outgoing", Boolean, nullable=False),
        Column("message", Words, nullable=False),
        Column("message_id", Words),
        Column("body_sha256", Words, nullable=False),
        Column("body", LargeBinary, nullable=False),
        Column("answer_status", Big, nullable=False),
        Column("answer", LargeBinary, nullable=False),
    )
    Index(f"ix_{name}_pid", table.c.pid, table.c.ordinal)
    return table


negotiations = _processes("negotiations")
negotiation_messages = _messages("negotiation_messages")
transfers = _processes("transfers", Column("agreement", Words, nullable=False, server_default=""))
Index("ix_transfers_agreement", transfers.c.agreement, transfers.c.created)
transfer_messages = _messages("transfer_messages")

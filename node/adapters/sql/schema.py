"""All tables. Values that are looked up have a column; values that are only stored are JSON or bytes.

``ordinal`` is the order in which rows were written. Names of columns are the names of the fields in the rooms. A
change here needs a migration (``migrations/versions``); a test compares the two.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    Boolean,
    Column,
    ForeignKey,
    Index,
    LargeBinary,
    MetaData,
    Table,
    UniqueConstraint,
    event,
    false,
    text,
)
from sqlalchemy.engine import Connection

from node.adapters.sql.columns import Big, Json, LongJson, Moment, Octets, Ordinal, Words

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

_conditions: dict[Index, Any] = {}
"""Partial indexes of PostgreSQL → their conditions."""


def _ordinal() -> Column[int]:
    return Column("ordinal", Ordinal, primary_key=True, autoincrement=True)


def _partial(name: str, *columns: Column[Any], where: Any, postgresql_where: Any = None) -> None:
    """Add an index over the rows that fit ``where``; PostgreSQL may need another spelling of the condition."""
    index = Index(name, *columns, sqlite_where=where)
    _conditions[index] = where if postgresql_where is None else postgresql_where


@event.listens_for(metadata, "before_create")
def _condition_indexes(_: MetaData, connection: Connection, **__: Any) -> None:
    # Not set where the index is made: an option of PostgreSQL's loads its dialect, also at nodes that never use it.
    if connection.dialect.name == "postgresql":
        for index, condition in _conditions.items():
            index.dialect_options["postgresql"]["where"] = condition


# ledger -----------------------------------------------------------------------------------------------------

entries = Table(
    "entries",
    metadata,
    _ordinal(),
    Column("id", Words, nullable=False, unique=True),
    Column("kind", Words, nullable=False),
    Column("subject", Words, nullable=False),
    Column("at", Moment, nullable=False),
    Column("by", Words, nullable=False),
    Column("body", Octets, nullable=False),
    Column("seq", Big, unique=True),
)
Index("ix_entries_subject", entries.c.subject, entries.c.ordinal)
Index("ix_entries_kind_seq", entries.c.kind, entries.c.seq)
_partial("ix_entries_unsequenced", entries.c.ordinal, where=entries.c.seq.is_(None))

ledger_size = Table(
    "ledger_size",
    metadata,
    Column("id", Ordinal, primary_key=True, autoincrement=False),
    Column("size", Big, nullable=False),
)

ledger_nodes = Table(
    "ledger_nodes",
    metadata,
    Column("level", Ordinal, primary_key=True, autoincrement=False),
    Column("index", Big, primary_key=True, autoincrement=False),
    Column("hash", LargeBinary, nullable=False),
)

ledger_checkpoints = Table(
    "ledger_checkpoints",
    metadata,
    Column("size", Ordinal, primary_key=True, autoincrement=False),
    Column("origin", Words, nullable=False),
    Column("root", LargeBinary, nullable=False),
    Column("at", Moment, nullable=False),
    Column("note", Words, nullable=False),
)

views = Table(
    "views",
    metadata,
    Column("view", Words, primary_key=True),
    Column("instance", Words, primary_key=True),
    Column("position", Big, nullable=False),
)

# records ----------------------------------------------------------------------------------------------------

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

record_reach = Table(
    "record_reach",
    metadata,
    Column("iri", Words, primary_key=True),
    # Empty in the row of the last version that also opened the earlier ones.
    Column("audience", Words, primary_key=True),
    Column("last", Big, nullable=False),
)

# processes --------------------------------------------------------------------------------------------------


def _processes(name: str) -> Table:
    table = Table(
        name,
        metadata,
        _ordinal(),
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
        _ordinal(),
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
transfers = _processes("transfers")
transfer_messages = _messages("transfer_messages")

outbox = Table(
    "outbox",
    metadata,
    _ordinal(),
    Column("id", Words, nullable=False, unique=True),
    Column("topic", Words, nullable=False),
    Column("lane", Words, nullable=False),
    Column("subject", Words, nullable=False),
    Column("body", LargeBinary, nullable=False),
    Column("headers", Json, nullable=False),
    Column("due", Moment, nullable=False),
    Column("attempts", Big, nullable=False),
    Column("fence", Big, nullable=False),
    Column("last_error", Words),
    Column("dead", Boolean, nullable=False),
    Column("owner", Words),
    Column("leased_until", Moment),
)
_partial("ix_outbox_order", outbox.c.lane, outbox.c.subject, outbox.c.ordinal, where=~outbox.c.dead)
_partial("ix_outbox_due", outbox.c.due, outbox.c.ordinal, where=~outbox.c.dead)
_partial(
    "ix_outbox_dead",
    outbox.c.ordinal,
    # SQLite uses a partial index only if the query spells its condition in the same way.
    where=text("dead = 1"),
    postgresql_where=outbox.c.dead,
)

# negotiation ------------------------------------------------------------------------------------------------

agreements = Table(
    "agreements",
    metadata,
    _ordinal(),
    Column("id", Words, nullable=False, unique=True),
    Column("negotiation", Words, nullable=False),
    Column("dataset", Words, nullable=False),
    Column("provider", Words, nullable=False),
    Column("consumer", Words, nullable=False),
    Column("role", Words, nullable=False),
    Column("body", Json, nullable=False),
    Column("sha256", Words, nullable=False),
    Column("signatures", Json, nullable=False),
    Column("at", Moment, nullable=False),
    Column("finalized", Moment),
    Column("ended", Moment),
    Column("ended_why", Words),
    Column("entry", Words, nullable=False),
)
Index("ix_agreements_dataset", agreements.c.dataset, agreements.c.at)
Index("ix_agreements_provider", agreements.c.provider, agreements.c.at)
Index("ix_agreements_consumer", agreements.c.consumer, agreements.c.at)
Index("ix_agreements_at", agreements.c.at, agreements.c.ordinal)

decisions = Table(
    "decisions",
    metadata,
    _ordinal(),
    Column("id", Words, nullable=False, unique=True),
    Column("kind", Words, nullable=False),
    Column("subject", Words, nullable=False),
    Column("peer", Words, nullable=False),
    Column("peer_name", Words, nullable=False),
    Column("summary", Json, nullable=False),
    Column("details", Json, nullable=False),
    Column("at", Moment, nullable=False),
    Column("due", Moment),
    Column("decided_at", Moment),
    Column("decided_by", Words),
    Column("approved", Boolean),
    Column("reason", Words),
)
Index("ix_decisions_subject", decisions.c.subject, decisions.c.ordinal)
_partial("ix_decisions_open", decisions.c.at, where=decisions.c.decided_at.is_(None))

limits = Table(
    "limits",
    metadata,
    Column("dataset", Words, primary_key=True),
    Column("terms", Json, nullable=False),
    Column("by", Words, nullable=False),
    Column("at", Moment, nullable=False),
)

deletions = Table(
    "deletions",
    metadata,
    Column("agreement", Words, primary_key=True),
    Column("at", Moment, nullable=False),
    Column("by", Words, nullable=False),
    Column("statement", Words, nullable=False),
    Column("told", Moment),
    Column("untold", Words, nullable=False),
)

agreement_uses = Table(
    "agreement_uses",
    metadata,
    Column("agreement", Words, primary_key=True),
    Column("use", Words, primary_key=True),
    Column("at", Moment, nullable=False),
)

# Open processes of strangers. The bytes stored for them are counted by the day.
stranger_processes = Table(
    "guests",
    metadata,
    Column("pid", Words, primary_key=True),
    Column("process", Words, nullable=False),
    Column("peer", Words, nullable=False),
    Column("host", Words, nullable=False),
    Column("address", Words, nullable=False),
)

stranger_bytes = Table(
    "guest_bytes",
    metadata,
    Column("day", Words, primary_key=True),
    Column("party", Words, primary_key=True),
    Column("bytes", Big, nullable=False),
)

# transfer ---------------------------------------------------------------------------------------------------

UNFINISHED = "state NOT IN ('done', 'failed')"
"""Receptions with work left; the query spells the condition as the index does."""

grants = Table(
    "grants",
    metadata,
    Column("transfer", Words, primary_key=True),
    Column("agreement", Words, nullable=False),
    Column("recipient", Words, nullable=False),
    Column("dataset", Words, nullable=False),
    Column("version", Big, nullable=False),
    Column("file_sha256", Words, nullable=False),
    Column("file_size", Big, nullable=False),
    Column("file_name", Words, nullable=False),
    Column("media_type", Words, nullable=False),
    Column("sealed", Boolean, nullable=False),
    Column("token_sha256", Words, nullable=False, unique=True),
    Column("expires", Moment, nullable=False),
    Column("secrets", LargeBinary),
    Column("closed", Boolean, nullable=False),
    Column("accesses", Big, nullable=False),
)

receptions = Table(
    "receptions",
    metadata,
    Column("transfer", Words, primary_key=True),
    Column("state", Words, nullable=False),
    Column("name", Words, nullable=False),
    Column("media_type", Words, nullable=False),
    Column("sealed", Boolean, nullable=False),
    Column("expected", Big),
    Column("received", Big, nullable=False),
    Column("at", Moment, nullable=False),
    Column("sha256", Words),
    Column("manifest", Words),
    Column("error", Words),
    Column("path", Words),
    Column("facts", Json),
)
_partial("ix_receptions_unfinished", receptions.c.at, receptions.c.transfer, where=text(UNFINISHED))

# scenarios --------------------------------------------------------------------------------------------------

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

# identity ---------------------------------------------------------------------------------------------------

jtis = Table(
    "jtis",
    metadata,
    Column("issuer", Words, primary_key=True),
    Column("jti", Words, primary_key=True),
    Column("expires", Moment, nullable=False, index=True),
)

accounts = Table(
    "accounts",
    metadata,
    Column("login", Words, primary_key=True),
    Column("id", Words, nullable=False, unique=True),
    Column("name", Words, nullable=False),
    Column("roles", Json, nullable=False),
    Column("created", Moment, nullable=False),
    Column("disabled", Boolean, nullable=False),
    Column("password_hash", Words, nullable=False),
    Column("reset_by", Words),
    Column("reset_at", Moment),
    Column("chosen_at", Moment),
    Column("reset_what", Words),
    Column("second_factor", Moment),
    Column("disabled_why", Words),
    Column("last_sign_in", Moment),
    Column("language", Words),
    Column("removed", Moment),
    Column("issuer", Words),
    Column("subject", Words),
)
Index("uq_accounts_subject", accounts.c.issuer, accounts.c.subject, unique=True)

second_factors = Table(
    "second_factors",
    metadata,
    Column("login", Words, ForeignKey(accounts.c.login, ondelete="CASCADE"), primary_key=True),
    Column("secret", Words, nullable=False),
    Column("last_step", Big, nullable=False),
)

recovery_codes = Table(
    "recovery_codes",
    metadata,
    Column("login", Words, ForeignKey(accounts.c.login, ondelete="CASCADE"), primary_key=True),
    Column("code_sha256", Words, primary_key=True),
)

tokens = Table(
    "tokens",
    metadata,
    Column("token_sha256", Words, primary_key=True),
    Column("login", Words, ForeignKey(accounts.c.login, ondelete="CASCADE"), nullable=False, index=True),
    Column("kind", Words, nullable=False),
    Column("label", Words, nullable=False),
    Column("expires", Moment, nullable=False),
    Column("second_factor", Boolean, nullable=False, server_default=false()),
    Column("created", Moment),
    Column("used", Moment),
    Column("roles", Json),
    Column("address", Words, nullable=False, server_default=""),
    Column("agent", Words, nullable=False, server_default=""),
    Column("provider", Words, nullable=False, server_default=""),
    Column("provider_session", Words, nullable=False, server_default=""),
    Column("proof", Words, nullable=False, server_default=""),
)

credentials = Table(
    "credentials",
    metadata,
    _ordinal(),
    Column("id", Words, nullable=False, unique=True),
    Column("types", Json, nullable=False),
    Column("issuer", Words, nullable=False),
    Column("subject", Words, nullable=False),
    Column("claims", Json, nullable=False),
    Column("valid_from", Moment, nullable=False),
    Column("valid_until", Moment),
    Column("status", Json),
    Column("jwt", Words, nullable=False),
    Column("at", Moment, nullable=False),
)

credential_requests = Table(
    "credential_requests",
    metadata,
    _ordinal(),
    Column("holder_pid", Words, nullable=False, unique=True),
    Column("issuer", Words, nullable=False),
    Column("issuer_pid", Words),
    Column("credential_type", Words, nullable=False),
    Column("at", Moment, nullable=False),
    Column("state", Words, nullable=False),
    Column("reason", Words),
)

applications = Table(
    "applications",
    metadata,
    _ordinal(),
    Column("id", Words, nullable=False, unique=True),
    Column("holder", Words, nullable=False),
    Column("holder_pid", Words, nullable=False),
    Column("credential_type", Words, nullable=False),
    Column("accession", Json, nullable=False),
    Column("state", Words, nullable=False),
    Column("at", Moment, nullable=False),
    Column("decided_by", Words),
    Column("decided_at", Moment),
    Column("reason", Words),
    UniqueConstraint("holder", "holder_pid"),
)
Index("ix_applications_state", applications.c.state, applications.c.at)

status_places = Table(
    "status_places",
    metadata,
    Column("list_id", Ordinal, primary_key=True, autoincrement=False),
    Column("index", Ordinal, primary_key=True, autoincrement=False),
)

issued = Table(
    "issued",
    metadata,
    _ordinal(),
    Column("id", Words, nullable=False, unique=True),
    Column("holder", Words, nullable=False),
    Column("type", Words, nullable=False),
    Column("jwt", Words, nullable=False),
    Column("list_id", Big, nullable=False),
    Column("index", Big, nullable=False),
    Column("at", Moment, nullable=False),
    Column("valid_until", Moment, nullable=False),
    Column("revoked_at", Moment),
    Column("revoked_why", Words),
    UniqueConstraint("list_id", "index"),
)
Index("ix_issued_holder", issued.c.holder, issued.c.at)
_partial("ix_issued_revoked", issued.c.list_id, issued.c.index, where=issued.c.revoked_at.is_not(None))

# the node itself --------------------------------------------------------------------------------------------

meta = Table(
    "meta",
    metadata,
    Column("key", Words, primary_key=True),
    Column("value", Words, nullable=False),
)

followed = Table(
    "followed",
    metadata,
    Column("url", Words, primary_key=True),
    Column("did", Words),
    Column("name", Words, nullable=False),
    Column("cursor", Json, nullable=False),
    Column("state", Words, nullable=False),
    Column("last_error", Words),
    Column("at", Moment, nullable=False),
    Column("seen", Moment),
    Column("current", Boolean, nullable=False, server_default=false()),
)

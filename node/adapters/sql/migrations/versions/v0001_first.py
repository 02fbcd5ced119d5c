"""The first schema."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

# Text compares by code point on both databases.
_WORDS = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
_ORDINAL = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def ordinal() -> sa.Column[int]:
    return sa.Column("ordinal", _ORDINAL, autoincrement=True, nullable=False)


def small_key(name: str) -> sa.Column[int]:
    return sa.Column(name, _ORDINAL, autoincrement=False, nullable=False)


def words(name: str, *, null: bool = False) -> sa.Column[str]:
    return sa.Column(name, _WORDS, nullable=null)


def text(name: str, *, null: bool = False) -> sa.Column[str]:
    return sa.Column(name, sa.Text(), nullable=null)


def number(name: str, *, null: bool = False) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger(), autoincrement=False, nullable=null)


def octets(name: str, *, null: bool = False) -> sa.Column[bytes]:
    return sa.Column(name, sa.LargeBinary(), nullable=null)


def flag(name: str, *, null: bool = False) -> sa.Column[bool]:
    return sa.Column(name, sa.Boolean(), nullable=null)


def upgrade() -> None:
    _ledger()
    _records()
    _processes()
    _negotiation()
    _transfer()
    _people()
    _credentials()
    _node()


def _ledger() -> None:
    op.create_table(
        "entries",
        ordinal(),
        words("id"),
        words("kind"),
        words("subject"),
        words("at"),
        words("by"),
        octets("body"),
        number("seq", null=True),
        sa.PrimaryKeyConstraint("ordinal", name="pk_entries"),
        sa.UniqueConstraint("id", name="uq_entries_id"),
        sa.UniqueConstraint("seq", name="uq_entries_seq"),
    )
    op.create_index("ix_entries_kind_seq", "entries", ["kind", "seq"])
    op.create_index("ix_entries_subject", "entries", ["subject", "ordinal"])
    op.create_index(
        "ix_entries_unsequenced",
        "entries",
        ["ordinal"],
        sqlite_where=sa.text("seq IS NULL"),
        postgresql_where=sa.text("seq IS NULL"),
    )
    op.create_table(
        "ledger_size",
        small_key("id"),
        number("size"),
        sa.PrimaryKeyConstraint("id", name="pk_ledger_size"),
    )
    op.create_table(
        "ledger_nodes",
        small_key("level"),
        number("index"),
        octets("hash"),
        sa.PrimaryKeyConstraint("level", "index", name="pk_ledger_nodes"),
    )
    op.create_table(
        "ledger_checkpoints",
        small_key("size"),
        words("origin"),
        octets("root"),
        words("at"),
        words("note"),
        sa.PrimaryKeyConstraint("size", name="pk_ledger_checkpoints"),
    )
    op.create_table(
        "views",
        words("view"),
        words("instance"),
        number("position"),
        sa.PrimaryKeyConstraint("view", "instance", name="pk_views"),
    )


def _records() -> None:
    op.create_table(
        "records",
        words("iri"),
        small_key("version"),
        words("kind"),
        words("audience"),
        text("titles"),
        text("descriptions"),
        words("publisher"),
        words("publisher_name"),
        words("origin"),
        octets("nquads"),
        words("sha256"),
        words("at"),
        words("by"),
        text("offer", null=True),
        text("files"),
        text("keywords"),
        text("themes"),
        flag("sealed"),
        flag("withdrawn"),
        words("entry"),
        text("warnings"),
        text("extra"),
        sa.PrimaryKeyConstraint("iri", "version", name="pk_records"),
    )
    op.create_index("ix_records_entry", "records", ["entry"])
    op.create_table(
        "record_heads",
        words("iri"),
        number("version"),
        words("kind"),
        words("audience"),
        flag("withdrawn"),
        sa.PrimaryKeyConstraint("iri", name="pk_record_heads"),
    )
    op.create_index("ix_record_heads_kind", "record_heads", ["kind", "iri"])


def _processes() -> None:
    op.create_table(
        "negotiations",
        ordinal(),
        words("pid"),
        words("role"),
        words("peer"),
        words("peer_pid", null=True),
        words("peer_address"),
        words("version"),
        words("state"),
        words("created"),
        words("updated"),
        words("pending_message", null=True),
        words("pending_id", null=True),
        number("revision"),
        words("code", null=True),
        text("reason"),
        text("rest"),
        sa.PrimaryKeyConstraint("ordinal", name="pk_negotiations"),
        sa.UniqueConstraint("peer", "peer_pid", "role", name="uq_negotiations_peer_peer_pid_role"),
        sa.UniqueConstraint("pid", name="uq_negotiations_pid"),
    )
    op.create_index("ix_negotiations_created", "negotiations", ["created", "ordinal"])
    op.create_index("ix_negotiations_peer", "negotiations", ["peer", "created"])
    op.create_index("ix_negotiations_state", "negotiations", ["state", "created"])
    op.create_table(
        "negotiation_messages",
        ordinal(),
        words("pid"),
        words("at"),
        flag("outgoing"),
        words("message"),
        words("message_id", null=True),
        words("body_sha256"),
        octets("body"),
        number("answer_status"),
        octets("answer"),
        sa.PrimaryKeyConstraint("ordinal", name="pk_negotiation_messages"),
    )
    op.create_index("ix_negotiation_messages_pid", "negotiation_messages", ["pid", "ordinal"])
    op.create_table(
        "transfers",
        ordinal(),
        words("pid"),
        words("role"),
        words("peer"),
        words("peer_pid", null=True),
        words("peer_address"),
        words("version"),
        words("state"),
        words("created"),
        words("updated"),
        words("pending_message", null=True),
        words("pending_id", null=True),
        number("revision"),
        words("code", null=True),
        text("reason"),
        text("rest"),
        sa.PrimaryKeyConstraint("ordinal", name="pk_transfers"),
        sa.UniqueConstraint("peer", "peer_pid", "role", name="uq_transfers_peer_peer_pid_role"),
        sa.UniqueConstraint("pid", name="uq_transfers_pid"),
    )
    op.create_index("ix_transfers_created", "transfers", ["created", "ordinal"])
    op.create_index("ix_transfers_peer", "transfers", ["peer", "created"])
    op.create_index("ix_transfers_state", "transfers", ["state", "created"])
    op.create_table(
        "transfer_messages",
        ordinal(),
        words("pid"),
        words("at"),
        flag("outgoing"),
        words("message"),
        words("message_id", null=True),
        words("body_sha256"),
        octets("body"),
        number("answer_status"),
        octets("answer"),
        sa.PrimaryKeyConstraint("ordinal", name="pk_transfer_messages"),
    )
    op.create_index("ix_transfer_messages_pid", "transfer_messages", ["pid", "ordinal"])
    op.create_table(
        "outbox",
        ordinal(),
        words("id"),
        words("topic"),
        words("lane"),
        words("subject"),
        octets("body"),
        text("headers"),
        words("due"),
        number("attempts"),
        number("fence"),
        words("last_error", null=True),
        flag("dead"),
        words("owner", null=True),
        words("leased_until", null=True),
        sa.PrimaryKeyConstraint("ordinal", name="pk_outbox"),
        sa.UniqueConstraint("id", name="uq_outbox_id"),
    )
    op.create_index(
        "ix_outbox_dead", "outbox", ["ordinal"], sqlite_where=sa.text("dead = 1"), postgresql_where=sa.text("dead")
    )
    op.create_index(
        "ix_outbox_order",
        "outbox",
        ["lane", "subject", "ordinal"],
        sqlite_where=sa.text("dead = 0"),
        postgresql_where=sa.text("NOT dead"),
    )


def _negotiation() -> None:
    op.create_table(
        "agreements",
        ordinal(),
        words("id"),
        words("negotiation"),
        words("dataset"),
        words("provider"),
        words("consumer"),
        words("role"),
        text("body"),
        words("sha256"),
        text("signatures"),
        words("at"),
        words("finalized", null=True),
        words("ended", null=True),
        words("ended_why", null=True),
        words("entry"),
        sa.PrimaryKeyConstraint("ordinal", name="pk_agreements"),
        sa.UniqueConstraint("id", name="uq_agreements_id"),
    )
    op.create_index("ix_agreements_at", "agreements", ["at", "ordinal"])
    op.create_index("ix_agreements_consumer", "agreements", ["consumer", "at"])
    op.create_index("ix_agreements_dataset", "agreements", ["dataset", "at"])
    op.create_index("ix_agreements_provider", "agreements", ["provider", "at"])
    op.create_table(
        "decisions",
        ordinal(),
        words("id"),
        words("kind"),
        words("subject"),
        words("peer"),
        words("peer_name"),
        text("summary"),
        text("details"),
        words("at"),
        words("due", null=True),
        words("decided_at", null=True),
        words("decided_by", null=True),
        flag("approved", null=True),
        words("reason", null=True),
        sa.PrimaryKeyConstraint("ordinal", name="pk_decisions"),
        sa.UniqueConstraint("id", name="uq_decisions_id"),
    )
    op.create_index(
        "ix_decisions_open",
        "decisions",
        ["at"],
        sqlite_where=sa.text("decided_at IS NULL"),
        postgresql_where=sa.text("decided_at IS NULL"),
    )
    op.create_index("ix_decisions_subject", "decisions", ["subject", "ordinal"])


def _transfer() -> None:
    op.create_table(
        "grants",
        words("transfer"),
        words("agreement"),
        words("recipient"),
        words("dataset"),
        number("version"),
        words("file_sha256"),
        number("file_size"),
        words("file_name"),
        words("media_type"),
        flag("sealed"),
        words("token_sha256"),
        words("expires"),
        octets("secrets", null=True),
        flag("closed"),
        number("accesses"),
        sa.PrimaryKeyConstraint("transfer", name="pk_grants"),
        sa.UniqueConstraint("token_sha256", name="uq_grants_token_sha256"),
    )
    op.create_table(
        "receptions",
        words("transfer"),
        words("state"),
        words("name"),
        words("media_type"),
        flag("sealed"),
        number("expected", null=True),
        number("received"),
        words("at"),
        words("sha256", null=True),
        words("manifest", null=True),
        words("error", null=True),
        words("path", null=True),
        text("facts", null=True),
        sa.PrimaryKeyConstraint("transfer", name="pk_receptions"),
    )
    op.create_index(
        "ix_receptions_unfinished",
        "receptions",
        ["at", "transfer"],
        sqlite_where=sa.text("state NOT IN ('done', 'failed')"),
        postgresql_where=sa.text("state NOT IN ('done', 'failed')"),
    )


def _people() -> None:
    op.create_table(
        "jtis",
        words("issuer"),
        words("jti"),
        words("expires"),
        sa.PrimaryKeyConstraint("issuer", "jti", name="pk_jtis"),
    )
    op.create_index("ix_jtis_expires", "jtis", ["expires"])
    op.create_table(
        "accounts",
        words("login"),
        words("id"),
        words("name"),
        text("roles"),
        words("created"),
        flag("disabled"),
        words("password_hash"),
        sa.PrimaryKeyConstraint("login", name="pk_accounts"),
        sa.UniqueConstraint("id", name="uq_accounts_id"),
    )
    op.create_table(
        "tokens",
        words("token_sha256"),
        words("login"),
        words("kind"),
        words("label"),
        words("expires"),
        sa.PrimaryKeyConstraint("token_sha256", name="pk_tokens"),
        sa.ForeignKeyConstraint(["login"], ["accounts.login"], name="fk_tokens_login", ondelete="CASCADE"),
    )
    op.create_index("ix_tokens_login", "tokens", ["login"])


def _credentials() -> None:
    op.create_table(
        "credentials",
        ordinal(),
        words("id"),
        text("types"),
        words("issuer"),
        words("subject"),
        text("claims"),
        words("valid_from"),
        words("valid_until", null=True),
        text("status", null=True),
        words("jwt"),
        words("at"),
        sa.PrimaryKeyConstraint("ordinal", name="pk_credentials"),
        sa.UniqueConstraint("id", name="uq_credentials_id"),
    )
    op.create_table(
        "credential_requests",
        ordinal(),
        words("holder_pid"),
        words("issuer"),
        words("issuer_pid", null=True),
        words("credential_type"),
        words("at"),
        words("state"),
        words("reason", null=True),
        sa.PrimaryKeyConstraint("ordinal", name="pk_credential_requests"),
        sa.UniqueConstraint("holder_pid", name="uq_credential_requests_holder_pid"),
    )
    op.create_table(
        "applications",
        ordinal(),
        words("id"),
        words("holder"),
        words("holder_pid"),
        words("credential_type"),
        text("accession"),
        words("state"),
        words("at"),
        words("decided_by", null=True),
        words("decided_at", null=True),
        words("reason", null=True),
        sa.PrimaryKeyConstraint("ordinal", name="pk_applications"),
        sa.UniqueConstraint("holder", "holder_pid", name="uq_applications_holder_holder_pid"),
        sa.UniqueConstraint("id", name="uq_applications_id"),
    )
    op.create_index("ix_applications_state", "applications", ["state", "at"])
    op.create_table(
        "status_places",
        small_key("list_id"),
        small_key("index"),
        sa.PrimaryKeyConstraint("list_id", "index", name="pk_status_places"),
    )
    op.create_table(
        "issued",
        ordinal(),
        words("id"),
        words("holder"),
        words("type"),
        words("jwt"),
        number("list_id"),
        number("index"),
        words("at"),
        words("valid_until"),
        words("revoked_at", null=True),
        words("revoked_why", null=True),
        sa.PrimaryKeyConstraint("ordinal", name="pk_issued"),
        sa.UniqueConstraint("id", name="uq_issued_id"),
        sa.UniqueConstraint("list_id", "index", name="uq_issued_list_id_index"),
    )
    op.create_index("ix_issued_holder", "issued", ["holder", "at"])
    op.create_index(
        "ix_issued_revoked",
        "issued",
        ["list_id", "index"],
        sqlite_where=sa.text("revoked_at IS NOT NULL"),
        postgresql_where=sa.text("revoked_at IS NOT NULL"),
    )


def _node() -> None:
    op.create_table(
        "meta",
        words("key"),
        words("value"),
        sa.PrimaryKeyConstraint("key", name="pk_meta"),
    )
    op.create_table(
        "followed",
        words("url"),
        words("did", null=True),
        words("name"),
        text("cursor"),
        words("state"),
        words("last_error", null=True),
        words("at"),
        sa.PrimaryKeyConstraint("url", name="pk_followed"),
    )

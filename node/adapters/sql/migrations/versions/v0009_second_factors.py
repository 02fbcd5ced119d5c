"""Second factors of accounts, their recovery codes, and which tokens were opened with one."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

# Text compares by code point on both databases.
_WORDS = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def _login() -> sa.Column[str]:
    return sa.Column("login", _WORDS, nullable=False)


def upgrade() -> None:
    for name in ("reset_what", "second_factor"):
        op.add_column("accounts", sa.Column(name, _WORDS))
    op.execute("UPDATE accounts SET reset_what = 'password' WHERE reset_by IS NOT NULL")
    op.add_column("tokens", sa.Column("second_factor", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.create_table(
        "second_factors",
        _login(),
        sa.Column("secret", _WORDS, nullable=False),
        sa.Column("last_step", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("login", name="pk_second_factors"),
        sa.ForeignKeyConstraint(["login"], ["accounts.login"], name="fk_second_factors_login", ondelete="CASCADE"),
    )
    op.create_table(
        "recovery_codes",
        _login(),
        sa.Column("code_sha256", _WORDS, nullable=False),
        sa.PrimaryKeyConstraint("login", "code_sha256", name="pk_recovery_codes"),
        sa.ForeignKeyConstraint(["login"], ["accounts.login"], name="fk_recovery_codes_login", ondelete="CASCADE"),
    )

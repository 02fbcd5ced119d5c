"""Descriptions and bodies of ledger entries may be compressed (``node.adapters.sql.columns.Octets``).

No table changes, and older rows stay as they are. The number rises so that an older Hansa refuses the database: it
would take compressed bytes for damage.
"""

from __future__ import annotations

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Change nothing."""

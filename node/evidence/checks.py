"""Verify the node's own ledger, and agreements at both parties, while the node runs."""

from __future__ import annotations

from collections.abc import Callable

from anyio.to_thread import run_sync

from node.evidence.collection import ExportAgreement
from node.evidence.proof import ProveAgreement
from node.ledger.verification import Check

LedgerChecks = Callable[[], list[Check]]
"""Hashes the whole ledger again and compares it with the signed checkpoints (``node.ledger.verification``)."""


class Proofs:
    """Checks of this node's ledger and of its agreements, and agreements as files."""

    def __init__(self, *, ledger: LedgerChecks, prove: ProveAgreement, export: ExportAgreement) -> None:
        self._ledger = ledger
        self._prove = prove
        self._export = export

    async def own_ledger(self) -> list[Check]:
        """Hash everything again and compare it with the signed checkpoints."""
        return await run_sync(self._ledger)

    async def agreement(self, agreement_id: str) -> list[Check]:
        """Check the agreement at this node and at the other party."""
        return await self._prove.prove(agreement_id)

    async def export(self, agreement_id: str) -> bytes:
        """Return the agreement with all its evidence as one file."""
        return await self._export.export(agreement_id)

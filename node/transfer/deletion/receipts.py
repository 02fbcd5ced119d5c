"""The data that a consumer has received under an agreement."""

from __future__ import annotations

from collections.abc import Sequence

from node.base.work import Transaction
from node.negotiation.model import Agreement
from node.transfer.model import Reception
from node.transfer.ports import ReceptionStore


class Receipts:
    """Reads the receptions of this node as the consumer of agreements."""

    def __init__(self, receptions: ReceptionStore) -> None:
        self._receptions = receptions

    def under(self, tx: Transaction, agreement: Agreement) -> Sequence[Reception]:
        """Return the receptions of the transfers under ``agreement``."""
        return self._receptions.under(tx, agreement.id)

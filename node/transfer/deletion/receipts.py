"""The data that a consumer has received under an agreement."""

from __future__ import annotations

from typing import Final

from node.base.work import Transaction
from node.dialogue.process import Role
from node.negotiation.model import Agreement
from node.transfer.model import Reception
from node.transfer.ports import ReceptionStore, TransferStore

_RECENT: Final = 1000


class Receipts:
    """Reads the newest receptions of this node as a consumer."""

    def __init__(self, transfers: TransferStore, receptions: ReceptionStore) -> None:
        self._transfers = transfers
        self._receptions = receptions

    def under(self, tx: Transaction, agreement: Agreement) -> list[Reception]:
        """Return the receptions of the transfers under ``agreement``."""
        receptions = (
            self._receptions.get(tx, transfer.pid)
            for transfer in self._transfers.select(tx, peer=agreement.provider, limit=_RECENT)
            if transfer.agreement == agreement.id and transfer.role is Role.CONSUMER
        )
        return [reception for reception in receptions if reception is not None]

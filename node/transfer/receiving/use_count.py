"""The consumer's count of uses: data that has begun to arrive counts as used."""

from __future__ import annotations

from collections.abc import Sequence

from node.base.work import Transaction
from node.negotiation.uses import Uses
from node.transfer.model import Reception
from node.transfer.ports import ReceptionStore, TransferStore


class CountedReceptions:
    """A ``ReceptionStore`` that counts a use of the agreement with the first byte that is stored."""

    def __init__(self, receptions: ReceptionStore, transfers: TransferStore, uses: Uses) -> None:
        self._receptions = receptions
        self._transfers = transfers
        self._uses = uses

    def put(self, tx: Transaction, reception: Reception) -> None:
        self._receptions.put(tx, reception)
        if reception.received > 0 or reception.state == "done":
            transfer = self._transfers.get(tx, reception.transfer)
            if transfer is not None:
                self._uses.note(tx, transfer.agreement, transfer.pid)

    def get(self, tx: Transaction, transfer: str) -> Reception | None:
        return self._receptions.get(tx, transfer)

    def under(self, tx: Transaction, agreement: str) -> Sequence[Reception]:
        return self._receptions.under(tx, agreement)

    def newest(self, tx: Transaction, limit: int, *, offset: int = 0) -> Sequence[Reception]:
        return self._receptions.newest(tx, limit, offset=offset)

    def unfinished_receptions(self, tx: Transaction) -> Sequence[Reception]:
        return self._receptions.unfinished_receptions(tx)

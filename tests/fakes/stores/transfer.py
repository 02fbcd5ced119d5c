"""Transfers, grants and receptions in memory."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import datetime

from node.base.work import Transaction
from node.dialogue.process import Role
from node.transfer.conversions.model import Conversion
from node.transfer.deletion.model import Deletion
from node.transfer.model import AccessGrant, Reception, Transfer
from tests.fakes.process import MemoryProcessStore
from tests.fakes.stores.work import memory


class MemoryTransferStore(MemoryProcessStore[Transfer]):
    """Transfers in memory."""

    def __init__(self) -> None:
        super().__init__("transfers")

    def under(
        self, tx: Transaction, agreement: str, *, apart_from: Collection[str] = (), limit: int | None = None
    ) -> Sequence[Transfer]:
        transfers = [transfer for transfer in _newest_first(tx, agreement) if transfer.state not in apart_from]
        return transfers[:limit]


def _newest_first(tx: Transaction, agreement: str) -> list[Transfer]:
    transfers: list[Transfer] = [
        transfer for transfer in reversed(memory(tx).rows("transfers").values()) if transfer.agreement == agreement
    ]
    return sorted(transfers, key=lambda transfer: transfer.created, reverse=True)


class MemoryGrantStore:
    """Grants by transfer."""

    def put(self, tx: Transaction, grant: AccessGrant) -> None:
        memory(tx).put("grants", grant.transfer, grant)

    def by_token(self, tx: Transaction, token_sha256: str) -> AccessGrant | None:
        grants: list[AccessGrant] = list(memory(tx).rows("grants").values())
        return next((grant for grant in grants if grant.token_sha256 == token_sha256), None)

    def by_transfer(self, tx: Transaction, transfer: str) -> AccessGrant | None:
        return memory(tx).rows("grants").get(transfer)

    def close(self, tx: Transaction, transfer: str) -> None:
        grant = self.by_transfer(tx, transfer)
        if grant is not None:
            self.put(tx, replace(grant, closed=True))

    def open_versions(self, tx: Transaction, dataset: str) -> frozenset[int]:
        grants: list[AccessGrant] = list(memory(tx).rows("grants").values())
        return frozenset(grant.version for grant in grants if grant.dataset == dataset and not grant.closed)

    def count_access(self, tx: Transaction, transfer: str) -> None:
        grant = self.by_transfer(tx, transfer)
        if grant is not None:
            self.put(tx, replace(grant, accesses=grant.accesses + 1))


class MemoryConversionStore:
    """Files that were made for consumers, by the key of their order."""

    def put(self, tx: Transaction, conversion: Conversion) -> None:
        memory(tx).put("conversions", conversion.key, conversion)

    def get(self, tx: Transaction, key: str) -> Conversion | None:
        return memory(tx).rows("conversions").get(key)

    def since(self, tx: Transaction, moment: datetime) -> Sequence[Conversion]:
        conversions: list[Conversion] = list(memory(tx).rows("conversions").values())
        return [conversion for conversion in conversions if conversion.at >= moment]

    def forget(self, tx: Transaction, before: datetime) -> None:
        for conversion in list(memory(tx).rows("conversions").values()):
            if conversion.at < before:
                memory(tx).rows("conversions").pop(conversion.key)


class MemoryReceptionStore:
    """Receptions by transfer."""

    def put(self, tx: Transaction, reception: Reception) -> None:
        memory(tx).put("receptions", reception.transfer, reception)

    def get(self, tx: Transaction, transfer: str) -> Reception | None:
        return memory(tx).rows("receptions").get(transfer)

    def under(self, tx: Transaction, agreement: str) -> Sequence[Reception]:
        receptions = [
            self.get(tx, transfer.pid) for transfer in _newest_first(tx, agreement) if transfer.role is Role.CONSUMER
        ]
        return [reception for reception in receptions if reception is not None]

    def newest(self, tx: Transaction, limit: int, *, offset: int = 0) -> Sequence[Reception]:
        receptions: list[Reception] = list(memory(tx).rows("receptions").values())
        receptions.sort(key=lambda reception: reception.transfer)
        receptions.sort(key=lambda reception: reception.at, reverse=True)
        return receptions[offset : offset + limit]

    def unfinished_receptions(self, tx: Transaction) -> Sequence[Reception]:
        receptions: list[Reception] = list(memory(tx).rows("receptions").values())
        running = [reception for reception in receptions if reception.state not in ("done", "failed")]
        return sorted(running, key=lambda reception: (reception.at, reception.transfer))


class MemoryDeletionStore:
    """Confirmations of deletion by agreement."""

    def put(self, tx: Transaction, deletion: Deletion) -> None:
        memory(tx).put("deletions", deletion.agreement, deletion)

    def get(self, tx: Transaction, agreement: str) -> Deletion | None:
        return memory(tx).rows("deletions").get(agreement)

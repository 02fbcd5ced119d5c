"""The stores that transfer needs."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Protocol

from node.base.work import Transaction
from node.dialogue.process import ProcessStore
from node.transfer.model import AccessGrant, Reception, Transfer


class TransferStore(ProcessStore[Transfer], Protocol):
    """Transfer processes, also by agreement."""

    def under(
        self, tx: Transaction, agreement: str, *, apart_from: Collection[str] = (), limit: int | None = None
    ) -> Sequence[Transfer]:
        """Return the transfers under an agreement, newest first, without those in the states ``apart_from``; at most
        ``limit`` of them. It uses an index."""


class GrantStore(Protocol):
    """Data address tokens by their hash."""

    def put(self, tx: Transaction, grant: AccessGrant) -> None:
        """Store a grant; a newer grant of the same transfer replaces the older one's token."""

    def by_token(self, tx: Transaction, token_sha256: str) -> AccessGrant | None: ...

    def by_transfer(self, tx: Transaction, transfer: str) -> AccessGrant | None: ...

    def close(self, tx: Transaction, transfer: str) -> None:
        """End the access."""

    def open_versions(self, tx: Transaction, dataset: str) -> frozenset[int]:
        """Return the versions of an asset of which an access is open."""

    def count_access(self, tx: Transaction, transfer: str) -> None: ...


class ReceptionStore(Protocol):
    """The progress of our receptions."""

    def put(self, tx: Transaction, reception: Reception) -> None: ...

    def get(self, tx: Transaction, transfer: str) -> Reception | None: ...

    def under(self, tx: Transaction, agreement: str) -> Sequence[Reception]:
        """Return the receptions of the transfers under an agreement in which we are the consumer, newest transfer
        first. It uses an index."""

    def newest(self, tx: Transaction, limit: int, *, offset: int = 0) -> Sequence[Reception]:
        """Return receptions, the last changed first."""

    def unfinished_receptions(self, tx: Transaction) -> Sequence[Reception]: ...

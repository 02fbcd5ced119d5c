"""A request with a key, its answer, and their store."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from node.base.work import Transaction


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyedAnswer:
    """The answer to a request, as it is sent again."""

    status: int
    media_type: str
    body: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyedRequest:
    """A request of the person ``owner`` with a ``key``. ``fingerprint`` is the hash of what was asked. Without an
    answer it is being carried out, or was interrupted."""

    owner: str
    key: str
    fingerprint: str
    at: datetime
    answer: KeyedAnswer | None = None


class KeyedRequestStore(Protocol):
    """Requests by person and key."""

    def add(self, tx: Transaction, request: KeyedRequest) -> bool:
        """Store a new one; return False if the person has used the key."""

    def get(self, tx: Transaction, owner: str, key: str) -> KeyedRequest | None: ...

    def put_answer(self, tx: Transaction, owner: str, key: str, answer: KeyedAnswer) -> None:
        """Store the answer to a request."""

    def drop(self, tx: Transaction, owner: str, key: str) -> None: ...

    def forget(self, tx: Transaction, before: datetime) -> int:
        """Remove the requests of before a moment; return how many."""

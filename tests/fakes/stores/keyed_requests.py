"""Requests with a key in memory (``node.operation.repetitions.model.KeyedRequestStore``)."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from node.base.work import Transaction
from node.operation.repetitions.model import KeyedAnswer, KeyedRequest
from tests.fakes.stores.work import memory

_REQUESTS = "keyed_requests"


class MemoryKeyedRequestStore:
    """Requests by person and key."""

    def add(self, tx: Transaction, request: KeyedRequest) -> bool:
        if (request.owner, request.key) in memory(tx).rows(_REQUESTS):
            return False
        memory(tx).put(_REQUESTS, (request.owner, request.key), request)
        return True

    def get(self, tx: Transaction, owner: str, key: str) -> KeyedRequest | None:
        return memory(tx).rows(_REQUESTS).get((owner, key))

    def put_answer(self, tx: Transaction, owner: str, key: str, answer: KeyedAnswer) -> None:
        request = self.get(tx, owner, key)
        if request is not None:
            memory(tx).put(_REQUESTS, (owner, key), replace(request, answer=answer))

    def drop(self, tx: Transaction, owner: str, key: str) -> None:
        memory(tx).drop(_REQUESTS, (owner, key))

    def forget(self, tx: Transaction, before: datetime) -> int:
        old = [place for place, request in memory(tx).rows(_REQUESTS).items() if request.at < before]
        return sum(memory(tx).drop(_REQUESTS, place) for place in old)

"""Carries out a request with a key once.

The key is stored before anything is done, in a transaction of its own: of several processes that get the same
request, one carries it out, and the others wait for its answer. If that process dies, nobody knows what it has done;
the key then stays taken, and a person looks. A request is never carried out twice.
"""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Final

from node.base.clock import Clock
from node.base.errors import Conflict, InvalidInput
from node.base.turns import taken_in_turn
from node.base.work import UnitOfWork
from node.operation.repetitions.model import KeyedAnswer, KeyedRequest, KeyedRequestStore

KEPT: Final = timedelta(days=7)
"""The time for which a key is known."""
_KEY: Final = re.compile(r"[\x21-\x7e]{1,128}", re.ASCII)


class KeyReused(InvalidInput):
    """A key was used for another request."""

    code = "idempotency-key-reused"
    status = 422
    title = "The key was used for another request"


class Repetitions:
    """Knows the keys of requests, and the answers. Synchronous: call it in a thread."""

    def __init__(self, uow: UnitOfWork, store: KeyedRequestStore, clock: Clock) -> None:
        self._uow = uow
        self._store = store
        self._clock = clock

    @taken_in_turn
    def begin(self, owner: str, key: str, fingerprint: str) -> bool:
        """Note that a request is carried out now; return False if it was sent before.

        Raises ``InvalidInput`` for a key that is none, and ``KeyReused``.
        """
        if not _KEY.fullmatch(key):
            raise InvalidInput(
                "an Idempotency-Key has 1 to 128 characters without spaces",
                remedy="use a UUID, or the name and the date of the job",
            )
        request = KeyedRequest(owner=owner, key=key, fingerprint=fingerprint, at=self._clock.now())
        with self._uow.begin() as tx:
            if self._store.add(tx, request):
                return True
            earlier = self._store.get(tx, owner, key)
        if earlier is not None and earlier.fingerprint != fingerprint:
            raise KeyReused(
                "this Idempotency-Key was used for another request",
                remedy="send the same request again, or make a new key for each new request",
            )
        return False

    def answer(self, owner: str, key: str) -> KeyedAnswer | None:
        """Return the answer to a request that was sent before; None if there is none yet. Raises ``Conflict`` if the
        request was not carried out after all: it may be sent again."""
        with self._uow.read() as tx:
            request = self._store.get(tx, owner, key)
        if request is None:
            raise Conflict("the first request with this Idempotency-Key was refused", remedy="send it again")
        return request.answer

    @taken_in_turn
    def keep(self, owner: str, key: str, answer: KeyedAnswer) -> None:
        """Keep the answer to a request that was carried out."""
        with self._uow.begin() as tx:
            self._store.put_answer(tx, owner, key, answer)

    @taken_in_turn
    def release(self, owner: str, key: str) -> None:
        """Forget a request that was refused: nothing was done, so it may be sent again."""
        with self._uow.begin() as tx:
            self._store.drop(tx, owner, key)

    def forget_old(self) -> int:
        """Forget keys that nobody should use any more; return how many."""
        with self._uow.begin() as tx:
            return self._store.forget(tx, self._clock.now() - KEPT)


def refusal_without_answer() -> Conflict:
    """Return the refusal of a request whose first sending has no answer."""
    return Conflict(
        "the first request with this Idempotency-Key has no answer: it is being carried out, or the node was "
        "interrupted",
        remedy="send it again in a minute; if this stays, look whether it was carried out, and use another key "
        "if not",
    )

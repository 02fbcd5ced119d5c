"""A message that was taken before: known by its bytes, or by its id and content where its sender wrote it anew
(docs/decisions/0003-repeats-known-by-id-and-body.md)."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Container, Mapping
from typing import Any, Final, Generic

from node.base.work import Transaction
from node.dialogue import wire
from node.dialogue.machine import Table
from node.dialogue.message import Incoming
from node.dialogue.process import Exchange, P, ProcessStore
from node.dialogue.timeline import LONGEST, WORDS, head
from node.vocab.namespaces import HANSA

CONTENT: Final = HANSA + "contentSha256"
"""Our member of a message that is kept in brief: what it said is known again by this digest."""


class Repeats(Generic[P]):
    """Knows what was accepted before. ``kept`` makes of a message the copy that is stored; where one that is named in
    ``brief`` is long, only its head is kept, for nothing rests on the rest of it."""

    def __init__(
        self, *, table: Table, store: ProcessStore[P], storable: Callable[[bytes], bytes], brief: Container[str] = ()
    ) -> None:
        self._table = table
        self._store = store
        self._storable = storable
        self._brief = brief

    def copy(self, message: Incoming) -> bytes:
        """What is stored of a message that is accepted, and known again by ``repeated``."""
        copy = self._storable(message.raw)
        if message.name not in self._brief or len(message.raw) <= LONGEST:
            return copy
        return self._storable(head(message, **{CONTENT: _digest(wire.read(copy))}))

    def repeated(self, tx: Transaction, process: P, message: Incoming) -> Exchange | None:
        """When this very message was accepted before.

        A message that bears an ``@id`` is known by it wherever it stands in the conversation; one without is
        taken for a resend only when it equals the last message accepted from this peer.
        """
        known = self._store.accepted(tx, process.pid, message.sha256)
        if known is None and message.rewritten:
            known = self._of_this_content(tx, process, message)
        if known is None:
            return None
        if message.id is None:
            last = self._store.last_accepted(tx, process.pid)
            if last is None or last.body_sha256 != known.body_sha256:
                return None
            move = self._table.move(process.state, message.name)
            if move is not None and move.accepts(process.role.other):
                return None
        return known

    def said_again(self, tx: Transaction, process: P, message: Incoming) -> Exchange | None:
        """The last message accepted from the peer, if this one says the same under another ``@id``: a peer that could
        not record our answer may write its message anew."""
        last = self._store.last_accepted(tx, process.pid)
        if last is None or last.message != message.name:
            return None
        before, now = _content(wire.read(last.body)), _content(message.body)
        return last if before == now or wire.same(before, now) else None

    def _of_this_content(self, tx: Transaction, process: P, message: Incoming) -> Exchange | None:
        """JSON-LD that is written anew may come in other bytes: another order of members, other prefixes.

        It is compared with one message, however long the conversation is: the last that was accepted under its id,
        or the last of all where it has none.
        """
        if message.id is None:
            candidate = self._store.last_accepted(tx, process.pid)
        else:
            candidate = self._store.accepted_as(tx, process.pid, message.name, message.id[:WORDS])
        if (
            candidate is None
            or candidate.message != message.name
            or (candidate.message_id is None) != (message.id is None)
        ):
            return None
        before, now = wire.read(candidate.body), wire.read(self._storable(wire.text(message.body)))
        noted = before.get(CONTENT)
        return candidate if (noted if isinstance(noted, str) else _digest(before)) == _digest(now) else None


def _digest(body: Mapping[str, Any]) -> str:
    return hashlib.sha256(wire.normal(_content(body))).hexdigest()


def _content(body: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in body.items() if name not in ("@id", "@context")}

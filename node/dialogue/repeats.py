"""Recognise a message that was taken before: by its bytes, or by its id and content if its sender wrote it anew
(docs/decisions/0003-repeats-known-by-id-and-body.md)."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Container, Mapping
from typing import Any, Final, Generic

from node.base.work import Transaction
from node.dialogue import wire
from node.dialogue.machine import Table
from node.dialogue.message import IncomingMessage
from node.dialogue.process import Exchange, P, ProcessStore
from node.dialogue.timeline import LONGEST, WORDS, head
from node.vocab.namespaces import HANSA

CONTENT: Final = HANSA + "contentSha256"
"""Our member of a message that is stored as its head only: the digest by which its content is recognised."""


class Repeats(Generic[P]):
    """Recognises messages that were accepted before. ``storable`` returns the copy of a message that is stored. Long
    messages with a name in ``brief`` are stored as their head only, because the rest of them is not needed."""

    def __init__(
        self, *, table: Table, store: ProcessStore[P], storable: Callable[[bytes], bytes], brief: Container[str] = ()
    ) -> None:
        self._table = table
        self._store = store
        self._storable = storable
        self._brief = brief

    def copy(self, message: IncomingMessage) -> bytes:
        """Return the stored copy of an accepted message; ``find_repeat`` recognises the message by it."""
        copy = self._storable(message.raw)
        if message.name not in self._brief or len(message.raw) <= LONGEST:
            return copy
        return self._storable(head(message, **{CONTENT: _digest(wire.read(copy))}))

    def find_repeat(self, tx: Transaction, process: P, message: IncomingMessage) -> Exchange | None:
        """Return the stored message if this same message was accepted before.

        A message with an ``@id`` is recognised anywhere in the conversation. A message without an ``@id`` counts as a
        repeat only if it equals the last message accepted from this peer.
        """
        exchange = self._store.accepted_exchange(tx, process.pid, message.sha256)
        if exchange is None and message.rewritten:
            exchange = self._of_this_content(tx, process, message)
        if exchange is None:
            return None
        if message.id is None:
            last = self._store.last_accepted(tx, process.pid)
            if last is None or last.body_sha256 != exchange.body_sha256:
                return None
            move = self._table.move(process.state, message.name)
            if move is not None and move.accepts(process.role.other):
                return None
        return exchange

    def repeated_answer(self, tx: Transaction, process: P, message: IncomingMessage) -> Exchange | None:
        """Return the last message accepted from the peer if this one has the same content under another ``@id``: a
        peer that could not record our answer may write its message anew."""
        last = self._store.last_accepted(tx, process.pid)
        if last is None or last.message != message.name:
            return None
        before, now = _content(wire.read(last.body)), _content(message.body)
        return last if before == now or wire.same(before, now) else None

    def _of_this_content(self, tx: Transaction, process: P, message: IncomingMessage) -> Exchange | None:
        """Return an accepted message with the same content: JSON-LD that is written anew may have other bytes, such
        as another order of members or other prefixes.

        The message is compared with only one other, however long the conversation is: the last accepted one with the
        same id, or the last of all if it has no id.
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

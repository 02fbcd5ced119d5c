"""The time line of a process: each message that went over the wire and was answered, with its fate.

A message that was taken moves the process, and is kept with the step (``node.dialogue.conversation``). This module
keeps the messages that move nothing: those refused or put off by either side, and those that the receiver took after
the sender had taken them back. Messages cross: a side that has ended a process may still receive a message, and a
side that learns of the end may have a message of its own on its way. An end is final, whatever comes after it
(DSP 2025-1 §7.1, §9.1).

A message that is refused again in the same way is kept once, and at most ``KEPT`` refusals of each side are kept for
one process: a peer must not be able to fill the database with refused messages. An unreadable message, and a message
of a sender that is not a party to the process, belong to no time line.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any, Final, Generic

from node.base.clock import Clock
from node.base.errors import HansaError, InvalidInput
from node.base.jsons import canonical
from node.base.work import Transaction
from node.dialogue import wire
from node.dialogue.machine import Table
from node.dialogue.message import AFTER, IncomingMessage
from node.dialogue.process import Exchange, P, ProcessStore

KEPT: Final = 20
"""The number of refusals of each side that are kept for one process."""
LONGEST: Final = 64 * 1024
"""The length in bytes above which only the head of a refused message is kept; also the head of a taken message if the
rest is not needed."""
_HEAD: Final = ("@id", "providerPid", "consumerPid", AFTER)
WORDS: Final = 2048
"""The characters of an identifier that are kept: the longest identifier that we accept."""
_PASSING: Final = frozenset({401, 404, 408, 409, 423, 425, 429})


class Timeline(Generic[P]):
    """Keeps messages that move nothing. ``storable`` returns the copy of a message that is stored; ``refusal``
    renders the answer to a refused message: code and reason."""

    def __init__(
        self,
        *,
        store: ProcessStore[P],
        clock: Clock,
        storable: Callable[[bytes], bytes],
        refusal: Callable[[P, str, list[Any]], dict[str, Any]],
    ) -> None:
        self._store = store
        self._clock = clock
        self._storable = storable
        self._refusal = refusal

    def refuse(self, tx: Transaction, process: P, message: IncomingMessage, error: HansaError) -> None:
        """Keep a message of the peer that was refused with ``error``."""
        if not self._has_room(tx, process.pid, message.sha256, error.sent_status, outgoing=False):
            return
        answer = self._refusal(process, error.code, error.reasons)
        body = self._storable(message.raw if len(message.raw) <= LONGEST else head(message))
        self.keep(tx, process, message, error.sent_status, answer, body=body)

    def keep(
        self,
        tx: Transaction,
        process: P,
        message: IncomingMessage,
        status: int,
        answer: Mapping[str, Any],
        *,
        body: bytes,
    ) -> None:
        """Keep a message of the peer with our answer; ``body`` is the copy that is stored."""
        self._store.record(
            tx,
            Exchange(
                pid=process.pid,
                at=self._clock.now(),
                outgoing=False,
                message=message.name,
                message_id=message.id and message.id[:WORDS],
                body_sha256=message.sha256,
                body=body,
                answer_status=status,
                answer=canonical(answer),
            ),
        )

    def overhear(self, tx: Transaction, exchange: Exchange) -> None:
        """Keep an answer that has no effect to a message of ours: it puts us off, or the message is not needed any
        more, or another worker has the message by now. An answer that is kept already is not kept again."""
        process = self._store.get(tx, exchange.pid, lock=True)
        if process is None:
            return
        if 200 <= exchange.answer_status < 300:
            if self.knows(tx, exchange):
                return
            if process.pending is None or process.pending.message_id != exchange.message_id:
                exchange = replace(exchange, answer_status=-exchange.answer_status)
            # Otherwise another worker has the message by now and will report it: the peer took it in any case.
        elif not self._has_room(tx, exchange.pid, exchange.body_sha256, exchange.answer_status, outgoing=True):
            return
        self._store.record(tx, replace(exchange, body=self._storable(exchange.body)))

    def knows(self, tx: Transaction, exchange: Exchange) -> bool:
        """Return whether this answer to a message of ours is kept already."""
        if exchange.is_accepted:
            return self._store.is_delivered(tx, exchange.pid, exchange.message_id or "")
        refusals = self._store.refusals(tx, exchange.pid, outgoing=True)
        return (exchange.body_sha256, exchange.answer_status) in refusals

    def _has_room(self, tx: Transaction, pid: str, body_sha256: str, status: int, *, outgoing: bool) -> bool:
        known = self._store.refusals(tx, pid, outgoing=outgoing)
        return len(known) < KEPT and (body_sha256, status) not in known


class Fate(StrEnum):
    """The outcome of a message."""

    TAKEN = "taken"
    """It moved the process, or it made a request that was accepted."""
    VOID = "void"
    """The receiver took it after its sender had taken it back: it has no effect."""
    PUT_OFF = "put-off"
    """The receiver could not take it at that moment. Its sender tries again, unless it is no longer needed."""
    REFUSED = "refused"
    """It did not fit, or was not allowed."""


@dataclass(frozen=True, slots=True)
class TimelineMessage:
    """A message and its fate. ``late``: it arrived, or was answered, after the process had ended here. ``code`` and
    ``reason`` are those of the refusal."""

    exchange: Exchange
    fate: Fate
    late: bool
    code: str | None = None
    reason: tuple[Any, ...] = ()


def time_line(table: Table, exchanges: Sequence[Exchange]) -> Iterator[TimelineMessage]:
    """Yield the messages of a process, oldest first, each with its fate."""
    endings = {name for (_, name), move in table.moves.items() if move.to in table.terminal}
    aborting = {name for (_, name), move in table.moves.items() if move.to == table.end_by_fault}
    is_over = False
    for exchange in exchanges:
        fate = fate_of(exchange)
        code, reason = (None, ()) if fate in (Fate.TAKEN, Fate.VOID) else _why(exchange.answer)
        yield TimelineMessage(exchange, fate, is_over, code, reason)
        # Our message that ends a process ends it on our side even if the peer refuses it.
        alone = exchange.outgoing and exchange.message in aborting and fate is Fate.REFUSED
        is_over = is_over or alone or (fate is Fate.TAKEN and exchange.message in endings)


def fate_of(exchange: Exchange) -> Fate:
    """The outcome of one message."""
    if exchange.void:
        return Fate.VOID
    if exchange.is_accepted:
        return Fate.TAKEN
    passing = exchange.answer_status in _PASSING or exchange.answer_status >= 500
    return Fate.PUT_OFF if passing else Fate.REFUSED


def _why(answer: bytes) -> tuple[str | None, tuple[Any, ...]]:
    try:
        members = wire.read(answer)
    except InvalidInput:
        return None, ()
    reason, code = members.get("reason", []), members.get("code")
    listed = tuple(reason) if isinstance(reason, list) else (reason,)
    return (code if isinstance(code, str) else None), listed


def head(message: IncomingMessage, **more: str) -> bytes:
    """Return the members that identify sender, message and process, with a bounded length. Members that are not texts
    are left out, also because they may have no canonical form. ``more`` are members of ours."""
    members = {name: value[:WORDS] for name in _HEAD if (value := message.text(name)) is not None}
    return canonical(
        {"@context": [message.version.context], "@type": message.name.partition(":")[0], **members, **more}
    )

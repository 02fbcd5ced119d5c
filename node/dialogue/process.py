"""The common part of a negotiation and a transfer: a frozen value, moved by a literal table.

A process changes only through ``node.dialogue.machine.advance``; negotiation and transfer add fields in subclasses.
Every field beyond those of ``Process`` must be a JSON value, so that one store serves both.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Final, Protocol, TypeVar

from node.base.work import Transaction


class Role(StrEnum):
    """A side of the conversation (DSP 2025-1 §4: Consumer and Provider)."""

    CONSUMER = "consumer"
    PROVIDER = "provider"

    @property
    def other(self) -> Role:
        return Role.PROVIDER if self is Role.CONSUMER else Role.CONSUMER


@dataclass(frozen=True, slots=True)
class PendingMessage:
    """A message of ours that is decided and durable, but not yet acknowledged by the peer."""

    message: str
    message_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Process:
    """One conversation with one peer.

    ``pid`` is our id of the process and ``peer_pid`` the peer's (None until the peer has sent it); ``peer`` is the
    peer's participant id and ``peer_address`` the base URL of its protocol paths. ``version`` names the protocol
    version. ``revision`` counts the changes.
    """

    pid: str
    role: Role
    peer: str
    peer_pid: str | None
    peer_address: str
    version: str
    state: str
    created: datetime
    updated: datetime
    pending: PendingMessage | None = None
    revision: int = 0
    code: str | None = None
    reason: list[Any] = field(default_factory=list)


P = TypeVar("P", bound=Process)


IMPLIED: Final = 0
"""The status in place of an answer that was never read: the peer's next message shows that it took this message."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """One message of a process as it went over the wire: for the time line, and for recognising repeats.

    ``answer_status`` is the HTTP status, or ``IMPLIED``; ``answer`` is then empty. It is negative for a message that
    is ``void``. ``body_sha256`` is the hash of the bytes that went over the wire; ``body`` lacks their secrets.
    """

    pid: str
    at: datetime
    outgoing: bool
    message: str
    message_id: str | None
    body_sha256: str
    body: bytes
    answer_status: int
    answer: bytes

    @property
    def is_accepted(self) -> bool:
        """Return whether the receiver took the message and it is valid, by its answer or by its next message."""
        return self.answer_status == IMPLIED or 200 <= self.answer_status < 300

    @property
    def void(self) -> bool:
        """Return whether the receiver took the message after its sender had taken it back.

        Another message had crossed it: it has no effect on either side.
        """
        return self.answer_status < 0

    @property
    def status(self) -> int | None:
        """Return the HTTP status of the answer; None if no answer was read."""
        return abs(self.answer_status) if self.answer_status != IMPLIED else None


@dataclass(frozen=True, slots=True)
class AcceptedMessage:
    """A message that was taken, without its body: its direction, name and id."""

    outgoing: bool
    message: str
    message_id: str | None


class ProcessStore(Protocol[P]):
    """Keeps processes of one kind. Every call belongs to the caller's transaction."""

    def add(self, tx: Transaction, process: P) -> None:
        """Insert. Raises ``Conflict`` if (peer, peer_pid, role) exists already."""

    def save(self, tx: Transaction, process: P) -> None:
        """Replace; ``process.revision`` must be the stored one + 1, else ``LocalFault``."""

    def get(self, tx: Transaction, pid: str, *, lock: bool = False) -> P | None:
        """Return the process with our ``pid``; ``lock`` holds the row until the transaction ends."""

    def lock(self, tx: Transaction, pid: str) -> None:
        """Hold the row until the transaction ends, if there is one, without reading it."""

    def by_peer(self, tx: Transaction, peer: str, peer_pid: str, role: Role) -> P | None:
        """Return the process with the peer's pid; ``role`` is our own role."""

    def select(
        self, tx: Transaction, *, state: str | None = None, peer: str | None = None, limit: int = 100
    ) -> Sequence[P]:
        """Return processes, newest first."""

    def count(self, tx: Transaction, *, peer: str, role: Role, states: Collection[str]) -> int:
        """Return the number of processes with ``peer`` in these states; ``role`` is our own. It uses an index."""

    def record(self, tx: Transaction, exchange: Exchange) -> None:
        """Keep a message that went over the wire."""

    def count_exchanges(self, tx: Transaction, pid: str) -> int:
        """Return the number of messages of a process that were taken."""

    def refusals(self, tx: Transaction, pid: str, *, outgoing: bool) -> Sequence[tuple[str, int]]:
        """Return (hash of the body, status of the answer) of each message of a process that was refused or put off,
        oldest first."""

    def is_delivered(self, tx: Transaction, pid: str, message_id: str) -> bool:
        """Return whether a message of ours is stored as taken by the peer, void or not."""

    def exchanges(self, tx: Transaction, pid: str) -> Sequence[Exchange]:
        """Return all messages of a process, oldest first, with their bodies."""

    def accepted_messages(self, tx: Transaction, pid: str) -> Sequence[AcceptedMessage]:
        """Return the messages of a process that were taken, oldest first. Reads no bodies."""

    def accepted_exchange(self, tx: Transaction, pid: str, body_sha256: str) -> Exchange | None:
        """The accepted incoming message with this body, if there was one."""

    def last_accepted(self, tx: Transaction, pid: str) -> Exchange | None:
        """The last incoming message that was accepted (answered 2xx)."""

    def accepted_as(self, tx: Transaction, pid: str, message: str, message_id: str) -> Exchange | None:
        """The last incoming message of this name and id that was accepted."""

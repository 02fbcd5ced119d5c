"""The side that resumes a suspended transfer (docs/decisions/0012-crossed-messages-and-resumption.md)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from node.base.errors import NotAllowed, RemoteProtocolError
from node.dialogue.message import AFTER, IncomingMessage
from node.dialogue.process import Role
from node.transfer import machine
from node.transfer.model import Transfer

TURNS: Final = frozenset({machine.START, machine.SUSPENSION})
"""The messages that a transfer may have any number of, by its table."""


class NotResumed(NotAllowed):
    """The provider does not let the consumer resume a transfer that the consumer had suspended: from now on it is the
    provider's suspension."""


def resumable(transfer: Transfer) -> bool:
    """Return whether the consumer may resume a transfer that is suspended, or is about to be.

    DSP 2025-1 §9.1 lets only the provider send the start in its text, but both sides in its figure. A consumer that
    could lift a provider's suspension would decide about the provider's access: it lifts only its own.
    """
    return transfer.suspended_by != Role.PROVIDER


def is_halted(transfer: Transfer) -> bool:
    """Return whether this node, as provider, has suspended its access or is about to, or its consumer has."""
    pausing = transfer.pending is not None and transfer.pending.message == machine.SUSPENSION
    return transfer.role is Role.PROVIDER and (transfer.state == machine.SUSPENDED or pausing)


def require_resumable(transfer: Transfer) -> None:
    """Raise ``NotAllowed`` if the consumer resumes a transfer that this node, as provider, has suspended."""
    if not resumable(transfer) and is_halted(transfer):
        raise NotAllowed(
            "the provider has suspended this transfer; only the provider can resume it",
            remedy="ask the provider to resume it",
        )


def require_turn(had: int, most: int) -> None:
    """Raise ``RemoteProtocolError`` for one more pause or start of a transfer that has ``had`` its ``most`` messages:
    a peer that pauses and starts for ever would fill the database. A message that ends a transfer is always taken."""
    if had >= most:
        raise RemoteProtocolError(
            f"this transfer has had {most} messages and can no longer be paused or started",
            remedy="complete or terminate it, and request another one",
        )


def asks_to_resume(transfer: Transfer, message: IncomingMessage) -> bool:
    """Return whether a consumer's start only asks for ours.

    A node of this kind renews its token by itself when it has resumed, and dates its messages. Others consider the
    transfer suspended until the provider starts it with a new address (docs/reference/interoperability.md).
    """
    provides = transfer.role is Role.PROVIDER and transfer.state == machine.SUSPENDED
    return provides and message.name == machine.START and message.text(AFTER) is None


def answers_resumption(
    transfer: Transfer, message: IncomingMessage, messages_so_far: Callable[[], Sequence[str]]
) -> bool:
    """Return whether a provider starts a transfer once more that we have resumed, like the connectors described in
    ``asks_to_resume``. ``messages_so_far`` reads the messages that were taken; it is called only for the few messages
    that need it."""
    started = transfer.role is Role.CONSUMER and transfer.state == machine.STARTED
    again = started and message.name == machine.START and message.text(AFTER) is None
    return again and messages_so_far()[-1:] == (machine.START,)

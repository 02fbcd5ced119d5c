"""The port of programs that receive events and notifications over HTTP, and their answers in words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Protocol

_OF_CONTENT: Final = frozenset({400, 409, 413, 415, 422})
_GONE: Final = 410
_ANSWERS: Final = {
    400: "the receiver says that it does not understand the event (400)",
    401: "the receiver says that it does not know this node (401)",
    403: "the receiver refuses (403)",
    404: "the receiver has nothing at this address (404)",
    405: "the receiver takes no POST at this address (405)",
    408: "the receiver waited too long for the event (408)",
    _GONE: "the receiver says that it is gone for good (410)",
    413: "the receiver says that the event is too large (413)",
    415: "the receiver does not take this type of content (415)",
    429: "the receiver says that it gets too much (429)",
    503: "the receiver says that it is busy (503)",
}


@dataclass(frozen=True, slots=True)
class Receipt:
    """The status of a receiver's answer, and its ``Retry-After`` (RFC 9110 §10.2.3) as received. A broker has no such
    status: its answer is in ``words``, and ``status`` is that of a program that would say the same."""

    status: int
    retry_after: str | None = None
    words: str = ""


class Receivers(Protocol):
    """Programs outside the node that take events over HTTP, and topics of brokers."""

    def check(self, address: str) -> str:
        """Return the host of ``address``, or the broker. Raises ``ForbiddenAddress`` unless this node may send
        something there, and ``InvalidInput`` if there is no such broker or topic."""

    async def post(self, address: str, headers: Mapping[str, str], body: bytes) -> Receipt:
        """Send ``body``, and return the answer, whose content is not read. Redirects are not followed.

        Raises ``PeerUnreachable`` if there is no answer in time, and ``ForbiddenAddress``.
        """


def words_of(status: int) -> str:
    """Return in words what a receiver answered."""
    if 200 <= status < 300:
        return f"delivered ({status})"
    if status in _ANSWERS:
        return _ANSWERS[status]
    if 300 <= status < 400:
        return f"the receiver sends to another address, which is not followed ({status})"
    if status >= 500:
        return f"the receiver failed ({status})"
    return f"the receiver refuses the {'event' if concerns_event(status) else 'request'} ({status})"


def answer_of(receipt: Receipt) -> str:
    """Return in words what a program or a broker answered."""
    return receipt.words or words_of(receipt.status)


def concerns_event(status: int) -> bool:
    """Return whether an answer refuses this event, and says nothing about the next ones."""
    return status in _OF_CONTENT


def is_gone(status: int) -> bool:
    """Return whether a receiver says that it is gone."""
    return status == _GONE

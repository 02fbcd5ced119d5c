"""The port of webhooks: the programs that receive events."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol


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

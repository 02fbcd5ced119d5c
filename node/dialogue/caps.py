"""Limits on open processes of one peer, so that a single peer cannot use up the node, by mistake or not."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from node.base.errors import TooMany

RETRY_AFTER: Final = 5
"""Seconds after which a peer with too many open processes may try again. Processes that do not wait for a person end
within moments, so a peer with many messages after an outage can soon send them all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Caps:
    """Limits for each peer: negotiations that it requested, its offers that wait here, transfers that it requested;
    and the messages of one negotiation or transfer."""

    negotiations: int = 1000
    offers: int = 20
    transfers: int = 1000
    messages: int = 50


def require_room(open_count: int, cap: int, what: str) -> None:
    """Raises ``TooMany`` if a peer has ``cap`` of ``what`` open already."""
    if open_count >= cap:
        raise TooMany(
            f"you have {open_count} {what} open here; the limit is {cap}",
            remedy="end or finish some of them, then try again",
            facts={"retryAfter": RETRY_AFTER},
        )

"""How much one peer may keep open here: so that a single one, by mistake or not, does not use up the node for all."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from node.base.errors import TooMany

RETRY_AFTER: Final = 5
"""Seconds after which a peer that has too much open may try again. What does not wait for a person ends within
moments, so that a peer that comes back after an outage with much to say soon has said it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Caps:
    """For each peer: negotiations that it asked for, its offers that wait here, transfers that it asked for; and the
    messages of one negotiation or transfer."""

    negotiations: int = 1000
    offers: int = 20
    transfers: int = 1000
    messages: int = 50


def require_room(open_count: int, cap: int, what: str) -> None:
    """Raises ``TooMany`` where a peer has ``cap`` of ``what`` open already."""
    if open_count >= cap:
        raise TooMany(
            f"you have {open_count} {what} open here; the limit is {cap}",
            remedy="end or finish some of them, then try again",
            facts={"retryAfter": RETRY_AFTER},
        )

"""Types for following a feed: the request function, limits, the outcome of a run, and the errors."""

from __future__ import annotations

from collections.abc import Awaitable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Protocol

from federation.forks import Fork
from node.api import Followed, PeerUnreachable

STALE = timedelta(hours=1)
"""A head that was signed longer ago than this is reported: the feed stands still, or its pages never end."""


class Fetch(Protocol):
    """Outgoing HTTP GET requests as this node, with its token for ``audience``, limited in size and time."""

    def __call__(
        self, url: str, headers: Mapping[str, str], *, audience: str, wait: int = 0
    ) -> Awaitable[tuple[int, Mapping[str, str], bytes]]:
        """Return (status, headers, body). The answer may wait for ``wait`` seconds (RFC 7240 §4.3). Raises
        ``PeerUnreachable`` or ``ForbiddenAddress``."""


class HostileFeed(PeerUnreachable):
    """The feed goes back, contradicts itself or never ends. The node stops reading it until it is correct again."""

    code = "hostile-feed"
    title = "The feed of the other node cannot be trusted"


class ForkedFeed(HostileFeed):
    """The followed node has signed two histories. The node reads no more from it until a person decides."""

    code = "forked-feed"
    title = "The other node has signed two different histories"

    def __init__(self, fork: Fork) -> None:
        super().__init__(
            fork.sentence,
            remedy="to see the evidence, run hansa members evidence; then accept its history or unfollow it",
        )
        self.fork = fork


class QuotaReached(PeerUnreachable):
    """The records of a followed node have reached their limit. No more are read until the limit is raised."""

    code = "quota-reached"
    title = "This node stores no more records of the other node: the limit is reached"


@dataclass(frozen=True, slots=True)
class Limits:
    """Limits of one run; and how many versions (``held_records``) and bytes of statements (``held_bytes``) this node
    stores of one other node in all."""

    chains: int = 50
    pages: int = 400
    depth: int = 5
    members: int = 20_000
    held_records: int = 200_000
    held_bytes: int = 2 << 30


@dataclass(slots=True, kw_only=True)
class Outcome:
    """The result of a run. ``more``: the run stopped at its limit; ``troubles`` are sentences for people."""

    member: Followed
    added: int = 0
    known: int = 0
    quarantines: int = 0
    pages: int = 0
    more: bool = False
    troubles: list[str] = field(default_factory=list)

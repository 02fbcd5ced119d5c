"""The region's view: who takes part, which feeds are current, how many assets each node publishes.

The region keeps no second catalogue: replicated records are records, and search, SPARQL and pages show them like any
other. This module adds the list of nodes behind them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from federation.cursor import Cursor
from federation.members import FOLLOWING, NEW, Members
from federation.replicate.poll import Poll
from node.api import QUARANTINE, Browse, Caller, Publisher, UseCase, allowed, require, stamp

_LOOK = 0.1
"""The pause in seconds between two looks at how far a feed was read: another process may be reading it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MemberView:
    """A followed node as its region shows it. ``trouble`` and ``put_aside`` are for this node's own people."""

    did: str
    name: str
    url: str
    state: str
    since: datetime
    seen: datetime | None
    changed: datetime | None
    assets: int
    current: bool = False
    """True if its feed was read to the end when it was last read."""
    quarantines: int = 0
    trouble: str = ""
    put_aside: tuple[dict[str, str], ...] = ()
    committed: bool | None = None
    """True if the heads of its feed commit to its content; None before it was read."""
    fork: str = ""
    """The reason for the quarantine of the node; everybody may read it."""
    place: dict[str, Any] = field(default_factory=dict)
    """The place that the node states: name, longitude and latitude; empty if it states none."""
    restored: dict[str, Any] | None = None
    """The last restore that lost records which were here already, as announced; for this node's own people."""

    def to_json(self) -> dict[str, Any]:
        members: dict[str, Any] = {
            "did": self.did,
            "name": self.name,
            "url": self.url,
            "state": self.state,
            "since": stamp(self.since),
            "lastSeen": self.seen and stamp(self.seen),
            "lastChange": self.changed and stamp(self.changed),
            "assets": self.assets,
            "current": self.current,
        }
        if self.committed is not None:
            members["committed"] = self.committed
        if self.place:
            members["place"] = self.place
        if self.fork:
            members["fork"] = self.fork
        if self.restored:
            members["restored"] = self.restored
        if self.trouble:
            members["trouble"] = self.trouble
        if self.quarantines:
            members["quarantined"] = self.quarantines
            members["putAside"] = list(self.put_aside)
        return members


class Region:
    """Answers questions about the followed nodes."""

    def __init__(self, *, members: Members, poll: Poll, browse: Browse) -> None:
        self._members = members
        self._poll = poll
        self._browse = browse

    async def members(self, caller: Caller) -> Sequence[MemberView]:
        """Return all followed nodes, by name. Assets are counted if ``caller`` may see them."""
        assets = await self._browse.origins(caller)
        inside = allowed(caller, UseCase.READ_WITNESS)
        views = []
        for member in await self._members.all():
            contact, cursor = self._poll.contact(member.url), Cursor.from_json(member.cursor)
            views.append(
                MemberView(
                    did=str(member.did),
                    name=member.name,
                    url=member.url,
                    state=member.state,
                    since=member.at,
                    seen=max(filter(None, (contact.seen, member.seen)), default=None),
                    changed=contact.changed,
                    assets=assets.get(str(member.did), 0),
                    current=member.current,
                    place=member.place,
                    trouble=(member.last_error or "") if inside else "",
                    quarantines=cursor.quarantines if inside else 0,
                    put_aside=tuple(cursor.put_aside) if inside else (),
                    committed=bool(cursor.chains) if cursor.chains or cursor.positions else None,
                    restored=_restart_cursor(cursor) if inside else None,
                    fork=_reason(cursor) if member.state == QUARANTINE else "",
                )
            )
        return sorted(views, key=lambda view: (view.name.casefold(), view.url))

    async def until_read(self, url: str, caller: Caller, *, seconds: float) -> MemberView:
        """Return the node at ``url`` once its feed was read to the end or failed, after ``seconds`` at the latest.

        Raises ``NotFound`` if it is no longer followed.
        """
        end = asyncio.get_running_loop().time() + seconds
        while True:
            member = await self._members.find(url)
            waits = member.state in (NEW, FOLLOWING) and not member.current
            if not waits or asyncio.get_running_loop().time() >= end:
                return next(view for view in await self.members(caller) if view.url == member.url)
            await asyncio.sleep(_LOOK)

    async def evidence(self, name: str, caller: Caller) -> dict[str, Any]:
        """Return the forks and announced restarts of a followed node, the newest first, with all signed heads.

        Raises ``NotAllowed`` for all but operators and auditors, ``NotFound`` for a node that is not followed.
        """
        require(caller, UseCase.READ_WITNESS)
        member = await self._members.find(name)
        cursor = Cursor.from_json(member.cursor)
        return {
            "url": member.url,
            "did": member.did,
            "name": member.name,
            "state": member.state,
            "forks": cursor.forks,
            "restarts": cursor.restarts,
        }

    async def publishers(self, caller: Caller) -> Sequence[Publisher]:
        """Return the publishers in the whole catalogue, as far as ``caller`` may see it."""
        return await self._browse.publishers(caller)


def _reason(cursor: Cursor) -> str:
    """Return why a node is in quarantine: the sentence of the newest undecided fork."""
    return next((str(fork["text"]) for fork in cursor.forks if not fork.get("decided")), "")


def _restart_cursor(cursor: Cursor) -> dict[str, Any] | None:
    names = ("audience", "epoch", "had", "kept", "found")
    return {name: cursor.restarts[0][name] for name in names} if cursor.restarts else None

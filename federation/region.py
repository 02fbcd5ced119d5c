"""The region's view: who takes part, whose feed is fresh, how many assets each node answers for.

There is no second catalogue: replicated records are records, and search, SPARQL and pages show them like any
other. What is added here is the list of nodes behind them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from federation.members import Members
from federation.replicate.cursor import Cursor
from federation.replicate.poll import Poll
from node.api import Browse, Caller, Publisher, UserRole, stamp


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
    quarantined: int = 0
    trouble: str = ""
    put_aside: tuple[dict[str, str], ...] = ()

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
        }
        if self.trouble:
            members["trouble"] = self.trouble
        if self.quarantined:
            members["quarantined"] = self.quarantined
            members["putAside"] = list(self.put_aside)
        return members


class Region:
    """Answers about the nodes that are followed."""

    def __init__(self, *, members: Members, poll: Poll, browse: Browse) -> None:
        self._members = members
        self._poll = poll
        self._browse = browse

    async def members(self, caller: Caller) -> Sequence[MemberView]:
        """All followed nodes, by name. Their assets are counted as far as ``caller`` sees them."""
        assets = await self._browse.origins(caller)
        inside = caller.is_person and (caller.may(UserRole.OPERATOR) or caller.may(UserRole.AUDITOR))
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
                    seen=contact.seen,
                    changed=contact.changed,
                    assets=assets.get(str(member.did), 0),
                    trouble=(member.last_error or "") if inside else "",
                    quarantined=cursor.quarantined if inside else 0,
                    put_aside=tuple(cursor.put_aside) if inside else (),
                )
            )
        return sorted(views, key=lambda view: (view.name.casefold(), view.url))

    async def publishers(self, caller: Caller) -> Sequence[Publisher]:
        """Who publishes in the whole catalogue, as far as ``caller`` sees it."""
        return await self._browse.publishers(caller)

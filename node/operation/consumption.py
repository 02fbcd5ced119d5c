"""The work that callers make for a node in a day: requests, SPARQL queries, bytes and time, by group of callers.

Callers are counted where the node asks who they are: wherever the limits on visitors hold, and wherever something
costs work. The figures are those of one process, kept in memory, and begin with its start.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final

from node.base.clock import Clock, stamp
from node.identity.model import Caller

HOURS: Final = 24


class CallerGroup(StrEnum):
    """Groups of callers: strangers (without an accepted credential), partners with one, people of the node."""

    STRANGERS = "strangers"
    PARTNERS = "partners"
    PEOPLE = "people"

    @classmethod
    def of(cls, caller: Caller) -> CallerGroup:
        if caller.is_stranger:
            return cls.STRANGERS
        return cls.PEOPLE if caller.is_person else cls.PARTNERS


@dataclass(slots=True, kw_only=True)
class Load:
    """The work of one group: ``refusals`` are requests that a limit refused, ``seconds`` the time until answers
    began, waiting for a turn included."""

    requests: int = 0
    queries: int = 0
    refusals: int = 0
    sent_bytes: int = 0
    seconds: float = 0.0

    def add(self, other: Load) -> None:
        self.requests += other.requests
        self.queries += other.queries
        self.refusals += other.refusals
        self.sent_bytes += other.sent_bytes
        self.seconds += other.seconds

    def to_json(self) -> dict[str, Any]:
        return {
            "requests": self.requests,
            "queries": self.queries,
            "refusals": self.refusals,
            "sentBytes": self.sent_bytes,
            "seconds": round(self.seconds, 3),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class DailyLoad:
    """The work of every group since ``since``."""

    since: datetime
    groups: dict[CallerGroup, Load]

    def to_json(self) -> dict[str, Any]:
        groups = {str(group): load.to_json() for group, load in self.groups.items()}
        return {"since": stamp(self.since), "groups": groups}


class Consumption:
    """Adds up the work of callers by the hour, and forgets hours that are older than a day. For one event loop."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._start = clock.now()
        self._hours: dict[datetime, dict[CallerGroup, Load]] = {}

    def note(self, caller: Caller, load: Load) -> None:
        """Add the work of one request."""
        hour = self._clock.now().replace(minute=0, second=0, microsecond=0)
        if hour not in self._hours:
            for old in [known for known in self._hours if hour - known >= timedelta(hours=HOURS)]:
                del self._hours[old]
        groups = self._hours.setdefault(hour, {})
        groups.setdefault(CallerGroup.of(caller), Load()).add(load)

    def last_day(self) -> DailyLoad:
        """Return the work of this hour and the 23 before it, as far as the process has run."""
        now = self._clock.now()
        begin = now.replace(minute=0, second=0, microsecond=0) - timedelta(hours=HOURS - 1)
        groups = {group: Load() for group in CallerGroup}
        for group, load in self._since(begin):
            groups[group].add(load)
        return DailyLoad(since=max(begin, self._start), groups=groups)

    def _since(self, begin: datetime) -> Iterator[tuple[CallerGroup, Load]]:
        for hour, groups in self._hours.items():
            if hour >= begin:
                yield from groups.items()

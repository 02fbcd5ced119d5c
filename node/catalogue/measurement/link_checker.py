"""Check the links of the catalogue in the background: a few hosts at a time, each slowly, each address rarely.

The state is in the store, so a restart goes on where it stopped. A verdict that an address is broken needs an answer
that says so, or three checks without an answer, hours apart: a fault of the moment is not a broken link.
"""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import Final

from anyio.to_thread import run_sync

from node.base.clock import Clock
from node.base.work import UnitOfWork
from node.catalogue.measurement.link_collection import LinkCollection, with_verdict
from node.catalogue.measurement.link_model import LinkCheck, LinkState, LinkStore
from node.catalogue.measurement.link_requests import HostVisit, LinkAnswer, Send

HOSTS: Final = 8
"""Hosts that are visited at a time."""
VISIT: Final = 20
"""Addresses that a visit checks, at most."""
VISIT_TIME: Final = timedelta(seconds=90)
"""The time after which a visit begins no further check: a slow host keeps no place for long."""
PATIENCE: Final = 3
"""Checks in a row without a verdict after which an address counts as broken, and checks in a row in which nothing
answers after which a visit ends."""
AWAY: Final = timedelta(minutes=30)
"""The time for which a host that does not answer is left alone."""
FIRST_AGAIN: Final = timedelta(hours=1)
"""The time to the second check of an address without a verdict; the third is after four times that."""
SOONEST: Final = timedelta(days=1)
_MOST_AWAY: Final = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckLimits:
    """Limits of the checks: the addresses of one host that are asked in a day, and the hosts that are never asked."""

    day: int = 2000
    exceptions: frozenset[str] = frozenset()

    def exclude(self, host: str) -> bool:
        """Return whether ``host``, with its port if it has one, is never asked."""
        return host in self.exceptions or host.partition(":")[0] in self.exceptions


class DayCounts:
    """Counts what is asked of each host in a day (UTC); in memory, so a restart begins anew."""

    def __init__(self, clock: Clock, most: int) -> None:
        """``most`` is what may be asked of one host in a day."""
        self._clock = clock
        self._most = most
        self._day = clock.now().date()
        self._counts: Counter[str] = Counter()

    def count(self, host: str) -> bool:
        """Count one more for ``host``, or return False: it had enough today."""
        today = self._clock.now().date()
        if today != self._day:
            self._day = today
            self._counts.clear()
        if self._counts[host] >= self._most:
            return False
        self._counts[host] += 1
        return True


class LinkChecker:
    """Checks addresses that are due. ``interval`` is the time between two checks of one; None checks nothing."""

    def __init__(
        self,
        uow: UnitOfWork,
        store: LinkStore,
        collection: LinkCollection,
        clock: Clock,
        send: Send,
        *,
        interval: timedelta | None,
        limits: CheckLimits | None = None,
        pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
        share: Callable[[], float] = random.random,
    ) -> None:
        """``share`` returns random numbers from 0 to 1: the checks of one day shall not fall on one day again."""
        self._uow = uow
        self._store = store
        self._collection = collection
        self._clock = clock
        self._send = send
        self._interval = interval
        self._limits = limits or CheckLimits()
        self._counts = DayCounts(clock, self._limits.day)
        self._pause = pause
        self._share = share
        self._away: dict[str, datetime] = {}

    async def check_due(self) -> None:
        """Read the links of changed records, and check addresses that are due: call it regularly, in one process."""
        if self._interval is None:
            return
        await run_sync(self._collection.read_changed)
        hosts = await run_sync(self._due_hosts)
        await asyncio.gather(*(self._visit(host, self._interval) for host in hosts))

    def _due_hosts(self) -> list[str]:
        now = self._clock.now()
        self._away = {host: until for host, until in self._away.items() if until > now}
        with self._uow.read() as tx:
            hosts = self._store.due_hosts(tx, now, HOSTS + len(self._away))
        return [host for host in hosts if host not in self._away][:HOSTS]

    def _due(self, host: str) -> list[LinkCheck]:
        with self._uow.read() as tx:
            return list(self._store.due(tx, host, self._clock.now(), VISIT))

    async def _visit(self, host: str, interval: timedelta) -> None:
        if self._limits.exclude(host):
            await self._pass_over(host, interval)
            return
        visit, begin, silent = HostVisit(self._send, self._pause), self._clock.now(), 0
        for check in await run_sync(self._due, host):
            if self._clock.now() - begin > VISIT_TIME:
                return
            if not self._count(host):
                return
            answer = await visit.check(check.address, self._clock.now())
            now = self._clock.now()
            if answer.reason == "busy":
                await run_sync(self._collection.save, self._put_off(check, answer, now), check.state)
                self._leave_alone(host, now + timedelta(seconds=answer.wait))
                return
            await run_sync(self._collection.save, self._verdict(check, answer, now, interval), check.state)
            silent = silent + 1 if answer.reason == "unreachable" else 0
            if silent == PATIENCE:
                self._leave_alone(host, now + AWAY)
                return

    async def _pass_over(self, host: str, interval: timedelta) -> None:
        """Note for the addresses of a host that is never asked that nothing is known of them."""
        begin = self._clock.now()
        while (checks := await run_sync(self._due, host)) and self._clock.now() - begin <= VISIT_TIME:
            for check in checks:
                verdict = self._verdict(check, LinkAnswer(works=None, reason="exception"), begin, interval)
                await run_sync(self._collection.save, verdict, check.state)

    def _count(self, host: str) -> bool:
        """Count a check of this host, or return False and leave it alone until tomorrow: it had enough today."""
        if self._counts.count(host):
            return True
        now = self._clock.now()
        self._leave_alone(host, datetime.combine(now.date() + timedelta(days=1), time(), now.tzinfo))
        return False

    def _leave_alone(self, host: str, until: datetime) -> None:
        if len(self._away) < _MOST_AWAY:
            self._away[host] = until

    def _put_off(self, check: LinkCheck, answer: LinkAnswer, now: datetime) -> LinkCheck:
        due = now + timedelta(seconds=answer.wait)
        return with_verdict(check, now, due, check.state, answer.status, answer.reason, check.failures)

    def _verdict(self, check: LinkCheck, answer: LinkAnswer, now: datetime, interval: timedelta) -> LinkCheck:
        if answer.works is not None:
            state = LinkState.WORKS if answer.works else LinkState.BROKEN
            # A broken link may be mended: it is looked at again a little sooner.
            again = interval if answer.works else max(interval / 4, min(interval, SOONEST))
            return with_verdict(check, now, now + self._spread(again), state, answer.status, answer.reason)
        if answer.reason in ("robots", "forbidden", "exception"):
            # Nothing was asked, and nothing will be known.
            return with_verdict(check, now, now + self._spread(interval), LinkState.UNKNOWN, 0, answer.reason)
        failures = check.failures + 1
        if failures >= PATIENCE:
            due = now + self._spread(max(interval / 4, min(interval, SOONEST)))
            return with_verdict(check, now, due, LinkState.BROKEN, answer.status, answer.reason, failures)
        due = now + min(interval, FIRST_AGAIN * 4 ** (failures - 1))
        return with_verdict(check, now, due, check.state, answer.status, answer.reason, failures)

    def _spread(self, time: timedelta) -> timedelta:
        return time * (0.9 + 0.2 * self._share())

"""Slow down guessing: after some failures, each further one doubles the wait."""

from __future__ import annotations

import ipaddress
from collections import OrderedDict
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Final

from node.base.clock import Clock
from node.base.errors import TooMany
from node.identity.did import is_loopback


@dataclass(slots=True)
class _Failures:
    count: int
    last: datetime


@dataclass(frozen=True, slots=True)
class _Patience:
    """The limits for one kind of key: ``free`` times as many free failures, and its own longest wait."""

    free: int = 1
    longest: timedelta | None = None


_PATIENCE: Final = {
    # Many people may sit behind one address.
    "from": _Patience(free=4),
    # All addresses together: slow for a guesser with many addresses, but with no way to lock an owner out.
    "all": _Patience(free=10, longest=timedelta(minutes=1)),
}


class Throttle:
    """Slows guessing down: after ``free`` failures, each further one doubles the wait, up to ``longest``.

    The first word of a key is its kind: ``login``, ``from`` (an address), ``all`` (a login from anywhere).
    """

    def __init__(
        self,
        clock: Clock,
        *,
        free: int = 5,
        longest: timedelta = timedelta(minutes=15),
        keys: int = 10_000,
    ) -> None:
        self._clock = clock
        self._free = free
        self._longest = longest
        self._keys = keys
        self._failures: OrderedDict[str, _Failures] = OrderedDict()

    def attempt(self, keys: Collection[str]) -> None:
        """Counts an attempt for each of ``keys``; raises ``TooMany`` while any of them has to wait.

        Attempts count as failed until they have succeeded, so that simultaneous attempts have no advantage.
        """
        now = self._clock.now()
        for key in keys:
            failures = self._failures.get(key)
            over = -1 if failures is None else failures.count - self._free * _patience(key).free
            if failures is None or over < 0:
                continue
            left = failures.last + self._pause(over, _patience(key).longest) - now
            if left > timedelta():
                seconds = int(left.total_seconds()) + 1
                raise TooMany(f"too many failed attempts; try again in {seconds} s", facts={"retryAfter": seconds})
        for key in keys:
            failures = self._failures.setdefault(key, _Failures(0, now))
            if now - failures.last > 2 * self._longest:
                failures.count = 0
            failures.count += 1
            failures.last = now
            self._failures.move_to_end(key)
        while len(self._failures) > self._keys:
            self._failures.popitem(last=False)

    def record_success(self, keys: Collection[str]) -> None:
        """Note the success of an attempt: the count of a login restarts; that of an address loses this attempt."""
        for key in keys:
            failures = self._failures.get(key)
            if failures is None:
                continue
            failures.count = failures.count - 1 if key.startswith("from ") else 0

    def _pause(self, over: int, longest: timedelta | None) -> timedelta:
        return min(timedelta(seconds=2 ** min(over + 1, 20)), longest or self._longest)


def _patience(key: str) -> _Patience:
    return _PATIENCE.get(key.partition(" ")[0], _Patience())


@lru_cache(maxsize=1024)
def place(origin: str) -> str:
    """Return an address, or for IPv6 its /64 network, because the owner of the network has all of its addresses."""
    try:
        address = ipaddress.ip_address(origin.partition("%")[0])
    except ValueError:
        return origin[:64]
    return str(ipaddress.ip_network((address, 64), strict=False)) if address.version == 6 else str(address)


def is_here(address: str) -> bool:
    """Return whether ``address``, as returned by ``place``, is that of this machine."""
    return not address or is_loopback(address) or address == "::/64"

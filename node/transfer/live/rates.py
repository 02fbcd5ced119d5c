"""The number of requests of a transfer in a minute, in the life of this process."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from typing import Final

from node.base.errors import TooMany

_MINUTE: Final = 60.0
_REMEMBERED: Final = 10_000


class PerMinute:
    """Counts requests by transfer. ``kind`` is their name for people: *reads*, *questions*."""

    def __init__(self, kind: str, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._kind = kind
        self._monotonic = monotonic
        self._moments: dict[str, deque[float]] = {}

    def count(self, transfer: str, most: int) -> None:
        """Count a request. Raises ``TooMany`` if the transfer has had ``most`` in the last minute; 0 is no limit."""
        if not most:
            return
        now = self._monotonic()
        moments = self._moments.setdefault(transfer, deque())
        while moments and moments[0] <= now - _MINUTE:
            moments.popleft()
        if len(moments) >= most:
            raise TooMany(
                f"the provider allows {most} {self._kind} a minute",
                remedy="try again in a minute",
                facts={"retryAfter": max(1, round(moments[0] + _MINUTE - now))},
            )
        moments.append(now)
        while len(self._moments) > _REMEMBERED:
            del self._moments[next(iter(self._moments))]

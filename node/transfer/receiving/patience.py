"""The habits of a reception, and its wait for a peer that does not answer for now."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from node.base.errors import PeerUnreachable


@dataclass(frozen=True, slots=True, kw_only=True)
class Habits:
    """Sizes in bytes, times in seconds. ``patience``: time without a byte after which the run gives up for now."""

    sync_bytes: int = 8 * 1024 * 1024
    sync_seconds: float = 2.0
    first_pause: float = 0.2
    longest_pause: float = 10.0
    patience: float = 120.0
    restarts: int = 5
    renewals: int = 3


class Patience:
    """Pauses that grow while nothing arrives, until the patience of ``habits`` has passed."""

    def __init__(self, habits: Habits) -> None:
        self._habits = habits
        self.renew()

    def renew(self) -> None:
        """Start again: something has arrived."""
        self._last_byte = time.monotonic()
        self._pause = self._habits.first_pause

    async def wait(self, away: PeerUnreachable) -> None:
        """Pause before the next attempt. Raises ``away`` if nothing has arrived for too long."""
        if time.monotonic() - self._last_byte > self._habits.patience:
            raise away
        await asyncio.sleep(self._pause * random.uniform(0.5, 1.0))  # noqa: S311 - spreads the load, hides nothing
        self._pause = min(self._pause * 2, self._habits.longest_pause)

    async def insist(self, call: Callable[[], Awaitable[None]]) -> None:
        """Repeat ``call`` until the peer answers. Raises as ``wait`` does, and the other errors of ``call``."""
        while True:
            try:
                return await call()
            except PeerUnreachable as away:
                await self.wait(away)

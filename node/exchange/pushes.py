"""Simultaneous pushes of one transfer: the newest is taken, and the older ones get the same answer.

The sender of a suspended push may keep it open, and begin a second one when the transfer resumes. It may judge the
transfer by the answer to either, so the older push is not refused: it waits, and gets the outcome of the newer one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final, Generic, TypeVar

from node.base.errors import Conflict

Outcome = TypeVar("Outcome")

_PATIENCE: Final = 5.0
"""Seconds that a push waits until the one before it has released its files."""


class Replaced(Conflict):
    """A newer push of the same transfer has begun."""


class Push(Generic[Outcome]):
    """One push that runs. ``replaced`` is set when a newer one begins."""

    def __init__(self, earlier: Push[Outcome] | None) -> None:
        self.replaced = asyncio.Event()
        self._earlier = earlier
        self._newer: Push[Outcome] | None = None
        self._left = asyncio.Event()
        self._outcome: asyncio.Future[Outcome | None] = asyncio.Future()
        if earlier is not None:
            earlier._newer = self
            earlier.replaced.set()

    async def wait_for_earlier(self) -> None:
        """Wait until the push before this one has released its files. Raises ``Conflict`` if it does not."""
        if self._earlier is None:
            return
        try:
            await asyncio.wait_for(self._earlier._left.wait(), _PATIENCE)
        except TimeoutError:
            raise Conflict("an earlier push of the same bytes has not ended yet") from None
        self._earlier = None

    async def outcome_of_newer(self) -> Outcome:
        """Release the files, and return the outcome of the push that replaced this one.

        Raises ``Conflict`` if that push failed.
        """
        self._left.set()
        assert self._newer is not None, "only a push that was replaced has a newer one"
        outcome = await asyncio.shield(self._newer._outcome)
        if outcome is None:
            raise Conflict("the same bytes were pushed again, and that push failed")
        return outcome

    def end(self, outcome: Outcome | None) -> None:
        """Give the outcome to the push that waits for this one; None if this push failed."""
        self._left.set()
        if not self._outcome.done():
            self._outcome.set_result(outcome)


class RunningPushes(Generic[Outcome]):
    """The newest push of each transfer."""

    def __init__(self) -> None:
        self._newest: dict[str, Push[Outcome]] = {}

    @contextmanager
    def push(self, pid: str) -> Iterator[Push[Outcome]]:
        """Yield a new push of the transfer ``pid``, which replaces the one that runs."""
        push = self._newest[pid] = Push(self._newest.get(pid))
        try:
            yield push
        finally:
            push.end(None)
            if self._newest.get(pid) is push:
                del self._newest[pid]

"""Bounds how many callers are busy with the same thing, and how many wait for a turn."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from node.base.errors import HansaError


class Turnstile:
    """Admits ``most`` callers, of whom ``at_once`` have a turn at a time. Others are refused with the error that
    ``refusal`` returns. For the callers of one event loop."""

    def __init__(self, *, at_once: int, most: int, refusal: Callable[[], HansaError]) -> None:
        self.turn = asyncio.Semaphore(at_once)
        self._most = most
        self._refusal = refusal
        self._inside = 0

    @contextmanager
    def admission(self) -> Iterator[None]:
        """Admit the caller until the block ends; in it, ``async with turnstile.turn`` waits for a turn."""
        if self._inside >= self._most:
            raise self._refusal()
        self._inside += 1
        try:
            yield
        finally:
            self._inside -= 1

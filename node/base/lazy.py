"""Something that is made when it is first needed, since most of what it imports an idle node never needs."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import Generic, TypeVar

T_co = TypeVar("T_co", covariant=True)


class Deferred(Generic[T_co]):
    """What ``make`` makes, once, for all threads. An attempt that raises is made again when it is needed next."""

    def __init__(self, make: Callable[[], T_co]) -> None:
        self._make = make
        self._lock = threading.Lock()
        self._value: T_co | None = None

    @property
    def value(self) -> T_co:
        """It; made now where it is not yet there."""
        if self._value is None:
            with self._lock:
                if self._value is None:
                    self._value = self._make()
        return self._value

    def make_if(self, needed: bool) -> None:
        """Make it now where it is ``needed`` in any case."""
        if needed:
            _ = self.value

    async def get(self) -> T_co:
        """It; made in a thread where it is not yet there, so that the event loop stays free."""
        return self._value if self._value is not None else await asyncio.to_thread(lambda: self.value)

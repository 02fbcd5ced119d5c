"""An object that is made when it is first needed: an idle node never needs most of what such objects import."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Generic, TypeVar

T_co = TypeVar("T_co", covariant=True)


class Lazy(Generic[T_co]):
    """The result of ``make``, made once for all threads. After an attempt that raises, the next use tries again."""

    def __init__(self, make: Callable[[], T_co], *, lock: AbstractContextManager[object] | None = None) -> None:
        """Of all objects with the same ``lock``, one is made at a time."""
        self._make = make
        self._lock = lock or threading.Lock()
        self._value: T_co | None = None

    @property
    def value(self) -> T_co:
        """Return the object; make it now if it does not exist yet."""
        if self._value is None:
            with self._lock:
                if self._value is None:
                    self._value = self._make()
        return self._value

    def make_if(self, needed: bool) -> None:
        """Make it now if it is ``needed`` in any case."""
        if needed:
            _ = self.value

    async def get(self) -> T_co:
        """Return the object; make it in a thread if it does not exist yet, so that the event loop stays free."""
        return self._value if self._value is not None else await asyncio.to_thread(lambda: self.value)

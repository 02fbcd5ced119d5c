"""Waiting for what other threads and processes do: until it is so, and never for ever."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final, TypeVar

PATIENCE: Final = 60.0
T = TypeVar("T")


class NotThere(AssertionError):
    """What was waited for did not come."""


def until(what: str, condition: Callable[[], T | None], seconds: float = PATIENCE, *, pause: float = 0.02) -> T:
    """The first truthy answer of ``condition``, looked for every ``pause`` seconds. Raises ``NotThere`` after
    ``seconds``."""
    deadline = time.monotonic() + seconds
    while True:
        found = condition()
        if found:
            return found
        if time.monotonic() > deadline:
            raise NotThere(f"not within {seconds:g} s: {what}")
        time.sleep(pause)

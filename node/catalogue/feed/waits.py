"""Answers of the feed that wait for a change: their number is limited, and they end with the node.

A follower that waits (``Prefer: wait``, RFC 7240 §4.3) learns of a publication at once, and asks less often.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from node.base.changes import Changes, Watch

LONGEST: Final = 25.0
"""Seconds that an answer waits at most: less than the 30 after which proxies and clients often give up."""

IN_ALL: Final = 512
PER_CALLER: Final = 4
"""The number of answers that wait at one time."""

SUBJECT: Final = "feed"


class Waits:
    """The answers that wait for a change of the feed's chains."""

    def __init__(self, changes: Changes) -> None:
        self._changes = changes
        self._callers: Counter[str] = Counter()
        self._closed = False

    def tell(self) -> None:
        """Wake all waiting answers: a chain has changed. May be called from any thread."""
        self._changes.tell(SUBJECT)

    def close(self) -> None:
        """End all waiting answers, and let none wait from now on. May be called from any thread."""
        self._closed = True
        self.tell()

    @property
    def is_closed(self) -> bool:
        return self._closed

    @property
    def count(self) -> int:
        """Return how many answers wait."""
        return self._callers.total()

    @contextmanager
    def enter(self, caller: str) -> Iterator[Watch | None]:
        """Yield a watch for an answer to ``caller``; None if no further answer may wait."""
        if self._closed or self._callers[caller] >= PER_CALLER or self.count >= IN_ALL:
            yield None
            return
        self._callers[caller] += 1
        try:
            with self._changes.watch(SUBJECT) as watch:
                yield watch
        finally:
            self._callers[caller] -= 1
            if not self._callers[caller]:
                del self._callers[caller]

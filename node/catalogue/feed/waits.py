"""Answers of the feed that wait for a change: their number is limited, and they end with the node.

A follower that waits (``Prefer: wait``, RFC 7240 §4.3) learns of a publication at once, and asks less often.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from node.base.changes import Changes, Watch
from node.identity.model import Caller

LONGEST: Final = 25.0
"""Seconds that an answer waits at most: less than the 30 after which proxies and clients often give up."""

IN_ALL: Final = 512
PER_CALLER: Final = 4
"""The number of answers that wait at one time."""

OF_STRANGERS: Final = 128
PER_ADDRESS: Final = 16
"""Of these, the answers to callers without a trusted credential: all together, and from one network address, since a
stranger can make any number of names."""

SUBJECT: Final = "feed"


class Waits:
    """The answers that wait for a change of the feed's chains."""

    def __init__(self, changes: Changes) -> None:
        self._changes = changes
        self._callers: Counter[str] = Counter()
        self._strangers = 0
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
    def enter(self, caller: Caller) -> Iterator[Watch | None]:
        """Yield a watch for an answer to ``caller``; None if no further answer may wait."""
        key = f"from {caller.address}" if caller.is_stranger else f"of {caller.name}"
        if self._closed or self.count >= IN_ALL or not self._admits(key, stranger=caller.is_stranger):
            yield None
            return
        self._callers[key] += 1
        self._strangers += caller.is_stranger
        try:
            with self._changes.watch(SUBJECT) as watch:
                yield watch
        finally:
            self._strangers -= caller.is_stranger
            self._callers[key] -= 1
            if not self._callers[key]:
                del self._callers[key]

    def _admits(self, key: str, *, stranger: bool) -> bool:
        if not stranger:
            return self._callers[key] < PER_CALLER
        return self._callers[key] < PER_ADDRESS and self._strangers < OF_STRANGERS

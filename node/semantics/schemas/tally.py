"""Count breaches in the order of the rows, also if the result of a pattern comes later."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from node.semantics.schemas.breaches import Breach, Report
from node.semantics.schemas.patterns import Misses

SHOWN: Final = 5
"""Number of breaches that are reported in full; all are counted."""
MOST: Final = 2_000_000
"""Rows that are checked."""
_TEXTS: Final = 10_000
_CHARACTERS: Final = 1 << 20


class Tally:
    """The breaches of one file, the first ``limit`` of them in full. ``misses`` tries patterns, many texts at a time;
    without it none is tried."""

    def __init__(self, misses: Misses | None = None, *, limit: int = SHOWN) -> None:
        self._limit = limit
        self._misses = misses
        self._first: list[Breach] = []
        self._count = 0
        self._waiting: list[tuple[Breach, str, str]] = []
        self._characters = 0
        self._untried: dict[str, None] = {}

    def add(self, breach: Breach) -> None:
        """Count ``breach``."""
        if self._waiting:
            self._waiting.append((breach, "", ""))
            self._flush_if_many()
        else:
            self._tell(breach)

    def match(self, breach: Breach, pattern: str, text: str) -> None:
        """Count ``breach`` if ``text`` does not match ``pattern``."""
        self._waiting.append((breach, pattern, text))
        self._characters += len(text)
        self._flush_if_many()

    def aside(self) -> Tally:
        """Return an empty tally that tries the same patterns, and reports no breach in full."""
        return Tally(self._misses, limit=0)

    def leave_out(self, patterns: Iterable[str]) -> None:
        """Note that these ``patterns`` could not be tried."""
        self._untried.update(dict.fromkeys(patterns))

    def mismatches(self, pattern: str, texts: Sequence[str]) -> frozenset[str] | None:
        """Return those of ``texts`` that do not match ``pattern``; None, and a note, if that is unknown."""
        places = self._misses(pattern, texts) if self._misses is not None else None
        if places is None:
            self.leave_out([pattern])
            return None
        return frozenset(texts[place] for place in places)

    def report(self, rows: int, *, whole: bool) -> Report:
        """Return the counts."""
        self._flush()
        return Report(
            breaches=tuple(self._first),
            count=self._count,
            rows=rows,
            whole=whole,
            patterns_left_out=tuple(self._untried),
        )

    def _flush_if_many(self) -> None:
        if len(self._waiting) >= _TEXTS or self._characters >= _CHARACTERS:
            self._flush()

    def _flush(self) -> None:
        texts: dict[str, dict[str, None]] = {}
        for _, pattern, text in self._waiting:
            if pattern:
                texts.setdefault(pattern, {})[text] = None
        missed = {pattern: self.mismatches(pattern, list(some)) or () for pattern, some in texts.items()}
        for breach, pattern, text in self._waiting:
            if not pattern or text in missed[pattern]:
                self._tell(breach)
        self._waiting.clear()
        self._characters = 0

    def _tell(self, breach: Breach) -> None:
        self._count += 1
        if len(self._first) < self._limit:
            self._first.append(breach)

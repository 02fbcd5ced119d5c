"""Cut a stream into fragments by the time of arrival, so that a reader finds what it does not have yet.

A fragment is a month, a day, an hour, a minute or a second in which observations arrived, or a part of a second by
number. Observations have numbers in the order of their arrival, so a fragment is also a row of numbers: nothing is
ever added to one that is followed by another, however late an observation was made. A fragment with few observations
is a page of them; one with more has the finer fragments below it.

What the stream keeps no longer is left out by whole fragments. In the place of a fragment that has lost its oldest
observations come the finer ones within it that are whole.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import MAXYEAR, UTC, datetime, timedelta
from typing import Final

from node.base.errors import Gone, NotFound
from node.base.work import Transaction
from node.datasources.streams.model import Stream
from node.datasources.streams.ports import StreamStore
from node.datasources.streams.views import View

MEMBERS: Final = 1000
"""The most observations of a page."""
PAGE_BYTES: Final = 512 << 10
"""The most bytes of the observations of a page, of the part that its reader may have."""
_BATCHES: Final = 8
"""Batches that are looked through at a time."""
_FEW: Final = 25
"""So many observations are always a page: each has at most ``node.datasources.streams.model.LONGEST`` bytes."""
_PARTS_KEPT: Final = 20
"""A part of a second is at most such a part of the number of observations that the stream keeps."""
_MONTH, _DAY, _HOUR, _MINUTE, _SECOND = 2, 3, 4, 5, 6
"""The levels of periods: as many numbers are in their names."""
_TOP_LEVELS: Final = (
    (timedelta(days=62), _MONTH),
    (timedelta(days=3), _DAY),
    (timedelta(hours=2), _HOUR),
    (timedelta(0), _MINUTE),
)
"""The level at the top of the tree, by how long observations are kept: at most some 120 fragments are there."""
_LENGTHS: Final = {
    _DAY: timedelta(days=1),
    _HOUR: timedelta(hours=1),
    _MINUTE: timedelta(minutes=1),
    _SECOND: timedelta(seconds=1),
}
_FIRST_YEAR: Final = 1970
_NAME: Final = re.compile(r"([0-9]{4}(?:/[0-9]{2}){1,5})(?:/([1-9][0-9]{0,17})-([1-9][0-9]{0,3}))?", re.ASCII)


@dataclass(frozen=True, slots=True)
class Period:
    """A month, day, hour, minute or second."""

    level: int
    start: datetime

    @classmethod
    def of(cls, at: datetime, level: int) -> Period:
        """Return the period of a level in which ``at`` lies."""
        at = at.astimezone(UTC)
        numbers = (at.year, at.month, at.day, at.hour, at.minute, at.second)[:level]
        return cls.read(numbers)

    @classmethod
    def read(cls, numbers: Sequence[int]) -> Period:
        """Return the period of year, month, and so on. Raises ``ValueError``."""
        year, month, day, hour, minute, second = (*numbers, *(1, 1, 1, 0, 0, 0)[len(numbers) :])
        return cls(len(numbers), datetime(year, month, day, hour, minute, second, tzinfo=UTC))

    @property
    def end(self) -> datetime:
        """Return the beginning of the next one."""
        if self.level == _MONTH:
            return (self.start + timedelta(days=31)).replace(day=1)
        return self.start + _LENGTHS[self.level]

    @property
    def name(self) -> str:
        """Return the name: ``2026/11/24/03`` is an hour."""
        return self.start.strftime("%Y/%m/%d/%H/%M/%S")[: 3 * self.level + 1]


@dataclass(frozen=True, slots=True, kw_only=True)
class Fragment:
    """The observations with the numbers from ``first`` to before ``end``, which arrived in ``period``.

    ``is_complete`` says that nothing more will be in it. ``part`` is empty, or names the part of a second by number.
    """

    period: Period
    first: int
    end: int
    is_complete: bool
    part: str = ""

    @property
    def name(self) -> str:
        """Return the path of its address, below that of the stream."""
        return f"{self.period.name}/{self.part}" if self.part else self.period.name


class Fragments:
    """The fragments of a stream at a moment, in one transaction, for the reader of ``view``."""

    def __init__(self, tx: Transaction, store: StreamStore, stream: Stream, view: View, now: datetime) -> None:
        self._tx = tx
        self._store = store
        self._stream = stream
        self._view = view
        self._oldest = stream.oldest(now)
        arrival = store.arrival_after(tx, stream.name, stream.below, since=self._oldest)
        self.floor = max(arrival.number, stream.below + 1) if arrival else stream.last + 1
        """The number from which all observations are kept."""
        self.since = arrival.received if arrival else None
        """The time of its arrival; None if the stream keeps none."""
        size = min(MEMBERS, max(1, stream.most // _PARTS_KEPT))
        # Large parts are cut into small ones evenly.
        self._part_size = size - size % _FEW if size > _FEW else size

    def top(self) -> Sequence[Fragment]:
        """Return the fragments at the top of the tree, by time."""
        if self.since is None:
            return ()
        keep = timedelta(seconds=self._stream.keep_seconds)
        level = next(level for longest, level in _TOP_LEVELS if keep > longest)
        return list(self._within(Period.of(self.since, level).start, None, level))

    def below(self, fragment: Fragment) -> Sequence[Fragment]:
        """Return the finer fragments of one that is no page, by time."""
        period = fragment.period
        if fragment.part:
            return list(self._parts(fragment, _FEW))
        if period.level == _SECOND:
            return list(self._parts(fragment, self._part_size))
        return list(self._within(period.start, period.end, period.level + 1))

    def is_page(self, fragment: Fragment) -> bool:
        """Return whether a fragment is a page of observations, and has no others below it: there are few of them, and
        what the reader may have of them has few bytes. What the reader may not have does not count: the pages would
        tell how much there is of it."""
        count = fragment.end - fragment.first
        if not _FEW < count <= MEMBERS:
            return count <= _FEW
        size, position = 0, fragment.first - 1
        while position < fragment.end - 1:
            batches = self._store.batches(
                self._tx, self._stream.name, after=position, since=self._oldest, limit=_BATCHES
            )
            if not batches:
                break
            for batch in batches:
                begin = max(position + 1, batch.first) - batch.first
                for line in batch.lines[begin : max(0, fragment.end - batch.first)]:
                    size += self._view.size(line)
                    if size > PAGE_BYTES:
                        return False
                position = batch.last
        return True

    def find(self, name: str) -> Fragment:
        """Return the fragment of this name. Raises ``NotFound``, and ``Gone`` if it is no longer kept as a whole."""
        match = _NAME.fullmatch(name)
        try:
            period = Period.read([int(number) for number in match[1].split("/")]) if match else None
        except ValueError:
            period = None
        if match is None or period is None or (match[2] and period.level != _SECOND):
            raise _absence()
        if not _FIRST_YEAR <= period.start.year < MAXYEAR:
            raise _absence()
        arrival = self._store.arrival_since(self._tx, self._stream.name, period.start)
        if arrival is None or arrival.received >= period.end:
            raise _passing() if self._has_passed(period) else _absence()
        fragment = self._fragment(period, arrival.number)
        if match[2]:
            return self._part(fragment, int(match[2]), int(match[3]))
        if not self._is_shown(fragment) or fragment.end <= self.floor:
            raise _passing()
        return fragment

    def _within(self, start: datetime, end: datetime | None, level: int) -> Iterator[Fragment]:
        """Yield the fragments of a level that begin from ``start`` to before ``end``; in the place of one that is
        no longer whole, the finer ones in it."""
        while end is None or start < end:
            arrival = self._store.arrival_since(self._tx, self._stream.name, start)
            if arrival is None or (end is not None and arrival.received >= end):
                return
            fragment = self._fragment(Period.of(arrival.received, level), arrival.number)
            start = fragment.period.end
            if fragment.end <= max(fragment.first, self.floor):
                continue
            if self._is_shown(fragment):
                yield fragment
            else:
                yield from self.below(fragment)

    def _fragment(self, period: Period, first: int) -> Fragment:
        following = self._store.arrival_since(self._tx, self._stream.name, period.end)
        is_complete = following is not None
        return Fragment(
            period=period,
            # The one that is still filled shows what it has.
            first=first if is_complete else max(first, self.floor),
            end=following.number if following else self._stream.last + 1,
            is_complete=is_complete,
        )

    def _parts(self, fragment: Fragment, size: int) -> Iterator[Fragment]:
        """Yield the parts of a second, or of a part of it."""
        for start in range((max(fragment.first, self.floor) - 1) // size * size + 1, fragment.end, size):
            part = self._cut(fragment, start, size)
            if self._is_part_shown(part, start):
                yield part

    def _part(self, fragment: Fragment, start: int, size: int) -> Fragment:
        """Return the part of a second with the numbers from ``start``, or the small part of such a part."""
        if size == _FEW < self._part_size:
            large = self._part(fragment, (start - 1) // self._part_size * self._part_size + 1, self._part_size)
            return self._shown_part(large, start, size)
        return self._shown_part(fragment, start, self._part_size if size == self._part_size else 0)

    def _shown_part(self, fragment: Fragment, start: int, size: int) -> Fragment:
        if not size or (start - 1) % size:
            raise Gone(
                "the pages of the event stream are cut anew, and this is none of them",
                remedy="read the first address of the event stream again",
            )
        part = self._cut(fragment, start, size)
        if start + size <= self.floor:
            raise _passing()
        if part.first >= part.end:
            raise _absence()
        if not self._is_part_shown(part, start):
            raise _passing()
        return part

    def _cut(self, fragment: Fragment, start: int, size: int) -> Fragment:
        return replace(
            fragment,
            first=max(fragment.first, start),
            end=min(fragment.end, start + size),
            is_complete=fragment.is_complete or start + size <= fragment.end,
            part=f"{start}-{size}",
        )

    def _is_part_shown(self, part: Fragment, start: int) -> bool:
        return not part.is_complete or self._is_whole(part.first, part.period) or start >= self.floor

    def _is_shown(self, fragment: Fragment) -> bool:
        return not fragment.is_complete or self._is_whole(fragment.first, fragment.period)

    def _is_whole(self, first: int, period: Period) -> bool:
        """Return whether nothing was removed from what begins with the number ``first``."""
        if self.floor == 1 or first > self.floor:
            return True
        # Before the first one that is kept, others were removed. They were not of this period if it began later than
        # the oldest that are kept, unless it was their number that was too large.
        is_by_time = self._stream.below + 1 < self.floor
        return first == self.floor and is_by_time and period.start >= self._oldest

    def _has_passed(self, period: Period) -> bool:
        return bool(self._stream.last) and period.end <= (self.since or self._oldest)


def _absence() -> NotFound:
    return NotFound(
        "the event stream has no such page", remedy="read its first address: it leads to all that there are"
    )


def _passing() -> Gone:
    return Gone(
        "observations of this page are no longer kept; those that are have come to other pages",
        remedy="read the first address of the event stream again: it leads to all that are kept",
    )

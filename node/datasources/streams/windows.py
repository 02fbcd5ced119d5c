"""Windows: the observations of a period, whole and in a canonical form, so that the same window has the same hash.

The canonical form is a list in canonical JSON (RFC 8785, in UTF-8, without an end of line). The observations are in
the order of their times, and those of one time in the order of their texts. So the hash depends on the observations
alone, and not on the order in which they arrived. The *position* of a window is the number of the last observation
that had arrived when it was first asked for: what arrives later is counted and does not change it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Final

from node.base.clock import Clock, stamp
from node.base.errors import Conflict, Gone, InvalidInput, TooLarge
from node.base.fairqueue import FairQueue
from node.base.jsons import canonical_text
from node.base.work import Transaction, UnitOfWork
from node.datasources.streams.cursors import Cursors
from node.datasources.streams.model import Stream
from node.datasources.streams.observations import time_of
from node.datasources.streams.ports import StreamStore
from node.datasources.streams.register import read_keep
from node.datasources.streams.tails import require_stream
from node.datasources.streams.views import View, read_period
from node.exchange.offloop import off_loop
from node.policy.portion import WHOLE, Portion

LONGEST: Final = timedelta(days=31)
"""The longest period of a window."""
MOST: Final = 100_000
"""The most observations of a window."""
MOST_BYTES: Final = 16 << 20
"""The most bytes of a window in its canonical form."""
_MOST_READ: Final = 2_000_000
"""The most observations that are looked at for one window."""
_BATCHES: Final = 8
_AT_ONCE: Final = 2
"""Windows of all readers that are made at a time: each is in memory as a whole."""
_LONGEST_WAIT: Final = 45.0

KEPT: Final = "window-not-kept"
PARTLY: Final = "window-partly-kept"
"""As ``KEPT``, for readers who are not told which part."""
EMPTY: Final = "window-empty"
FUTURE: Final = "window-future"
LARGE: Final = "window-large"
"""The reasons of a refusal (the fact ``case``)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WindowQuestion:
    """The request for a window: from ``start`` to before ``end``, or the ``last`` so long until now. ``position`` is
    that of a window that was made before; empty for everything that has arrived."""

    start: datetime | None = None
    end: datetime | None = None
    last: timedelta | None = None
    position: str = ""

    @classmethod
    def read(cls, values: Mapping[str, str]) -> WindowQuestion:
        """Return the question in parameters: ``from`` and ``to``, or ``last`` (``10m``), and ``position``. Raises
        ``InvalidInput``."""
        start, end = read_period(values.get("from", ""), values.get("to", ""))
        last = read_keep(values["last"]) if values.get("last") else None
        if (last is None) == (start is None or end is None) or (last is not None and (start or end)):
            raise InvalidInput(
                "a window has a beginning and an end, or is the last so many minutes",
                remedy="give from and to, or last: from=2026-11-22T08:00:00Z&to=2026-11-22T09:00:00Z, last=10m",
            )
        return cls(start=start, end=end, last=last, position=values.get("position", ""))

    def parameters(self) -> dict[str, str]:
        """Return the parameters that ``read`` reads."""
        values = {"from": stamp(self.start) if self.start else "", "to": stamp(self.end) if self.end else ""}
        values["last"] = f"{int(self.last.total_seconds()) // 60}m" if self.last else ""
        return {name: value for name, value in {**values, "position": self.position}.items() if value}


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """The observations from ``start`` to before ``end`` that had arrived at ``position``: ``count`` of them.

    ``body`` is their canonical form and ``sha256`` its hash. ``late`` is how many more have arrived since.
    """

    start: datetime
    end: datetime
    position: str
    count: int
    sha256: str
    late: int = 0
    body: bytes = field(repr=False)

    def document(self) -> bytes:
        """Return the window for a reader: an object with the canonical form as ``observations``."""
        facts = {
            "from": stamp(self.start),
            "to": stamp(self.end),
            "position": self.position,
            "count": self.count,
            "sha256": self.sha256,
            "late": self.late,
        }
        head = json.dumps(facts, separators=(",", ":")).encode()
        return b"".join((head[:-1], b',"observations":', self.body, b"}"))


class StreamWindows:
    """Makes windows of the streams of this node."""

    def __init__(self, uow: UnitOfWork, store: StreamStore, clock: Clock, cursors: Cursors) -> None:
        self._uow = uow
        self._store = store
        self._clock = clock
        self._cursors = cursors
        self._queue = FairQueue(places=_AT_ONCE, bound=lambda _: _AT_ONCE, longest_wait=_LONGEST_WAIT)

    async def __call__(self, name: str, question: WindowQuestion, portion: Portion = WHOLE) -> Window:
        """Return a window of the stream ``name``, of the part that the reader may have.

        Raises ``InvalidInput`` if it reaches into the future, is empty or too long, ``TooLarge`` for too many
        observations, ``Gone`` if the stream keeps a part of it no longer or is removed, ``Conflict`` if the position
        is not one of this stream, and ``Overloaded``.
        """
        place = await self._queue.enter(name)
        try:
            return await off_loop(partial(self._window, name, question, portion))
        finally:
            place.leave()

    def _window(self, name: str, question: WindowQuestion, portion: Portion) -> Window:
        now = self._clock.now()
        with self._uow.read() as tx:
            stream = require_stream(tx, self._store, name)
        start, end = period_of(question, now)
        bound = self._cursors.number(question.position, portion) if question.position else stream.last
        if bound > stream.last:
            raise Conflict(
                "the stream has never been at this position: it was removed and made again",
                remedy="ask for the window anew, without a position",
            )
        view = View(stream, portion, start=start, end=end)
        rows, late = self._rows(stream, view, start, end, bound)
        # Afterwards: what was removed while the window was read is missing in it.
        self._require_kept(name, start, view)
        if not rows:
            raise InvalidInput(
                f"there are no observations from {display_time(start)} to {display_time(end)}",
                remedy="ask for another period",
                facts={"case": EMPTY, "from": display_time(start), "to": display_time(end)},
            )
        rows.sort()
        body = ("[" + ",".join([text for _, text in rows]) + "]").encode()
        return Window(
            start=start,
            end=end,
            position=self._cursors.text(bound, portion),
            count=len(rows),
            sha256=hashlib.sha256(body).hexdigest(),
            late=late,
            body=body,
        )

    def _rows(
        self, stream: Stream, view: View, start: datetime, end: datetime, bound: int
    ) -> tuple[list[tuple[datetime, str]], int]:
        """Return the observations of a window with their times, and how many have arrived after ``bound``."""
        rows: list[tuple[datetime, str]] = []
        position, size, late, total = stream.below, 0, 0, 0
        while True:
            with self._uow.read() as tx:
                since = stream.oldest(self._clock.now())
                batches = self._store.batches(
                    tx, stream.name, after=position, since=since, start=start, end=end, limit=_BATCHES
                )
            for batch in batches:
                total += len(batch.lines)
                if total > _MOST_READ:
                    raise _too_large(f"more than {_MOST_READ:,} observations arrived for it")
                for number, text, original in view.rows(batch, 0):
                    if number > bound:
                        late += 1
                        continue
                    observation = json.loads(original)
                    content = observation if text is original else json.loads(text)
                    line = canonical_text(content, fractions=True)
                    rows.append((time_of(stream, observation), line))
                    size += len(line.encode()) + 1
                    if len(rows) > MOST or size > MOST_BYTES:
                        raise _too_large(f"it has more than {MOST:,} observations or {MOST_BYTES >> 20} MB")
                position = batch.last
            if len(batches) < _BATCHES:
                return rows, late

    def _require_kept(self, name: str, start: datetime, view: View) -> None:
        """Raise ``Gone`` if observations from ``start`` on may no longer be kept.

        For readers of some rows the bound is the time for which the stream keeps observations after they arrive. Only
        where later ones are gone (too many, a wrong clock, a shorter time before) it is the next full hour.
        """
        with self._uow.read() as tx:
            stream = require_stream(tx, self._store, name)
            latest = self._latest_gone(tx, stream)
            oldest = stream.oldest(self._clock.now())
        if view.is_sealed:
            # Who gets some rows only is not told when the others were observed: the bound does not depend on them.
            until = oldest if latest is None or latest < oldest else _next_hour(latest)
            is_kept = start >= until
        else:
            is_kept = latest is None or latest < start
        if is_kept:
            return
        keep = f"it keeps them for {_words(stream.keep_seconds)} after they arrive, and at most {stream.most:,}"
        if latest is None or view.is_sealed:
            raise Gone(
                f"the stream may no longer keep a part of this window: {keep}",
                remedy="ask for a later window",
                facts={"case": PARTLY},
            )
        time = display_time(latest)
        raise Gone(
            f"the stream may no longer keep the part of this window up to {time}: {keep}",
            remedy=f"ask for a window that begins after {time}",
            facts={"case": KEPT, "until": time},
        )

    def _latest_gone(self, tx: Transaction, stream: Stream) -> datetime | None:
        """Return the latest time that an observation that is no longer kept may have; None if all are kept."""
        now = self._clock.now()
        passed = self._store.latest_passed(tx, stream.name, before=stream.oldest(now), below=stream.below)
        known = [at for at in (stream.gone_until, passed) if at is not None]
        if known or not stream.last:
            return max(known, default=None)
        first = self._store.batches(tx, stream.name, after=stream.below, since=stream.oldest(now), limit=1)
        if first and first[0].first == 1:
            return None
        # An earlier version has removed some, without a note of their times: they arrived before those that are kept.
        return first[0].received if first else now


def period_of(question: WindowQuestion, now: datetime) -> tuple[datetime, datetime]:
    """Return beginning and end of a window that is asked for at ``now``. Raises ``InvalidInput`` if it reaches into
    the future, or is too long."""
    if question.last is not None:
        start, end = now - question.last, now
    else:
        if question.start is None or question.end is None:
            raise InvalidInput("the window has no beginning or no end", remedy="give from and to, or last")
        start, end = question.start, question.end
    if end > now:
        raise InvalidInput(
            f"the window reaches into the future: it ends at {display_time(end)}, and it is {display_time(now)}",
            remedy="let it end now or earlier",
            facts={"case": FUTURE, "to": display_time(end)},
        )
    if end - start > LONGEST:
        raise _too_large(f"it is longer than {LONGEST.days} days")
    return start, end


def display_time(at: datetime) -> str:
    """Return a time for people: without a fraction of a second that is zero."""
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _next_hour(at: datetime) -> datetime:
    """Return the first full hour after ``at``."""
    return at.replace(minute=0, second=0, microsecond=0) + timedelta(hours=1)


def _too_large(why: str) -> TooLarge:
    return TooLarge(f"the window is too large: {why}", remedy="ask for a shorter period", facts={"case": LARGE})


def _words(seconds: int) -> str:
    for unit, name in ((86400, "days"), (3600, "hours"), (60, "minutes")):
        if seconds % unit == 0 and seconds >= 2 * unit:
            return f"{seconds // unit} {name}"
    return f"{seconds} seconds"

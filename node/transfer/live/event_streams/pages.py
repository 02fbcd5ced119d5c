"""Answer reads of a stream as a Linked Data Event Stream: its first page, and the pages of its fragments.

The fragments are by the time of arrival (``node.datasources.streams.fragments``), so a page that is complete never
changes, and an observation that was made long ago and arrives now is on the newest page.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Final

from node.base.clock import Clock
from node.base.errors import Conflict, Gone, InvalidInput
from node.base.fairqueue import FairQueue
from node.base.jsons import canonical_text
from node.base.work import UnitOfWork
from node.catalogue.representations import FEED_TYPES, acceptable, feed_body
from node.datasources.ports import CacheRule, Extract, Question
from node.datasources.streams.fragments import Fragment, Fragments
from node.datasources.streams.model import Stream
from node.datasources.streams.ports import StreamStore
from node.datasources.streams.tails import require_stream
from node.datasources.streams.views import View
from node.exchange.offloop import off_loop, once
from node.transfer.live.event_streams.description import (
    POLLING,
    description_lines,
    page_lines,
    relation_lines,
)
from node.transfer.live.event_streams.members import ObservationTerms

_FORMAT: Final = "1"
"""Part of every entity tag: raised when the form of pages changes."""
_YEAR: Final = 31_536_000
_BATCHES: Final = 4
_AT_ONCE: Final = 2
"""Pages of all readers that are made at a time: each is in memory as a whole."""
_LONGEST_WAIT: Final = 45.0


@dataclass(frozen=True, slots=True, kw_only=True)
class _Page:
    """A page that is not made yet. ``head`` are its statements except those of its members, which are those of
    ``members``. ``seconds`` is how long it is kept; None if it may change at any time."""

    stream: Stream
    view: View
    terms: ObservationTerms
    head: Sequence[str]
    members: Fragment | None
    seconds: int | None


class ReadEventStream:
    """Reads streams of this node as event streams."""

    def __init__(self, uow: UnitOfWork, store: StreamStore, clock: Clock) -> None:
        self._uow = uow
        self._store = store
        self._clock = clock
        self._queue = FairQueue(places=_AT_ONCE, bound=lambda _: _AT_ONCE, longest_wait=_LONGEST_WAIT)

    async def __call__(self, name: str, question: Question) -> Extract:
        """Return the page of the stream ``name`` at ``question.path``, which is ``ldes`` or below it.

        Raises ``NotFound``, ``Gone`` for a page with observations that are no longer kept, ``NotAcceptable``,
        ``InvalidInput``, ``Overloaded``, and ``Conflict`` if the reader gets only some of the observations,
        or another form of their values.
        """
        if question.portion.rows:
            raise Conflict(
                "the agreement gives some of the observations, and the pages of an event stream would tell how many "
                "there are in all",
                remedy="read a period, the latest or the events: the address without ldes",
            )
        if question.portion.conceals:
            raise Conflict(
                "the agreement gives values in another form than the schema of the stream says, and an event stream "
                "describes its members by that schema",
                remedy="read a period, the latest or the events: the address without ldes",
            )
        if question.parameters:
            raise InvalidInput("the pages of an event stream take no parameters", remedy="leave out what follows ?")
        media_type = acceptable(question.accept or None, FEED_TYPES)
        if not question.wants_body:
            return Extract(media_type=media_type, chunks=once(b""))
        page = await off_loop(self._page, name, question)
        return Extract(
            media_type=media_type,
            chunks=self._chunks(page, question.base, media_type),
            caching=CacheRule(tag=_tag(page, question, media_type), control=self._control(page, question)),
        )

    def _control(self, page: _Page, question: Question) -> str:
        """Return the value of Cache-Control: a page under contract is for its reader alone, and kept no longer than
        the agreement allows reading it."""
        seconds = POLLING if page.seconds is None else page.seconds
        if question.ends is not None:
            rest = (question.ends - self._clock.now()).total_seconds()
            seconds = min(seconds, max(0, int(rest)))
        return f"private, max-age={seconds}{', immutable' if page.seconds is not None else ''}"

    def _page(self, name: str, question: Question) -> _Page:
        now = self._clock.now()
        root = f"{question.base}/ldes"
        place = question.path.removeprefix("ldes").removeprefix("/")
        with self._uow.read() as tx:
            stream = require_stream(tx, self._store, name)
            view = View(stream, question.portion)
            terms = ObservationTerms(stream, question.asset, question.portion)
            fragments = Fragments(tx, self._store, stream, view, now)
            if not place:
                lines = description_lines(stream, terms, question.asset, root, fragments.since)
                lines += relation_lines(root, root, fragments.top())
                return _Page(stream=stream, view=view, terms=terms, head=lines, members=None, seconds=None)
            fragment = fragments.find(place)
            address = f"{root}/{fragment.name}"
            lines = page_lines(address, fragment)
            is_page = fragments.is_page(fragment)
            if not is_page:
                lines += relation_lines(address, root, fragments.below(fragment))
        return _Page(
            stream=stream,
            view=view,
            terms=terms,
            head=lines,
            members=fragment if is_page else None,
            seconds=_seconds_left(stream, fragment, now) if fragment.is_complete else None,
        )

    async def _chunks(self, page: _Page, reader: str, media_type: str) -> AsyncIterator[bytes]:
        place = await self._queue.enter(reader)
        try:
            body = await off_loop(partial(self._body, page, media_type))
        finally:
            place.leave()
        yield body

    def _body(self, page: _Page, media_type: str) -> bytes:
        lines = list(page.head)
        if page.members is not None:
            count = 0
            for number, arrival, text in self._observations(page.stream, page.members):
                content = page.view.content(json.loads(text))
                lines += page.terms.lines(number, arrival, content or {})
                count += 1
            if page.members.is_complete and count < page.members.end - page.members.first:
                raise Gone(
                    "observations of this page were removed while it was read",
                    remedy="read the first address of the event stream again",
                )
        return feed_body("".join(f"{line}\n" for line in lines).encode(), media_type)

    def _observations(self, stream: Stream, fragment: Fragment) -> Iterator[tuple[int, datetime, str]]:
        """Yield the observations of a fragment: number, time of arrival, text."""
        position = fragment.first - 1
        while position < fragment.end - 1:
            with self._uow.read() as tx:
                since = stream.oldest(self._clock.now())
                batches = self._store.batches(tx, stream.name, after=position, since=since, limit=_BATCHES)
            if not batches:
                return
            for batch in batches:
                for number in range(max(batch.first, position + 1), min(batch.last + 1, fragment.end)):
                    yield number, batch.received, batch.lines[number - batch.first]
                position = batch.last


def _seconds_left(stream: Stream, fragment: Fragment, now: datetime) -> int:
    """Return for how many seconds the oldest observation of a fragment is kept: nobody keeps a page for longer."""
    end = fragment.period.start + timedelta(seconds=stream.keep_seconds)
    return min(_YEAR, max(0, int((end - now).total_seconds())))


def _tag(page: _Page, question: Question, media_type: str) -> str:
    """Return a text that changes with the page."""
    bounds = [] if page.members is None else [str(page.members.first), str(page.members.end)]
    parts: list[str] = [
        _FORMAT,
        question.base,
        question.asset,
        page.stream.name,
        page.stream.at.isoformat(),
        canonical_text(question.portion.to_json()),
        media_type,
        *bounds,
        *page.head,
    ]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:40]

"""Streams as a data source: what a reader under contract gets of them.

The address itself answers with a period, page by page; ``latest`` with the latest observation of each subject;
``events`` with observations as they come, or with a period replayed, as server-sent events (WHATWG HTML §9.2);
``window`` with a period as a whole, in its canonical form; ``ldes`` and below it as a Linked Data Event Stream;
``Observations`` with a period as the OGC SensorThings API writes it.
"""

from __future__ import annotations

import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any, Final
from urllib.parse import urlencode

from node.base.clock import Clock, stamp
from node.base.errors import HansaError, InvalidInput, MethodNotAllowed, NotFound
from node.base.work import Transaction, UnitOfWork
from node.datasources.ports import Abilities, Extract, Item, Parameters, Question, StreamMark
from node.datasources.streams import sensor_things
from node.datasources.streams.cursors import Cursors
from node.datasources.streams.model import Batch, Head, Stream
from node.datasources.streams.ports import StreamStore
from node.datasources.streams.tails import Tail, TailEntry, Tails, require_stream
from node.datasources.streams.views import View, line_of, read_number, read_period
from node.datasources.streams.windows import StreamWindows, WindowQuestion
from node.exchange.offloop import off_loop, once
from node.policy.concealment import BINS, PSEUDONYM, SUPPRESS
from node.policy.portion import OPERATORS, Portion

NAME: Final = "streams"
"""The name of the data source, at every node."""
PLACES: Final = 1024
"""The readers of streams at a time."""
_PAGE: Final = 1000
_LONGEST_PAGE: Final = 10_000
_PAGE_BYTES: Final = 4 << 20
_BATCHES: Final = 8
"""Batches that a reader takes from the store at once."""
_PULSE_SECONDS: Final = 15.0
"""After so long without an observation, a comment shows that the connection stands."""
_NEVER: Final = 1 << 63
"""A number that no observation reaches."""
_SLOWEST, _FASTEST = 0.01, 100_000.0
_QUESTIONS: Final = {
    "": ("from", "to", "after", "limit"),
    "latest": ("subject", "limit"),
    "events": ("from", "to", "after", "speed"),
    "window": ("from", "to", "last", "position"),
    sensor_things.PATH: sensor_things.PARAMETERS,
}
_EVENTS: Final = "text/event-stream; charset=utf-8"
_BEGINNING: Final = b"retry: 2000\n\n"
_PULSE: Final = b": waiting\n\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Query:
    """The parameters of a reader. ``after`` is the number after which it reads; None if it names none."""

    start: datetime | None
    end: datetime | None
    after: int | None
    limit: int
    speed: float | None
    subject: str

    def view(self, stream: Stream, portion: Portion) -> View:
        return View(stream, portion, start=self.start, end=self.end, is_timed=self.speed is not None)


ReadAsEvents = Callable[[str, Question], Awaitable[Extract]]
"""Reads a stream of this name as a Linked Data Event Stream."""


class StreamConnection:
    """The streams of this node (``node.datasources.ports.DataConnection``)."""

    def __init__(
        self,
        uow: UnitOfWork,
        store: StreamStore,
        clock: Clock,
        tails: Tails,
        cursors: Cursors,
        event_stream: ReadAsEvents,
    ) -> None:
        self.windows = StreamWindows(uow, store, clock, cursors)
        self._uow = uow
        self._store = store
        self._clock = clock
        self._tails = tails
        self._cursors = cursors
        self._event_stream = event_stream

    @property
    def abilities(self) -> Abilities:
        return Abilities(
            questions=("from", "to", "after", "limit", "speed", "last", "position", "$filter", "$top"),
            portions=frozenset({"columns", *OPERATORS, PSEUDONYM, BINS, SUPPRESS}),
            places=PLACES,
        )

    async def items(self, limit: int) -> Sequence[Item]:
        def streams() -> Sequence[Stream]:
            with self._uow.read() as tx:
                return self._store.all(tx)

        return [Item(path=stream.name, media_type="application/json") for stream in (await off_loop(streams))[:limit]]

    def is_description(self, item: str, path: str, parameters: Parameters = ()) -> bool:
        return False

    @asynccontextmanager
    async def read(self, item: str, question: Question) -> AsyncIterator[Extract]:
        """Yield the observations that the question asks for."""
        if question.path == "window":
            if not question.wants_body:
                # Its length would tell of observations, and no read would be counted.
                raise MethodNotAllowed("a window has no HEAD: it is made by a read", remedy="ask with GET")
            window = await self.windows(item, WindowQuestion.read(_values(question)), question.portion)
            yield _extract(window.document())
            return
        if question.path == "ldes" or question.path.startswith("ldes/"):
            yield await self._event_stream(item, question)
            return
        stream = await off_loop(self._stream, item)
        query = self._query(question)
        if not question.wants_body and question.path in ("", "latest", sensor_things.PATH):
            yield Extract(media_type="application/json", chunks=once(b""))
            return
        match question.path:
            case "":
                yield _document(await off_loop(self._page, stream, question, query))
            case "latest":
                yield _document(await off_loop(self._latest, stream, question, query))
            case sensor_things.PATH:
                page = await off_loop(self._page, stream, question, query)
                members = query.view(stream, question.portion).members()
                yield _document(sensor_things.document(page, members, question.base, question.parameters))
            case "events":
                view = query.view(stream, question.portion)
                yield Extract(media_type=_EVENTS, chunks=self._events(stream, view, query), farewell=farewell)
            case _:
                raise NotFound(
                    "a stream has nothing at this address",
                    remedy="add nothing, /latest, /events, /window, /Observations or /ldes",
                )

    async def mark(self, item: str, portion: Portion) -> StreamMark:
        stream = await off_loop(self._stream, item)
        members = View(stream, portion).members()
        place = self._cursors.text(stream.last, portion)
        return StreamMark(place=place, time=members["time"], subject=members["subject"])

    # pages ------------------------------------------------------------------------------------------------

    def _page(self, stream: Stream, question: Question, query: _Query) -> dict[str, Any]:
        entries: list[dict[str, Any]] = []
        position, size, is_whole = query.after or 0, 0, False
        view = query.view(stream, question.portion)
        while not is_whole and len(entries) < query.limit and size < _PAGE_BYTES:
            batches = self._batches(stream.name, position, query, limit=_BATCHES)
            is_whole = len(batches) < _BATCHES
            for batch in batches:
                for number, text, _ in view.rows(batch, position):
                    entry = {"received": stamp(batch.received), "observation": json.loads(text)}
                    entries.append(entry if view.is_sealed else {"number": number, **entry})
                    position, size = number, size + len(text)
                    if len(entries) == query.limit or size >= _PAGE_BYTES:
                        is_whole = False
                        break
                else:
                    position = batch.last
                    continue
                break
        position = max(position, stream.last) if is_whole and query.end is None else position
        cursor = self._cursors.text(position, question.portion)
        more = None if is_whole else _address(question, after=cursor)
        return {"observations": entries, "cursor": cursor, "next": more}

    def _latest(self, stream: Stream, question: Question, query: _Query) -> dict[str, Any]:
        view = query.view(stream, question.portion)
        after = query.subject
        if after and not view.shows_subject:
            after = self._cursors.subject(after)
        entries: list[dict[str, Any]] = []
        with self._uow.read() as tx:
            for head in self._heads(tx, stream, after):
                observation = view.content(json.loads(head.text))
                if observation is not None:
                    entry = {"received": stamp(head.received), "observation": observation}
                    entries.append(entry if view.is_sealed else {"number": head.number, **entry})
                    after = head.subject
                if len(entries) == query.limit:
                    break
        more = None
        if len(entries) == query.limit and stream.subject_member:
            more = _address(question, subject=after if view.shows_subject else self._cursors.subject_text(after))
        return {"observations": entries, "next": more, **view.members()}

    def _heads(self, tx: Transaction, stream: Stream, after: str) -> Iterator[Head]:
        """Yield the latest observations of the subjects after ``after``."""
        since = stream.oldest(self._clock.now())
        while True:
            heads = self._store.heads(tx, stream.name, after=after, since=since, limit=_PAGE)
            yield from heads
            if len(heads) < _PAGE:
                return
            after = heads[-1].subject

    # events -----------------------------------------------------------------------------------------------

    async def _events(self, stream: Stream, view: View, query: _Query) -> AsyncIterator[bytes]:
        yield _BEGINNING
        with self._tails.follow(stream.name) as tail:
            if query.end is not None or query.speed is not None:
                async for chunk in self._replay(tail, stream, view, query):
                    yield chunk
                yield event("end", {"code": "period-over", "reason": "the period has been sent"})
                return
            async for chunk in self._follow(tail, stream, view, query):
                yield chunk

    async def _follow(self, tail: Tail, stream: Stream, view: View, query: _Query) -> AsyncIterator[bytes]:
        begins = 0 if query.start is not None else stream.last
        position = begins if query.after is None else min(query.after, stream.last)
        if query.start is None:
            # An id alone is no event, but the reader knows its place before there is one (HTML, 9.2.6).
            yield f"id: {self._cursors.text(position, view.portion)}\n\n".encode()
        while True:
            if not await tail.wait(position, _PULSE_SECONDS):
                yield _PULSE
                continue
            entries = tail.after(position)
            if entries is None:
                floor = tail.floor
                batches = await off_loop(partial(self._batches, stream.name, position, query, limit=_BATCHES))
                entries = [TailEntry(batch) for batch in batches]
                if not entries:
                    # Nothing of what the tail has passed is kept, or within the period.
                    position = max(position, floor)
                    continue
            for entry in entries:
                if entry.batch.first > position + 1 and query.start is None:
                    yield self._gap(position + 1, entry.batch.first - 1, view)
                chunk = self._frames(entry, position, view)
                position = entry.batch.last
                if chunk:
                    yield chunk

    async def _replay(self, tail: Tail, stream: Stream, view: View, query: _Query) -> AsyncIterator[bytes]:
        """Yield a period in the order of arrival, with the pauses between the times of its observations divided by
        the speed. One that arrived late follows at once."""
        position, ends = query.after or 0, stream.last
        first: datetime | None = None
        began = time.monotonic()
        while position < ends:
            batches = await off_loop(partial(self._batches, stream.name, position, query, limit=_BATCHES))
            if not batches:
                return
            for batch in batches:
                waiting: list[tuple[int, str]] = []
                for number, text, original in view.rows(batch, position):
                    if number > ends:
                        break
                    at = view.time(original)
                    first = first or at
                    due = began + (at - first).total_seconds() / query.speed if query.speed else began
                    if due > time.monotonic() and waiting:
                        yield self._render(waiting, view)
                        waiting = []
                    while (pause := due - time.monotonic()) > 0:
                        # Nothing new is waited for: it raises if the stream is removed meanwhile.
                        await tail.wait(_NEVER, min(pause, _PULSE_SECONDS))
                        if pause > _PULSE_SECONDS:
                            yield _PULSE
                    waiting.append((number, text))
                if waiting:
                    yield self._render(waiting, view)
                position = batch.last

    def _frames(self, entry: TailEntry, position: int, view: View) -> bytes:
        is_shared = entry.batch.first > position and not view.is_bounded
        if is_shared and view.portion in entry.frames:
            return entry.frames[view.portion]
        chunk = self._render([(number, text) for number, text, _ in view.rows(entry.batch, position)], view)
        if is_shared:
            entry.frames[view.portion] = chunk
        return chunk

    def _render(self, rows: Sequence[tuple[int, str]], view: View) -> bytes:
        if not rows:
            return b""
        if not view.is_sealed:
            return "".join(f"id: {number}\nevent: observation\ndata: {text}\n\n" for number, text in rows).encode()
        # Numbers with gaps would tell how much is left out.
        pieces = [f"event: observation\ndata: {text}\n\n" for _, text in rows]
        pieces[-1] = f"id: {self._cursors.text(rows[-1][0], view.portion)}\n{pieces[-1]}"
        return "".join(pieces).encode()

    def _gap(self, first: int, last: int, view: View) -> bytes:
        bounds = {} if view.is_sealed else {"first": first, "last": last}
        return event("gap", {"reason": "observations in between are no longer kept", **bounds})

    # the store --------------------------------------------------------------------------------------------

    def _stream(self, name: str) -> Stream:
        with self._uow.read() as tx:
            return require_stream(tx, self._store, name)

    def _batches(self, name: str, position: int, query: _Query, *, limit: int) -> Sequence[Batch]:
        with self._uow.read() as tx:
            stream = require_stream(tx, self._store, name)
            return self._store.batches(
                tx,
                name,
                after=max(position, stream.below),
                since=stream.oldest(self._clock.now()),
                start=query.start,
                end=query.end,
                limit=limit,
            )

    def _query(self, question: Question) -> _Query:
        values = _values(question)
        if question.path == sensor_things.PATH:
            wish = sensor_things.read_query(values)
            start, end = wish.start, wish.end
            values = {"after": wish.after, "limit": str(wish.limit)}
        else:
            start, end = read_period(values.get("from", ""), values.get("to", ""))
        speed = read_number(values["speed"], "speed", _SLOWEST, _FASTEST) if "speed" in values else None
        if question.path == "events" and end is not None and speed is None and end > self._clock.now():
            raise InvalidInput("to lies in the future", remedy="leave out to, and what comes is sent as it comes")
        after = (question.resume if question.path == "events" else "") or values.get("after", "")
        return _Query(
            start=start,
            end=end,
            after=self._cursors.number(after, question.portion) if after else None,
            limit=int(read_number(values.get("limit", str(_PAGE)), "limit", 1, _LONGEST_PAGE)),
            speed=speed,
            subject=values.get("subject", ""),
        )


def farewell(error: HansaError) -> bytes:
    """Return the last event of a connection that ends because of ``error``."""
    members = {"code": error.code, "reason": error.detail, "remedy": error.remedy}
    return event("end", {**members, "reasons": list(error.facts.get("reasons", ()))})


def event(name: str, content: Mapping[str, Any]) -> bytes:
    """Return an event about the connection itself."""
    return f"event: {name}\ndata: {line_of(content)}\n\n".encode()


def _values(question: Question) -> dict[str, str]:
    """Return the parameters of a question by name. Raises ``InvalidInput``."""
    names = _QUESTIONS.get(question.path, ())
    values: dict[str, str] = {}
    for name, value in question.parameters:
        if name not in names or name in values:
            raise InvalidInput(f"{name[:60]!r} cannot be asked for here", remedy=f"it knows: {', '.join(names)}")
        values[name] = value
    return values


def _document(content: Mapping[str, Any]) -> Extract:
    return _extract(line_of(content).encode())


def _extract(body: bytes) -> Extract:
    return Extract(media_type="application/json", chunks=once(body), size=len(body))


def _address(question: Question, **changes: str) -> str:
    """Return the address of the next page."""
    own = [(name, value) for name, value in question.parameters if name not in changes]
    path = f"/{question.path}" if question.path else ""
    return f"{question.base}{path}?{urlencode([*own, *changes.items()])}"

"""One open read of a partner's stream, shared by all people of this node who look at it.

A feed keeps what a page shows and no more: the newest observations, the latest of each subject, a count. All of it is
cut, because another node has written it.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections import OrderedDict, deque
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, aclosing
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from node.base.clock import Clock, moment
from node.base.errors import HansaError, InvalidInput, LocalFault, PeerUnreachable
from node.base.jsons import read_object
from node.base.plaintext import one_line
from node.transfer.live.events import StreamEvent, events_of

log = logging.getLogger("hansa.streams")

NEWEST: Final = 50
"""The newest observations that a feed keeps."""
SUBJECTS: Final = 100
"""The subjects of which a feed keeps the latest observation."""
_MEMBERS: Final = 12
"""Members of an observation that are kept."""
_LONGEST: Final = 200
"""Characters of a name or a value that are kept."""
_LONGEST_REASON: Final = 500
_DEEPEST: Final = 40
_PAUSE: Final = 2.0
_TRIES: Final = 5
_MOST_A_SECOND: Final = 2000
"""Observations a second that are read. A provider that sends more waits: it keeps them, or says that some are
missing."""

Scalar = str | int | float | bool | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SeenObservation:
    """An observation as it is shown. ``received`` is when it arrived at the provider if it was there before, else
    when it arrived here."""

    received: datetime
    members: Mapping[str, Scalar]


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamEnd:
    """The end of a feed: the provider's reason if it gave one."""

    code: str
    reason: str
    remedy: str
    reasons: tuple[Any, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedState:
    """A feed at a moment. ``count`` observations have come ``since`` then; ``has_gap``: others were missed.

    ``newest`` are the newest of them, newest first. ``latest`` is the latest observation of each subject, by subject;
    ``subject`` and ``time`` are the members with the subject and the time, empty if the provider names none.
    """

    transfer: str
    since: datetime
    count: int
    has_gap: bool
    is_connected: bool
    newest: tuple[SeenObservation, ...]
    latest: tuple[SeenObservation, ...]
    has_more_subjects: bool
    subject: str
    time: str
    ending: StreamEnd | None


Connect = Callable[[AsyncExitStack, str], Awaitable[AsyncIterator[bytes]]]
"""Opens the events after a place (empty: from now on) within a stack, and returns their bytes."""

FetchLatest = Callable[[], Awaitable[bytes]]
"""Fetches the document with the latest observation of each subject."""


class Feed:
    """Reads a stream until the provider ends it, or nobody looks any more. ``fetch_latest`` is None where each read
    is counted; ``may_reconnect`` is false there too."""

    def __init__(
        self,
        transfer: str,
        connect: Connect,
        fetch_latest: FetchLatest | None,
        clock: Clock,
        *,
        may_reconnect: bool = True,
    ) -> None:
        self.transfer = transfer
        self.ready = asyncio.Event()
        self.ending: StreamEnd | None = None
        self._connect = connect
        self._fetch_latest = fetch_latest
        self._clock = clock
        self._tries = _TRIES if may_reconnect else 1
        self._since = clock.now()
        self._place = ""
        self._count = 0
        self._has_gap = False
        self._is_connected = False
        self._newest: deque[SeenObservation] = deque(maxlen=NEWEST)
        self._latest: OrderedDict[str, SeenObservation] = OrderedDict()
        self._has_more_subjects = False
        self._subject = ""
        self._time = ""
        self._changes = 0
        self._news = asyncio.Event()

    @property
    def changes(self) -> int:
        """Return how often it has changed."""
        return self._changes

    def state(self) -> FeedState:
        """Return what it shows now."""
        return FeedState(
            transfer=self.transfer,
            since=self._since,
            count=self._count,
            has_gap=self._has_gap,
            is_connected=self._is_connected,
            newest=tuple(reversed(self._newest)),
            latest=tuple(self._latest[name] for name in sorted(self._latest)),
            has_more_subjects=self._has_more_subjects,
            subject=self._subject,
            time=self._time,
            ending=self.ending,
        )

    async def wait(self, changes: int, seconds: float) -> None:
        """Wait until it has changed more often than ``changes``, at most so long."""
        try:
            async with asyncio.timeout(seconds):
                while self._changes <= changes:
                    await self._news.wait()
        except TimeoutError:
            return

    async def read(self) -> None:
        """Read until the end, which is ``ending`` then. A connection that breaks is opened again where it was."""
        try:
            await self._read_on()
        except HansaError as error:
            self._end(_ending_of(error))
        except Exception as error:
            log.exception("a stream of a partner cannot be read", extra={"transfer": self.transfer}, exc_info=error)
            self._end(_ending_of(LocalFault("the stream cannot be read")))

    async def _read_on(self) -> None:
        failures = 0
        while True:
            before = self._count
            error: HansaError = PeerUnreachable(
                "the provider has closed the connection without a reason", remedy="try again later"
            )
            try:
                if await self._read_connection():
                    return
            except PeerUnreachable as fault:
                error = fault
            failures = 1 if self._count > before else failures + 1
            if failures >= self._tries:
                raise error
            self._is_connected = False
            self._tell()
            await asyncio.sleep(_PAUSE)

    async def _read_connection(self) -> bool:
        """Read one connection to its end; return whether the provider has ended the stream."""
        async with AsyncExitStack() as stack:
            chunks = await self._connect(stack, self._place)
            # What comes meanwhile waits in the connection: nothing is between the latest and the first event.
            if self._fetch_latest is not None and not self.ready.is_set():
                self._take_latest(await self._fetch_latest())
            self._is_connected = True
            self.ready.set()
            self._tell()
            loop = asyncio.get_running_loop()
            began, number = loop.time(), 0
            async with aclosing(events_of(chunks)) as events:
                async for event in events:
                    if self._take(event):
                        return True
                    number += 1
                    if number == _MOST_A_SECOND:
                        await asyncio.sleep(max(0.0, began + 1 - loop.time()))
                        began, number = loop.time(), 0
        return False

    def _take(self, event: StreamEvent) -> bool:
        """Take note of an event; return whether it is the last."""
        self._place = event.id or self._place
        if event.name == "observation":
            observation = SeenObservation(received=self._clock.now(), members=cut_members(event.data))
            self._count += 1
            self._newest.append(observation)
            self._keep_latest(observation, event.data)
        elif event.name == "gap":
            self._has_gap = True
        elif event.name == "end":
            reasons = event.data.get("reasons")
            self._end(
                StreamEnd(
                    code=_text(event.data.get("code")),
                    reason=_text(event.data.get("reason")),
                    remedy=_text(event.data.get("remedy")),
                    reasons=tuple(reasons[:10]) if isinstance(reasons, list) else (),
                )
            )
            return True
        else:
            return False
        self._tell()
        return False

    def _take_latest(self, document: bytes) -> None:
        try:
            members = read_object(document, max_depth=_DEEPEST)
        except InvalidInput as error:
            raise PeerUnreachable(f"the provider's answer is not that of a stream: {error.detail}") from error
        self._subject, self._time = _text(members.get("subject")), _text(members.get("time"))
        entries = members.get("observations")
        for entry in entries if isinstance(entries, list) else []:
            content = entry.get("observation") if isinstance(entry, Mapping) else None
            if isinstance(content, Mapping):
                received = _moment(entry.get("received")) or self._clock.now()
                self._keep_latest(SeenObservation(received=received, members=cut_members(content)), content)
        self._has_more_subjects = self._has_more_subjects or bool(members.get("next"))

    def _keep_latest(self, observation: SeenObservation, content: Mapping[str, Any]) -> None:
        """Keep it if it is the latest of its subject: a late one is not."""
        if not self._subject or self._subject not in content:
            return
        name = _cut(str(content[self._subject]))
        before = self._latest.get(name)
        if before is None and len(self._latest) == SUBJECTS:
            self._has_more_subjects = True
            return
        if before is not None and _is_later(before.members.get(self._time), observation.members.get(self._time)):
            return
        self._latest[name] = observation

    def stop(self) -> None:
        """Note that this node reads no further."""
        if self.ending is None:
            self._end(StreamEnd(code="node-stops", reason="this node stops", remedy="open it again in a moment"))

    def _end(self, ending: StreamEnd) -> None:
        self.ending = ending
        self._is_connected = False
        self.ready.set()
        self._tell()

    def _tell(self) -> None:
        self._changes += 1
        news, self._news = self._news, asyncio.Event()
        news.set()


def cut_members(content: Mapping[str, Any]) -> dict[str, Scalar]:
    """Return the first members of an observation, each cut to what is shown: containers as JSON."""
    names = list(content)[:_MEMBERS]
    return {_cut(name): _scalar(content[name]) for name in names}


def _scalar(value: Any) -> Scalar:
    if isinstance(value, bool | int | float) or value is None:
        return value if not isinstance(value, int) or abs(value) < 1 << 64 else _cut(str(value))
    if isinstance(value, str):
        return _cut(value)
    return _cut(json.dumps(value, ensure_ascii=False, separators=(",", ":")))


def _cut(text: str) -> str:
    plain = one_line(text[: _LONGEST + 1])
    return plain if len(plain) <= _LONGEST else f"{plain[: _LONGEST - 1]}…"


def _text(value: Any) -> str:
    return one_line(value[:_LONGEST_REASON]) if isinstance(value, str) else ""


def _moment(value: Any) -> datetime | None:
    try:
        return moment(value) if isinstance(value, str) and len(value) <= 40 else None
    except (ValueError, OverflowError):
        return None


def _is_later(before: Scalar, after: Scalar) -> bool:
    """Return whether the time ``before`` is later than ``after``; false if one of them is no time."""
    first, second = _moment(before), _moment(after)
    return first is not None and second is not None and first > second


def _ending_of(error: HansaError) -> StreamEnd:
    reasons = error.facts.get("reasons", ())
    return StreamEnd(
        code=error.code,
        reason=one_line(error.detail[:_LONGEST_REASON]),
        remedy=one_line(error.remedy[:_LONGEST_REASON]),
        reasons=tuple(reasons[:10]) if isinstance(reasons, list | tuple) else (),
    )

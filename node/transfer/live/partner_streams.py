"""The streams of partners, as people of this node look at them: one open read for all who look at the same one.

A reader who follows has a place until they leave. One who loads the page now and then, without scripts, has a place
for a while after each time. Nobody looks any more: the open read is closed.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from functools import partial
from typing import Final

from anyio.to_thread import run_sync

from node.base.clock import Clock
from node.base.errors import Conflict, NotFound, Overloaded, TooMany
from node.base.ids import new_urn
from node.base.plaintext import word
from node.base.work import UnitOfWork
from node.dialogue.process import Role
from node.identity.model import Caller
from node.identity.roles import UseCase, require
from node.negotiation.model import Agreement
from node.negotiation.uses import Uses, limits_uses
from node.policy.odrl import parse
from node.policy.portion import portion_of
from node.transfer.addresses import read_address
from node.transfer.live.access import LiveAccess, OpenAddress
from node.transfer.live.feeds import Connect, Feed, FeedState, FetchLatest
from node.transfer.model import Transfer
from node.transfer.openings import OpenData, TransferReader, is_open
from node.vocab.dsp import LIVE

READERS: Final = 64
"""The people who look at streams of partners at a time."""
_AT_ONCE: Final = 8
"""The pages that one person follows at a time."""
_STAY_SECONDS: Final = 30.0
"""A reader has a place so long after they have loaded the page."""
_LEAVE_SECONDS: Final = 3.0
"""A reader who stops following keeps the place so long: a page that is loaded again goes on."""
_FIRST_SECONDS: Final = 5.0
"""A page waits at most so long for the provider's answer."""
_LOOK_SECONDS: Final = 1.0
_PACE_SECONDS: Final = 0.5
"""Between two states for one who follows."""

Events = Callable[[AsyncExitStack, str, str, str], Awaitable[AsyncIterator[bytes]]]
"""Opens the events of a stream within a stack: of an address, with the value of the Authorization header, after a
place."""

Latest = Callable[[str, str], Awaitable[bytes]]
"""Fetches the latest observation of each subject from an address, with the value of the Authorization header."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PartnerStreamView:
    """A stream of a partner now. ``transfer`` is the one that it is read by, or the last one; None if there was none.
    ``feed`` is None if nobody reads it. ``is_counted``: each time it is opened is a use of the agreement."""

    agreement: Agreement
    transfer: Transfer | None
    feed: FeedState | None
    is_counted: bool

    @property
    def is_ready(self) -> bool:
        """Return whether the provider gives access now."""
        return self.agreement.in_force and self.transfer is not None and is_open(self.transfer)

    @property
    def event_stream(self) -> str | None:
        """Return the first address of the stream as a Linked Data Event Stream; None if nobody may read it now, or
        the agreement gives some of the observations only, or another form of their values."""
        if not self.is_ready or self.transfer is None:
            return None
        portion = portion_of(parse(self.agreement.body))
        if portion.rows or portion.conceals:
            return None
        return f"{read_address(self.transfer.data_address).endpoint}/ldes"


class _FeedEntry:
    """A feed, who looks at it, and until when readers without a connection have a place."""

    def __init__(self, feed: Feed) -> None:
        self.feed = feed
        self.followers: list[str] = []
        self.stays: dict[str, float] = {}
        self.task: asyncio.Task[None] | None = None

    def has(self, name: str, now: float) -> bool:
        return name in self.followers or self.stays.get(name, 0.0) > now

    def forget(self, now: float) -> None:
        """Forget those who have not come back."""
        self.stays = {name: until for name, until in self.stays.items() if until > now}

    def readers(self, now: float) -> int:
        return len(self.followers) + sum(
            until > now and name not in self.followers for name, until in self.stays.items()
        )


class PartnerStreams:
    """Shows streams of others. One for a process: its feeds live in the loop in which they are opened."""

    def __init__(
        self,
        work: UnitOfWork,
        *,
        overview: TransferReader,
        streams: OpenData,
        access: LiveAccess,
        events: Events,
        latest: Latest,
        uses: Uses,
        clock: Clock,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._work = work
        self._overview = overview
        self._streams = streams
        self._access = access
        self._events = events
        self._latest = latest
        self._uses = uses
        self._clock = clock
        self._monotonic = monotonic
        self._feeds: dict[tuple[str, str | None], _FeedEntry] = {}

    async def view(self, agreement_id: str, by: Caller, *, file: str | None = None) -> PartnerStreamView:
        """Return the stream under an agreement of ours, and read it from now on, as long as ``by`` comes back.

        It is not opened by this if there is no transfer for it, or each read is counted: see ``open``. ``file`` names
        it, if there are several. Raises ``NotAllowed``, ``NotFound``, and ``Overloaded`` if too many look.
        """
        self.require_role(by)
        view = await run_sync(self._find, agreement_id, file)
        entry = self._feeds.get((agreement_id, file))
        is_other = entry is not None and view.transfer is not None and entry.feed.transfer != view.transfer.pid
        if view.is_ready and not view.is_counted and (entry is None or is_other):
            entry = self._start(view, by, file)
        return await self._show(view, entry, by)

    async def open(self, agreement_id: str, by: Caller, *, file: str | None = None) -> PartnerStreamView:
        """Open the stream, or open it again after its end; where reads are counted, this is one.

        Raises the errors of ``view``, and ``Conflict`` if the agreement has ended or the provider does not open it.
        """
        self._streams.require_role(by)
        view = await run_sync(self._find, agreement_id, file)
        if not view.agreement.in_force:
            raise Conflict("the agreement has ended", remedy=f"hansa agreement {word(agreement_id)}")
        entry = self._feeds.get((agreement_id, file))
        if entry is None or entry.feed.ending is not None:
            await self._streams.open(agreement_id, by, file)
            view = await run_sync(self._find, agreement_id, file)
            # Somebody else may have opened it while we waited.
            entry = self._feeds.get((agreement_id, file))
            if view.is_ready and (entry is None or entry.feed.ending is not None):
                entry = self._start(view, by, file)
        return await self._show(view, entry, by)

    async def follow(
        self, agreement_id: str, by: Caller, *, file: str | None = None
    ) -> AsyncGenerator[FeedState | None, None]:
        """Yield the state of a stream now and after each change, at most twice a second, and None after a second
        without one; it ends with the stream. Raises the errors of ``view``, and ``Conflict`` if it is not open."""
        view = await self.view(agreement_id, by, file=file)
        entry = self._feeds.get((agreement_id, file))
        if view.feed is None or entry is None:
            raise Conflict("the stream is not open", remedy="open it on the page of the agreement")
        if sum(other.followers.count(by.name) for other in self._feeds.values()) >= _AT_ONCE:
            raise TooMany(f"you follow {_AT_ONCE} streams on pages already", remedy="close one of them")
        self._require_place(by, entry, follows=True)
        entry.followers.append(by.name)
        try:
            changes = -1
            while True:
                if entry.feed.changes > changes:
                    changes = entry.feed.changes
                    yield entry.feed.state()
                    if entry.feed.ending is not None:
                        return
                    await asyncio.sleep(_PACE_SECONDS)
                else:
                    yield None
                await entry.feed.wait(changes, _LOOK_SECONDS)
        finally:
            entry.followers.remove(by.name)
            entry.stays[by.name] = self._monotonic() + _LEAVE_SECONDS

    def require_role(self, by: Caller) -> None:
        """Raise ``NotAllowed`` unless ``by`` may read received data."""
        require(by, UseCase.READ_RECEIVED)

    def close(self) -> None:
        """End all open reads, and answer those who follow."""
        for entry in list(self._feeds.values()):
            entry.feed.stop()
            if entry.task is not None:
                entry.task.cancel()

    def _find(self, agreement_id: str, file: str | None) -> PartnerStreamView:
        agreement = self._overview.agreement(agreement_id)
        if agreement.role != Role.CONSUMER:
            raise NotFound("this node is the provider of these data", remedy="see the page of the asset")
        transfers = [
            transfer
            for transfer, _ in self._overview.transfers_under(agreement)
            if transfer.role is Role.CONSUMER and transfer.format == LIVE and file in (None, transfer.file)
        ]
        running = next(filter(is_open, transfers), None)
        transfer = running or next(iter(transfers), None)
        is_counted = limits_uses(agreement.body)
        return PartnerStreamView(agreement=agreement, transfer=transfer, feed=None, is_counted=is_counted)

    async def _show(self, view: PartnerStreamView, entry: _FeedEntry | None, by: Caller) -> PartnerStreamView:
        if entry is None:
            return view
        self._require_place(by, entry)
        entry.stays[by.name] = self._monotonic() + _STAY_SECONDS
        try:
            async with asyncio.timeout(_FIRST_SECONDS):
                await entry.feed.ready.wait()
        except TimeoutError:
            # The page says that it is still being opened.
            pass
        return PartnerStreamView(
            agreement=view.agreement,
            transfer=view.transfer,
            feed=entry.feed.state(),
            is_counted=view.is_counted,
        )

    def _start(self, view: PartnerStreamView, by: Caller, file: str | None) -> _FeedEntry:
        assert view.transfer is not None, "it is open"
        key, pid = (view.agreement.id, file), view.transfer.pid
        self._require_place(by, None)
        before = self._feeds.pop(key, None)
        feed = Feed(
            pid,
            self._connect(view, by),
            None if view.is_counted else self._fetch_latest(pid, by),
            self._clock,
            may_reconnect=not view.is_counted,
        )
        entry = self._feeds[key] = _FeedEntry(feed)
        entry.stays[by.name] = self._monotonic() + _STAY_SECONDS
        entry.task = asyncio.create_task(self._keep(key, entry), name=f"stream of a partner {pid}")
        if before is not None and before.task is not None:
            before.task.cancel()
        return entry

    def _require_place(self, by: Caller, entry: _FeedEntry | None, *, follows: bool = False) -> None:
        """Raise ``Overloaded`` if ``by`` has no place at ``entry`` and all are taken. Who has loaded a page takes
        their place along when they follow."""
        now = self._monotonic()
        if entry is not None and entry.has(by.name, now) and not (follows and by.name in entry.followers):
            return
        if sum(other.readers(now) for other in self._feeds.values()) >= READERS:
            raise Overloaded(
                f"{READERS} people look at streams of partners at this moment", remedy="try again in a minute"
            )

    async def _keep(self, key: tuple[str, str | None], entry: _FeedEntry) -> None:
        """Read as long as somebody looks."""
        reading = asyncio.create_task(entry.feed.read())
        try:
            while entry.readers(self._monotonic()):
                entry.forget(self._monotonic())
                await asyncio.sleep(_LOOK_SECONDS)
        finally:
            reading.cancel()
            await asyncio.gather(reading, return_exceptions=True)
            if self._feeds.get(key) is entry:
                del self._feeds[key]

    def _connect(self, view: PartnerStreamView, by: Caller) -> Connect:
        assert view.transfer is not None, "it is open"
        pid = view.transfer.pid

        async def connect(stack: AsyncExitStack, place: str) -> AsyncIterator[bytes]:
            async def open_events(address: OpenAddress) -> AsyncIterator[bytes]:
                return await self._events(stack, address.endpoint, address.authorization, place)

            chunks = await self._access.use(pid, by, open_events)
            if view.is_counted:
                await run_sync(self._count_use, view.agreement)
            return chunks

        return connect

    def _fetch_latest(self, pid: str, by: Caller) -> FetchLatest:
        async def fetch(address: OpenAddress) -> bytes:
            return await self._latest(address.endpoint, address.authorization)

        return partial(self._access.use, pid, by, fetch)

    def _count_use(self, agreement: Agreement) -> None:
        """Count an open read as the provider counts it. Its count decides; this one shows how many uses are left."""
        with self._work.begin() as tx:
            self._uses.note(tx, agreement.id, new_urn())

"""One harvest, page by page: enter changed records, recognise renamed ones, withdraw vanished ones."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import replace
from typing import Final

from node.base.errors import InvalidInput, TooLarge
from node.catalogue.harvest.first_place import first_place
from node.catalogue.harvest.harvest_order import Harvester, HarvestOrder
from node.catalogue.harvest.imports import check_source_name
from node.catalogue.harvest.renames import MOST, Marks, NewRecord, judge
from node.catalogue.harvest.report import ImportedRecord, OpenedFile, Outcome, Tally
from node.catalogue.harvest.source_addresses import (
    ckan_api,
    ckan_page,
    ckan_start,
    first_page,
    following,
    source_name,
)
from node.catalogue.harvest.source_pages import Page, Reader
from node.catalogue.harvest.source_state import PageState, SourceState
from node.catalogue.harvest.stream import ReadPage, Stream
from node.catalogue.model import Publication
from node.identity.model import Caller as Person
from node.semantics.harvest.cage_client import Batches
from node.semantics.harvest.refusals import source_fault
from node.semantics.harvest.xml.requests import entrance

MAX_PAGES: Final = 5_000


class HarvestRun:
    """A harvest in progress: ``opened`` describes the first page, iterating enters the records, ``tally`` counts."""

    def __init__(self, use_case: Harvester, order: HarvestOrder, by: Person, reader: Reader) -> None:
        self._use_case = use_case
        self._order = order
        self._by = by
        self._reader = reader
        self._way = ""
        self._before: SourceState | None = None
        self._start = ""
        self._first: tuple[PageState | None, Page | None, Batches | None] = (None, None, None)
        self._gone: set[str] = set()
        self._known: dict[str, Marks] | None = None
        self._marks: set[str] = set()
        self._waiting: list[NewRecord] = []
        self._unfinished: dict[str, PageState] = {}
        self._listed: dict[str, Marks | None] = {}
        self._faulty: set[str] = set()
        self._visited: dict[str, None] = {}
        self._stream = Stream()
        self._ahead: deque[str] = deque()
        self._was_read = False
        self._number = 0
        self._last: Publication | None = None
        self.tally = Tally()
        self.opened = OpenedFile(total=0, source="", notes=(), left_out={})
        self.before_note: Callable[[], Awaitable[object]] = _nothing
        """Called before a page is stored as read: the report of its records has to be saved by then."""

    async def open(self) -> None:
        """Read the first page, and set ``opened``."""
        url = self._order.url
        self._use_case.require_idle(url)
        await self._reader.require_permission(entrance(url) or first_page(url), agreed=self._order.agreed)
        self._before = await asyncio.to_thread(self._use_case.states.source, url)
        self._was_read = self._before is not None
        known_source = self._order.source.strip() or (self._before.source if self._before is not None else "")
        self._way = await asyncio.to_thread(self._use_case.way, self._order, known_source)
        self._start, title = await first_place(self._reader, self._use_case, url)
        self._first = await self._read(self._start)
        is_known, page, batches = self._first
        before = self._before
        if batches is None:
            # Only a page with a stored state can be unchanged.
            assert is_known is not None
            assert before is not None
            self.opened = OpenedFile(
                total=len(is_known.records),
                source=before.source,
                title=title or before.title,
                notes=(),
                left_out={},
            )
            return
        assert page is not None
        source = self._order.source.strip() or source_name(url, batches.catalogues)
        check_source_name(source)
        if source != known_source:
            self._way = await asyncio.to_thread(self._use_case.way, self._order, source)
        self.opened = OpenedFile(
            total=max(batches.expected or 0, batches.total),
            source=source,
            title=title or batches.title,
            notes=batches.notes,
            left_out=batches.left_out,
        )

    async def __aiter__(self) -> AsyncGenerator[ImportedRecord, None]:
        url = self._order.url
        self._use_case.require_idle(url)
        self._use_case.busy.add(url)
        try:
            async for record in self._records():
                yield record
        finally:
            self._use_case.busy.discard(url)

    async def _records(self) -> AsyncIterator[ImportedRecord]:
        async for record in self._pages():
            yield record
        async for record in self._enter_stream():
            yield record
        async for record in self._withdraw_deleted():
            yield record
        for state in self._stream.unchanged_pages():
            for record in self._skip_unchanged(state):
                yield record
        async for record in self._enter_waiting():
            yield record
        async for record in self._withdraw_absent():
            yield record
        if not self._order.check:
            await self._use_case.imports.count_values(self.opened.source, self.tally)
            await self._use_case.imports.settle(self._last)

    async def _pages(self) -> AsyncIterator[ImportedRecord]:
        """Read all pages, and enter their records unless they are those of an event stream."""
        repetition = ""
        self._ahead.append(self._start)
        while self._ahead:
            place = self._ahead.popleft()
            if not place or place in self._visited:
                repetition = repetition or place
                continue
            if len(self._visited) == MAX_PAGES:
                raise source_fault(TooLarge, "pages", count=MAX_PAGES)
            is_known, page, batches = self._first if not self._visited else await self._read(place)
            self._first = (None, None, None)
            self._visited[place] = None
            async for record in self._enter_page(place, is_known, page, batches):
                yield record
        if repetition and entrance(self._order.url):
            raise source_fault(InvalidInput, "endless", address=repetition)

    async def _enter_page(
        self, place: str, previous: PageState | None, page: Page | None, batches: Batches | None
    ) -> AsyncIterator[ImportedRecord]:
        """Enter the records of a page, or count them if it is unchanged; the pages that it names are read later."""
        if page is None or batches is None:
            assert previous is not None
            self._ahead.extend((previous.next, *previous.relations))
            if previous.versions or previous.deleted:
                self._stream.skip(previous)
                return
            for record in self._skip_unchanged(previous):
                yield record
            return
        state = self._state(place, page, batches)
        self._ahead.extend((state.next, *state.relations))
        read_page = ReadPage(place=place, state_before=previous, state=state, batches=batches)
        if batches.versions is None:
            async for record in self._enter_changed(read_page, was_read=self._was_read):
                yield record
            return
        self._stream.hold(read_page)
        if self._stream.is_full:
            async for record in self._enter_stream():
                yield record

    def _skip_unchanged(self, page: PageState) -> Iterator[ImportedRecord]:
        """Count the records of an unchanged page, and report its refused records again."""
        for line in page.refused:
            yield self._with_number(ImportedRecord(**{**line, "number": 0, "outcome": Outcome.REFUSED}))
        self._faulty.update(str(line[name]) for line in page.refused for name in ("iri", "address"))
        # In an event stream, a page has older versions of records that another page has, too.
        records = [address for address in page.records if address not in self._listed]
        conforming = min(page.conforming, len(records))
        self.tally.skip(len(records), conforming=conforming, repairs=page.repaired, own_values=page.own_values)
        self._number += len(records)
        self._listed.update(dict.fromkeys(records))

    async def _enter_stream(self) -> AsyncIterator[ImportedRecord]:
        """Enter the newest versions in the pages of an event stream that were read."""
        for page in self._stream.pages():
            async for record in self._enter_changed(page, was_read=False):
                yield record

    def _state(self, place: str, page: Page, batches: Batches) -> PageState:
        """Return the state of a page before its records are entered."""
        return PageState(
            sha256=page.sha256,
            etag=page.etag,
            modified=page.modified,
            next=self._next(place, page, batches),
            relations=[following(page.url, address) for address in batches.relations],
            versions={record: time for batch in batches.versions or () for record, time in batch},
            deleted=batches.deletions,
            immutable=page.immutable,
        )

    async def _enter_changed(self, page: ReadPage, *, was_read: bool) -> AsyncIterator[ImportedRecord]:
        """Enter the records of a page, and store the page as read."""
        place, is_known, batches = page.place, page.state_before, page.batches
        refusals: list[ImportedRecord] = []
        marks: dict[str, Marks] = {}
        waiting = len(self._waiting)
        waits = self._waits if was_read else None
        before_page = self.tally.copy()
        async for item in self._use_case.imports.enter(
            self._order.import_order(self.opened.source), batches, self._by, waits=waits
        ):
            if isinstance(item, Publication):
                self._last = item
                continue
            if isinstance(item, NewRecord):
                self._waiting.append(replace(item, page=place))
                continue
            if item.outcome is Outcome.REFUSED:
                refusals.append(item)
            else:
                marks[item.address] = item.marks
            yield self._with_number(item)
        self._listed.update(marks)
        self._faulty.update(text for item in refusals for text in (item.iri, item.address))
        state = replace(
            page.state,
            records=list(marks),
            conforming=self.tally.conforming - before_page.conforming,
            repaired=self.tally.repaired - before_page.repaired,
            refused=[item.to_refusal() for item in refusals],
            marks={address: sorted(texts) for address, texts in marks.items()},
            own_values=[[*value, count] for value, count in (self.tally.own_values - before_page.own_values).items()],
        )
        await self.before_note()
        if len(self._waiting) > waiting:
            # Until the new records are entered, the page is not stored as read.
            self._unfinished[place] = state
            state = replace(state, sha256="", etag="", modified="")
        await self._note(place, is_known, state)

    async def _read(self, place: str) -> tuple[PageState | None, Page | None, Batches | None]:
        """Return the state of the page at ``place``, the page without body, and its records; None if unchanged."""
        is_known = None
        if self._before is not None:
            is_known = await asyncio.to_thread(self._use_case.states.page, self._order.url, place)
        usable = self._before is not None and self._before.way == self._way
        page = await self._reader.read(place, is_known if usable else None)
        if page is None:
            return is_known, None, None
        return is_known, replace(page, body=b""), await self._use_case.pieces(page, self._order.rules)

    def _next(self, place: str, page: Page, batches: Batches) -> str:
        api = ckan_api(self._order.url)
        if not api:
            return following(page.url, batches.next)
        # Portals may answer with fewer packages than requested: the next page begins after those received.
        start = ckan_start(place) + (batches.listed or 0)
        return ckan_page(api, start) if batches.listed and start < (batches.expected or 0) else ""

    async def _note(self, place: str, previous: PageState | None, state: PageState) -> None:
        if previous is not None:
            self._gone.update(set(previous.records) - set(state.records))
        if self._order.check:
            return
        before = self._before
        source = SourceState(
            source=self.opened.source,
            way=self._way,
            title=self.opened.title or (before.title if before else {}),
            pages=list(dict.fromkeys([*(before.pages if before else ()), *self._visited])),
            missing=sorted(self._gone.union(before.missing if before else ())),
        )
        if before is not None and before.way != self._way:
            # The stored states of other pages were made with other rules: keep only their lists of records.
            await asyncio.to_thread(self._use_case.states.forget_readings, self._order.url, before, place)
        await asyncio.to_thread(self._use_case.states.save, self._order.url, source, {place: state})
        self._before = source

    async def _withdraw_absent(self) -> AsyncIterator[ImportedRecord]:
        """Withdraw the records that the source no longer lists, unless they are more than those that it lists."""
        url, states, before = self._order.url, self._use_case.states, self._before
        if before is None:
            return
        other_pages = [page for page in before.pages if page not in self._visited]
        # A stream may forget old members, which says nothing about their records.
        absentees = [] if self._stream.exists else await self._no_longer_listed(before)
        if absentees and len(absentees) > len(self._listed) and not self._order.fewer:
            self.tally.missing = len(absentees)
            return
        still = []
        for address in absentees:
            if iri := await self._withdraw(address, before.source, frozenset(self._faulty - {""})):
                yield self._withdrawn(address, iri)
            elif iri is not None:
                still.append(address)
        if not self._order.check and (absentees or other_pages or before.missing):
            forgotten = dict.fromkeys(other_pages, None)
            state_now = replace(before, pages=list(self._visited), missing=still)
            await asyncio.to_thread(states.save, url, state_now, forgotten)

    async def _withdraw_deleted(self) -> AsyncIterator[ImportedRecord]:
        """Withdraw the records that an event stream says were deleted."""
        homes = self._use_case.imports.homes
        for address in await asyncio.to_thread(homes.addresses_of, self._stream.deleted_iris(), self.opened.source):
            # A page that has not changed may still have an older version of it.
            self._listed.setdefault(address)
            if iri := await self._withdraw(address, self.opened.source, frozenset()):
                yield self._withdrawn(address, iri)

    async def _withdraw(self, address: str, source: str, faulty: frozenset[str]) -> str | None:
        check = self._order.check
        return await asyncio.to_thread(self._use_case.withdraw, address, source, faulty, self._by, check=check)

    def _withdrawn(self, address: str, iri: str) -> ImportedRecord:
        iri = "" if iri == address else iri
        return self._with_number(ImportedRecord(number=0, outcome=Outcome.WITHDRAWN, iri=iri, address=address))

    async def _no_longer_listed(self, before: SourceState) -> list[str]:
        candidates = dict.fromkeys((*before.missing, *sorted(self._gone)))
        for page in before.pages:
            if page not in self._visited:
                state = await asyncio.to_thread(self._use_case.states.page, self._order.url, page)
                candidates.update(dict.fromkeys(state.records if state else ()))
        return [address for address in candidates if address not in self._listed]

    async def _waits(self, marks: Marks) -> bool:
        """Return whether a new record with these marks may be one that the source had under another IRI."""
        if not marks or len(self._waiting) >= MOST:
            return False
        if self._known is None:
            self._known = await asyncio.to_thread(self._marks_before)
            self._marks = {mark for texts in self._known.values() for mark in texts}
        return not marks.isdisjoint(self._marks)

    def _marks_before(self) -> dict[str, Marks]:
        """Return the marks of all records that the source had when this run began."""
        before = self._before
        assert before is not None
        marks: dict[str, Marks] = {}
        for page in before.pages:
            state = self._use_case.states.page(self._order.url, page)
            for address in state.records if state else ():
                texts = state.marks.get(address) if state else None
                marks[address] = self._use_case.imports.homes.marks_at(address) if texts is None else frozenset(texts)
        for address in {*self._gone, *before.missing} - set(marks):
            marks[address] = self._use_case.imports.homes.marks_at(address)
        return marks

    async def _enter_waiting(self) -> AsyncIterator[ImportedRecord]:
        """Enter the records that waited, each as a renamed record or as a new one."""
        marks, before = self._known, self._before
        if not self._waiting or marks is None or before is None:
            return
        gone = await self._no_longer_listed(before)
        now = {address: marks.get(address, frozenset()) if m is None else m for address, m in self._listed.items()}
        judgement = judge([item.line.marks for item in self._waiting], before=marks, later=now, absent=set(gone))
        for place, record in enumerate(self._waiting):
            publication, line = await self._use_case.imports.enter_waiting(
                record,
                self._order.import_order(self.opened.source),
                self._by,
                address=judgement.addresses.get(place, ""),
                doubt=judgement.doubts.get(place),
            )
            self._last = publication or self._last
            page = self._unfinished[record.page]
            if line.outcome is Outcome.REFUSED:
                page = replace(page, refused=[*page.refused, line.to_refusal()])
            else:
                self._listed[line.address] = line.marks
                page = replace(
                    page,
                    records=[*page.records, line.address],
                    marks={**page.marks, line.address: sorted(line.marks)},
                    conforming=page.conforming + line.conforms,
                    repaired=page.repaired + bool(line.repairs),
                    own_values=[*page.own_values, *([*value, 1] for value in line.own_values)],
                )
            self._unfinished[record.page] = page
            yield self._with_number(line)
        await self.before_note()
        if not self._order.check:
            states = self._use_case.states
            await asyncio.to_thread(states.save, self._order.url, self._before or before, self._unfinished)

    def _with_number(self, record: ImportedRecord) -> ImportedRecord:
        self._number += 1
        self.tally.add(record)
        return replace(record, number=self._number)


async def _nothing() -> None:
    """Do nothing: the report is not stored."""

"""One harvest, page by page: enter changed records, recognise renamed ones, withdraw vanished ones."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any, Final

from node.base.errors import InvalidInput, TooLarge
from node.catalogue.harvest.harvest_order import Harvester, HarvestOrder
from node.catalogue.harvest.import_order import ImportOrder
from node.catalogue.harvest.imports import check_source_name
from node.catalogue.harvest.renames import MOST, Marks, NewRecord, judge
from node.catalogue.harvest.report import Entered, Opened, Outcome, Tally
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
from node.catalogue.model import Published
from node.identity.model import Caller as Person
from node.semantics.harvest.door import Batches
from node.semantics.harvest.xml.requests import entrance

MAX_PAGES: Final = 5_000


class HarvestRun:
    """A harvest in progress: ``opened`` describes the first page, iterating enters the records, ``tally`` counts."""

    def __init__(self, use_case: Harvester, order: HarvestOrder, by: Person, reader: Reader, way: str) -> None:
        self._use_case = use_case
        self._order = order
        self._by = by
        self._reader = reader
        self._way = way
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
        self._number = 0
        self._last: Published | None = None
        self.tally = Tally()
        self.opened = Opened(total=0, source="", notes=(), left_out={})
        self.before_note: Callable[[], Awaitable[object]] = _nothing
        """Called before a page is stored as read: the report of its records has to be saved by then."""

    async def open(self) -> None:
        """Read the first page, and set ``opened``."""
        url = self._order.url
        self._use_case.require_idle(url)
        await self._reader.require_permission(entrance(url) or first_page(url), agreed=self._order.agreed)
        self._before = await asyncio.to_thread(self._use_case.states.source, url)
        self._start, title = await self._enter(url)
        self._first = await self._read(self._start)
        known, page, batches = self._first
        before = self._before
        if batches is None:
            # Only a page with a stored state can be unchanged.
            assert known is not None
            assert before is not None
            self.opened = Opened(
                total=len(known.records),
                source=before.source,
                title=title or before.title,
                notes=(),
                left_out={},
            )
            return
        assert page is not None
        source = self._order.source.strip() or source_name(url, batches.catalogues)
        check_source_name(source)
        self.opened = Opened(
            total=max(batches.expected or 0, batches.total),
            source=source,
            title=title or batches.title,
            notes=batches.notes,
            left_out=batches.left_out,
        )

    async def _enter(self, url: str) -> tuple[str, Mapping[str, str]]:
        """Return the address of the first page, and the title of the source if the server states it beforehand."""
        doorway = entrance(url)
        if not doorway:
            return first_page(url), {}
        page = await self._reader.read(doorway, None)
        assert page is not None  # nothing is known about it, so it cannot be unchanged
        answer = await self._use_case.pieces(page, ())
        start = following(page.url, answer.next)
        if not start:
            raise InvalidInput(
                f"{doorway} is not an answer of a CSW server or of OAI-PMH",
                remedy="name the address of the server, as in its capabilities",
            )
        return start, answer.title

    async def __aiter__(self) -> AsyncGenerator[Entered, None]:
        url = self._order.url
        self._use_case.require_idle(url)
        self._use_case.busy.add(url)
        try:
            async for record in self._records():
                yield record
        finally:
            self._use_case.busy.discard(url)

    async def _records(self) -> AsyncIterator[Entered]:
        place = self._start
        was_read = self._before is not None
        while place and place not in self._visited:
            if len(self._visited) == MAX_PAGES:
                raise TooLarge(f"the source has more than {MAX_PAGES} pages", remedy="import a part of it")
            known, page, batches = self._first if not self._visited else await self._read(place)
            self._first = (None, None, None)
            self._visited[place] = None
            if page is None or batches is None:
                assert known is not None
                for record in self._unchanged(known):
                    yield record
                place = known.next
                continue
            following_page = self._next(place, page, batches)
            async for record in self._changed(place, known, page, batches, following_page, was_read=was_read):
                yield record
            place = following_page
        if place and entrance(self._order.url):
            raise InvalidInput(
                f"the server sends {place} as the next page a second time, so its list has no end",
                remedy="ask the source to correct its paging; nothing was withdrawn",
            )
        async for record in self._recognised():
            yield record
        async for record in self._vanished():
            yield record
        if not self._order.check:
            await self._use_case.imports.settle(self._last)

    def _unchanged(self, page: PageState) -> Iterator[Entered]:
        """Count the records of an unchanged page, and report its refused records again."""
        for line in page.refused:
            yield self._counted(Entered(**{**line, "number": 0, "outcome": Outcome.REFUSED}))
        self._faulty.update(str(line[name]) for line in page.refused for name in ("iri", "address"))
        self.tally.skip(len(page.records), conforming=page.conforming, repaired=page.repaired)
        self._number += len(page.records)
        self._listed.update(dict.fromkeys(page.records))

    async def _changed(
        self, place: str, known: PageState | None, page: Page, batches: Batches, next_page: str, *, was_read: bool
    ) -> AsyncIterator[Entered]:
        """Enter the records of a page, and store the page as read."""
        refused: list[Entered] = []
        marks: dict[str, Marks] = {}
        waiting = len(self._waiting)
        waits = self._waits if was_read else None
        before_page = replace(self.tally, outcomes=self.tally.outcomes.copy())
        async for item in self._use_case.imports.enter(self._import_order(), batches, self._by, waits=waits):
            if isinstance(item, Published):
                self._last = item
                continue
            if isinstance(item, NewRecord):
                self._waiting.append(replace(item, page=place))
                continue
            if item.outcome is Outcome.REFUSED:
                refused.append(item)
            else:
                marks[item.address] = item.marks
            yield self._counted(item)
        self._listed.update(marks)
        self._faulty.update(text for item in refused for text in (item.iri, item.address))
        state = PageState(
            sha256=page.sha256,
            etag=page.etag,
            modified=page.modified,
            next=next_page,
            records=list(marks),
            conforming=self.tally.conforming - before_page.conforming,
            repaired=self.tally.repaired - before_page.repaired,
            refused=[_line(item) for item in refused],
            marks={address: sorted(texts) for address, texts in marks.items()},
        )
        await self.before_note()
        if len(self._waiting) > waiting:
            # Until the new records are entered, the page is not stored as read.
            self._unfinished[place] = state
            state = replace(state, sha256="", etag="", modified="")
        await self._note(place, known, state)

    async def _read(self, place: str) -> tuple[PageState | None, Page | None, Batches | None]:
        """Return the stored state of the page at ``place``, the page, and its records; no page if it is unchanged."""
        known = None
        if self._before is not None:
            known = await asyncio.to_thread(self._use_case.states.page, self._order.url, place)
        usable = self._before is not None and self._before.way == self._way
        page = await self._reader.read(place, known if usable else None)
        if page is None:
            return known, None, None
        return known, page, await self._use_case.pieces(page, self._order.rules)

    def _next(self, place: str, page: Page, batches: Batches) -> str:
        api = ckan_api(self._order.url)
        if not api:
            return following(page.url, batches.next)
        # Portals may answer with fewer packages than requested: the next page begins after those received.
        start = ckan_start(place) + (batches.listed or 0)
        return ckan_page(api, start) if batches.listed and start < (batches.expected or 0) else ""

    async def _note(self, place: str, known: PageState | None, state: PageState) -> None:
        if known is not None:
            self._gone.update(set(known.records) - set(state.records))
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
            await asyncio.to_thread(self._forget_others, place, before)
        await asyncio.to_thread(self._use_case.states.save, self._order.url, source, {place: state})
        self._before = source

    def _forget_others(self, place: str, before: SourceState) -> None:
        url, states = self._order.url, self._use_case.states
        pages = {page: states.page(url, page) for page in before.pages if page != place}
        stale = {page: replace(state, sha256="", etag="", modified="") for page, state in pages.items() if state}
        states.save(url, before, stale)

    async def _vanished(self) -> AsyncIterator[Entered]:
        """Withdraw the records that the source no longer lists, unless they are more than those that it lists."""
        url, states, before = self._order.url, self._use_case.states, self._before
        if before is None:
            return
        unvisited = [page for page in before.pages if page not in self._visited]
        gone = await self._no_longer_listed(before)
        if gone and len(gone) > len(self._listed) and not self._order.fewer:
            self.tally.missing = len(gone)
            return
        still: list[str] = []
        for address in gone:
            iri = await asyncio.to_thread(
                self._use_case.withdraw,
                address,
                before.source,
                frozenset(self._faulty - {""}),
                self._by,
                check=self._order.check,
            )
            if iri == "":
                still.append(address)
            elif iri is not None:
                own = "" if iri == address else iri
                yield self._counted(Entered(number=0, outcome=Outcome.WITHDRAWN, iri=own, address=address))
        if not self._order.check and (gone or unvisited or before.missing):
            forgotten = dict.fromkeys(unvisited, None)
            state_now = replace(before, pages=list(self._visited), missing=still)
            await asyncio.to_thread(states.save, url, state_now, forgotten)

    async def _no_longer_listed(self, before: SourceState) -> list[str]:
        candidates = dict.fromkeys((*before.missing, *sorted(self._gone)))
        for page in before.pages:
            if page not in self._visited:
                state = await asyncio.to_thread(self._use_case.states.page, self._order.url, page)
                candidates.update(dict.fromkeys(state.records if state else ()))
        return [address for address in candidates if address not in self._listed]

    async def _waits(self, marks: Marks) -> bool:
        """Whether a new record with these marks may be one that the source had under another IRI."""
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
        known: dict[str, Marks] = {}
        for page in before.pages:
            state = self._use_case.states.page(self._order.url, page)
            for address in state.records if state else ():
                texts = state.marks.get(address) if state else None
                known[address] = self._use_case.imports.homes.marks_at(address) if texts is None else frozenset(texts)
        for address in {*self._gone, *before.missing} - set(known):
            known[address] = self._use_case.imports.homes.marks_at(address)
        return known

    async def _recognised(self) -> AsyncIterator[Entered]:
        """Enter the records that waited, each as a renamed record or as a new one."""
        known, before = self._known, self._before
        if not self._waiting or known is None or before is None:
            return
        gone = await self._no_longer_listed(before)
        now = {address: known.get(address, frozenset()) if m is None else m for address, m in self._listed.items()}
        judgement = judge([record.line.marks for record in self._waiting], before=known, listed=now, gone=set(gone))
        for place, record in enumerate(self._waiting):
            published, line = await self._use_case.imports.enter_waiting(
                record,
                self._import_order(),
                self._by,
                address=judgement.addresses.get(place, ""),
                doubt=judgement.doubts.get(place),
            )
            self._last = published or self._last
            page = self._unfinished[record.page]
            if line.outcome is Outcome.REFUSED:
                page = replace(page, refused=[*page.refused, _line(line)])
            else:
                self._listed[line.address] = line.marks
                page = replace(
                    page,
                    records=[*page.records, line.address],
                    marks={**page.marks, line.address: sorted(line.marks)},
                    conforming=page.conforming + line.conforms,
                    repaired=page.repaired + bool(line.repairs),
                )
            self._unfinished[record.page] = page
            yield self._counted(line)
        await self.before_note()
        if not self._order.check:
            states = self._use_case.states
            await asyncio.to_thread(states.save, self._order.url, self._before or before, self._unfinished)

    def _counted(self, record: Entered) -> Entered:
        self._number += 1
        self.tally.add(record)
        return replace(record, number=self._number)

    def _import_order(self) -> ImportOrder:
        order = self._order
        return ImportOrder(
            body=b"",
            media_type="",
            source=self.opened.source,
            audience=order.audience,
            rules=order.rules,
            check=order.check,
            since=order.since,
        )


async def _nothing() -> None:
    """Do nothing: the report is not stored."""


def _line(record: Entered) -> dict[str, Any]:
    """Return the stored form of a refused record, to be reported again while its page is unchanged."""
    return {
        "iri": record.iri,
        "address": record.address,
        "kind": record.kind,
        "title": record.title[:300],
        "error": record.error,
        "remedy": record.remedy,
        "cause": dict(record.cause),
    }

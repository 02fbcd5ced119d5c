"""Harvest: a catalogue at an address, read page by page, with what changed and what vanished since the last time.

Each page is cut and entered like a file (``node.catalogue.harvest.imports``). At the end, and only where every page
was read, records that the source no longer lists are withdrawn here. A source that suddenly lists less than half of
what it had is taken for broken: then nothing is withdrawn.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from node.base.errors import Conflict, PeerUnreachable, TooLarge
from node.base.work import Transaction
from node.catalogue.envelope import withdrawal_of
from node.catalogue.harvest.imports import Import, ImportOrder, check_source_name
from node.catalogue.harvest.report import Entered, Opened, Outcome, Tally
from node.catalogue.harvest.source_pages import (
    Get,
    Page,
    Pause,
    Reader,
    ckan_api,
    ckan_page,
    ckan_start,
    first_page,
    following,
)
from node.catalogue.harvest.source_state import PageState, SourceState, SourceStates
from node.catalogue.model import Published
from node.catalogue.publish import Catalogue
from node.identity.model import Caller as Person
from node.semantics.harvest.door import Batches, cut

MAX_PAGES: Final = 5_000
OPENING: Final = 300.0
"""Seconds for the first page, with all waiting: until then the caller hears nothing."""
WAY: Final = 1
"""The version of how records are examined: a higher one has every page read again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HarvestOrder:
    """What to harvest, and how. ``source``, ``audience``, ``rules`` and ``check`` are those of ``ImportOrder``.

    ``agreed``: the publisher agreed, whatever ``robots.txt`` says. ``fewer``: withdraw what vanished even where the
    source lists less than half of what it had.
    """

    url: str
    source: str = ""
    audience: str | None = None
    rules: Sequence[str] = ()
    check: bool = False
    agreed: bool = False
    fewer: bool = False


class Harvest:
    """Harvest catalogues of others by their address."""

    def __init__(
        self,
        *,
        imports: Import,
        catalogue: Catalogue,
        states: SourceStates,
        get: Get,
        pause: Pause = asyncio.sleep,
        advised: Sequence[str] = (),
    ) -> None:
        """``get`` asks the web, through what guards the node's way out."""
        self.imports = imports
        self.states = states
        self._catalogue = catalogue
        self._get = get
        self._pause = pause
        self._advised = tuple(advised)
        self.busy: set[str] = set()
        """Addresses that are being harvested."""

    async def begin(self, order: HarvestOrder, by: Person) -> HarvestRun:
        """Read the first page. The others are read while the answer is iterated.

        Raises what ``Import.begin`` raises, ``ForbiddenAddress`` and ``PeerUnreachable`` where the source cannot be
        reached, and ``Conflict`` while another harvest of the same address runs.
        """
        self.imports.check_order(ImportOrder(body=b"", media_type="", audience=order.audience), by)
        run = HarvestRun(self, order, by, Reader(self._get, self._pause), self._way(order))
        try:
            async with asyncio.timeout(OPENING):
                await run.open()
        except TimeoutError:
            raise PeerUnreachable(f"{order.url} does not answer", remedy="try again later") from None
        return run

    def require_idle(self, url: str) -> None:
        """Raise ``Conflict`` while another harvest of the same address runs."""
        if url in self.busy:
            raise Conflict(f"{url} is being harvested already", remedy="wait until that harvest has ended")

    async def pieces(self, page: Page, rules: Sequence[str]) -> Batches:
        """The records of a page."""
        return await cut(self.imports.cage, page.body, page.media_type, base=page.url, rules=rules, page=True)

    def withdraw(self, address: str, source: str, faulty: frozenset[str], by: Person, *, check: bool) -> str | None:
        """Withdraw a record that vanished; its own IRI, or its address. None where it is gone already or another
        source's; empty where ``faulty`` has it, what the source still lists with a fault."""
        with self._catalogue.uow.read() as tx:
            head = self._catalogue.records.get(tx, address)
        harvested = head.harvested if head is not None else None
        if head is None or head.withdrawn or harvested is None or harvested.source != source:
            return None
        if harvested.iri in faulty or address in faulty:
            return ""

        def work(tx: Transaction) -> Published:
            now = self._catalogue.records.get(tx, address)
            if now is None or now.withdrawn:
                return Published(record=now or head, created=False)
            return Published(record=self._catalogue.keep(tx, withdrawal_of(now), by), created=True)

        if not check:
            self._catalogue.in_turn(address, work)
        return harvested.iri or address

    def _way(self, order: HarvestOrder) -> str:
        parts = [WAY, sorted(order.rules), order.audience, order.source, list(self._advised)]
        return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


class HarvestRun:
    """A harvest in progress: ``opened`` tells of the first page, iterating enters the records, ``tally`` counts."""

    def __init__(self, use_case: Harvest, order: HarvestOrder, by: Person, reader: Reader, way: str) -> None:
        self._use_case = use_case
        self._order = order
        self._by = by
        self._reader = reader
        self._way = way
        self._before: SourceState | None = None
        self._first: tuple[PageState | None, Page | None, Batches | None] = (None, None, None)
        self._gone: set[str] = set()
        self.tally = Tally()
        self.opened = Opened(total=0, source="", notes=(), left_out={})

    async def open(self) -> None:
        """Read the first page, and say what is in it."""
        url = self._order.url
        start = first_page(url)
        self._use_case.require_idle(url)
        await self._reader.require_permission(start, agreed=self._order.agreed)
        self._before = await asyncio.to_thread(self._use_case.states.source, url)
        self._first = await self._read(start)
        known, page, batches = self._first
        before = self._before
        if batches is None:
            # Only a page that was noted can be unchanged.
            assert known is not None
            assert before is not None
            self.opened = Opened(
                total=len(known.records), source=before.source, title=before.title, notes=(), left_out={}
            )
            return
        assert page is not None
        own_name = ckan_api(url).rpartition("/api")[0] or next(iter(batches.catalogues), "") or url
        source = self._order.source.strip() or own_name
        check_source_name(source)
        self.opened = Opened(
            total=max(batches.expected or 0, batches.total),
            source=source,
            title=batches.title,
            notes=batches.notes,
            left_out=batches.left_out,
        )

    async def __aiter__(self) -> AsyncIterator[Entered]:
        url = self._order.url
        self._use_case.require_idle(url)
        self._use_case.busy.add(url)
        try:
            async for record in self._records():
                yield record
        finally:
            self._use_case.busy.discard(url)

    async def _records(self) -> AsyncIterator[Entered]:
        last: Published | None = None
        listed: dict[str, None] = {}
        faulty: set[str] = set()
        visited: dict[str, None] = {}
        number, place = 0, first_page(self._order.url)
        while place and place not in visited:
            if len(visited) == MAX_PAGES:
                raise TooLarge(f"the source has more than {MAX_PAGES} pages", remedy="import a part of it")
            known, page, batches = self._first if not visited else await self._read(place)
            self._first = (None, None, None)
            visited[place] = None
            if page is None or batches is None:
                assert known is not None
                for line in known.refused:
                    number += 1
                    yield self._counted(Entered(**{**line, "number": number, "outcome": Outcome.REFUSED}))
                faulty.update(str(line[name]) for line in known.refused for name in ("iri", "address"))
                self.tally.skip(len(known.records), conforming=known.conforming, repaired=known.repaired)
                number += len(known.records)
                listed.update(dict.fromkeys(known.records))
                place = known.next
                continue
            addresses: list[str] = []
            refused: list[Entered] = []
            before_page = replace(self.tally, outcomes=self.tally.outcomes.copy())
            async for item in self._use_case.imports.enter(self._import_order(), batches, self._by):
                if isinstance(item, Published):
                    last = item
                    continue
                number += 1
                if item.outcome is Outcome.REFUSED:
                    refused.append(item)
                else:
                    addresses.append(item.address)
                yield self._counted(replace(item, number=number))
            listed.update(dict.fromkeys(addresses))
            faulty.update(text for item in refused for text in (item.iri, item.address))
            following_page = self._next(place, page, batches)
            state = PageState(
                sha256=page.sha256,
                etag=page.etag,
                modified=page.modified,
                next=following_page,
                records=addresses,
                conforming=self.tally.conforming - before_page.conforming,
                repaired=self.tally.repaired - before_page.repaired,
                refused=[_line(item) for item in refused],
            )
            await self._note(place, known, state, visited)
            place = following_page
        async for record in self._vanished(listed, frozenset(faulty - {""}), tuple(visited), number):
            yield record
        if not self._order.check:
            await self._use_case.imports.settle(last)

    async def _read(self, place: str) -> tuple[PageState | None, Page | None, Batches | None]:
        """What was noted of the page at ``place``, the page, and its records; without page it is as it was."""
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
        # Portals answer with fewer packages than were asked for: the next page begins after those that came.
        start = ckan_start(place) + (batches.listed or 0)
        return ckan_page(api, start) if batches.listed and start < (batches.expected or 0) else ""

    async def _note(self, place: str, known: PageState | None, state: PageState, visited: dict[str, None]) -> None:
        if known is not None:
            self._gone.update(set(known.records) - set(state.records))
        if self._order.check:
            return
        before = self._before
        source = SourceState(
            source=self.opened.source,
            way=self._way,
            title=self.opened.title or (before.title if before else {}),
            pages=list(dict.fromkeys([*(before.pages if before else ()), *visited])),
            missing=sorted(self._gone.union(before.missing if before else ())),
        )
        if before is not None and before.way != self._way:
            # What other pages noted was found another way: keep which records they had, and nothing else.
            await asyncio.to_thread(self._forget_others, place, before)
        await asyncio.to_thread(self._use_case.states.save, self._order.url, source, {place: state})
        self._before = source

    def _forget_others(self, place: str, before: SourceState) -> None:
        url, states = self._order.url, self._use_case.states
        pages = {page: states.page(url, page) for page in before.pages if page != place}
        stale = {page: replace(state, sha256="", etag="", modified="") for page, state in pages.items() if state}
        states.save(url, before, stale)

    async def _vanished(
        self, listed: dict[str, None], faulty: frozenset[str], visited: Sequence[str], number: int
    ) -> AsyncIterator[Entered]:
        """Withdraw what the source no longer lists, unless that is half of it or more."""
        url, states, before = self._order.url, self._use_case.states, self._before
        if before is None:
            return
        unvisited = [page for page in before.pages if page not in visited]
        candidates = dict.fromkeys((*before.missing, *sorted(self._gone)))
        for page in unvisited:
            state = await asyncio.to_thread(states.page, url, page)
            candidates.update(dict.fromkeys(state.records if state else ()))
        gone = [address for address in candidates if address not in listed]
        if gone and len(gone) > len(listed) and not self._order.fewer:
            self.tally.missing = len(gone)
            return
        still: list[str] = []
        for address in gone:
            iri = await asyncio.to_thread(
                self._use_case.withdraw, address, before.source, faulty, self._by, check=self._order.check
            )
            if iri == "":
                still.append(address)
            elif iri is not None:
                number += 1
                own = "" if iri == address else iri
                yield self._counted(Entered(number=number, outcome=Outcome.WITHDRAWN, iri=own, address=address))
        if not self._order.check and (gone or unvisited or before.missing):
            forgotten = dict.fromkeys(unvisited, None)
            state_now = replace(before, pages=list(visited), missing=still)
            await asyncio.to_thread(states.save, url, state_now, forgotten)

    def _counted(self, record: Entered) -> Entered:
        self.tally.add(record)
        return record

    def _import_order(self) -> ImportOrder:
        order = self._order
        return ImportOrder(
            body=b"",
            media_type="",
            source=self.opened.source,
            audience=order.audience,
            rules=order.rules,
            check=order.check,
        )


def _line(record: Entered) -> dict[str, Any]:
    """What is noted of a refused record, to be told again while its page stays as it is."""
    return {
        "iri": record.iri,
        "address": record.address,
        "kind": record.kind,
        "title": record.title[:300],
        "error": record.error,
        "remedy": record.remedy,
    }

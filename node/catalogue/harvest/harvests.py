"""Harvest a catalogue from its address, page by page, with the changes and deletions since the last harvest.

Each page is cut and entered like a file (``node.catalogue.harvest.imports``). At the end, and only if every page
was read, records that the source no longer lists are withdrawn here. If a source suddenly lists less than half of
its earlier records, it is taken for broken and nothing is withdrawn.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Sequence
from typing import Final

from node.base.errors import Conflict, InvalidInput, Overloaded, PeerUnreachable
from node.base.jsons import canonical
from node.base.work import Transaction
from node.catalogue.envelope import withdrawal_of
from node.catalogue.harvest.harvest_order import HarvestOrder
from node.catalogue.harvest.harvest_run import HarvestRun
from node.catalogue.harvest.import_order import ImportOrder
from node.catalogue.harvest.imports import Import
from node.catalogue.harvest.source_pages import (
    Get,
    Page,
    Pause,
    Reader,
)
from node.catalogue.harvest.source_state import SourceStates
from node.catalogue.model import Publication
from node.catalogue.publication.catalogue import Catalogue
from node.identity.model import Caller as Person
from node.semantics.harvest.cage_client import Batches, cut
from node.semantics.harvest.refusals import cause_of, source_fault

OPENING: Final = 300.0
"""Seconds for the first page, including all waiting: the caller gets no answer before it."""
WAY: Final = 3
"""The version of the examination of records: with a higher version, every page is read again."""


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
    ) -> None:
        """``get`` requests an address on the web through the node's guarded egress."""
        self.imports = imports
        self.states = states
        self._catalogue = catalogue
        self._get = get
        self._pause = pause
        self.busy: set[str] = set()
        """Addresses that are being harvested."""

    async def begin(self, order: HarvestOrder, by: Person) -> HarvestRun:
        """Read the first page. The others are read while the result is iterated.

        Raises the errors of ``Import.begin``, ``ForbiddenAddress`` and ``PeerUnreachable`` if the source cannot be
        reached, and ``Conflict`` while another harvest of the same address runs.
        """
        self.imports.check_order(ImportOrder(body=b"", media_type="", audience=order.audience), by)
        run = HarvestRun(self, order, by, Reader(self._get, self._pause))
        try:
            async with asyncio.timeout(OPENING):
                await run.open()
        except TimeoutError:
            raise source_fault(PeerUnreachable, "silent", address=order.url) from None
        return run

    def require_idle(self, url: str) -> None:
        """Raise ``Conflict`` while another harvest of the same address runs."""
        if url in self.busy:
            raise source_fault(Conflict, "busy", address=url)

    def way(self, order: HarvestOrder, source: str) -> str:
        """Return a hash of everything that decides how the records of ``source`` are read: pages that were read
        another way are read again."""
        parts = [WAY, sorted(order.rules), order.audience, order.source, list(self.imports.advised)]
        if choices := self.imports.value_tables.choices(source):
            parts.append({name: dict(members) for name, members in choices.items()})
        return hashlib.sha256(canonical(parts)).hexdigest()

    async def pieces(self, page: Page, rules: Sequence[str]) -> Batches:
        """Return the records of a page."""
        try:
            return await cut(self.imports.cage, page.body, page.media_type, base=page.url, rules=rules, page=True)
        except InvalidInput as error:
            if cause_of(error):
                raise
            raise source_fault(InvalidInput, "unreadable", address=page.url, reason=error.detail) from error
        except Overloaded as error:
            raise source_fault(Overloaded, "overloaded", address=page.url) from error

    def withdraw(self, address: str, source: str, faulty: frozenset[str], by: Person, *, check: bool) -> str | None:
        """Withdraw a vanished record, and return its own IRI or its address. Return None if it is withdrawn already
        or belongs to another source; return "" if it is in ``faulty``, the records that the source still lists with
        a fault."""
        with self._catalogue.uow.read() as tx:
            head = self._catalogue.records.get(tx, address)
        origin = head.harvest_origin if head is not None else None
        if head is None or head.withdrawn or origin is None or origin.source != source:
            return None
        if origin.iri in faulty or address in faulty:
            return ""

        def work(tx: Transaction) -> Publication:
            now = self._catalogue.records.get(tx, address)
            if now is None or now.withdrawn:
                return Publication(record=now or head, created=False)
            return Publication(record=self._catalogue.keep(tx, withdrawal_of(now), by), created=True)

        if not check:
            self._catalogue.in_turn(address, work)
        return origin.iri or address

"""The addresses of this node's assets for search engines (Sitemaps protocol 0.9), as far as a stranger may see them.

An answer is the same for every caller, also for the node's own people: search engines show what they read to
everybody. A document is kept until the ledger has another entry about a record, also one of another process.
"""

from __future__ import annotations

import asyncio
import hashlib
import zlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from html import escape
from threading import Lock
from typing import Final

from node.base.clock import stamp
from node.base.work import Transaction, UnitOfWork
from node.catalogue.model import NodeFacts
from node.catalogue.ports import RecordStore
from node.catalogue.visibility import Visibility
from node.identity.model import ANONYMOUS
from node.ledger.model import EntryKind
from node.ledger.ports import LedgerStore

PATH: Final = "/sitemap.xml"
PAGE: Final = 10_000
"""Addresses in one document; the protocol allows 50,000."""
MOST_PAGES: Final = 50_000
"""Documents that an index may name."""
_INDEX: Final = 0
"""The number of the document at ``PATH`` among those that are kept."""
_MOST_KEPT: Final = 10
"""Documents that are kept, compressed: a page of 10,000 addresses takes about 150 kB."""
_SCHEMA: Final = "http://www.sitemaps.org/schemas/sitemap/0.9"
_DECLARATION: Final = '<?xml version="1.0" encoding="UTF-8"?>'

Entry = tuple[str, datetime | None]
"""An address, and when its content changed last."""


@dataclass(frozen=True, slots=True)
class SitemapDocument:
    """A document of the sitemap. ``tag`` is the hash of its content, the same in every process."""

    tag: str
    zlib_body: bytes

    @property
    def body(self) -> bytes:
        return zlib.decompress(self.zlib_body)


class Sitemap:
    """The sitemap of one node: a list of addresses, or a list of such lists if there are many."""

    def __init__(
        self,
        *,
        uow: UnitOfWork,
        records: RecordStore,
        ledger: LedgerStore,
        visibility: Visibility,
        node: NodeFacts,
        page: int = PAGE,
    ) -> None:
        self._uow = uow
        self._records = records
        self._ledger = ledger
        self._visibility = visibility
        self._node = node
        self._size = page
        self.iri = f"{node.base}{PATH}"
        self._turn = Lock()
        self._position = 0
        self._documents: dict[int, SitemapDocument] = {}

    async def document(self) -> SitemapDocument:
        """Return ``/sitemap.xml``: the addresses themselves, or the index of the pages if one page cannot hold
        them."""
        document = await asyncio.to_thread(self._current, _INDEX, self._write_index)
        assert document is not None, "there is always an index"
        return document

    async def page(self, number: int) -> SitemapDocument | None:
        """Return the page with this number, counted from 1; None if there is no such page."""
        # The protocol ends an index after 50,000 pages; a larger number may be none that a database can hold.
        if not 1 <= number <= MOST_PAGES:
            return None
        return await asyncio.to_thread(self._current, number, lambda tx: self._write_page(tx, number))

    def _current(self, number: int, write: Callable[[Transaction], bytes | None]) -> SitemapDocument | None:
        """Return the document as it is kept, or as ``write`` makes it if records have changed since."""
        # One writes, and the others wait for what it keeps.
        with self._turn, self._uow.read() as tx:
            is_settled = self._look(tx)
            if (document := self._documents.get(number)) is not None:
                return document
            body = write(tx)
            if body is None:
                return None
            document = SitemapDocument(hashlib.sha256(body).hexdigest()[:32], zlib.compress(body, 1))
            if is_settled:
                if len(self._documents) >= _MOST_KEPT:
                    self._documents.clear()
                self._documents[number] = document
            return document

    def _look(self, tx: Transaction) -> bool:
        """Forget the documents if records have changed. Return whether a new one may be kept: an entry without a
        number is not in the order of the ledger yet."""
        is_settled = not self._ledger.count_unnumbered(tx)
        size = self._ledger.size(tx)
        if not is_settled or self._ledger.since(tx, self._position, limit=1, kinds=(EntryKind.RECORD,)):
            self._documents.clear()
        self._position = size
        return is_settled

    def _write_index(self, tx: Transaction) -> bytes:
        total = sum(self._records.count(tx, self._audiences(), origins=(self._node.did,)).values())
        pages = -(-total // self._size)
        if pages <= 1:
            return self._write_page(tx, 1) or _to_xml("urlset", "url", [(f"{self._node.base}/", None)])
        addresses = ((f"{self._node.base}/sitemap-{number}.xml", None) for number in range(1, pages + 1))
        return _to_xml("sitemapindex", "sitemap", addresses)

    def _write_page(self, tx: Transaction, number: int) -> bytes | None:
        entries: list[Entry] = [(f"{self._node.base}/", None)] if number == 1 else []
        changes: Sequence[Entry] = self._records.addresses(
            tx,
            audiences=self._audiences(),
            origins=(self._node.did,),
            offset=(number - 1) * self._size,
            limit=self._size,
        )
        entries.extend(changes)
        return _to_xml("urlset", "url", entries) if entries else None

    def _audiences(self) -> frozenset[str]:
        # None would mean: all of them. A stranger never has that.
        return self._visibility.audiences(ANONYMOUS) or frozenset()


def robots(sitemap: str, path: str) -> bytes:
    """Return ``robots.txt`` (RFC 9309). ``path`` precedes the node's own paths.

    Everything is open to programs, except for addresses whose number has no end: results of searches and queries, and
    comparisons of versions. What they lead to is in the sitemap.
    """
    endless = ("/search?", "/sparql?", "/record/changes")
    lines = ["User-agent: *", *(f"Disallow: {path}{address}" for address in endless), "", f"Sitemap: {sitemap}"]
    return ("\n".join(lines) + "\n").encode()


def _to_xml(root: str, element: str, entries: Iterable[Entry]) -> bytes:
    lines = [_DECLARATION, f'<{root} xmlns="{_SCHEMA}">']
    for address, changed in entries:
        date = f"<lastmod>{stamp(changed)}</lastmod>" if changed else ""
        lines.append(f"<{element}><loc>{escape(address, quote=False)}</loc>{date}</{element}>")
    lines.append(f"</{root}>\n")
    return "\n".join(lines).encode()

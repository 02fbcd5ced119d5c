"""The addresses of this node's assets for search engines (Sitemaps protocol 0.9), as far as a stranger may see them.

An answer is the same for every caller, also for the node's own people: search engines show what they read to
everybody.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from datetime import datetime
from html import escape
from typing import Final

from node.base.clock import stamp
from node.base.work import UnitOfWork
from node.catalogue.model import NodeFacts
from node.catalogue.ports import RecordStore
from node.catalogue.visibility import Visibility
from node.identity.model import ANONYMOUS

PATH: Final = "/sitemap.xml"
PAGE: Final = 10_000
"""Addresses in one document; the protocol allows 50,000."""
MOST_PAGES: Final = 50_000
"""Documents that an index may name."""
_SCHEMA: Final = "http://www.sitemaps.org/schemas/sitemap/0.9"
_DECLARATION: Final = '<?xml version="1.0" encoding="UTF-8"?>'

Entry = tuple[str, datetime | None]
"""An address, and when its content changed last."""


class Sitemap:
    """The sitemap of one node: a list of addresses, or a list of such lists if there are many."""

    def __init__(
        self,
        *,
        uow: UnitOfWork,
        records: RecordStore,
        visibility: Visibility,
        node: NodeFacts,
        page: int = PAGE,
    ) -> None:
        self._uow = uow
        self._records = records
        self._visibility = visibility
        self._node = node
        self._size = page
        self.iri = f"{node.base}{PATH}"

    async def document(self) -> bytes:
        """Return ``/sitemap.xml``: the addresses themselves, or the index of the pages if one page cannot hold
        them."""
        return await asyncio.to_thread(self._document)

    async def page(self, number: int) -> bytes | None:
        """Return the page with this number, counted from 1; None if there is no such page."""
        # The protocol ends an index after 50,000 pages; a larger number may be none that a database can hold.
        return await asyncio.to_thread(self._page, number) if 1 <= number <= MOST_PAGES else None

    def _document(self) -> bytes:
        pages = -(-self._total() // self._size)
        if pages <= 1:
            return self._page(1) or _to_xml("urlset", "url", [(f"{self._node.base}/", None)])
        addresses = ((f"{self._node.base}/sitemap-{number}.xml", None) for number in range(1, pages + 1))
        return _to_xml("sitemapindex", "sitemap", addresses)

    def _total(self) -> int:
        with self._uow.read() as tx:
            return sum(self._records.count(tx, self._audiences(), origins=(self._node.did,)).values())

    def _page(self, number: int) -> bytes | None:
        entries: list[Entry] = [(f"{self._node.base}/", None)] if number == 1 else []
        with self._uow.read() as tx:
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

"""The whole catalogue as DCAT-AP 3, in pages, for harvesting by data portals.

One ``dcat:Catalog`` lists every asset of this node that the caller may see: published ones, and imported ones, which
keep their own IRIs. Each page has the whole description of each resource on it, and links to the next page with
Hydra. A region links to the catalogues of its members, and does not repeat them.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote

from node.base.work import UnitOfWork
from node.catalogue.dsp import Member
from node.catalogue.model import NodeFacts, Record
from node.catalogue.nquads import iri_term, line, literal_term
from node.catalogue.ports import RecordStore
from node.catalogue.visibility import Visibility
from node.identity.model import Caller
from node.semantics.documents import serialise_together
from node.semantics.kinds import KINDS
from node.vocab.namespaces import DCAT, DCT, FOAF, HYDRA, RDF, SKOS, XSD

PATH: Final = "/catalog"
PAGE: Final = 100
"""Resources on a page at most."""
MOST_BYTES: Final = 4 << 20
"""A page ends with the description that brings it above so many bytes."""
AT_ONCE: Final = 4
"""Pages that are worked on at the same time. Each takes some megabytes, and many of them take turns at one processor:
more at once would be no faster, and Python keeps most of what the largest number of them took."""

_TYPE: Final = f"{RDF}type"
_THEMES: Final = "http://publications.europa.eu/resource/authority/data-theme"
_LISTED_AS: Final = {f"{DCAT}Dataset": "dataset", f"{DCAT}DataService": "service"}


@dataclass(frozen=True, slots=True, kw_only=True)
class CatalogPage:
    """One page: ``url`` is its own address, ``first`` and ``next`` are those of other pages.

    ``total`` counts the resources of all pages; only the first page has it. ``tag`` changes with the page.
    """

    url: str
    first: str
    next: str | None
    total: int | None
    tag: str
    records: tuple[Record, ...]
    members: tuple[Member, ...]


class CatalogExport:
    """The pages of the catalogue of one node. A region links to the catalogues of the ``members``."""

    def __init__(
        self,
        *,
        uow: UnitOfWork,
        records: RecordStore,
        visibility: Visibility,
        node: NodeFacts,
        members: Callable[[], Sequence[Member]] = tuple,
        page: int = PAGE,
    ) -> None:
        self._uow = uow
        self._records = records
        self._visibility = visibility
        self._node = node
        self._members = members
        self._size = page
        self.turns = asyncio.Semaphore(AT_ONCE)
        """To be held from ``page`` to the end of ``document``."""
        self.home = node.base
        self.iri = f"{node.base}{PATH}"

    async def page(self, caller: Caller, *, after: str = "", ending: str = "") -> CatalogPage:
        """Return the page that begins after the address ``after``, with the records that ``caller`` may see.

        ``ending`` is the ending of the requested address. The addresses of the other pages have it too, so that a
        harvester that sends no ``Accept`` header gets all pages in one syntax.
        """
        return await asyncio.to_thread(self._page, caller, after, f"{self.iri}{ending}")

    async def document(self, page: CatalogPage, media_type: str) -> bytes:
        """Return ``page`` in one of the syntaxes of RDF. RDF/XML leaves out statements that it cannot express:
        properties with an IRI that does not end in an XML name, and text with control characters."""
        return await asyncio.to_thread(self._document, page, media_type)

    def _page(self, caller: Caller, after: str, address: str) -> CatalogPage:
        audiences = self._visibility.audiences(caller)
        origins = (self._node.did,)
        with self._uow.read() as tx:
            batch = self._records.current(tx, audiences=audiences, origins=origins, after=after, limit=self._size + 1)
            # Counting looks at every record, so only the first page has it.
            total = None if after else sum(self._records.count(tx, audiences, origins=origins).values())
        records: list[Record] = []
        size = 0
        for record in batch[: self._size]:
            records.append(record)
            size += len(record.nquads)
            if size > MOST_BYTES:
                break
        following = _page_address(address, records[-1].iri) if len(records) < len(batch) else None
        members = tuple(self._members()) if not after else ()
        fingerprint = hashlib.sha256(repr((self._node.name, total, following, members)).encode())
        for record in records:
            fingerprint.update(f"{record.iri} {record.version} {record.sha256}\n".encode())
        return CatalogPage(
            url=_page_address(address, after),
            first=_page_address(address, ""),
            next=following,
            total=total,
            tag=fingerprint.hexdigest(),
            records=tuple(records),
            members=members,
        )

    def _document(self, page: CatalogPage, media_type: str) -> bytes:
        lines = [*self._catalog(page), *self._paging(page)]
        for record in page.records:
            lines.extend(self._record_lines(record))
        own = "".join(f"{line}\n" for line in lines).encode()
        parts = [(own, page.url), *((record.nquads, record.iri) for record in page.records)]
        return serialise_together(parts, media_type)

    def _catalog(self, page: CatalogPage) -> Iterator[str]:
        """Yield the statements that DCAT-AP 3 §5 demands of a catalogue, and recommended ones that a node knows."""
        home = f"{self._node.base}/"
        yield from _catalog_lines(self.iri, self._node.name, self._node.did)
        yield _link(self.iri, f"{FOAF}homepage", home)
        yield _link(home, _TYPE, f"{FOAF}Document")
        yield _link(self.iri, f"{DCAT}themeTaxonomy", _THEMES)
        yield _link(_THEMES, _TYPE, f"{SKOS}ConceptScheme")
        yield _text(_THEMES, f"{DCT}title", "Data theme", language="en")
        for member in page.members:
            nested = f"{member.url.rstrip('/')}{PATH}"
            yield _link(self.iri, f"{DCAT}catalog", nested)
            yield from _catalog_lines(nested, member.name, member.did)

    def _paging(self, page: CatalogPage) -> Iterator[str]:
        """Yield the links between pages. Some harvesters know ``hydra:next``, others the older ``hydra:nextPage``."""
        for kind in ("PagedCollection", "PartialCollectionView"):
            yield _link(page.url, _TYPE, f"{HYDRA}{kind}")
        for name, number in (("totalItems", page.total), ("itemsPerPage", self._size)):
            if number is not None:
                yield _text(page.url, f"{HYDRA}{name}", str(number), datatype=f"{XSD}integer")
        for name in ("first", "firstPage"):
            yield _link(page.url, f"{HYDRA}{name}", page.first)
        if page.next is not None:
            for name in ("next", "nextPage"):
                yield _link(page.url, f"{HYDRA}{name}", page.next)

    def _record_lines(self, record: Record) -> Iterator[str]:
        name = _LISTED_AS.get(KINDS[record.kind].role, "resource")
        yield _link(self.iri, f"{DCAT}{name}", record.subject)
        if record.subject == record.iri:
            return
        # Imported: the resource has the IRI of its source, and our address is that of our record about it.
        yield _link(self.iri, f"{DCAT}record", record.iri)
        yield _link(record.iri, _TYPE, f"{DCAT}CatalogRecord")
        yield _link(record.iri, f"{FOAF}primaryTopic", record.subject)
        yield _text(record.iri, f"{DCT}modified", record.at.isoformat(), datatype=f"{XSD}dateTime")


def _page_address(address: str, after: str) -> str:
    """Return the address of the page that begins after the record ``after``. The first page has an address other
    than the catalogue's, because the page shows only some of the members of the catalogue."""
    return f"{address}?after={quote(after, safe='')}"


def _catalog_lines(catalog: str, name: str, publisher: str) -> Iterator[str]:
    """Yield title, description and publisher of a catalogue; DCAT-AP 3 demands them."""
    about = f"The datasets, services, models and other assets that {name} publishes."
    yield _link(catalog, _TYPE, f"{DCAT}Catalog")
    yield _text(catalog, f"{DCT}title", f"Catalogue of {name}", language="en")
    yield _text(catalog, f"{DCT}description", about, language="en")
    yield _link(catalog, f"{DCT}publisher", publisher)
    yield _link(publisher, _TYPE, f"{FOAF}Agent")
    yield _text(publisher, f"{FOAF}name", name)


def _link(subject: str, predicate: str, target: str) -> str:
    return line(iri_term(subject), iri_term(predicate), iri_term(target))


def _text(subject: str, predicate: str, text: str, *, language: str = "", datatype: str = "") -> str:
    return line(iri_term(subject), iri_term(predicate), literal_term(text, language=language, datatype=datatype))

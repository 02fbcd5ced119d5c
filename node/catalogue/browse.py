"""Read the catalogue: search, single records, versions, recent changes, publishers, connections.

Every method takes the caller. Records that the caller may not see are absent from results, counts and links,
and not found as single records. The search index is a view and may be a moment behind the ledger, so each hit is
checked once more against the newest version before it is shown.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from node.base.errors import Gone, InvalidInput, Withdrawn
from node.base.work import Transaction, UnitOfWork
from node.catalogue.access import Access
from node.catalogue.links import Ask, Link, mentions, users_query
from node.catalogue.meaning.fairness import FairReports
from node.catalogue.meaning.field_search import FieldSearch
from node.catalogue.meaning.impact import Impacts
from node.catalogue.meaning.imports import Imports
from node.catalogue.meaning.terms import TermSearch
from node.catalogue.meaning.users import Users
from node.catalogue.model import ERASED, Record
from node.catalogue.ports import RecordStore, SearchIndex
from node.catalogue.retention import FileStatus, keepings, require_not_removed
from node.catalogue.search.cursors import Cursors
from node.catalogue.search.hits import CatalogueHit, CatalogueHits
from node.catalogue.search.label_table import StemPhrase
from node.catalogue.search.suggestions import READ, Suggestion, is_completed, suggestions
from node.catalogue.search.thesauri import Thesauri
from node.catalogue.search.vocabulary_labels import VocabularyLabels, marks
from node.catalogue.searches import Hit, Order, Query
from node.catalogue.visibility import Visibility, absent
from node.identity.model import Caller

HERE = "here"
MAX_LIMIT = 100
MAX_OFFSET = 10_000
MAX_TEXT = 500
MAX_LINKS = 50
MAX_PUBLISHERS = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Publisher:
    """A publisher, and the number of its assets of each kind that the caller sees. ``id`` is its IRI, or its name if
    it has nothing else."""

    id: str
    name: str
    kinds: dict[str, int] = field(default_factory=dict)

    @property
    def total(self) -> int:
        return sum(self.kinds.values())


@dataclass(frozen=True, slots=True, kw_only=True)
class Connections:
    """The links of a record: it refers to the ``sources``, and the ``users`` refer to it."""

    sources: tuple[Link, ...] = ()
    users: tuple[Link, ...] = ()


class Browse:
    """The part of the catalogue that a caller may read."""

    def __init__(
        self,
        *,
        uow: UnitOfWork,
        records: RecordStore,
        index: SearchIndex,
        visibility: Visibility,
        access: Access,
        cursors: Cursors,
        ask: Ask | None = None,
        thesauri: Thesauri | None = None,
        stem: StemPhrase | None = None,
        is_filling: Callable[[], bool] = lambda: False,
    ) -> None:
        """``ask`` evaluates a SPARQL query for a caller; without it, ``connections`` returns no ``users``.
        The labels of ``thesauri`` widen searches; ``stem`` finds labels in other forms. ``is_filling`` tells whether
        the index is being filled, so that results are missing."""
        self._uow = uow
        self._records = records
        self._index = index
        self._visibility = visibility
        self.access = access
        self._cursors = cursors
        self._ask = ask
        self._is_filling = is_filling
        users = Users(uow=uow, records=records, visibility=visibility, ask=ask)
        self.impacts = Impacts(uow=uow, records=records, users=users)
        self.fairness = FairReports(uow=uow, records=records, visibility=visibility)
        self.imports = Imports(uow=uow, records=records, visibility=visibility)
        self.terms = TermSearch(uow=uow, records=records, visibility=visibility, users=users)
        self.fields = FieldSearch(uow=uow, records=records, visibility=visibility, terms=self.terms, ask=ask)
        self._labels = VocabularyLabels(
            uow=uow, records=records, visibility=visibility, position=index.position, thesauri=thesauri, stem=stem
        )

    async def search(self, query: Query, caller: Caller) -> CatalogueHits:
        """Return a page of records that match ``query``; ``HERE`` among its nodes is this one. Raises
        ``InvalidInput`` for a query beyond the limits."""
        _check_query(query)
        nodes = tuple(self._visibility.me if node == HERE else node for node in query.nodes)
        return await asyncio.to_thread(self._search, replace(query, nodes=nodes), caller)

    async def suggest(self, text: str, caller: Caller, *, language: str = "en") -> Sequence[Suggestion]:
        """Return at most ten keywords and titles with the words of ``text``; none if it is too short or too long."""
        return await asyncio.to_thread(self._suggest, text, caller, language) if is_completed(text) else ()

    async def newest(self, caller: Caller, *, limit: int = 10, language: str = "en") -> Sequence[CatalogueHit]:
        """Return the records that changed last, newest first."""
        page = await self.search(Query(order=Order.NEWEST, limit=limit, language=language), caller)
        return page.hits

    async def record(
        self, iri: str, caller: Caller, *, version: int | None = None, as_of: datetime | None = None
    ) -> Record:
        """Return the newest version of ``iri``, the given ``version``, or the version in force at ``as_of``.

        Raises ``NotFound`` if this caller may see none: the answer is the same for unknown and hidden; and its
        subclass ``Withdrawn`` for an asset, seen by this caller, that was withdrawn (RFC 9110 §15.5.11). It keeps its
        older versions, which can be read by number or moment.
        """
        return await asyncio.to_thread(self._record, iri, caller, version, as_of)

    async def versions(self, iri: str, caller: Caller) -> Sequence[Record]:
        """All versions, newest first. Raises ``NotFound``."""
        return await asyncio.to_thread(self._versions, iri, caller)

    async def keepings(self, versions: Sequence[Record]) -> dict[int, FileStatus]:
        """Return for each of ``versions`` (of one asset, newest first) with stored files whether these are kept."""
        return keepings(versions, await asyncio.to_thread(self._removals, versions[0].iri) if versions else {})

    async def require_files(self, record: Record) -> None:
        """Raise ``Gone`` if the files of this version, which the caller may see, are kept no longer."""
        require_not_removed(record, await asyncio.to_thread(self._removals, record.iri))

    def _removals(self, iri: str) -> Mapping[int, datetime]:
        with self._uow.read() as tx:
            return self._records.file_removals(tx, iri)

    async def counts(self, caller: Caller) -> dict[str, int]:
        """Return kind → number of assets of this kind that the caller sees."""

        def count() -> dict[str, int]:
            with self._uow.read() as tx:
                return self._records.count(tx, self._visibility.audiences(caller))

        return await asyncio.to_thread(count)

    async def publishers(self, caller: Caller) -> Sequence[Publisher]:
        """Return the publishers of the assets that the caller sees, ordered by name."""
        return await asyncio.to_thread(self._publishers, caller)

    async def origins(self, caller: Caller) -> dict[str, int]:
        """Return DID of a node → number of that node's assets that the caller sees."""
        audiences = self._visibility.audiences(caller)
        return await asyncio.to_thread(self._count_origins, audiences)

    async def copies(self, record: Record, caller: Caller) -> Sequence[Record]:
        """Return the other records that describe the same asset as ``record``, as far as the caller sees them."""
        audiences = self._visibility.audiences(caller)

        def read() -> Sequence[Record]:
            with self._uow.read() as tx:
                return self._heads(tx, self._index.copies(record.iri, audiences=audiences), caller)

        return await asyncio.to_thread(read)

    async def connections(self, record: Record, caller: Caller) -> Connections:
        """Return the assets that ``record`` refers to and those that refer to it, as far as the caller sees them."""
        sources = await asyncio.to_thread(self._links, mentions(record), caller)
        if self._ask is None:
            return Connections(sources=sources)
        subjects = await users_query(self._ask, record.iri, caller)
        users = await asyncio.to_thread(self._links, subjects, caller)
        return Connections(sources=sources, users=users)

    def _match(
        self, record: Record, caller: Caller, language: str, hit: Hit, copies: tuple[Record, ...]
    ) -> CatalogueHit:
        """Return ``record``, which ``hit`` names, as it appears in a list for ``caller``."""
        return CatalogueHit(
            record=record,
            access=self.access.code(record, caller),
            conditions=self.access.summary(record, language),
            snippet=hit.snippet,
            copies=copies,
            points=hit.points,
        )

    def _heads(self, tx: Transaction, iris: Iterable[str], caller: Caller) -> tuple[Record, ...]:
        heads = [self._records.get(tx, iri) for iri in iris]
        return tuple(head for head in heads if head is not None and self._exists(head, caller))

    def _search(self, query: Query, caller: Caller) -> CatalogueHits:
        audiences = self._visibility.audiences(caller)
        after = self._cursors.read(query.cursor, query) if query.cursor else None
        among = None if after is None else after.labels
        other_labels = self._labels.find(query.text, caller, among=among) if query.widens else ()
        labels = [label for ontology in other_labels for label in ontology.labels]
        is_partial = self._is_filling()  # before the search: an index that is filled meanwhile may have missed it
        results = self._index.search(query, audiences=audiences, after=after, labels=labels)
        following = results.next and replace(results.next, labels=among if after else marks(labels))
        hits = []
        with self._uow.read() as tx:
            for hit in results.hits:
                head = self._records.get(tx, hit.iri)
                if head is not None and self._exists(head, caller):
                    copies = self._heads(tx, hit.copies, caller)
                    hits.append(self._match(head, caller, query.language, hit, copies))
        return CatalogueHits(
            total=results.total,
            offset=query.offset,
            limit=query.limit,
            hits=tuple(hits),
            facets=results.facets,
            cursor="" if following is None else self._cursors.write(following, query),
            other_labels=other_labels,
            is_partial=is_partial,
        )

    def _suggest(self, text: str, caller: Caller, language: str) -> Sequence[Suggestion]:
        iris = self._index.complete(text, audiences=self._visibility.audiences(caller), limit=READ)
        with self._uow.read() as tx:
            heads = self._heads(tx, iris, caller)
        return suggestions(text, heads, language)

    def _record(self, iri: str, caller: Caller, version: int | None, as_of: datetime | None) -> Record:
        audiences = self._visibility.audiences(caller)
        with self._uow.read() as tx:
            record = self._records.get(tx, iri, version=version, as_of=as_of, audiences=audiences)
            if record is not None and record.withdrawn and not record.is_erased:
                before = self._records.get(tx, iri, version=record.version - 1, audiences=audiences)
                raise explain_withdrawal(record, before)
        if record is not None and record.is_erased:
            raise self._explain_erasure(record)
        if record is None:
            raise absent()
        return record

    def _explain_erasure(self, record: Record) -> Gone:
        """Return the error for a version that was erased; the caller may see that it was there."""
        with self._uow.read() as tx:
            erasing = self._records.get(tx, record.iri, version=record.extra[ERASED])
        reason = f": {erasing.erasure_reason}" if erasing is not None and erasing.erasure_reason else ""
        return Gone(
            f"the content of version {record.version} was erased{reason}",
            remedy="for the other versions, see the history of the asset",
            facts={"case": "erased", "version": record.version, "reason": reason.removeprefix(": ")},
        )

    def _versions(self, iri: str, caller: Caller) -> Sequence[Record]:
        with self._uow.read() as tx:
            versions = self._records.versions(tx, iri, audiences=self._visibility.audiences(caller))
        if not versions:
            raise absent()
        return versions

    def _publishers(self, caller: Caller) -> Sequence[Publisher]:
        """Return publishers and their counts from the index, and each name from one of the publisher's records."""
        audiences = self._visibility.audiences(caller)
        everybody = self._index.search(Query(limit=1), audiences=audiences).facets.get("publisher", {})
        publishers = []
        with self._uow.read() as tx:
            for key in list(everybody)[:MAX_PUBLISHERS]:
                results = self._index.search(Query(publishers=(key,), limit=1), audiences=audiences)
                head = self._records.get(tx, results.hits[0].iri) if results.hits else None
                name = head.publisher_name if head is not None and head.publisher_key == key else ""
                publishers.append(Publisher(id=key, name=name or key, kinds=results.facets.get("kind", {})))
        return sorted(publishers, key=lambda publisher: (publisher.name.casefold(), publisher.id))

    def _count_origins(self, audiences: frozenset[str] | None) -> dict[str, int]:
        with self._uow.read() as tx:
            return self._records.count(tx, audiences, by="origin")

    def _links(self, mentions: Iterable[tuple[str, str]], caller: Caller) -> tuple[Link, ...]:
        links: dict[str, Link] = {}
        with self._uow.read() as tx:
            for predicate, iri in mentions:
                if iri in links or len(links) == MAX_LINKS:
                    continue
                head = self._records.get(tx, iri)
                if head is not None and self._exists(head, caller):
                    links[iri] = Link(iri=iri, predicate=predicate, kind=head.kind, titles=head.titles)
        return tuple(links.values())

    def _exists(self, head: Record, caller: Caller) -> bool:
        return not head.withdrawn and self._visibility.may_see(head, caller)


def explain_withdrawal(record: Record, before: Record | None) -> Withdrawn:
    """Return the error for an asset that was withdrawn; the caller may see that it was there, and ``before``."""
    reason, day = record.withdrawal_reason, f"{record.at:%Y-%m-%d}"
    facts: dict[str, Any] = {"case": "with-reason" if reason else "", "day": day, "reason": reason}
    facts["version"] = record.version
    remedy = ""
    if before is not None and not before.is_erased and not before.withdrawn:
        facts["last"] = before.version
        remedy = f"read the version before: version {before.version}"
    sentence = f"the publisher withdrew this asset on {day}"
    return Withdrawn(f"{sentence}: {reason}" if reason else sentence, remedy=remedy, facts=facts)


def every(
    records: RecordStore,
    tx: Transaction,
    *,
    audiences: Iterable[str] | None,
    origins: Sequence[str] = (),
    offered: bool = False,
    as_of: datetime | None = None,
) -> Iterable[Record]:
    """Yield all current records for ``audiences``; they are read page by page."""
    names = None if audiences is None else frozenset(audiences)
    after = ""
    while True:
        page = records.current(
            tx, audiences=names, origins=origins, offered=offered, as_of=as_of, after=after, limit=500
        )
        yield from page
        if len(page) < 500:
            return
        after = page[-1].iri


def _check_query(query: Query) -> None:
    if query.offset and (query.cursor or query.order is Order.PUBLISHED):
        raise InvalidInput(
            "a search with a cursor, or in the order of publication, has no offset",
            remedy="go on with the cursor of the answer before",
        )
    if not 0 <= query.offset <= MAX_OFFSET or not 1 <= query.limit <= MAX_LIMIT:
        raise InvalidInput(
            f"offset goes from 0 to {MAX_OFFSET} and limit from 1 to {MAX_LIMIT}",
            remedy="narrow the search by a facet, or read everything in the order of publication: sort=published",
        )
    if len(query.text) > MAX_TEXT:
        raise InvalidInput(f"a search text has at most {MAX_TEXT} characters", remedy="search for fewer words")
    values = [value for chosen in query.facets.values() for value in chosen]
    if len(values) > 50 or any(len(value) > MAX_TEXT for value in values):
        raise InvalidInput("too many or too long facet values", remedy="choose at most 50 values")
    if query.bbox is not None:
        west, south, east, north = query.bbox
        if not (-180 <= west <= 180 and -180 <= east <= 180 and -90 <= south <= north <= 90):
            raise InvalidInput(
                "a box is west,south,east,north in degrees, south before north",
                remedy="give four numbers in this order: bbox=3.6,51.0,3.8,51.1",
            )

"""Keeps the index to one visible document for each asset, however many records describe it.

Records that share an identity and have the same audience form a group. What was published at a node is always
visible. A harvested record is a copy if its group has a published record, or a harvested one that came here earlier.
A copy is not found itself; its words lead to the record that stands for it. Records for different audiences stay
apart: nobody learns from the place of one record that there is another one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

import tantivy

from node.adapters.search.fields import fields_of, stored_value
from node.catalogue.model import IndexFields

MOST: Final = 40
"""So many records with one identity are not copies of each other: a whole catalogue has a wrong identifier."""
_MAX_TEXT: Final = 64 * 1024

Changes = Iterable[tuple[str, IndexFields | None]]


@dataclass(frozen=True, slots=True)
class GroupEntry:
    """A record as it goes into the index: with the words of its copies, or as a copy itself."""

    fields: IndexFields
    copies: tuple[IndexFields, ...] = ()
    is_copy: bool = False


class CopyGroups:
    """Works out which entries of the index change with a record.

    It remembers the collected changes, which the searcher does not show yet, until ``forget`` is called.
    """

    def __init__(self, schema: tantivy.Schema) -> None:
        self._schema = schema
        self._waiting: dict[str, IndexFields | None] = {}
        self._by_identity: dict[str, set[str]] = {}

    def forget(self) -> None:
        """Forget the changes that were not yet written: the searcher shows them now, or they are lost."""
        self._waiting.clear()
        self._by_identity.clear()

    def entries(self, searcher: tantivy.Searcher, changes: Changes) -> Iterator[tuple[str, GroupEntry | None]]:
        """Yield what to write for ``changes``: their own entries, and those of records in the groups that change."""
        for iri, record in changes:
            before = self.read(searcher, iri)
            neighbours = self._neighbours(searcher, before)
            self._take(iri, record)
            neighbours |= self._neighbours(searcher, record)
            # A group has one audience: those of others stay as they are.
            audiences = {version.audience for version in (before, record) if version is not None}
            own_neighbours = {other: fields for other, fields in neighbours.items() if fields.audience in audiences}
            if record is None:
                yield iri, None
            elif not own_neighbours:
                yield iri, GroupEntry(record)
            else:
                own_neighbours[iri] = record
            visited_iris: set[str] = set()
            for member in own_neighbours.values():
                if member.iri not in visited_iris:
                    group = self._group(searcher, member, {member.audience})
                    visited_iris |= group.keys()
                    yield from arrange(group.values())

    def others(
        self, searcher: tantivy.Searcher, record: IndexFields, audiences: Collection[str] | None
    ) -> tuple[str, ...]:
        """Return the IRIs of the other records of the same asset, as far as one of ``audiences`` leads to them."""
        if audiences is not None and record.audience not in audiences:
            return ()
        group = sorted(self._group(searcher, record, audiences).values(), key=_rank)
        return tuple(other.iri for other in group if other.iri != record.iri)

    def on_page(
        self, searcher: tantivy.Searcher, page: Sequence[IndexFields], audiences: Collection[str] | None
    ) -> dict[str, tuple[str, ...]]:
        """Return IRI → ``others`` for the records of a page of results that may have others.

        Most assets have one record: one query for the whole page tells so.
        """
        identities = Counter(identity for record in page for identity in set(record.identities))
        if not identities:
            return {}
        # One query for a set of terms would build an automaton each time, which costs several times as much.
        shares = [(tantivy.Occur.Should, self._term("identity", identity)) for identity in identities]
        elsewhere = tantivy.Query.boolean_query(
            [
                (tantivy.Occur.Must, tantivy.Query.boolean_query(shares)),
                *((tantivy.Occur.MustNot, self._term("iri", record.iri)) for record in page),
            ]
        )
        common_identities = {identity for identity, count in identities.items() if count > 1}
        hits = searcher.search(elsewhere, MOST, count=False).hits
        if len(hits) == MOST:
            common_identities |= identities.keys()
        else:
            common_identities.update(*(record_of(searcher.doc(address)).identities for _, address in hits))
        return {
            record.iri: self.others(searcher, record, audiences)
            for record in page
            if not common_identities.isdisjoint(record.identities)
        }

    def _take(self, iri: str, record: IndexFields | None) -> None:
        earlier = self._waiting.get(iri)
        for identity in earlier.identities if earlier else ():
            self._by_identity.get(identity, set()).discard(iri)
        self._waiting[iri] = record
        for identity in record.identities if record else ():
            self._by_identity.setdefault(identity, set()).add(iri)

    def _group(
        self, searcher: tantivy.Searcher, first: IndexFields, audiences: Collection[str] | None
    ) -> dict[str, IndexFields]:
        group = {first.iri: first}
        queue = [first]
        while queue and len(group) < MOST:
            for iri, record in self._neighbours(searcher, queue.pop()).items():
                if iri not in group and (audiences is None or record.audience in audiences):
                    group[iri] = record
                    queue.append(record)
        return group

    def _neighbours(self, searcher: tantivy.Searcher, record: IndexFields | None) -> dict[str, IndexFields]:
        """Return the other records that share an identity with ``record``."""
        fields_by_iri: dict[str, IndexFields] = {}
        for identity in record.identities if record else ():
            hits = searcher.search(self._term("identity", identity), MOST, count=False).hits
            if len(hits) == MOST:
                continue
            for _, address in hits:
                entry = searcher.doc(address)
                iri = stored_value(entry, "iri")
                if iri not in self._waiting and iri not in fields_by_iri:
                    fields_by_iri[iri] = record_of(entry)
            for iri in self._by_identity.get(identity, ()):
                if (waiting := self._waiting[iri]) is not None:
                    fields_by_iri[iri] = waiting
        if record is not None:
            fields_by_iri.pop(record.iri, None)
        return fields_by_iri

    def read(self, searcher: tantivy.Searcher, iri: str) -> IndexFields | None:
        """Return the record with this IRI, with the collected changes; None if there is none."""
        if iri in self._waiting:
            return self._waiting[iri]
        hits = searcher.search(self._term("iri", iri), 1, count=False).hits
        return record_of(searcher.doc(hits[0][1])) if hits else None

    def _term(self, field: str, value: str) -> tantivy.Query:
        return tantivy.Query.term_query(self._schema, field, value)


def arrange(group: Iterable[IndexFields]) -> Iterator[tuple[str, GroupEntry]]:
    """Yield the entries of a group: who is visible, and for whom the others are copies."""
    members = sorted(group, key=_rank)
    first, *others = members
    copies = tuple(record for record in others if record.is_harvested)
    yield first.iri, GroupEntry(first, copies)
    for record in others:
        yield record.iri, GroupEntry(record, is_copy=record.is_harvested)


def _rank(record: IndexFields) -> tuple[bool, int, str]:
    return record.is_harvested, record.place, record.iri


def with_words_of(record: IndexFields, copies: Iterable[IndexFields]) -> IndexFields:
    """Return ``record`` with the titles, texts and keywords of its copies added to its words."""
    texts = dict(record.texts)
    for copy in copies:
        titles = {language: text for language, text in copy.titles.items() if text not in record.titles.values()}
        for language, text in (*titles.items(), *(("", word) for word in copy.keywords), *copy.texts.items()):
            present = texts.get(language, "")
            if text and text not in present:
                texts[language] = f"{present}\n{text}"[:_MAX_TEXT] if present else text[:_MAX_TEXT]
    return replace(record, texts=texts)


def record_of(entry: tantivy.Document) -> IndexFields:
    """Return the record of a document of the index."""
    return fields_of(bytes(stored_value(entry, "source")))

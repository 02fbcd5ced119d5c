"""Browse the terms of ontologies: search them, read one, lay out a hierarchy; of ontologies that a caller may see.

The vocabularies of ontologies are kept in memory, by the content of their newest version, as far as they are asked
for; the oldest make room.
"""

from __future__ import annotations

import asyncio
import threading
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from node.base.errors import InvalidInput, NotFound
from node.base.work import UnitOfWork
from node.catalogue.meaning.users import TERMS, Users
from node.catalogue.model import Record
from node.catalogue.ports import RecordStore
from node.catalogue.visibility import Visibility
from node.identity.model import Caller
from node.semantics.impact import TermUser
from node.semantics.ontologies.terms import Term, Vocabulary, inspect
from node.vocab.namespaces import local_name

KEPT: Final = 60_000
"""Terms that are kept in memory."""
ONTOLOGIES: Final = 500
"""Ontologies whose terms are searched."""
MOST: Final = 100
"""Terms in an answer."""
LONGEST: Final = 200
"""Characters of a search."""
DEPTH: Final = 20
ENTRIES: Final = 1000
"""Entries of a hierarchy that are laid out; the same term may stand below several others."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TermMatch:
    """A term, the ontology that defines it, and the number of assets that use it, as far as the caller sees both."""

    term: Term
    ontology: Record
    uses: int = 0

    def to_json(self, language: str) -> dict[str, Any]:
        return {
            **self.term.to_json(),
            "label": self.term.label(language),
            "ontology": {"iri": self.ontology.iri, "titles": self.ontology.titles},
            "uses": self.uses,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class TreeEntry:
    """A term in a hierarchy, ``depth`` steps below its top."""

    term: Term
    depth: int

    def to_json(self) -> dict[str, Any]:
        return {"iri": self.term.iri, "labels": dict(self.term.labels), "depth": self.depth}


@dataclass(frozen=True, slots=True, kw_only=True)
class TermDetails:
    """A term with all that is known of it here: its ontology, the terms directly below it, the properties of a class,
    the names of other terms that it refers to, its users, the terms aligned with it, and the hierarchy of the
    concepts of a scheme."""

    term: Term
    ontology: Record
    narrower: tuple[Term, ...]
    properties: tuple[Term, ...]
    names: Mapping[str, Mapping[str, str]]
    users: tuple[TermUser, ...]
    partners: tuple[str, ...] = ()
    hierarchy: tuple[TreeEntry, ...] = ()

    def to_json(self, language: str) -> dict[str, Any]:
        term = self.term
        return {
            **TermMatch(term=term, ontology=self.ontology, uses=len(self.users)).to_json(language),
            "restrictions": [rule.words(language, self.names) for rule in term.restrictions],
            "replacedBy": list(term.replaced_by),
            "narrower": [one.iri for one in self.narrower],
            "properties": [one.iri for one in self.properties],
            "alignedWith": list(self.partners),
            **({"hierarchy": [entry.to_json() for entry in self.hierarchy]} if self.hierarchy else {}),
            "users": [user.to_json() for user in self.users],
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class TermTree:
    """The hierarchies of an ontology by kind of term, and the properties by the class that they apply to; ``more``
    counts the terms that are not laid out."""

    ontology: Record
    hierarchies: Mapping[str, Sequence[TreeEntry]]
    properties: Mapping[str, Sequence[Term]] = field(default_factory=dict)
    more: int = 0


class TermSearch:
    """The terms of the ontologies that a caller may see."""

    def __init__(self, *, uow: UnitOfWork, records: RecordStore, visibility: Visibility, users: Users) -> None:
        self._uow = uow
        self._records = records
        self._visibility = visibility
        self._users = users
        self._lock = threading.Lock()
        self._vocabularies: dict[str, tuple[str, Vocabulary]] = {}

    async def search(
        self, text: str, caller: Caller, *, kind: str = "", ontology: str = "", limit: int = 20
    ) -> tuple[int, Sequence[TermMatch]]:
        """Return the number of terms with all words of ``text`` in their labels, names or definitions, and the first:
        labels before definitions, then those used most, then the shortest.

        Raises ``InvalidInput`` for a text or a limit beyond what is allowed.
        """
        words = _fold(text).split()
        if not words or len(text) > LONGEST:
            raise InvalidInput(
                f"a search for terms has 1 to {LONGEST} characters", remedy="write a word, such as: road"
            )
        if not 1 <= limit <= MOST:
            raise InvalidInput(f"the limit goes from 1 to {MOST}", remedy="ask for fewer terms, or a longer word")
        matches = await asyncio.to_thread(self._matches, words, caller, kind, ontology)
        matches.sort(key=lambda match: match[:3])
        nearest = matches[:TERMS]
        ontologies = {record.iri for *_, record in matches}
        users = await self._users.of_terms([iri for _, _, iri, _, _ in nearest], caller, apart_from=ontologies)
        matches_in_order = sorted(
            nearest, key=lambda match: (match[0] > 1, -len(users.get(match[2], ())), match[0], match[1], match[2])
        )
        first = [
            TermMatch(term=term, ontology=record, uses=len(users.get(iri, ())))
            for _, _, iri, term, record in matches_in_order[:limit]
        ]
        return len(matches), first

    async def term(self, iri: str, caller: Caller) -> TermDetails:
        """Return the term ``iri``. Raises ``NotFound`` if no ontology that the caller may see has it."""
        term, record, vocabulary = await asyncio.to_thread(self._term, iri, caller)
        users = await self._users.of_terms([iri], caller, apart_from=(record.iri,))
        partners = (await self.partners([iri], caller)).get(iri, frozenset())
        hierarchy = tuple(_tree(vocabulary, "concept", scheme=iri)) if term.kind == "scheme" else ()
        others = [*term.wider, *term.schemes, *term.domain, *term.range, *term.matches, *term.replaced_by, *partners]
        others += [name for rule in term.restrictions for name in rule.iris]
        names = await asyncio.to_thread(self._names, frozenset(others), caller)
        return TermDetails(
            term=term,
            ontology=record,
            narrower=tuple(one for one in vocabulary.terms.values() if iri in one.wider)[:MOST],
            properties=tuple(one for one in vocabulary.terms.values() if iri in one.domain)[:MOST],
            names=names,
            users=users.get(iri, ()),
            partners=tuple(sorted(partners)),
            hierarchy=hierarchy,
        )

    async def concept_named(self, text: str, caller: Caller) -> str:
        """Return the address of the only concept with this label, in any language; empty without or with several."""
        words = _fold(text[:LONGEST]).split()
        matches = await asyncio.to_thread(self._matches, words, caller, "concept", "") if words else []
        exact = [iri for rank, _, iri, _, _ in matches if rank == 0]
        return exact[0] if len(exact) == 1 else ""

    async def vocabulary(self, iri: str, caller: Caller) -> Vocabulary:
        """Return the terms of the ontology ``iri``. Raises ``NotFound``."""
        return await asyncio.to_thread(lambda: self._vocabulary(self._ontology(iri, caller)))

    async def partners(self, iris: Iterable[str], caller: Caller) -> Mapping[str, frozenset[str]]:
        """Return for each of ``iris`` the terms that are aligned with it, by any ontology that the caller may see."""
        partners = await asyncio.to_thread(self._partners, caller)
        return {iri: frozenset(partners[iri]) for iri in iris if iri in partners}

    async def labels(self, iris: Sequence[str], caller: Caller) -> Mapping[str, tuple[str, ...]]:
        """Return the labels, in all languages, of those of ``iris`` that the caller may see."""
        return await asyncio.to_thread(self._labels, frozenset(iris), caller)

    async def statements(self, iri: str, caller: Caller) -> bytes:
        """Return the statements about the term ``iri``, with those about its blank nodes, as canonical N-Quads.
        Raises ``NotFound``."""
        _, record, _ = await asyncio.to_thread(self._term, iri, caller)
        return await asyncio.to_thread(_statements_about, record.nquads, iri)

    async def tree(self, iri: str, caller: Caller) -> TermTree:
        """Return the hierarchies of the ontology ``iri``. Raises ``NotFound``."""
        return await asyncio.to_thread(self._tree, iri, caller)

    def _partners(self, caller: Caller) -> dict[str, set[str]]:
        partners: dict[str, set[str]] = {}
        for record in self._ontologies(caller):
            for subject, _, object_ in self._vocabulary(record).alignments:
                partners.setdefault(subject, set()).add(object_)
                partners.setdefault(object_, set()).add(subject)
        return partners

    def _names(self, iris: frozenset[str], caller: Caller) -> dict[str, Mapping[str, str]]:
        names: dict[str, Mapping[str, str]] = {}
        for record in self._ontologies(caller) if iris else ():
            terms = self._vocabulary(record).terms
            for iri in iris & terms.keys():
                names.setdefault(iri, terms[iri].labels)
        return names

    def _labels(self, iris: frozenset[str], caller: Caller) -> dict[str, tuple[str, ...]]:
        labels: dict[str, tuple[str, ...]] = {}
        for record in self._ontologies(caller):
            terms = self._vocabulary(record).terms
            for iri in iris & terms.keys():
                labels.setdefault(iri, tuple(dict.fromkeys(terms[iri].labels.values())))
        return labels

    def _tree(self, iri: str, caller: Caller) -> TermTree:
        record = self._ontology(iri, caller)
        vocabulary = self._vocabulary(record)
        kinds = ("class", "property", "datatype", "concept", "scheme", "individual")
        hierarchies = {kind: entries for kind in kinds if (entries := list(_tree(vocabulary, kind)))}
        iris_on_page = {entry.term.iri for entries in hierarchies.values() for entry in entries}
        properties: dict[str, list[Term]] = {}
        for entry in hierarchies.get("property", ()):
            for class_ in entry.term.domain:
                own = properties.setdefault(class_, [])
                if entry.term not in own[-MOST:]:
                    own.append(entry.term)
        return TermTree(
            ontology=record,
            hierarchies=hierarchies,
            properties=properties,
            more=len(vocabulary.terms) - len(iris_on_page),
        )

    def _matches(
        self, words: Sequence[str], caller: Caller, kind: str, ontology: str
    ) -> list[tuple[int, int, str, Term, Record]]:
        matches: dict[str, tuple[int, int, str, Term, Record]] = {}
        for record in self._ontologies(caller):
            if ontology and record.iri != ontology:
                continue
            for term in self._vocabulary(record).terms.values():
                rank = None if kind and term.kind != kind else _rank(term, words)
                if rank is not None and term.iri not in matches:
                    matches[term.iri] = (rank, len(term.label()), term.iri, term, record)
        self._add_partners(matches, caller, kind, ontology)
        return list(matches.values())

    def _add_partners(
        self, matches: dict[str, tuple[int, int, str, Term, Record]], caller: Caller, kind: str, ontology: str
    ) -> None:
        """Add the terms that are aligned with those whose labels or names fit: they stand behind these."""
        partners = self._partners(caller)
        iris = {
            partner
            for iri, (rank, *_) in matches.items()
            if rank <= 1
            for partner in partners.get(iri, ())
            if partner not in matches
        }
        for record in self._ontologies(caller) if iris else ():
            terms = self._vocabulary(record).terms
            for iri in iris & terms.keys():
                term = terms[iri]
                if not (ontology and record.iri != ontology) and not (kind and term.kind != kind):
                    matches.setdefault(iri, (1, len(term.label()), iri, term, record))

    def _term(self, iri: str, caller: Caller) -> tuple[Term, Record, Vocabulary]:
        # The ontology whose address begins the term's is asked first: it defines the term, others only mention it.
        ontologies = sorted(self._ontologies(caller), key=lambda record: (not iri.startswith(record.iri), record.iri))
        for record in ontologies:
            vocabulary = self._vocabulary(record)
            if iri in vocabulary.terms:
                return vocabulary.terms[iri], record, vocabulary
        raise NotFound("there is no such term here", remedy="search for it by a word of its label")

    def _ontology(self, iri: str, caller: Caller) -> Record:
        with self._uow.read() as tx:
            record = self._records.get(tx, iri, audiences=self._visibility.audiences(caller))
        if record is None or record.withdrawn or record.kind != "ontology":
            raise NotFound("there is no such ontology here", remedy="search for it by its title")
        return record

    def _ontologies(self, caller: Caller) -> list[Record]:
        audiences = self._visibility.audiences(caller)
        with self._uow.read() as tx:
            return list(self._records.current(tx, audiences=audiences, kinds=("ontology",), limit=ONTOLOGIES))

    def _vocabulary(self, record: Record) -> Vocabulary:
        with self._lock:
            entry_before = self._vocabularies.pop(record.iri, None)
            if entry_before is not None and entry_before[0] == record.sha256:
                self._vocabularies[record.iri] = entry_before
                return entry_before[1]
        vocabulary = inspect(record.nquads, record.subject)
        with self._lock:
            self._vocabularies[record.iri] = (record.sha256, vocabulary)
            total = sum(len(entry_before.terms) for _, entry_before in self._vocabularies.values())
            while total > KEPT and len(self._vocabularies) > 1:
                oldest = next(iter(self._vocabularies))
                total -= len(self._vocabularies.pop(oldest)[1].terms)
        return vocabulary


def _statements_about(nquads: bytes, iri: str) -> bytes:
    by_subject: dict[bytes, list[bytes]] = {}
    for line in nquads.splitlines(keepends=True):
        by_subject.setdefault(line.partition(b" ")[0], []).append(line)
    lines: list[bytes] = []
    ahead: list[bytes] = [f"<{iri}>".encode()]
    hashes: set[bytes] = set()
    while ahead:
        subject = ahead.pop()
        if subject in hashes:
            continue
        hashes.add(subject)
        for line in by_subject.get(subject, ()):
            lines.append(line)
            value = line.split(b" ", 2)[2].partition(b" ")[0]
            if value.startswith(b"_:"):
                ahead.append(value)
    return b"".join(sorted(lines))


def _tree(vocabulary: Vocabulary, kind: str, *, scheme: str = "") -> Iterator[TreeEntry]:
    """Yield the terms of ``kind`` (of ``scheme``, if given) in the order of their hierarchy. A circle ends where it
    closes; terms that are only in circles come last."""
    members = {
        iri: term
        for iri, term in vocabulary.terms.items()
        if term.kind == kind and (not scheme or scheme in term.schemes)
    }
    below: dict[str, list[Term]] = {}
    for term in members.values():
        for wider in term.wider:
            if wider in members and wider != term.iri:
                below.setdefault(wider, []).append(term)
    roots = [term for term in members.values() if not any(wider in members for wider in term.wider)]
    iris_on_page: set[str] = set()
    remaining = ENTRIES
    for root in (*_sort(roots), *members.values()):
        if root.iri in iris_on_page:
            continue
        ahead: list[tuple[Term, tuple[str, ...]]] = [(root, ())]
        while ahead and remaining:
            term, path = ahead.pop()
            iris_on_page.add(term.iri)
            remaining -= 1
            yield TreeEntry(term=term, depth=len(path))
            if len(path) < DEPTH:
                inner = (*path, term.iri)
                ahead.extend((one, inner) for one in reversed(_sort(below.get(term.iri, ()))) if one.iri not in inner)


def _sort(terms: Sequence[Term]) -> list[Term]:
    return sorted(terms, key=lambda term: (_fold(term.label()), term.iri))


def _rank(term: Term, words: Sequence[str]) -> int | None:
    """Return how well a term fits: 0 for a label or name that is the words, 1 for one that has them or a further
    label, 2 for the definition; None if it does not fit."""
    text = " ".join(words)
    names = [_fold(label) for label in term.labels.values()]
    names.append(_fold(local_name(term.iri)))
    if text in names or text.replace(" ", "") in names:
        return 0
    names += [_fold(label) for label in (*(label for _, label in term.synonyms), *term.search_words)]
    if any(all(word in name for word in words) for name in names):
        return 1
    everything = [*names, *(_fold(definition) for definition in term.definitions.values())]
    return 2 if any(all(word in one for word in words) for one in everything) else None


def _fold(text: str) -> str:
    plain = unicodedata.normalize("NFKD", text.casefold())
    return "".join(char for char in plain if not unicodedata.combining(char)).strip()

"""The imports of an ontology, closed over the ontologies of the catalogue that a reader may see (OWL 2 §3.4).

The version of an import that counts is the newest of the time at which the importing version was published, by the
times that the publishers state; a newer one counts for the next version of the ontology. An import is looked for by
the address of a record first (also of one version, ``ADDRESS#vN``), then by the addresses that the newest versions of
ontologies state for themselves. If several state the same one, it is that of the own node, then the one that was
known first: no other node takes over an address by claiming it later. Nothing is fetched from anywhere.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from node.base.errors import InvalidInput, TooMany
from node.base.turnstile import Turnstile
from node.base.work import Transaction, UnitOfWork
from node.catalogue.meaning.import_names import ImportNames
from node.catalogue.model import INTERNAL, PUBLIC, Record
from node.catalogue.nquads import iri_term, line, merge
from node.catalogue.ports import RecordStore
from node.catalogue.visibility import Visibility, absent
from node.identity.model import Caller
from node.semantics.ontologies.imports import as_one, stated_imports
from node.vocab.namespaces import DCT

MOST: Final = 50
"""Ontologies that an ontology imports, directly and by others."""
NAMES: Final = 200
"""Addresses of imports that are followed."""
LARGEST: Final = 16 << 20
"""Bytes of statements of the imports together."""
_AT_ONCE: Final = 4
_CALLERS: Final = 128


class ImportState(StrEnum):
    """``ERASED``: the publisher erased the version in question. ``TOO_MANY``: not followed, beyond the limits."""

    FOUND = "found"
    MISSING = "missing"
    ERASED = "erased"
    TOO_MANY = "too-many"


@dataclass(frozen=True, slots=True, kw_only=True)
class OntologyImport:
    """One import: the address ``name`` by which the ontologies ``importers`` (addresses) import it, the version of
    the ontology that it is, and the number of that one's ``newest`` version. Without ``is_pinned`` there was none yet
    when the importing version was published, and the newest counts."""

    name: str
    importers: tuple[str, ...]
    state: ImportState
    record: Record | None = None
    newest: int = 0
    is_pinned: bool = True

    def to_json(self) -> dict[str, Any]:
        members: dict[str, Any] = {"name": self.name, "state": str(self.state), "importedBy": list(self.importers)}
        if self.record is not None:
            members["ontology"] = {
                "iri": self.record.iri,
                "version": self.record.version,
                "newest": self.newest,
                "titles": self.record.titles,
                "publisherName": self.record.publisher_name,
            }
            members["pinned"] = self.is_pinned
        return members


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportClosure:
    """An ontology and its imports, direct ones first, each address once."""

    ontology: Record
    imports: tuple[OntologyImport, ...]

    @property
    def records(self) -> tuple[Record, ...]:
        """Return the imported versions, each once."""
        versions = {entry.record.version_iri: entry.record for entry in self.imports if entry.record is not None}
        return tuple(versions.values())

    def document(self) -> bytes:
        """Return the statements of all as canonical N-Quads but for the names of blank nodes. ``dct:requires`` of the
        ontology names the versions of its imports."""
        records = self.records
        if not records:
            return self.ontology.nquads
        together = as_one([self.ontology.nquads, *(record.nquads for record in records)])
        own = iri_term(self.ontology.subject)
        return merge(together, [line(own, f"<{DCT}requires>", iri_term(record.version_iri)) for record in records])

    def to_json(self) -> dict[str, Any]:
        return {
            "iri": self.ontology.iri,
            "version": self.ontology.version,
            "imports": [entry.to_json() for entry in self.imports],
        }


@dataclass(slots=True)
class _Walk:
    """An ontology whose imports are being looked for, as of a moment, by readers of ``audiences`` (None: all)."""

    ontology: Record
    as_of: datetime | None
    audiences: Collection[str] | None
    names: Mapping[str, str] | None = None
    importers: dict[str, list[str]] = field(default_factory=dict)
    size: int = 0


class Imports:
    """The imports of the ontologies that a caller may see."""

    def __init__(self, *, uow: UnitOfWork, records: RecordStore, visibility: Visibility) -> None:
        self._uow = uow
        self._records = records
        self._visibility = visibility
        self._names = ImportNames(records=records, visibility=visibility)
        self._turnstile = Turnstile(
            at_once=_AT_ONCE,
            most=_CALLERS,
            refusal=lambda: TooMany("many imports are being looked for just now", remedy="try again in a moment"),
        )

    async def closure(self, iri: str, caller: Caller, *, version: int | None = None) -> ImportClosure:
        """Return the imports of the ontology ``iri``, of its newest or another ``version``.

        Raises ``NotFound``, ``InvalidInput`` for another kind of asset, and ``TooMany``.
        """
        with self._turnstile.admission():
            async with self._turnstile.turn:
                return await asyncio.to_thread(self._closure, iri, caller, version)

    async def document(
        self, iri: str, caller: Caller, write: Callable[[bytes], bytes], *, version: int | None = None
    ) -> bytes:
        """Return the statements of the ontology and its imports, as ``write`` makes them of N-Quads. Raises as
        ``closure``."""
        with self._turnstile.admission():
            async with self._turnstile.turn:
                return await asyncio.to_thread(lambda: write(self._closure(iri, caller, version).document()))

    def for_readers(self, draft: Record) -> ImportClosure:
        """Return the imports of a draft as they are now, as far as all of its readers may see them: what is found in
        them is shown to these readers. It blocks."""
        return self._close(draft, None, None if draft.audience == INTERNAL else {PUBLIC, draft.audience})

    def _closure(self, iri: str, caller: Caller, version: int | None) -> ImportClosure:
        audiences = self._visibility.audiences(caller)
        with self._uow.read() as tx:
            record = self._records.get(tx, iri, version=version, audiences=audiences)
        if record is None or record.withdrawn or record.is_erased:
            raise absent()
        if record.kind != "ontology":
            raise InvalidInput(f"{record.title()} is a {record.kind}", remedy="name the address of an ontology")
        return self._close(record, record.at, audiences)

    def _close(self, ontology: Record, as_of: datetime | None, audiences: Collection[str] | None) -> ImportClosure:
        walk = _Walk(ontology, as_of, audiences)
        entries: dict[str, OntologyImport] = {}
        records = {ontology.iri: ontology}
        ahead = [ontology]
        with self._uow.read() as tx:
            while ahead:
                following: list[Record] = []
                for importer in ahead:
                    for name in stated_imports(importer.nquads, importer.subject):
                        if name in walk.importers:
                            walk.importers[name].append(importer.iri)
                        elif name not in (ontology.iri, ontology.subject):
                            is_followed = len(walk.importers) < NAMES
                            walk.importers[name] = [importer.iri]
                            entries[name] = entry = (
                                self._find(tx, walk, name, records)
                                if is_followed
                                else OntologyImport(name=name, importers=(), state=ImportState.TOO_MANY)
                            )
                            if entry.record is not None and entry.record.version_iri not in records:
                                records[entry.record.version_iri] = entry.record
                                walk.size += len(entry.record.nquads)
                                following.append(entry.record)
                ahead = following
        importers = {name: tuple(dict.fromkeys(iris)) for name, iris in walk.importers.items()}
        imports = tuple(replace(entry, importers=importers[name]) for name, entry in entries.items())
        return ImportClosure(ontology=ontology, imports=imports)

    def _find(self, tx: Transaction, walk: _Walk, name: str, records: Mapping[str, Record]) -> OntologyImport:
        for iri, number in _addresses_meant(name):
            entry = self._at_address(tx, walk, name, iri, number, records)
            if entry is not None:
                return entry
        if walk.names is None:
            walk.names = self._names.of(tx, walk.audiences)
        address = self._names.find(walk.names, name)
        entry = self._at_address(tx, walk, name, address, None, records) if address else None
        return entry or OntologyImport(name=name, importers=(), state=ImportState.MISSING)

    def _at_address(
        self, tx: Transaction, walk: _Walk, name: str, iri: str, number: int | None, records: Mapping[str, Record]
    ) -> OntologyImport | None:
        head = self._records.get(tx, iri, audiences=walk.audiences)
        if head is None or head.kind != "ontology" or iri == walk.ontology.iri:
            return None
        record, is_pinned = head, walk.as_of is None or head.at <= walk.as_of
        if number is not None or (walk.as_of is not None and not is_pinned):
            as_of = None if number is not None else walk.as_of
            past = self._records.get(tx, iri, version=number, as_of=as_of, audiences=walk.audiences)
            if past is None and number is not None:
                return None
            record, is_pinned = past or head, past is not None
        if record.withdrawn and not record.is_erased:
            return None
        state = ImportState.ERASED if record.is_erased else ImportState.FOUND
        is_new = record.version_iri not in records
        if is_new and (len(records) > MOST or walk.size + len(record.nquads) > LARGEST):
            state = ImportState.TOO_MANY
        content = record if state is ImportState.FOUND else None
        return OntologyImport(
            name=name, importers=(), state=state, record=content, newest=head.version, is_pinned=is_pinned
        )


def _addresses_meant(name: str) -> Iterator[tuple[str, int | None]]:
    """Yield the addresses of records that ``name`` may be, with the number of a version if it names one."""
    yield name, None
    address, mark, digits = name.rpartition("#v")
    if mark and digits.isascii() and digits.isdigit() and 0 < len(digits) < 10:
        yield address, int(digits)
    trimmed = name.rstrip("#/")
    if trimmed != name:
        yield trimmed, None

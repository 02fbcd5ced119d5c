"""The addresses that the ontologies of the catalogue state for themselves, and whose each of them is."""

from __future__ import annotations

import threading
from collections.abc import Collection, Mapping
from typing import Final

from node.base.work import Transaction
from node.catalogue.model import Record
from node.catalogue.ports import RecordStore
from node.catalogue.visibility import Visibility
from node.semantics.ontologies.imports import addresses, comparable

ONTOLOGIES: Final = 500
"""Ontologies that are looked through."""
_TOGETHER: Final = 50
_MOST_VERSIONS: Final = 2000
"""Versions whose addresses are remembered."""


class ImportNames:
    """Finds ontologies by the addresses that they state. What a version states is read once, and remembered by the
    hash of its statements."""

    def __init__(self, *, records: RecordStore, visibility: Visibility) -> None:
        self._records = records
        self._visibility = visibility
        self._lock = threading.Lock()
        self._names: dict[tuple[str, str], tuple[str, ...]] = {}

    def of(self, tx: Transaction, audiences: Collection[str] | None) -> Mapping[str, str]:
        """Return stated address → address of the record, of ontologies for ``audiences`` (None: all). An address that
        several state is that of an own ontology, then of the one that was known first."""
        claims: dict[str, list[Record]] = {}
        count, after = 0, ""
        while count < ONTOLOGIES and (
            heads := self._records.current(
                tx, audiences=audiences, kinds=("ontology",), after=after, limit=min(_TOGETHER, ONTOLOGIES - count)
            )
        ):
            for record in heads:
                for name in self._addresses(record):
                    claims.setdefault(name, []).append(record)
            count, after = count + len(heads), heads[-1].iri
        rivals = {record.iri for claimants in claims.values() if len(claimants) > 1 for record in claimants}
        places = self._records.places(tx, rivals) if rivals else {}

        def rank(record: Record) -> tuple[bool, int, str]:
            return not self._visibility.owns(record), places.get(record.iri, 1 << 62), record.iri

        return {name: min(claimants, key=rank).iri for name, claimants in claims.items()}

    def find(self, names: Mapping[str, str], name: str) -> str:
        """Return the address of the record that ``name`` means; empty if none states it."""
        return names.get(comparable(name), "")

    def _addresses(self, record: Record) -> tuple[str, ...]:
        key = (record.subject, record.sha256)
        with self._lock:
            names = self._names.get(key)
        if names is None:
            names = addresses(record.nquads, record.subject)
            with self._lock:
                while len(self._names) >= _MOST_VERSIONS:
                    self._names.pop(next(iter(self._names)))
                self._names[key] = names
        # A harvested record states its address at its source by its subject.
        return names if record.subject == record.iri else (*names, comparable(record.subject))

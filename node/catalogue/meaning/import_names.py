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

OWN_ONTOLOGIES: Final = 2000
ONTOLOGIES: Final = 500
"""Own ontologies, and those of others, that are looked through."""
_TOGETHER: Final = 10
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
        claims: dict[str, list[str]] = {}
        own = self._claim(tx, audiences, claims, (self._visibility.me,), OWN_ONTOLOGIES)
        self._claim(tx, audiences, claims, (), len(own) + ONTOLOGIES)
        rivals = {iri for claimants in claims.values() if len(claimants) > 1 for iri in claimants}
        places = self._records.places(tx, rivals) if rivals else {}

        def rank(iri: str) -> tuple[bool, int, str]:
            return iri not in own, places.get(iri, 1 << 62), iri

        return {name: min(set(claimants), key=rank) for name, claimants in claims.items()}

    def _claim(
        self,
        tx: Transaction,
        audiences: Collection[str] | None,
        claims: dict[str, list[str]],
        origins: Collection[str],
        most: int,
    ) -> frozenset[str]:
        """Add the addresses that the first ontologies of ``origins`` (empty: of all) state to ``claims``; return the
        addresses of the records."""
        iris: list[str] = []
        while len(iris) < most:
            after, limit = iris[-1] if iris else "", min(_TOGETHER, most - len(iris))
            heads = self._records.current(
                tx, audiences=audiences, kinds=("ontology",), origins=origins, after=after, limit=limit
            )
            for record in heads:
                for name in self._addresses(record):
                    claims.setdefault(name, []).append(record.iri)
            iris += [record.iri for record in heads]
            if len(heads) < limit:
                break
        return frozenset(iris)

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

"""Read the links of the current records of this node, and keep the points that follow from checks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Final

from node.base.clock import Clock
from node.base.turns import taken_in_turn
from node.base.work import Transaction, UnitOfWork
from node.catalogue.measurement.link_model import (
    COUNTING,
    LinkCheck,
    LinkPoints,
    LinkState,
    LinkStore,
    RecordLink,
)
from node.catalogue.measurement.links import links_of, shares
from node.catalogue.model import Record
from node.catalogue.ports import RecordStore
from node.ledger.model import EntryKind
from node.ledger.ports import LedgerStore

PAGE: Final = 50
"""Records read at once: each may have a description of a megabyte."""
PAGES: Final = 20
"""Pages that one call reads."""
_RECORDS: Final = 200


class LinkCollection:
    """The links of the records that this node published or harvested. Synchronous: call it in a thread.

    A walk over all records begins with the process; after it, the ledger says which records changed.
    """

    def __init__(
        self,
        uow: UnitOfWork,
        records: RecordStore,
        ledger: LedgerStore,
        store: LinkStore,
        clock: Clock,
        *,
        origin: str,
        base: str,
    ) -> None:
        """``origin`` is the DID of this node, ``base`` its public address without a trailing slash."""
        self._uow = uow
        self._records = records
        self._ledger = ledger
        self._store = store
        self._clock = clock
        self._origin = origin
        self._base = base
        self._after: str | None = ""
        self._position = -1

    def read_changed(self) -> None:
        """Read the next records, and store the links of those that changed."""
        for _ in range(PAGES):
            if not (self._read_changes() if self._after is None else self._read_page(self._after)):
                return

    def save(self, check: LinkCheck, before: LinkState) -> None:
        """Store a check, and the points of the records that have its address if it is in another state than
        ``before``. A crash in between leaves the check as it was, so that it is done again."""
        after = ""
        while check.state is not before and (iris := self._count_check(check, after)):
            after = iris
        self._save(check)

    @taken_in_turn
    def _save(self, check: LinkCheck) -> None:
        with self._uow.begin() as tx:
            self._store.save(tx, check)

    @taken_in_turn
    def _count_check(self, check: LinkCheck, after: str) -> str:
        """Count ``check`` for the next records that have its address, and return the IRI of the last of them."""
        with self._uow.begin() as tx:
            iris = self._store.records_with(tx, check.address, uses=COUNTING, after=after, limit=_RECORDS)
            for iri in iris:
                self._count(tx, iri, {check.address: check})
        return iris[-1] if iris else ""

    def _read_page(self, after: str) -> bool:
        """Read the records after this IRI: the next page of the walk. Return whether more may follow."""
        with self._uow.read() as tx:
            if self._position < 0:
                self._position = self._ledger.size(tx)
            page = self._records.current(tx, origins=[self._origin], after=after, limit=PAGE)
            is_last = len(page) < PAGE
            versions = self._store.between(tx, after, "" if is_last else page[-1].iri)
        self._replace(page, versions)
        self._after = None if is_last else page[-1].iri
        return True

    def _read_changes(self) -> bool:
        """Read the records that the next entries of the ledger are about. Return whether more may follow."""
        with self._uow.read() as tx:
            size = self._ledger.size(tx)
            entries = self._ledger.since(tx, self._position, limit=PAGE, kinds=(EntryKind.RECORD,))
            iris = list(dict.fromkeys(entry.subject for entry in entries))
            newest = self._records.newest(tx, iris)
            versions = self._store.versions(tx, iris)
        self._replace([record for record in newest if record.origin == self._origin], versions)
        is_last = len(entries) < PAGE
        self._position = size if is_last else (entries[-1].seq or 0) + 1
        return not is_last

    def _replace(self, records: Sequence[Record], versions: Mapping[str, int]) -> None:
        """Store the links of ``records`` where another version of them is stored (``versions``), and drop those that
        have an entry there and are not current."""
        current = {record.iri: record for record in records if not record.withdrawn}
        changes = {iri: record for iri, record in current.items() if versions.get(iri) != record.version}
        absent_iris = [iri for iri in versions if iri not in current]
        if changes or absent_iris:
            self._write({iri: (record, links_of(record, self._base)) for iri, record in changes.items()}, absent_iris)

    @taken_in_turn
    def _write(self, changes: Mapping[str, tuple[Record, Sequence[RecordLink]]], absent_iris: Sequence[str]) -> None:
        now = self._clock.now()
        with self._uow.begin() as tx:
            for iri, (record, links) in changes.items():
                source = record.harvest_origin.source if record.harvest_origin is not None else ""
                self._store.replace(tx, iri, record.version, links, now, source=source)
                self._count(tx, iri, {})
            self._store.drop(tx, absent_iris)

    def _count(self, tx: Transaction, iri: str, news: Mapping[str, LinkCheck]) -> None:
        """Store the points of a record if they changed."""
        links = self._store.links(tx, [iri]).get(iri, ())
        addresses = [link.address for link in links if link.checked and link.use in COUNTING]
        checks = {**self._store.checks(tx, addresses), **news}

        def state_of(address: str) -> LinkState:
            check = checks.get(address)
            return LinkState.UNKNOWN if check is None else check.state

        access, download = shares(links, state_of, self._base)
        earlier = self._store.points_of(tx, iri)
        last = (earlier[-1].access, earlier[-1].download) if earlier else (None, None)
        if (access, download) != last:
            now = self._clock.now()
            self._store.save_points(tx, LinkPoints(iri, now.date(), now, access, download))


def with_verdict(
    check: LinkCheck, now: datetime, due: datetime, state: LinkState, status: int, reason: str, failures: int = 0
) -> LinkCheck:
    """Return ``check`` after a request that was made ``now``."""
    return replace(check, at=now, due=due, state=state, status=status, reason=reason, failures=failures)

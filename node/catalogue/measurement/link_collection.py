"""Read the links of the current records of this node, page by page, and keep the points that follow from checks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
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
)
from node.catalogue.measurement.links import links_of, shares
from node.catalogue.ports import RecordStore
from node.ledger.ports import LedgerStore

PAGE: Final = 50
"""Records read at once: each may have a description of a megabyte."""
PAGES: Final = 20
"""Pages that one call reads."""
REST: Final = timedelta(seconds=30)
"""The least time between the end of a walk over all records and the next."""
_RECORDS: Final = 200


class LinkCollection:
    """The links of the records that this node published or harvested. Synchronous: call it in a thread.

    A walk over all records begins when the ledger has grown; a restart begins it again, and reads only what changed.
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
        self._after: str | None = None
        self._size = -1
        self._size_at_start = -1
        self._again: datetime | None = None

    def read_changed(self) -> None:
        """Read the next pages of records, and store the links of those that changed."""
        if self._after is None:
            now = self._clock.now()
            if self._again is not None and now < self._again:
                return
            with self._uow.read() as tx:
                size = self._ledger.size(tx)
            if size == self._size:
                return
            self._after, self._size_at_start = "", size
        for _ in range(PAGES):
            if self._read_page():
                self._after, self._size = None, self._size_at_start
                self._again = self._clock.now() + REST
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

    @taken_in_turn
    def _read_page(self) -> bool:
        """Read the next page of records; return whether it was the last."""
        after = self._after or ""
        with self._uow.read() as tx:
            page = self._records.current(tx, origins=[self._origin], after=after, limit=PAGE)
            versions = self._store.versions(tx, [record.iri for record in page])
        is_last = len(page) < PAGE
        changes = {
            record.iri: (record.version, links_of(record, self._base))
            for record in page
            if versions.get(record.iri) != record.version
        }
        now = self._clock.now()
        with self._uow.begin() as tx:
            for iri, (version, links) in changes.items():
                self._store.replace(tx, iri, version, links, now)
                self._count(tx, iri, {})
            until = "" if is_last else page[-1].iri
            self._store.prune(tx, after, until, {record.iri for record in page})
        if page:
            self._after = page[-1].iri
        return is_last

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

"""The state of links and of harvested data for people: of the catalogue, and of one record."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from node.base.clock import Clock, stamp
from node.base.errors import Conflict, NotAllowed
from node.base.turns import taken_in_turn
from node.base.work import UnitOfWork
from node.catalogue.measurement.data_checks import DataCheck, DataCheckStore, DataState
from node.catalogue.measurement.link_model import LinkCheck, LinkPoints, LinkState, LinkStore
from node.catalogue.measurement.links import is_own, with_links
from node.catalogue.model import Record
from node.catalogue.ports import RecordStore
from node.catalogue.visibility import absent
from node.identity.model import Caller
from node.identity.roles import UseCase, require

MOST: Final = 500
"""The most addresses of one answer."""
RECORDS: Final = 3
"""Records that are named for each address."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkLine:
    """An address, and the first records that have it; ``more`` if there are others."""

    check: LinkCheck
    records: Sequence[str]
    more: bool

    def to_json(self) -> dict[str, Any]:
        check = self.check
        return {
            "address": check.address,
            "state": str(check.state),
            "status": check.status,
            "reason": check.reason,
            "checked": None if check.at is None else stamp(check.at),
            "due": stamp(check.due),
            "records": list(self.records),
            "moreRecords": self.more,
        }


class LinkReport:
    """Reads the state of links. Synchronous: call it in a thread."""

    def __init__(
        self,
        uow: UnitOfWork,
        records: RecordStore,
        store: LinkStore,
        clock: Clock,
        *,
        origin: str,
        base: str,
        interval: timedelta | None,
        data: DataCheckStore,
    ) -> None:
        """``interval`` is the time between two checks of an address; None if this node checks none. ``data`` has the
        checks of harvested data."""
        self._uow = uow
        self._records = records
        self._store = store
        self._clock = clock
        self._origin = origin
        self._base = base
        self.interval = interval
        self._data = data

    def counts(self, by: Caller) -> Mapping[LinkState, int]:
        """Return the number of addresses in each state. Raises ``NotAllowed`` for others than people of this node."""
        _require_person(by)
        with self._uow.read() as tx:
            counts = self._store.counts(tx)
        return {state: counts.get(state, 0) for state in LinkState}

    def counts_by_source(self, by: Caller) -> Mapping[str, Mapping[LinkState, int]]:
        """Return source of harvested records → the number of addresses in each state. Raises the error of
        ``counts``."""
        _require_person(by)
        with self._uow.read() as tx:
            by_source = self._store.counts_by_source(tx)
        return {source: {state: counts.get(state, 0) for state in LinkState} for source, counts in by_source.items()}

    def lines(
        self, by: Caller, *, state: LinkState | None = None, source: str = "", after: str = "", limit: int = 100
    ) -> list[LinkLine]:
        """Return addresses in their order, beginning after ``after``; with ``source``, those in records that were
        harvested from there. Raises the error of ``counts``."""
        _require_person(by)
        with self._uow.read() as tx:
            checks = self._store.listing(tx, state=state, source=source, after=after, limit=min(limit, MOST))
            return [
                self._line(check, self._store.records_with(tx, check.address, limit=RECORDS + 1)) for check in checks
            ]

    def of_record(self, iri: str, by: Caller) -> list[LinkLine]:
        """Return the addresses of a record of this node. Raises ``NotFound`` and the error of ``counts``."""
        record = self._own_record(iri, by)
        return [LinkLine(check=check, records=(iri,), more=False) for check in self.checks(record)]

    def checks(self, record: Record) -> list[LinkCheck]:
        """Return the checks of the addresses in a record, for everybody who may see it."""
        with self._uow.read() as tx:
            links = self._store.links(tx, [record.iri]).get(record.iri, ())
            addresses = list(dict.fromkeys(link.address for link in links if link.checked))
            checks = self._store.checks(tx, addresses)
        return [checks[address] for address in addresses if address in checks]

    def data_counts(self, by: Caller) -> Mapping[DataState, int]:
        """Return the number of checked files in each state. Raises the error of ``counts``."""
        _require_person(by)
        with self._uow.read() as tx:
            counts = self._data.counts(tx)
        return {state: counts.get(state, 0) for state in DataState}

    def last_data_check(self, by: Caller) -> datetime | None:
        """Return when the last file was checked; None if none was. Raises the error of ``counts``."""
        _require_person(by)
        with self._uow.read() as tx:
            return self._data.latest(tx)

    def data_lines(
        self, by: Caller, *, state: DataState | None = None, after: str = "", limit: int = 100
    ) -> Sequence[DataCheck]:
        """Return checks of harvested data by dataset, of those after the IRI ``after``. Raises the error of
        ``counts``."""
        _require_person(by)
        with self._uow.read() as tx:
            return self._data.listing(tx, state=state, after=after, limit=min(limit, MOST))

    def data_of_record(self, iri: str, by: Caller) -> Sequence[DataCheck]:
        """Return the checks of the data of a record of this node. Raises ``NotFound`` and the error of ``counts``."""
        record = self._own_record(iri, by)
        return self.data_checks(record)

    def _own_record(self, iri: str, by: Caller) -> Record:
        _require_person(by)
        with self._uow.read() as tx:
            record = self._records.get(tx, iri)
        if record is None or record.origin != self._origin:
            raise absent()
        return record

    def data_checks(self, record: Record) -> Sequence[DataCheck]:
        """Return the checks of the data of a record in this version, for everybody who may see it."""
        with self._uow.read() as tx:
            checks = self._data.of(tx, [record.iri]).get(record.iri, ())
        return [check for check in checks if check.version == record.version]

    def score(self, record: Record) -> Mapping[str, Any]:
        """Return the stored score of a record of this node with the points for links that work."""
        facts = record.extra.get("score")
        if not isinstance(facts, dict):
            return {}
        return with_links(facts, self._points(record.iri))

    @taken_in_turn
    def check_again(self, by: Caller, iri: str = "") -> int:
        """Have all addresses, or those of one record, checked as soon as their hosts' turn comes; return how many.

        Raises ``NotAllowed``, ``NotFound``, and ``Conflict`` if this node checks no links.
        """
        require(by, UseCase.CHECK_LINKS)
        if self.interval is None:
            raise Conflict(
                "this node checks no links", remedy="set link_check_days in hansa.toml, and restart the node"
            )
        with self._uow.begin() as tx:
            if iri and (self._records.get(tx, iri) is None):
                raise absent()
            return self._store.hasten(tx, self._clock.now(), iri)

    def is_own(self, address: str) -> bool:
        """Return whether this node serves ``address`` itself."""
        return is_own(address, self._base)

    def _points(self, iri: str) -> LinkPoints | None:
        with self._uow.read() as tx:
            points = self._store.points_of(tx, iri)
        return points[-1] if points else None

    def _line(self, check: LinkCheck, iris: Sequence[str]) -> LinkLine:
        return LinkLine(check=check, records=iris[:RECORDS], more=len(iris) > RECORDS)


def _require_person(by: Caller) -> None:
    if not by.is_person:
        raise NotAllowed("only people of this node see the state of all links", remedy="sign in")

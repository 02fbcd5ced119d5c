"""The quality of the catalogue over time: points of each record, of each publisher, and of all.

Every version of a dataset keeps the points that it had (``node.semantics.quality``), so the past needs no notes of
its own: it follows from the versions, also for the time before anybody asked. Points for links that work are notes of
the checks, and count from the day on which they were found.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from threading import Lock
from typing import Any, Final

from node.base.clock import Clock
from node.base.errors import NotAllowed
from node.base.work import Transaction, UnitOfWork
from node.catalogue.measurement.link_model import LinkPoints, LinkStore
from node.catalogue.measurement.links import with_links
from node.catalogue.measurement.model import Day, RecordPoints, Series
from node.catalogue.model import Record, ScoredVersion
from node.catalogue.ports import RecordStore
from node.catalogue.visibility import absent
from node.identity.model import Caller
from node.ledger.ports import LedgerStore
from node.semantics.metrics import DIMENSIONS

CATALOGUE: Final = ""
"""The key of the series of all records."""
DAYS: Final = 400
"""The days of a series that are kept one by one; of earlier months, the last change."""
PUBLISHERS: Final = 500
"""The most publishers, those with the most records."""
REST: Final = 10
"""The times that a reading took for which its result stays, at least."""
GAINS: Final = 5
"""Steps that would gain most."""
_PAGE: Final = 1000


class QualityHistory:
    """The quality of the records of this node, those that it harvested too. Synchronous: call it in a thread."""

    def __init__(
        self,
        uow: UnitOfWork,
        records: RecordStore,
        ledger: LedgerStore,
        links: LinkStore,
        clock: Clock,
        *,
        origin: str,
    ) -> None:
        """``origin`` is the DID of this node."""
        self._clock = clock
        self._uow = uow
        self._records = records
        self._ledger = ledger
        self._links = links
        self._origin = origin
        self._turn = Lock()
        self._state: tuple[int, str] | None = None
        self._again: datetime | None = None
        self._series: list[Series] = []

    def series(self, by: Caller) -> list[Series]:
        """Return the series of all records, and then those of the publishers, most records first; nothing while no
        record has points. Raises ``NotAllowed`` for others than the people of this node, who see all its records."""
        _require_person(by)
        # Whoever comes while the versions are read gets the state before that, and waits only if there is none.
        if self._turn.acquire(blocking=self._state is None):
            try:
                self._read_again()
            finally:
                self._turn.release()
        return self._series

    def of_record(self, iri: str, by: Caller) -> list[RecordPoints]:
        """Return the points of each version of a record, oldest first. Raises ``NotAllowed``, ``NotFound``."""
        _require_person(by)
        with self._uow.read() as tx:
            versions = self._records.versions(tx, iri)
            checks = self._links.points_of(tx, iri)
        points = _points_of([version for version in reversed(versions) if not version.withdrawn], checks)
        if not points:
            raise absent()
        return points

    def _read_again(self) -> None:
        """Read all versions again if there are new ones, a thousand at a time; only their points are kept."""
        with self._uow.read() as tx:
            state = (self._ledger.size(tx), self._links.last_change(tx))
            begin = self._clock.now()
            if state == self._state or (self._again is not None and begin < self._again):
                return
            events: list[ScoredVersion | LinkPoints] = [*self._versions(tx), *self._points(tx)]
            self._series = _series_of(sorted(events, key=lambda event: event.at))
            self._state = state
            end = self._clock.now()
            # Reading many versions takes seconds: it may occupy a tenth of the time, however many change.
            self._again = end + (end - begin) * REST

    def _versions(self, tx: Transaction) -> Iterator[ScoredVersion]:
        after = ("", 0)
        while page := self._records.scores(tx, self._origin, after=after, limit=_PAGE):
            yield from page
            after = (page[-1].iri, page[-1].version)

    def _points(self, tx: Transaction) -> Iterator[LinkPoints]:
        after = ("", "")
        while page := self._links.points(tx, after=after, limit=_PAGE):
            yield from page
            after = (page[-1].iri, page[-1].day.isoformat())


class _Scores:
    """Scores with the points for links. Many records have the same one: each is put together once."""

    def __init__(self) -> None:
        self._known: dict[tuple[int, int | None, int | None], tuple[Mapping[str, Any], Mapping[str, Any]]] = {}

    def of(self, version: ScoredVersion, check: LinkPoints | None) -> Mapping[str, Any]:
        """Return the score of a version with the points of ``check``; the same object for the same points."""
        key = (id(version.score), check.access if check else None, check.download if check else None)
        if key not in self._known:
            # The stored score is kept too, so that no other one gets its id.
            self._known[key] = version.score, with_links(version.score, check)
        return self._known[key][1]


@dataclass(slots=True)
class _Sum:
    """The records of a publisher, while the versions are read in the order of time. ``scores`` counts the records by
    the id of their score, which ``_Scores`` keeps."""

    name: str = ""
    records: int = 0
    points: int = 0
    scores: dict[int, tuple[Mapping[str, Any], int]] = field(default_factory=dict)
    days: list[Day] = field(default_factory=list)

    def change(self, score: Mapping[str, Any], sign: int) -> None:
        """Add the points of a record (1), or take them away (-1)."""
        self.records += sign
        self.points += sign * int(score["points"])
        _, count = self.scores.get(id(score), (score, 0))
        self.scores[id(score)] = score, count + sign

    def close(self, day: date) -> None:
        """Note the state at the end of ``day``, if it differs from the one before."""
        state = Day(day, self.records, self._average(self.points))
        if not self.days or self.days[-1][1:] != state[1:]:
            self.days.append(state)

    def series(self, key: str) -> Series:
        dimensions, gains = Counter[str](), Counter[str]()
        for score, count in self.scores.values():
            for name, (points, _) in score["dimensions"].items():
                dimensions[name] += count * int(points)
            for gain in score["raise"]:
                gains[gain["metric"]] += count * int(gain["points"])
        return Series(
            key=key,
            name=self.name or key,
            days=_thin(self.days),
            dimensions={name: self._average(dimensions[name]) for name in DIMENSIONS},
            gains=[(name, self._average(points)) for name, points in gains.most_common(GAINS) if points > 0],
        )

    def _average(self, points: int) -> float:
        return round(points / self.records, 1) if self.records else 0.0


def _points_of(versions: Sequence[Record], checks: Sequence[LinkPoints]) -> list[RecordPoints]:
    """Return the points of the versions and of the checks of links since then, in the order of time."""
    points: list[RecordPoints] = []
    version: Record | None = None
    check: LinkPoints | None = None
    events: list[Record | LinkPoints] = [*versions, *checks]
    for event in sorted(events, key=lambda event: event.at):
        if isinstance(event, LinkPoints):
            check = event
        else:
            version = event
        if version is not None and version.extra.get("score"):
            total = int(with_links(version.extra["score"], check)["points"])
            if not isinstance(event, LinkPoints) or points[-1].points != total:
                points.append(RecordPoints(event.at, version.version, total))
    return points


def _series_of(events: Iterable[ScoredVersion | LinkPoints]) -> list[Series]:
    """Return the series that versions, and points for links, give in the order of time."""
    sums: defaultdict[str, _Sum] = defaultdict(_Sum)
    scores = _Scores()
    heads: dict[str, ScoredVersion] = {}
    links: dict[str, LinkPoints] = {}
    changes: set[str] = set()
    today: date | None = None
    for event in events:
        if today is not None and event.at.date() != today:
            _close(sums, changes, today)
        today = event.at.date()
        head = heads.get(event.iri)
        before = links.get(event.iri)
        if isinstance(event, LinkPoints):
            version, links[event.iri] = head, event
        elif head is not None and head.version > event.version:
            continue
        else:
            version = heads[event.iri] = event
        for state, check, sign in ((head, before, -1), (version, links.get(event.iri), 1)):
            if state is None or state.withdrawn or not state.score:
                continue
            score = scores.of(state, check)
            for key in (CATALOGUE, state.publisher_key):
                sums[key].change(score, sign)
                changes.add(key)
            total = sums[state.publisher_key]
            total.name = state.publisher_name or total.name
    if today is not None:
        _close(sums, changes, today)
    catalogue = sums.pop(CATALOGUE, _Sum())
    if not catalogue.days:
        return []
    publishers = sorted(sums.items(), key=lambda pair: (-pair[1].records, pair[0]))[:PUBLISHERS]
    return [catalogue.series(CATALOGUE), *(total.series(key) for key, total in publishers)]


def _close(sums: Mapping[str, _Sum], changes: set[str], day: date) -> None:
    for key in changes:
        sums[key].close(day)
    changes.clear()


def _thin(days: list[Day]) -> list[Day]:
    """Return the newest days, and of earlier months the last one."""
    earlier = {(day.day.year, day.day.month): day for day in days[:-DAYS]}
    return [*earlier.values(), *days[-DAYS:]]


def _require_person(by: Caller) -> None:
    if not by.is_person:
        raise NotAllowed("only people of this node see the quality of all its records", remedy="sign in")

"""The quality over time follows from the versions: by day, by publisher, and of one record."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
import rdflib

from node.base.clock import Clock
from node.base.errors import NotAllowed, NotFound
from node.base.work import Transaction
from node.catalogue.measurement.history import DAYS, QualityHistory, _thin
from node.catalogue.measurement.model import Day
from node.catalogue.measurement.tables import csv_of, dqv_of
from node.catalogue.model import ScoredVersion
from node.identity.model import ANONYMOUS
from tests.fakes.clock import FixedClock
from tests.fakes.portal.node import ELS
from tests.fakes.stores.links import MemoryLinkStore
from tests.fakes.stores.work import MemoryUnitOfWork

GHENT, BRNO = "https://ghent.example/", "brno"


def score(points: int) -> dict[str, Any]:
    return {
        "points": points,
        "dimensions": {"findability": [points // 2, 100]},
        "raise": [{"metric": "keywordAvailability", "points": 30}] if points < 200 else [],
    }


def version(iri: str, number: int, day: int, points: int | None, publisher: str = GHENT) -> ScoredVersion:
    at = datetime(2026, 10, day, 12, number, tzinfo=UTC)
    return ScoredVersion(
        iri, number, at, publisher, publisher.title(), points is None, score(points) if points else {}
    )


class Versions:
    """Versions of records, and the size of the ledger."""

    def __init__(self, *versions: ScoredVersion) -> None:
        self.rows = sorted(versions, key=lambda row: (row.iri, row.version))
        self.reads = 0

    def scores(self, tx: Transaction, origin: str, *, after: tuple[str, int], limit: int) -> Sequence[ScoredVersion]:
        self.reads += 1
        return [row for row in self.rows if (row.iri, row.version) > after][:limit]

    def size(self, tx: Transaction) -> int:
        return len(self.rows)

    def versions(self, tx: Transaction, iri: str) -> list[Any]:
        return []


NOW = datetime(2026, 11, 1, tzinfo=UTC)


class Ticking:
    """A clock that goes on by a second each time it is read."""

    def __init__(self) -> None:
        self.moment = NOW

    def now(self) -> datetime:
        self.moment += timedelta(seconds=1)
        return self.moment


def history(store: Versions, clock: Clock | None = None) -> QualityHistory:
    return QualityHistory(MemoryUnitOfWork(), store, store, MemoryLinkStore(), clock or FixedClock(NOW), origin="x")  # type: ignore[arg-type]


def test_each_day_has_its_last_state_and_days_without_change_are_left_out() -> None:
    store = Versions(
        version("a", 1, 1, 100),
        version("a", 2, 1, 200),
        version("b", 1, 3, 100, BRNO),
        version("c", 1, 3, 301),
        version("a", 3, 7, None),
        version("b", 2, 9, 100, GHENT),
    )
    catalogue, ghent, brno = history(store).series(ELS)
    assert [tuple(day) for day in catalogue.days] == [
        (date(2026, 10, 1), 1, 200.0),
        (date(2026, 10, 3), 3, 200.3),
        (date(2026, 10, 7), 2, 200.5),
    ]
    assert [tuple(day) for day in ghent.days][-1] == (date(2026, 10, 9), 2, 200.5)
    assert [tuple(day)[1:] for day in brno.days] == [(1, 100.0), (0, 0.0)], "a record that went to another publisher"
    assert (catalogue.band, ghent.name) == ("sufficient", GHENT.title())
    assert catalogue.dimensions["findability"] == 100.0
    assert catalogue.gains == [("keywordAvailability", 15.0)]


def test_versions_are_read_again_only_after_a_change() -> None:
    store = Versions(version("a", 1, 1, 100))
    quality = history(store)
    quality.series(ELS)
    reads = store.reads
    quality.series(ELS)
    assert store.reads == reads
    store.rows.append(version("b", 1, 2, 300))
    assert quality.series(ELS)[0].now == (date(2026, 10, 2), 2, 200.0)


def test_a_long_reading_is_not_repeated_at_once() -> None:
    store = Versions(version("a", 1, 1, 100))
    quality = history(store, Ticking())
    quality.series(ELS)
    store.rows.append(version("b", 1, 2, 300))
    records = [quality.series(ELS)[0].now.records for _ in range(12)]
    assert records == [1] * 9 + [2] * 3


def test_nobody_waits_for_a_reading_that_another_caller_began() -> None:
    begun, released = threading.Event(), threading.Event()

    class Slow(Versions):
        def scores(
            self, tx: Transaction, origin: str, *, after: tuple[str, int], limit: int
        ) -> Sequence[ScoredVersion]:
            if len(self.rows) > 1:
                begun.set()
                assert released.wait(10)
            return super().scores(tx, origin, after=after, limit=limit)

    store = Slow(version("a", 1, 1, 100))
    quality = history(store)
    quality.series(ELS)
    store.rows.append(version("b", 1, 2, 300))
    with ThreadPoolExecutor(1) as other:
        reading = other.submit(quality.series, ELS)
        assert begun.wait(10)
        assert quality.series(ELS)[0].now.records == 1
        released.set()
        assert reading.result(10)[0].now.records == 2


def test_an_empty_catalogue_has_no_quality() -> None:
    assert history(Versions()).series(ELS) == []
    with pytest.raises(NotFound):
        history(Versions()).of_record("https://a.example/", ELS)


def test_strangers_learn_nothing() -> None:
    quality = history(Versions(version("a", 1, 1, 100)))
    with pytest.raises(NotAllowed):
        quality.series(ANONYMOUS)
    with pytest.raises(NotAllowed):
        quality.of_record("a", ANONYMOUS)
    with pytest.raises(NotAllowed):
        quality.series(replace(ELS, account=None))


def test_earlier_months_keep_their_last_day() -> None:
    days = [Day(date.fromordinal(date(2024, 1, 1).toordinal() + number), number, 1.0) for number in range(DAYS + 60)]
    thin = _thin(days)
    assert len(thin) == DAYS + 2
    assert [day.day for day in thin[:2]] == [date(2024, 1, 31), date(2024, 2, 29)]


def test_tables_are_read_by_others() -> None:
    series = history(Versions(version("a", 1, 1, 100), version("b", 1, 3, 300, "=brno"))).series(ELS)
    lines = csv_of(series).decode().splitlines()
    assert lines[0] == "publisher,name,date,records,points"
    assert lines[1] == ",,2026-10-01,1,100.0"
    assert "'=brno,'=Brno,2026-10-03,1,300.0" in lines
    catalogue = "https://city.example/catalog"
    graph = rdflib.Graph().parse(data=dqv_of(series, catalogue).decode(), format="nt")
    dqv = rdflib.Namespace("http://www.w3.org/ns/dqv#")
    values = {float(value) for node in graph.subjects(dqv.computedOn) for value in graph.objects(node, dqv.value)}
    assert values == {100.0, 200.0, 300.0}


def test_measurements_keep_their_addresses_and_bear_any_name_of_a_publisher() -> None:
    """A harvested catalogue names its publishers as it likes, and those with more records come first."""
    odd = version("a", 1, 1, 100, "Dept:<Parks>")
    catalogue = "https://city.example/catalog"
    early = rdflib.Graph().parse(data=dqv_of(history(Versions(odd)).series(ELS), catalogue).decode(), format="nt")
    store = Versions(odd, version("b", 1, 3, 300), version("c", 1, 3, 300))
    later = rdflib.Graph().parse(data=dqv_of(history(store).series(ELS), catalogue).decode(), format="nt")
    publisher = rdflib.Namespace("http://purl.org/dc/terms/").publisher
    (node,) = early.subjects(publisher, rdflib.Literal("Dept:<Parks>".title()))
    assert set(early.triples((node, None, None))) == set(later.triples((node, None, None)))
    assert rdflib.URIRef(GHENT) in set(later.objects(None, publisher))

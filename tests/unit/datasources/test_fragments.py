"""Fragments of a stream: what is kept is on one page each, pages are small, and complete ones never change."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import pytest

from node.base.errors import Gone, NotFound
from node.datasources.streams.fragments import MEMBERS, PAGE_BYTES, Fragment, Fragments, Period
from node.datasources.streams.model import LONGEST, Batch, Stream
from node.datasources.streams.views import View
from node.policy.portion import WHOLE, Portion
from tests.fakes.stores.streams import MemoryStreamStore
from tests.fakes.stores.work import MemoryUnitOfWork

START = datetime(2026, 11, 22, 12, tzinfo=UTC)
STREAM = Stream(
    name="counters",
    schema={"properties": {"at": {"type": "string"}}},
    time_member="at",
    keep_seconds=7 * 86400,
    most=10_000_000,
    by="eva",
    at=START,
)


class City:
    """A stream, and the time."""

    def __init__(self, **description: int) -> None:
        self.uow = MemoryUnitOfWork()
        self.store = MemoryStreamStore()
        self.now = START
        self.arrivals: list[datetime] = []
        self.portion = WHOLE
        with self.uow.begin() as tx:
            self.store.put(tx, replace(STREAM, **description))  # type: ignore[arg-type]

    def send(self, count: int, line: str = "{}") -> None:
        with self.uow.begin() as tx:
            stream = self.store.get(tx, "counters")
            assert stream is not None
            batch = Batch(
                stream="counters",
                first=stream.last + 1,
                last=stream.last + count,
                earliest=self.now,
                latest=self.now,
                received=self.now,
                lines=(line,) * count,
            )
            self.store.add(tx, batch, [])
            self.store.put(tx, replace(stream, last=batch.last))
        self.arrivals += [self.now] * count

    def forget(self) -> None:
        with self.uow.begin() as tx:
            stream = self.store.get(tx, "counters")
            assert stream is not None
            self.store.forget(tx, "counters", before=stream.oldest(self.now), below=stream.below, limit=10_000)

    def look(self) -> Look:
        with self.uow.read() as tx:
            stream = self.store.get(tx, "counters")
            assert stream is not None
            fragments = Fragments(tx, self.store, stream, View(stream, self.portion), self.now)
            pages: list[Fragment] = []
            nodes: list[Fragment] = []
            for fragment in _walk(fragments, fragments.top()):
                assert fragments.find(fragment.name) == fragment
                (pages if fragments.is_page(fragment) else nodes).append(fragment)
            return Look(stream, fragments.floor, len(fragments.top()), pages, nodes)

    def find(self, name: str) -> Fragment:
        with self.uow.read() as tx:
            stream = self.store.get(tx, "counters")
            assert stream is not None
            return Fragments(tx, self.store, stream, View(stream, self.portion), self.now).find(name)


@dataclass
class Look:
    """All that a reader finds at a moment."""

    stream: Stream
    floor: int
    width: int
    pages: list[Fragment]
    nodes: list[Fragment]

    @property
    def numbers(self) -> list[int]:
        return [number for page in self.pages for number in range(page.first, page.end)]


def _walk(fragments: Fragments, branches: object) -> Iterator[Fragment]:
    for fragment in branches:  # type: ignore[attr-defined]
        yield fragment
        if not fragments.is_page(fragment):
            yield from _walk(fragments, fragments.below(fragment))


@pytest.mark.parametrize(
    ("keep", "most", "pause", "burst"),
    [
        (7 * 86400, 10_000_000, 3600 * 8, 1),
        (7 * 86400, 10_000_000, 600, 30),
        (3660 * 86400, 10_000_000, 86400 * 20, 40),
        (86400, 10_000_000, 900, 700),
        (3600, 10_000_000, 7, 2),
        (60, 10_000_000, 0.7, 3),
        (7 * 86400, 1000, 600, 30),
        (7 * 86400, 10, 0.1, 20),
        (7 * 86400, 3000, 0.01, 1500),
    ],
)
def test_all_that_is_kept_is_on_one_page_and_complete_pages_never_change(
    keep: int, most: int, pause: float, burst: int
) -> None:
    city, chance = City(keep_seconds=keep, most=most), random.Random(7)
    complete: dict[str, Fragment] = {}
    for _ in range(150):
        city.send(chance.randint(1, burst))
        city.now += timedelta(seconds=chance.expovariate(1 / pause))
        if chance.random() < 0.3:
            city.forget()
        look = city.look()
        assert look.numbers == sorted(set(look.numbers)), "each once, in the order of arrival"
        assert look.width <= 300
        assert all(0 < page.end - page.first <= MEMBERS for page in look.pages)
        kept = range(look.floor, look.stream.last + 1)
        assert set(look.numbers) <= set(kept)
        missing = sorted(set(kept) - set(look.numbers))
        # What goes with the oldest that are removed: the rest of their second, or a small part by number.
        oldest = look.stream.oldest(city.now)
        for number in missing:
            is_soon = city.arrivals[number - 1] < oldest + timedelta(seconds=1)
            assert is_soon or number - look.floor < max(1, min(MEMBERS, most // 20))
        for fragment in (*look.pages, *look.nodes):
            before = complete.get(fragment.name)
            assert before is None or before == fragment, "a complete fragment has changed"
            if fragment.is_complete:
                complete[fragment.name] = fragment
    shown = {fragment.name for fragment in (*look.pages, *look.nodes)}
    for name, fragment in complete.items():
        if name in shown:
            continue
        try:
            assert city.find(name) == fragment
        except Gone:
            assert fragment.first <= look.floor


def test_a_rare_stream_has_a_page_a_day_and_a_busy_one_pages_of_a_second() -> None:
    rare = City()
    for _ in range(12):
        rare.send(1)
        rare.now += timedelta(hours=8)
    assert [page.name for page in rare.look().pages] == [f"2026/11/{day}" for day in (22, 23, 24, 25, 26)]
    busy = City()
    for _ in range(20):
        busy.send(1000)
        busy.now += timedelta(seconds=0.25)
    look = busy.look()
    assert len(look.pages) == 20
    assert look.pages[5].name == "2026/11/22/12/00/01/5001-1000"
    assert [node.name for node in look.nodes[:3]] == ["2026/11/22", "2026/11/22/12", "2026/11/22/12/00"]


@pytest.mark.parametrize(("most", "pause"), [(10_000_000, 0.4), (10_000_000, 0.0), (1540, 0.01), (4000, 0.05)])
def test_pages_of_long_observations_have_few_bytes_and_never_change(most: int, pause: float) -> None:
    city, chance = City(most=most), random.Random(11)
    complete: dict[str, Fragment] = {}
    sizes: list[int] = []
    for _ in range(60):
        # One number has one size: what is sent together is of one length.
        size = chance.choice([2, 900, LONGEST])
        count = chance.randint(1, min(60, (1 << 20) // size))
        sizes += [size] * count
        city.send(count, "x" * size)
        city.now += timedelta(seconds=chance.expovariate(1 / pause) if pause else 0)
        if chance.random() < 0.3:
            city.forget()
        look = city.look()
        assert look.numbers == sorted(set(look.numbers)), "each once, in the order of arrival"
        for page in look.pages:
            assert page.end - page.first <= MEMBERS
            assert sum(sizes[page.first - 1 : page.end - 1]) <= PAGE_BYTES
        missing = set(range(look.floor, look.stream.last + 1)) - set(look.numbers)
        assert all(number - look.floor < max(1, most // 20) for number in missing)
        for fragment in (*look.pages, *look.nodes):
            before = complete.get(fragment.name)
            assert before is None or before == fragment, "a complete fragment has changed"
            if fragment.is_complete:
                complete[fragment.name] = fragment
    assert any(page.part.endswith("-25") for page in city.look().pages) or most == 1540
    assert {fragment.name for fragment in city.look().nodes} & complete.keys(), "some have others below them"


@pytest.mark.parametrize("shown", [10, 6000])
def test_the_pages_of_a_part_do_not_depend_on_what_is_left_out(shown: int) -> None:
    """A reader who gets some members only would otherwise learn where those left out exceed 512 KB."""
    names = []
    for hidden in (1, 9000):
        city = City()
        city.portion = Portion(columns=("at", "text"))
        for _ in range(2):
            city.send(100, json.dumps({"at": "2026", "text": "x" * shown, "note": "y" * hidden}))
            city.now += timedelta(minutes=1)
        look = city.look()
        names.append([fragment.name for fragment in (*look.pages, *look.nodes)])
    assert names[0] == names[1]
    assert len(names[0]) == 1 if shown == 10 else len(names[0]) > 4


def test_the_last_page_is_not_complete_until_the_next_begins() -> None:
    city = City()
    city.send(3)
    city.now += timedelta(days=3)
    (page,) = city.look().pages
    assert not page.is_complete, "an observation of the same day might still be on its way"
    city.send(1)
    assert [page.is_complete for page in city.look().pages] == [True, False]


@pytest.mark.parametrize(
    ("name", "error"),
    [
        ("2026/11/22", Gone),
        ("2026/10/01/07", Gone),
        ("2026/12", NotFound),
        ("2026", NotFound),
        ("2026/13", NotFound),
        ("2026/11/31", NotFound),
        ("0000/01", NotFound),
        ("0001/01", NotFound),
        ("1969/12/31", NotFound),
        ("9998/12", NotFound),
        ("9999/12", NotFound),
        ("9999/12/31/23/59/59", NotFound),
        ("9999/12/31/23/59/59/1-1000", NotFound),
        ("2026/11/30/12/00/00/26-25", NotFound),
        ("2026/11/30/12/00/00/2-25", Gone),
        ("2026/11/30/12/00/00/999999999999999976-25", NotFound),
        ("2026/11/30/12/1-1000", NotFound),
        ("2026/11/30/12/00/00/2-1000", Gone),
        ("2026/11/30/12/00/00/1-400", Gone),
        ("2026/11/30/12/00/00/5001-1000", NotFound),
        ("2026/11/30/12/00/00/1-1000", None),
        ("2026/11/30/12/00/00/99999999999999999999-1000", NotFound),
        ("２026/11/30", NotFound),
        ("2026/11/30/", NotFound),
        ("../2026/11", NotFound),
        ("x" * 3000, NotFound),
    ],
)
def test_an_address_without_a_page_is_refused(name: str, error: type[Exception] | None) -> None:
    city = City()
    city.send(3)
    city.now += timedelta(days=8)
    city.send(7)
    if error is None:
        assert city.find(name).end == 11
        return
    with pytest.raises(error):
        city.find(name)


def test_a_page_of_a_former_cut_is_refused_without_a_cause() -> None:
    """The number that is kept may have changed, or the node a new release: nobody can know it later."""
    city = City()
    city.send(1001)
    with pytest.raises(Gone, match="pages of the event stream are cut anew") as refusal:
        city.find("2026/11/22/12/00/00/1-400")
    assert "publisher" not in refusal.value.detail


def test_periods_end_where_the_next_begins() -> None:
    assert Period.read([2026, 12]).end == Period.read([2027, 1]).start
    assert Period.read([2028, 2]).end == Period.read([2028, 3]).start
    assert Period.of(START, 5).name == "2026/11/22/12/00"
    assert Period.of(START, 6).end == START + timedelta(seconds=1)


def test_a_stream_without_observations_has_no_pages() -> None:
    city = City()
    assert city.look().pages == []
    city.send(5)
    city.now += timedelta(days=30)
    assert city.look().pages == []
    with pytest.raises(Gone):
        city.find("2026/11/22")
    city.forget()
    with pytest.raises(Gone):
        city.find("2026/11/22")

"""StreamStore: streams, their observations in batches, keys, latest observations, faults."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from node.datasources.streams.model import Arrival, Batch, Fault, Head, Stream
from tests.stores import Stores

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
LONG_AGO = NOON - timedelta(days=365)
STREAM = Stream(
    name="counters",
    schema={"properties": {"at": {"type": "string"}}},
    time_member="at",
    subject_member="station",
    key_members=("station", "at"),
    keep_seconds=3600,
    most=10_000,
    by="eva",
    at=NOON,
)


def batch(first: int, last: int, *, minute: int = 0, stream: str = "counters") -> Batch:
    at = NOON + timedelta(minutes=minute)
    lines = tuple(f'{{"n":{number},"text":"é \\n"}}' for number in range(first, last + 1))
    return Batch(
        stream=stream,
        first=first,
        last=last,
        earliest=at,
        latest=at + timedelta(seconds=50),
        received=at,
        lines=lines,
    )


def keys(first: int, last: int) -> list[bytes]:
    return [number.to_bytes(16, "big") for number in range(first, last + 1)]


def head(subject: str, number: int, *, minute: int = 0) -> Head:
    at = NOON + timedelta(minutes=minute)
    return Head(subject=subject, number=number, time=at, received=at, text=f'{{"n":{number}}}')


def test_a_stream_comes_out_as_it_went_in_and_is_replaced(stores: Stores) -> None:
    with stores.uow.begin() as tx:
        stores.streams.put(tx, STREAM)
        stores.streams.put(tx, replace(STREAM, name="air", key_members=()))
        stores.streams.put(tx, replace(STREAM, last=12, faults=3))
    with stores.uow.begin() as tx:
        assert stores.streams.get(tx, "counters", lock=True) == replace(STREAM, last=12, faults=3)
        assert stores.streams.get(tx, "noise") is None
        assert [stream.name for stream in stores.streams.all(tx)] == ["air", "counters"]


def test_a_stream_is_created_once(stores: Stores) -> None:
    with stores.uow.begin() as tx:
        assert stores.streams.create(tx, STREAM)
        stores.streams.put(tx, replace(STREAM, last=12))
    with stores.uow.begin() as tx:
        assert not stores.streams.create(tx, STREAM)
        assert stores.streams.create(tx, replace(STREAM, name="air"))
        assert stores.streams.get(tx, "counters", lock=True) == replace(STREAM, last=12)


def test_batches_are_read_by_number_and_by_time(stores: Stores) -> None:
    with stores.uow.begin() as tx:
        for minute in range(4):
            first = minute * 10 + 1
            stores.streams.add(tx, batch(first, first + 9, minute=minute), keys(first, first + 9))
        stores.streams.add(tx, batch(1, 1, stream="other"), keys(1, 1))
    with stores.uow.read() as tx:

        def lasts(**query: object) -> list[int]:
            terms = {"after": 0, "since": LONG_AGO, "limit": 10, **query}
            return [found.last for found in stores.streams.batches(tx, "counters", **terms)]  # type: ignore[arg-type]

        assert stores.streams.batches(tx, "counters", after=0, since=LONG_AGO, limit=1) == [batch(1, 10)]
        assert lasts() == [10, 20, 30, 40]
        assert lasts(after=10) == [20, 30, 40]
        assert lasts(after=15, limit=1) == [20]
        assert lasts(since=NOON + timedelta(minutes=2)) == [30, 40]
        assert lasts(start=NOON + timedelta(minutes=1)) == [20, 30, 40]
        assert lasts(end=NOON + timedelta(minutes=1)) == [10]
        assert lasts(start=NOON + timedelta(minutes=1), end=NOON + timedelta(minutes=3)) == [20, 30]


def test_arrivals_are_looked_up_by_time_and_by_number(stores: Stores) -> None:
    with stores.uow.begin() as tx:
        assert stores.streams.latest_arrival(tx, "counters") is None
        assert stores.streams.arrival_since(tx, "counters", LONG_AGO) is None
        for minute, (first, last) in enumerate([(1, 10), (11, 12), (13, 40)]):
            stores.streams.add(tx, batch(first, last, minute=minute), keys(first, last))
        # Two batches of one moment.
        stores.streams.add(tx, batch(41, 41, minute=2), keys(41, 41))
        stores.streams.add(tx, batch(1, 1, minute=9, stream="other"), keys(1, 1))
    second, third = NOON + timedelta(minutes=1), NOON + timedelta(minutes=2)
    with stores.uow.read() as tx:
        assert stores.streams.latest_arrival(tx, "counters") == third
        assert stores.streams.arrival_since(tx, "counters", LONG_AGO) == Arrival(number=1, received=NOON)
        assert stores.streams.arrival_since(tx, "counters", second) == Arrival(number=11, received=second)
        later = stores.streams.arrival_since(tx, "counters", second + timedelta(microseconds=1))
        assert later == Arrival(number=13, received=third)
        assert stores.streams.arrival_since(tx, "counters", third + timedelta(seconds=1)) is None
        after = stores.streams.arrival_after(tx, "counters", 10, since=LONG_AGO)
        assert after == Arrival(number=11, received=second)
        assert stores.streams.arrival_after(tx, "counters", 0, since=third) == later
        assert stores.streams.arrival_after(tx, "counters", 15, since=LONG_AGO) == later
        assert stores.streams.arrival_after(tx, "counters", 41, since=LONG_AGO) is None


def test_keys_are_known_as_long_as_their_batch(stores: Stores) -> None:
    many = keys(1, 1300)
    with stores.uow.begin() as tx:
        stores.streams.add(tx, batch(1, 1300), many)
        assert stores.streams.keys(tx, "counters", [*many, b"\x00" * 16]) == frozenset(many)
        assert stores.streams.keys(tx, "other", many[:3]) == frozenset()
        assert stores.streams.keys(tx, "counters", []) == frozenset()
        assert stores.streams.forget(tx, "counters", before=NOON + timedelta(hours=1), below=0, limit=5) == 1
        assert stores.streams.keys(tx, "counters", many) == frozenset()


def test_the_latest_of_a_subject_stays_the_latest(stores: Stores) -> None:
    with stores.uow.begin() as tx:
        stores.streams.put_heads(tx, "counters", [head("b", 1), head("a", 2), head("", 3)])
        stores.streams.put_heads(tx, "counters", [head("a", 4, minute=-1), head("b", 5, minute=1)])
        assert stores.streams.subjects(tx, "counters", ["a", "c"]) == {"a"}
        assert stores.streams.count_subjects(tx, "counters") == 3

        def numbers(after: str, since: datetime = LONG_AGO, limit: int = 10) -> list[int]:
            return [
                found.number for found in stores.streams.heads(tx, "counters", after=after, since=since, limit=limit)
            ]

        assert numbers("") == [3, 2, 5]
        assert numbers("a") == [5]
        assert numbers("", limit=2) == [3, 2]
        assert numbers("", since=NOON + timedelta(seconds=30)) == [5]


def test_only_the_newest_faults_are_kept(stores: Stores) -> None:
    faults = [Fault(at=NOON, reason=f"reason {number}", text="{") for number in range(6)]
    with stores.uow.begin() as tx:
        stores.streams.note_faults(tx, "other", faults[:1], most=4)
        stores.streams.note_faults(tx, "counters", faults[:3], most=4)
        stores.streams.note_faults(tx, "counters", faults[3:], most=4)
        assert stores.streams.faults(tx, "counters", 10) == faults[:1:-1]
        assert stores.streams.faults(tx, "counters", 1) == faults[-1:]
        assert stores.streams.faults(tx, "other", 10) == faults[:1]


def test_what_is_old_or_too_much_is_forgotten_little_by_little(stores: Stores) -> None:
    with stores.uow.begin() as tx:
        for minute in range(4):
            first = minute * 10 + 1
            stores.streams.add(tx, batch(first, first + 9, minute=minute), keys(first, first + 9))
        stores.streams.put_heads(tx, "counters", [head("a", 10), head("b", 40, minute=3)])
        stores.streams.note_faults(tx, "counters", [Fault(at=NOON, reason="", text="")], most=4)

        def forget(minutes: float, below: int = 0, limit: int = 10) -> int:
            before = NOON + timedelta(minutes=minutes)
            return stores.streams.forget(tx, "counters", before=before, below=below, limit=limit)

        assert forget(0) == 0
        assert forget(1.5, limit=1) == 1
        assert forget(1.5) == 1
        assert forget(1.5, below=35) == 1
        assert [found.last for found in stores.streams.batches(tx, "counters", after=0, since=LONG_AGO, limit=9)] == [
            40
        ]
        assert stores.streams.keys(tx, "counters", keys(1, 40)) == frozenset(keys(31, 40))
        assert [
            found.subject for found in stores.streams.heads(tx, "counters", after="", since=LONG_AGO, limit=9)
        ] == ["b"]
        assert stores.streams.faults(tx, "counters", 9) == []


def test_a_removed_stream_leaves_nothing(stores: Stores) -> None:
    with stores.uow.begin() as tx:
        stores.streams.put(tx, STREAM)
        stores.streams.put(tx, replace(STREAM, name="other"))
        stores.streams.add(tx, batch(1, 3), keys(1, 3))
        stores.streams.put_heads(tx, "counters", [head("a", 1)])
        stores.streams.note_faults(tx, "counters", [Fault(at=NOON, reason="", text="")], most=4)
        stores.streams.drop(tx, "counters")
        stores.streams.drop(tx, "counters")
        assert [stream.name for stream in stores.streams.all(tx)] == ["other"]
        assert not stores.streams.batches(tx, "counters", after=0, since=LONG_AGO, limit=9)
        assert not stores.streams.keys(tx, "counters", keys(1, 3))
        assert not stores.streams.heads(tx, "counters", after="", since=LONG_AGO, limit=9)
        assert not stores.streams.faults(tx, "counters", 9)


def test_the_latest_time_of_what_is_no_longer_kept_is_known(stores: Stores) -> None:
    with stores.uow.begin() as tx:
        stores.streams.create(tx, STREAM)
        stores.streams.create(tx, replace(STREAM, name="air"))
        stores.streams.add(tx, batch(1, 2, minute=30), keys(1, 2))
        stores.streams.add(tx, batch(3, 4, minute=10), keys(3, 4))
        stores.streams.add(tx, batch(5, 6, minute=20), keys(5, 6))
        assert stores.streams.latest_passed(tx, "counters", before=LONG_AGO, below=0) is None
        assert stores.streams.latest_passed(tx, "air", before=NOON + timedelta(days=1), below=9) is None
        assert stores.streams.latest_passed(tx, "counters", before=LONG_AGO, below=4) == batch(1, 2, minute=30).latest
        at = NOON + timedelta(minutes=15)
        assert stores.streams.latest_passed(tx, "counters", before=at, below=0) == batch(3, 4, minute=10).latest
    with stores.uow.begin() as tx:
        assert stores.streams.forget(tx, "counters", before=at, below=0, limit=9) == 1
    with stores.uow.begin() as tx:
        stream = stores.streams.get(tx, "counters", lock=True)
        assert stream is not None
        assert stream.gone_until == batch(3, 4, minute=10).latest
        assert stores.streams.forget(tx, "counters", before=LONG_AGO, below=6, limit=9) == 2
    with stores.uow.begin() as tx:
        # The latest of all that was removed, in whatever order.
        stream = stores.streams.get(tx, "counters", lock=True)
        other = stores.streams.get(tx, "air")
        assert stream is not None
        assert other is not None
        assert (stream.gone_until, other.gone_until) == (batch(1, 2, minute=30).latest, None)

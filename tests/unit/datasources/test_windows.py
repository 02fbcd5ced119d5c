"""Windows of streams: the same observations have the same hash, and what is missing or does not fit is said."""

from __future__ import annotations

import asyncio
import hashlib
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from node.base.errors import Conflict, Gone, HansaError, InvalidInput, PeerUnreachable, TooLarge
from node.datasources.streams import windows as module
from node.datasources.streams.cursors import Cursors
from node.datasources.streams.intake import TakeObservations
from node.datasources.streams.model import Stream
from node.datasources.streams.windows import StreamWindows, Window, WindowQuestion
from node.policy.portion import Portion, RowCondition
from node.transfer.live.windows import read_window
from tests.fakes.provider import HandClock
from tests.fakes.stores.streams import MemoryStreamStore
from tests.fakes.stores.work import MemoryUnitOfWork

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
SCHEMA = {
    "properties": {"at": {"type": "string"}, "station": {"type": "string"}, "speed": {"type": "number"}},
    "required": ["at"],
}
STREAM = Stream(
    name="counters",
    schema=SCHEMA,
    time_member="at",
    subject_member="station",
    keep_seconds=3600,
    most=1000,
    by="eva",
    at=NOON,
)
HOUR = WindowQuestion(start=NOON - timedelta(hours=1), end=NOON)


def observation(minute: int, station: str = "a", speed: Any = 1.5, zone: str = "Z") -> dict[str, Any]:
    hour = {"Z": "11", "+01:00": "12"}[zone]
    return {"at": f"2026-11-22T{hour}:{minute:02}:00{zone}", "station": station, "speed": speed}


class City:
    """A city with one stream."""

    def __init__(self, stream: Stream = STREAM) -> None:
        self.uow, self.store, self.clock = MemoryUnitOfWork(), MemoryStreamStore(), HandClock()
        self.clock.at = NOON
        with self.uow.begin() as tx:
            self.store.put(tx, stream)
        cursors = Cursors(seal=lambda plain: b"x" + plain, unseal=lambda sealed: sealed[1:])
        self.windows = StreamWindows(self.uow, self.store, self.clock, cursors)
        self._take = TakeObservations(self.uow, self.store, self.clock)

    def send(self, *observations: dict[str, Any]) -> None:
        receipt = asyncio.run(self._take.take("counters", json.dumps(observations).encode(), "application/json"))
        assert receipt.acceptances == len(observations), receipt

    def window(self, question: WindowQuestion = HOUR, **portion: Any) -> Window:
        return asyncio.run(self.windows("counters", question, Portion(**portion)))

    def forget(self) -> None:
        with self.uow.begin() as tx:
            stream = self.store.get(tx, "counters")
            assert stream is not None
            before = stream.oldest(self.clock.now())
            self.store.forget(tx, "counters", before=before, below=stream.below, limit=100)


def test_the_canonical_form_is_that_of_the_page() -> None:
    city = City()
    city.send(observation(30, "b", 2.0), observation(10, "é", 1e21), observation(30, "a", 0.1, "+01:00"))
    window = city.window()
    assert window.body.decode() == (
        '[{"at":"2026-11-22T11:10:00Z","speed":1e+21,"station":"é"},'
        '{"at":"2026-11-22T11:30:00Z","speed":2,"station":"b"},'
        '{"at":"2026-11-22T12:30:00+01:00","speed":0.1,"station":"a"}]'
    )
    assert window.sha256 == hashlib.sha256(window.body).hexdigest()
    assert (window.count, window.late, window.position) == (3, 0, "3")


def test_the_order_of_arrival_does_not_matter_and_the_end_is_not_part_of_it() -> None:
    first, second = City(), City()
    many = [observation(minute, station) for minute in range(0, 60, 7) for station in "abc"]
    first.send(*many)
    for item in reversed(many):
        second.send(item)
    assert first.window().sha256 == second.window().sha256
    part = WindowQuestion(start=NOON - timedelta(minutes=60), end=NOON - timedelta(minutes=53))
    assert [item["at"] for item in json.loads(first.window(part).body)] == ["2026-11-22T11:00:00Z"] * 3


def test_late_observations_are_counted_and_change_nothing() -> None:
    city = City()
    city.send(observation(10), observation(20))
    pinned = city.window()
    city.send(observation(15), observation(20, "late"))
    asked = replace(HOUR, position=pinned.position)
    again = city.window(asked)
    assert (again.sha256, again.count, again.late) == (pinned.sha256, 2, 2)
    assert city.window().count == 4


def test_the_last_minutes_are_fixed_to_instants() -> None:
    city = City()
    city.send(observation(49), observation(51))
    window = city.window(WindowQuestion(last=timedelta(minutes=10)))
    assert (window.start, window.end, window.count) == (NOON - timedelta(minutes=10), NOON, 1)


@pytest.mark.parametrize(
    ("question", "error", "case"),
    [
        (WindowQuestion(start=NOON, end=NOON + timedelta(seconds=1)), InvalidInput, "window-future"),
        (WindowQuestion(start=NOON - timedelta(days=2), end=NOON - timedelta(days=1)), InvalidInput, "window-empty"),
        (WindowQuestion(start=NOON - timedelta(days=32), end=NOON), TooLarge, "window-large"),
        (WindowQuestion(last=timedelta(days=32)), TooLarge, "window-large"),
        (replace(HOUR, position="99"), Conflict, None),
        (replace(HOUR, position="x"), InvalidInput, None),
        (WindowQuestion(), InvalidInput, None),
    ],
)
def test_what_is_no_window_is_refused(question: WindowQuestion, error: type[HansaError], case: str | None) -> None:
    city = City()
    city.send(observation(10))
    with pytest.raises(error) as refusal:
        city.window(question)
    assert (refusal.value.facts.get("case"), bool(refusal.value.remedy)) == (case, True)


@pytest.mark.parametrize(("name", "value"), [("MOST", 3), ("MOST_BYTES", 100), ("_MOST_READ", 3)])
def test_too_many_observations_are_refused(monkeypatch: pytest.MonkeyPatch, name: str, value: int) -> None:
    city = City()
    city.send(*[observation(minute) for minute in range(4)])
    monkeypatch.setattr(module, name, value)
    with pytest.raises(TooLarge, match="too large"):
        city.window()


@pytest.mark.parametrize("removed", [False, True])
def test_retention_that_has_taken_a_part_is_said(removed: bool) -> None:
    city = City()
    city.send(observation(10), observation(20))
    city.clock.at += timedelta(minutes=30)
    city.send(observation(40))
    pinned = city.window()
    city.clock.at += timedelta(minutes=31)
    if removed:
        city.forget()
    with pytest.raises(
        Gone, match="may no longer keep the part of this window up to 2026-11-22T11:20:00Z"
    ) as refusal:
        city.window(replace(HOUR, position=pinned.position))
    assert refusal.value.facts == {"case": "window-not-kept", "until": "2026-11-22T11:20:00Z"}
    # What begins later is whole.
    assert city.window(WindowQuestion(start=NOON - timedelta(minutes=39), end=NOON)).count == 1


def test_retention_by_number_and_an_earlier_removal_without_a_note() -> None:
    city = City(replace(STREAM, most=2))
    city.send(observation(10))
    city.send(observation(20))
    assert city.window().count == 2
    city.send(observation(30))
    with pytest.raises(Gone, match=r"up to 2026-11-22T11:10:00Z.*at most 2"):
        city.window()
    city.forget()
    with city.uow.begin() as tx:
        stream = city.store.get(tx, "counters")
        assert stream is not None
        assert stream.gone_until == datetime(2026, 11, 22, 11, 10, tzinfo=UTC)
        city.store.put(tx, replace(stream, gone_until=None))
    with pytest.raises(Gone):
        city.window()


def test_an_import_of_old_observations_has_whole_windows() -> None:
    city = City()
    city.send({"at": "2026-01-01T00:00:00Z"}, {"at": "2026-01-01T00:30:00Z"})
    start = datetime(2026, 1, 1, tzinfo=UTC)
    assert city.window(WindowQuestion(start=start, end=start + timedelta(hours=1))).count == 2


def test_a_reader_of_a_part_gets_its_part_and_learns_nothing_of_the_rest() -> None:
    city = City()
    city.send(observation(10, "a"), observation(20, "b"))
    rows = (RowCondition(column="station", operator="eq", value="a"),)
    window = city.window(rows=rows)
    assert json.loads(window.body) == [observation(10, "a")]
    assert not window.position.isdigit()
    city.send(observation(30, "b"), observation(30, "a"))
    again = city.window(replace(HOUR, position=window.position), rows=rows)
    assert (again.sha256, again.late) == (window.sha256, 1)
    city.clock.at += timedelta(hours=2)
    with pytest.raises(Gone) as refusal:
        city.window(replace(HOUR, position=window.position), rows=rows)
    assert refusal.value.facts == {"case": "window-partly-kept"}
    assert "11:" not in refusal.value.detail
    with pytest.raises(InvalidInput, match="by their time"):
        city.window(columns=("station",))


@pytest.mark.parametrize("minute", [7, 30, 59])
@pytest.mark.parametrize("is_forgotten", [False, True])
def test_when_hidden_observations_were_made_is_not_told(minute: int, is_forgotten: bool) -> None:
    rows = (RowCondition(column="station", operator="eq", value="a"),)
    city = City()
    city.send(observation(minute, "hidden"))
    city.clock.at += timedelta(minutes=30)
    city.send(observation(59, "a"))
    city.clock.at += timedelta(minutes=31)
    if is_forgotten:
        city.forget()
    answers = []
    for start in (0, 10, 40, 58):
        question = WindowQuestion(start=NOON - timedelta(minutes=60 - start), end=NOON + timedelta(minutes=5))
        with pytest.raises(Gone) as refusal:
            city.window(question, rows=rows)
        answers.append((refusal.value.detail, refusal.value.facts))
    assert len({str(answer) for answer in answers}) == 1
    # From the time on for which it keeps observations, it answers, whatever was removed before.
    question = WindowQuestion(start=NOON + timedelta(minutes=1), end=NOON + timedelta(minutes=5))
    with pytest.raises(InvalidInput):
        city.window(question, rows=rows)


def test_a_reader_of_a_part_is_told_the_hour_where_there_were_too_many() -> None:
    rows = (RowCondition(column="station", operator="eq", value="a"),)
    city = City(replace(STREAM, most=2))
    city.clock.at = NOON + timedelta(minutes=30)
    city.send({"at": "2026-11-22T12:20:00Z", "station": "hidden"})
    city.send({"at": "2026-11-22T12:11:00Z", "station": "a"}, {"at": "2026-11-22T13:00:00Z", "station": "a"})
    city.clock.at = NOON + timedelta(minutes=75)
    for minute in (9, 19, 21, 59):
        question = WindowQuestion(start=NOON + timedelta(minutes=minute), end=city.clock.at)
        with pytest.raises(Gone):
            city.window(question, rows=rows)
    assert city.window(WindowQuestion(start=NOON + timedelta(hours=1), end=city.clock.at), rows=rows).count == 1


def test_many_who_ask_at_once_get_the_same() -> None:
    city = City()
    city.send(*[observation(minute, station) for minute in range(60) for station in "abcdefgh"])

    async def ask() -> set[str]:
        return {
            window.sha256 for window in await asyncio.gather(*[city.windows("counters", HOUR) for _ in range(64)])
        }

    assert len(asyncio.run(ask())) == 1


class TestAtTheOtherSide:
    """What the consumer makes of the provider's document."""

    def document(self, **changes: Any) -> bytes:
        city = City()
        city.send(observation(10), observation(20, speed=2.0))
        return json.dumps({**json.loads(city.window().document()), **changes}).encode()

    def test_the_same_hash_at_both_sides(self) -> None:
        city = City()
        city.send(observation(10), observation(20, "é", 1e21), observation(30, speed=2.50))
        window = city.window()
        assert read_window(window.document(), HOUR, NOON) == window

    @pytest.mark.parametrize(
        "changes",
        [
            {"sha256": "0" * 64},
            {"observations": []},
            {"observations": "all"},
            {"observations": [1, 2]},
            {"observations": [{"at": "2026-11-22T11:10:00Z"}]},
            {"position": ""},
            {"position": 3},
            {"from": "noon"},
            {"to": "2026-11-22T13:00:00Z"},
        ],
    )
    def test_an_answer_that_is_not_the_window_is_refused(self, changes: dict[str, Any]) -> None:
        with pytest.raises(PeerUnreachable, match="not the window"):
            read_window(self.document(**changes), HOUR, NOON)

    def test_a_body_that_is_no_document_is_refused(self) -> None:
        with pytest.raises(PeerUnreachable):
            read_window(b"<html>", HOUR, NOON)

    def test_a_position_that_was_asked_for_stays_as_it_is(self) -> None:
        window = read_window(self.document(position="sealed anew"), replace(HOUR, position="2"), NOON)
        assert window.position == "2"

    @pytest.mark.parametrize("minutes", [-10, 10])
    def test_the_last_minutes_end_now(self, minutes: int) -> None:
        question = WindowQuestion(last=timedelta(hours=1))
        assert read_window(self.document(), question, NOON + timedelta(minutes=2)).end == NOON
        with pytest.raises(PeerUnreachable, match="does not end now"):
            read_window(self.document(), question, NOON + timedelta(minutes=minutes))


@pytest.mark.parametrize(
    ("values", "parameters"),
    [
        ({"last": "10m"}, {"last": "10m"}),
        ({"last": "2d"}, {"last": "2880m"}),
        (
            {"from": "2026-11-22T08:00:00Z", "to": "2026-11-22T10:00:00+01:00", "position": "7"},
            {"from": "2026-11-22T08:00:00.000000Z", "to": "2026-11-22T09:00:00.000000Z", "position": "7"},
        ),
    ],
)
def test_a_question_is_written_and_read(values: dict[str, str], parameters: dict[str, str]) -> None:
    question = WindowQuestion.read(values)
    assert question.parameters() == parameters
    assert WindowQuestion.read(parameters) == question


@pytest.mark.parametrize(
    "values",
    [
        {},
        {"last": "ten"},
        {"last": "10m", "from": "2026-11-22T08:00:00Z"},
        {"from": "2026-11-22T08:00:00Z"},
        {"from": "2026-11-22T09:00:00Z", "to": "2026-11-22T08:00:00Z"},
    ],
)
def test_a_question_without_sense_is_refused(values: dict[str, str]) -> None:
    with pytest.raises(InvalidInput):
        WindowQuestion.read(values)

"""What senders are told of their observations: each fault with its place in the message."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime, timedelta

import pytest

from node.base.clock import SystemClock
from node.datasources.streams import intake
from node.datasources.streams.intake import Receipt, TakeObservations
from node.datasources.streams.model import Stream
from tests.fakes.provider import HandClock
from tests.fakes.stores.streams import MemoryStreamStore
from tests.fakes.stores.work import MemoryUnitOfWork

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
SCHEMA = {"properties": {"at": {"type": "string"}, "station": {"type": "string"}, "bikes": {"type": "integer"}}}
STREAM = Stream(
    name="counters",
    schema=SCHEMA,
    time_member="at",
    subject_member="station",
    keep_seconds=60,
    most=10,
    by="eva",
    at=NOON,
)


def observation(station: str, minute: int, bikes: object = 1) -> dict[str, object]:
    return {"at": f"2026-11-22T11:{minute:02}:00Z", "station": station, "bikes": bikes}


def receipt_of(*observations: dict[str, object]) -> Receipt:
    uow, store = MemoryUnitOfWork(), MemoryStreamStore()
    with uow.begin() as tx:
        store.put(tx, STREAM)
    take = TakeObservations(uow, store, SystemClock())
    return asyncio.run(take.take("counters", json.dumps(observations).encode(), "application/json"))


def test_a_subject_too_many_is_named_by_its_place_among_other_faults(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(intake, "MOST_SUBJECTS", 1)
    receipt = receipt_of(
        observation("a", 0), observation("a", 1, "many"), observation("b", 2), observation("a", 3, "more")
    )
    assert (receipt.acceptances, receipt.refusals) == (1, 3)
    assert [place for place, _ in receipt.faults] == [1, 2, 3]
    assert "subjects already" in receipt.faults[1][1].reason


def test_a_higher_number_arrives_no_earlier_also_by_the_clock_of_another_process() -> None:
    """Clocks that differ by little do not count. One that was wrong by much is not followed."""
    uow, store, clock = MemoryUnitOfWork(), MemoryStreamStore(), HandClock()
    with uow.begin() as tx:
        store.put(tx, STREAM)
    arrivals = []
    for minute, seconds in enumerate([0, -20, 5, -3600, -3599]):
        clock.at = NOON + timedelta(seconds=seconds)
        # A process of its own each time.
        take = TakeObservations(uow, store, clock)
        asyncio.run(take.take("counters", json.dumps(observation("a", minute)).encode(), "application/json"))
        with uow.read() as tx:
            (batch,) = store.batches(tx, "counters", after=minute, since=NOON - timedelta(days=1), limit=1)
        arrivals.append((batch.received - NOON).total_seconds())
    assert arrivals == [0, 0, 5, -3600, -3599]

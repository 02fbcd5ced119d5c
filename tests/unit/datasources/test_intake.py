"""What senders are told of their observations: each fault with its place in the message."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime

import pytest

from node.base.clock import SystemClock
from node.datasources.streams import intake
from node.datasources.streams.intake import Receipt, TakeObservations
from node.datasources.streams.model import Stream
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

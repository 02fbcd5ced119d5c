"""How attempts to send end: a copy that may be at a data source is never forgotten."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from node.base.clock import SystemClock
from node.base.errors import HansaError, NotFound
from node.datasources.errors import (
    DataSourceRefuses,
    DataSourceSlow,
    EarlierContent,
    SinkOccupied,
    SinkRefuses,
)
from node.datasources.sinks import Note, Parcel
from node.transfer.shipments.dispatch import SendShipment
from node.transfer.shipments.model import Shipment, ShipmentState
from tests.stores import Stores

BODY = b"a,b\n1,2\n"
SHA256 = hashlib.sha256(BODY).hexdigest()
NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
SENT, QUEUED, FAILED = ShipmentState.SENT, ShipmentState.QUEUED, ShipmentState.FAILED


@dataclass
class ScriptedSink:
    """A sink that is told what comes of a deposit (``outcome``), and of giving one up (``fault``)."""

    outcome: bool | HansaError = True
    fault: HansaError | None = None
    is_replacing: bool = True
    progress: dict[str, Any] = field(default_factory=dict)
    parcels: list[Parcel] = field(default_factory=list)
    leftovers: list[Parcel] = field(default_factory=list)
    removals: list[str] = field(default_factory=list)

    async def deposit(self, parcel: Parcel, note: Note) -> bool:
        self.parcels.append(parcel)
        if self.progress:
            await note(self.progress)
        if isinstance(self.outcome, HansaError):
            raise self.outcome
        return self.outcome

    async def abandon(self, parcel: Parcel) -> None:
        self.leftovers.append(parcel)
        if self.fault is not None:
            raise self.fault

    async def remove(self, path: str, sha256: str) -> bool:
        self.removals.append(path)
        return False


@dataclass
class Desk:
    """A sink at an address, and what sends there."""

    stores: Stores
    folder: Path
    sink: ScriptedSink = field(default_factory=ScriptedSink)
    address: str = "memory:a"
    refusal: HansaError | None = None

    def open(self, name: str) -> tuple[Any, Any]:
        if self.refusal is not None:
            raise self.refusal
        return SimpleNamespace(name=name, address=self.address), self.sink

    async def send(self, shipment_id: str = "s1", *, is_last: bool = True) -> Shipment:
        fixed: Any = SimpleNamespace(get=lambda *_, **__: SimpleNamespace(in_force=True, path="x.csv", media_type=""))
        sinks: Any = SimpleNamespace(sink=self.open)
        await SendShipment(
            self.stores.uow,
            self.stores.shipments,
            receptions=fixed,
            agreements=fixed,
            sinks=sinks,
            append=lambda *_, **__: None,  # type: ignore[arg-type,return-value]
            clock=SystemClock(),
            folder=self.folder,
        )(shipment_id, is_last=is_last)
        return self.row(shipment_id)

    def put(self, *shipments: Shipment) -> None:
        with self.stores.uow.begin() as tx:
            for shipment in shipments:
                self.stores.shipments.put(tx, shipment)

    def row(self, shipment_id: str = "s1") -> Shipment:
        with self.stores.uow.read() as tx:
            shipment = self.stores.shipments.get(tx, shipment_id)
        assert shipment is not None
        return shipment

    def states(self, *ids: str) -> Sequence[tuple[str, str]]:
        return [(str(self.row(each).state), self.row(each).address) for each in ids]


@pytest.fixture
def desk(stores: Stores, tmp_path: Path) -> Desk:
    (tmp_path / "x.csv").write_bytes(BODY)
    return Desk(stores, tmp_path)


def row(number: int = 1, **changes: Any) -> Shipment:
    plain = Shipment(
        id=f"s{number}",
        transfer=f"urn:t{number}",
        agreement=f"urn:a{number}",
        dataset="urn:d",
        source="files",
        path="x.csv",
        sha256=SHA256,
        size=len(BODY),
        state=QUEUED,
        by="eva",
        at=NOW + timedelta(seconds=number),
        changed=NOW,
    )
    return replace(plain, **changes)


@pytest.mark.parametrize("error", [NotFound("unticked"), DataSourceRefuses("password"), DataSourceSlow("late")])
async def test_a_look_that_fails_does_not_forget_the_copy(desk: Desk, error: HansaError) -> None:
    desk.put(row(address="memory:a"))
    desk.refusal = error
    shipment = await desk.send()
    assert (shipment.state, shipment.address) == (FAILED, "memory:a")


@pytest.mark.parametrize(
    "error",
    [SinkRefuses("a redirect"), DataSourceRefuses("403"), SinkOccupied("412"), DataSourceSlow("-")],
)
async def test_a_file_that_was_given_to_the_sink_may_be_there(desk: Desk, error: HansaError) -> None:
    desk.put(row())
    desk.sink.outcome = error
    shipment = await desk.send()
    assert (shipment.state, shipment.address) == (FAILED, "memory:a")


async def test_nothing_is_there_if_nothing_was_sent(desk: Desk) -> None:
    desk.put(row(), row(2, path="y.csv", sha256="0" * 64), row(3, path="z.csv", address="memory:a"))
    desk.sink.outcome = EarlierContent("something else")
    assert (await desk.send()).address == ""
    assert (await desk.send("s2")).address == "", "the received file has changed"
    assert (await desk.send("s3")).address == "memory:a", "an earlier attempt may have got there"
    assert [each.id for each in desk.sink.leftovers] == ["s3"]


async def test_an_attempt_after_a_lost_answer_does_not_forget_the_copy(desk: Desk) -> None:
    desk.put(row())
    desk.sink.outcome = DataSourceSlow("no answer in time")
    with pytest.raises(DataSourceSlow):
        await desk.send(is_last=False)
    desk.sink.outcome = EarlierContent("something else")
    assert (await desk.send()).address == "memory:a"


async def test_another_address_of_the_source_does_not_replace_that_of_the_copy(desk: Desk) -> None:
    desk.put(row(address="memory:earlier", progress={"upload": "u"}))
    shipment = await desk.send()
    assert (shipment.state, shipment.address, shipment.progress) == (FAILED, "memory:earlier", {"upload": "u"})
    assert "another address" in shipment.reason
    assert shipment.remedy
    assert (desk.sink.parcels, desk.sink.leftovers) == ([], [])


@pytest.mark.parametrize("is_replacing", [True, False])
async def test_only_a_sink_that_replaces_makes_earlier_copies_replaced(desk: Desk, is_replacing: bool) -> None:
    desk.sink.is_replacing = is_replacing
    desk.put(
        row(1, sha256="1" * 64, state=SENT, address="memory:a"),
        row(2, sha256="2" * 64, state=SENT, address="memory:a", dataset="urn:other"),
        row(3),
    )
    await desk.send("s3")
    first = ("replaced", "") if is_replacing else ("sent", "memory:a")
    assert desk.states("s1", "s2", "s3") == [first, ("sent", "memory:a"), ("sent", "memory:a")]
    # An earlier version comes after the later one.
    desk.put(row(0, sha256=SHA256, agreement="urn:a0"))
    assert (await desk.send("s0")).state is (ShipmentState.REPLACED if is_replacing else SENT)

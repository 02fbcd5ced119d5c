"""How attempts to send end: a copy that may be at a data source is never forgotten."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from node.base.clock import SystemClock
from node.base.errors import Conflict, HansaError, NotFound
from node.datasources.errors import (
    DataSourceRefuses,
    DataSourceSlow,
    EarlierContent,
    SinkOccupied,
    SinkRefuses,
)
from node.datasources.sinks import Note, Parcel
from node.identity.model import Caller, UserRole
from node.transfer.shipments.dispatch import SendShipment
from node.transfer.shipments.model import Shipment, ShipmentState
from node.transfer.shipments.removal import CopiesAtSinks, DeleteEverywhere
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
    present: int = 0
    most_at_once: int = 0
    during_removal: Callable[[], None] = lambda: None

    async def deposit(self, parcel: Parcel, note: Note) -> bool:
        self.parcels.append(parcel)
        self.present += 1
        self.most_at_once = max(self.most_at_once, self.present)
        await asyncio.sleep(0.01)
        self.present -= 1
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
        await asyncio.to_thread(self.during_removal)
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
            append=lambda *_, **__: None,  # type: ignore[arg-type]
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
    desk.put(row(0, sha256="0" * 64 if is_replacing else SHA256))
    assert (await desk.send("s0")).state is (ShipmentState.REPLACED if is_replacing else SENT)


async def test_a_replaced_shipment_leaves_nothing_behind(desk: Desk) -> None:
    earlier = row(1, sha256="1" * 64, address="memory:a", progress={"upload": "u"})
    desk.put(earlier, row(2, state=SENT, address="memory:a"))
    desk.sink.fault = DataSourceSlow("no answer in time")
    shipment = await desk.send()
    assert (shipment.state, shipment.address, shipment.progress) == (
        ShipmentState.REPLACED,
        "memory:a",
        {"upload": "u"},
    ), "parts may be left"
    desk.sink.fault = None
    desk.put(earlier)
    shipment = await desk.send()
    assert (shipment.state, shipment.address, shipment.progress) == (ShipmentState.REPLACED, "", {})
    assert [each.progress for each in desk.sink.leftovers] == [{"upload": "u"}] * 2


async def test_parts_that_could_not_be_given_up_stay_noted(desk: Desk) -> None:
    desk.put(row())
    desk.sink.outcome, desk.sink.fault = SinkRefuses("400"), DataSourceSlow("no answer in time")
    desk.sink.progress = {"upload": "u"}
    shipment = await desk.send()
    assert (shipment.state, shipment.address, shipment.progress) == (FAILED, "memory:a", {"upload": "u"})
    desk.put(replace(shipment, state=QUEUED))
    desk.sink.fault = None
    shipment = await desk.send()
    assert (shipment.address, shipment.progress) == ("memory:a", {})
    assert desk.sink.parcels[-1].progress == {"upload": "u"}


async def test_content_that_somebody_else_put_there_is_not_the_nodes(desk: Desk) -> None:
    desk.sink.outcome = False
    desk.put(row(1), row(2, path="y.csv"), row(3, path="y.csv", state=SENT, address="memory:a"))
    desk.put(row(4, path="z.csv", address="memory:a"))
    shipment = await desk.send()
    assert (shipment.state, shipment.address) == (SENT, "")
    assert "somebody else" in shipment.reason
    assert (await desk.send("s2")).address == "memory:a", "this node sent it, under another agreement"
    assert (await desk.send("s4")).address == "memory:a", "an earlier attempt sent it"
    # A later version does not replace what is somebody else's.
    desk.put(row(5, agreement="urn:a1"))
    await desk.send("s5")
    assert desk.sink.parcels[-1].replaces == ""


class Confirmation:
    """Confirms the deletion if no copy may be left (``node.transfer.deletion.confirm.ConfirmDeletion``)."""

    def __init__(self, stores: Stores) -> None:
        self._stores = stores
        self.agreements: list[str] = []

    def require_duty(self, agreement_id: str) -> None: ...

    def __call__(self, agreement_id: str, by: Caller) -> Any:
        with self._stores.uow.begin() as tx:
            CopiesAtSinks(self._stores.shipments, SystemClock()).settle(tx, agreement_id)
        self.agreements.append(agreement_id)


EVA = Caller(did="did:web:bruges", account="eva", roles=frozenset({UserRole.STEWARD}))


def deletion(desk: Desk) -> tuple[DeleteEverywhere, Confirmation]:
    confirmation: Any = Confirmation(desk.stores)
    sinks: Any = SimpleNamespace(sink=desk.open)
    ledger: Any = lambda *_, **__: None  # noqa: E731
    delete = DeleteEverywhere(
        desk.stores.uow,
        desk.stores.shipments,
        sinks=sinks,
        confirm=confirmation,
        append=ledger,
        clock=SystemClock(),
    )
    return delete, confirmation


async def test_parts_are_removed_before_a_deletion_is_confirmed(desk: Desk) -> None:
    desk.put(row(address="memory:a", progress={"upload": "u"}))
    desk.sink.fault = DataSourceSlow("no answer in time")
    delete, confirmation = deletion(desk)
    with pytest.raises(Conflict, match="is not deleted"):
        await delete("urn:a1", EVA)
    assert (confirmation.agreements, desk.sink.removals) == ([], [])
    assert desk.row().progress == {"upload": "u"}
    desk.sink.fault = None
    await delete("urn:a1", EVA)
    assert (confirmation.agreements, desk.sink.removals) == (["urn:a1"], ["x.csv"])
    assert [each.progress for each in desk.sink.leftovers] == [{"upload": "u"}] * 2
    assert desk.states("s1") == [("removed", "")]


async def test_a_copy_that_was_sent_again_meanwhile_is_not_recorded_as_removed(desk: Desk) -> None:
    shipment = row(address="memory:a", state=SENT)
    desk.put(shipment)
    desk.sink.during_removal = lambda: desk.put(replace(shipment, changed=NOW + timedelta(seconds=1)))
    delete, confirmation = deletion(desk)
    with pytest.raises(Conflict, match="still there"):
        await delete("urn:a1", EVA)
    assert (confirmation.agreements, desk.states("s1")) == ([], [("sent", "memory:a")])


@pytest.mark.parametrize(("is_replacing", "removals"), [(True, 1), (False, 2)])
async def test_the_last_of_two_agreements_deletes_a_shared_file(
    desk: Desk, is_replacing: bool, removals: int
) -> None:
    desk.sink.is_replacing = is_replacing
    desk.put(row(1, state=SENT, address="memory:a"), row(2, state=SENT, address="memory:a"))
    delete, confirmation = deletion(desk)
    # Both at once: whichever is recorded first, the other deletes the file.
    await asyncio.gather(delete("urn:a1", EVA), delete("urn:a2", EVA))
    assert sorted(confirmation.agreements) == ["urn:a1", "urn:a2"]
    assert len(desk.sink.removals) == removals
    assert desk.states("s1", "s2") == [("removed", "")] * 2


async def test_two_files_for_one_place_go_one_after_the_other(desk: Desk) -> None:
    desk.put(*(row(number, path="x.csv", agreement=f"urn:a{number}") for number in range(12)))
    outcomes = await asyncio.gather(
        *(desk.send(f"s{number}", is_last=False) for number in range(12)), return_exceptions=True
    )
    others = [each for each in outcomes if not isinstance(each, Shipment)]
    assert all("on its way to the same place" in str(each) for each in others), others
    assert desk.sink.most_at_once == 1


@dataclass
class StallingSink(ScriptedSink):
    """A sink whose first deposit fails when it is told to, and whose second goes on until the first has failed."""

    stall: asyncio.Event = field(default_factory=asyncio.Event)
    end: asyncio.Event = field(default_factory=asyncio.Event)

    async def deposit(self, parcel: Parcel, note: Note) -> bool:
        self.parcels.append(parcel)
        if len(self.parcels) == 1:
            await self.stall.wait()
            assert isinstance(self.outcome, HansaError)
            raise self.outcome
        await note({"upload": "u2"})
        self.stall.set()
        await self.end.wait()
        return True


@pytest.mark.parametrize("error", [SinkRefuses("a redirect"), DataSourceSlow("late")])
@pytest.mark.parametrize("is_last", [True, False])
async def test_an_attempt_that_stalled_does_not_end_its_successor(
    desk: Desk, error: HansaError, is_last: bool
) -> None:
    desk.put(row())
    sink = desk.sink = StallingSink(outcome=error)
    earlier = asyncio.create_task(desk.send(is_last=is_last))
    while not sink.parcels:
        await asyncio.sleep(0.01)
    later = asyncio.create_task(desk.send())
    await asyncio.wait([earlier])
    shipment = desk.row()
    assert (shipment.state, shipment.reason, shipment.progress) == (ShipmentState.SENDING, "", {"upload": "u2"})
    assert not sink.leftovers, "the parts are those of the later attempt"
    sink.end.set()
    assert (await later).state is SENT


async def test_an_earlier_version_that_arrives_later_does_not_replace_a_later_one(desk: Desk) -> None:
    desk.put(row(1, sha256="3" * 64, version=3, state=SENT, address="memory:a"), row(2, version=2))
    assert (await desk.send("s2")).state is ShipmentState.REPLACED
    desk.put(row(4, version=4))
    assert (await desk.send("s4")).state is SENT
    assert desk.sink.parcels[-1].replaces == "3" * 64

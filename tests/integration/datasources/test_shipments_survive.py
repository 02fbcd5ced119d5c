"""Shipments outlive SIGKILL in the middle, and two workers on one database send each of them once."""

from __future__ import annotations

import asyncio
import hashlib
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from node.base.clock import SystemClock
from node.base.delivery import OutboxWriter
from node.base.errors import NoRoom
from node.datasources.sinks import Note, Parcel
from node.transfer.shipments.dispatch import SendShipment
from node.transfer.shipments.model import TOPIC, Shipment, ShipmentState
from node.worker.loop import Pace, Worker
from node.worker.shipments import ShipmentHandler
from tests.integration.datasources.servers import standing
from tests.node_processes import node_process
from tests.nodes import publish, running, table
from tests.simulator.s3_sinks import BucketSink
from tests.stores import Stores
from tests.waits import until

WRITER = {"scheme": "basic", "name": "writer", "secret": "writer-secret"}
LONG = 60.0


def test_a_kill_in_the_middle_continues_with_the_next_part(tmp_path: Path, sqlite_template: Path) -> None:
    data = table(40_000_000)
    server = BucketSink(held_part=2)
    (tmp_path / "home").mkdir()
    with (
        running(tmp_path / "ghent", template=sqlite_template) as ghent,
        standing(server.app()) as url,
        node_process(tmp_path / "home", lease_seconds="1") as bruges,
    ):
        iri = publish(ghent, "large", data=data)["iri"]
        with bruges.client() as client:
            pid = client.negotiate(iri)["pid"]
            agreement = until("they agree", lambda: client.negotiation(pid, wait=5)["agreementId"], LONG)
            transfer = client.transfer(agreement)["pid"]
            until("it arrives", lambda: client.transfer_state(transfer, wait=5)["state"] == "COMPLETED", LONG)
            client.data_sources.add("bucket", "s3", f"{url}/city/", options={"sink": "yes"}, credentials=WRITER)
            shipment = client.shipments.send(transfer, "bucket")["id"]
            until("the first part is there, and the second is on its way", lambda: server.parts == [1], LONG)
            until("that is noted", lambda: server.methods.count("PUT") == 2, LONG)
        bruges.kill()
        assert server.objects == {}, "nothing half is visible"
        server.held_part = 0
        server.release.set()
        bruges.serve()
        bruges.wait_ready()
        with bruges.client() as client:
            until("it is sent", lambda: client.shipments.shipment(shipment)["state"] == "sent", LONG)
        assert server.objects["large.csv"].body == data
        assert server.parts.count(1) == 1, "what was there was not sent again"
        assert server.uploads == {}


class CountingSink:
    """A sink that fails once for each parcel, and counts who is in it at a time."""

    def __init__(self) -> None:
        self.present: Counter[str] = Counter()
        self.attempts: Counter[str] = Counter()
        self.met: list[str] = []
        self.is_replacing = True

    async def deposit(self, parcel: Parcel, note: Note) -> bool:
        self.present[parcel.id] += 1
        self.attempts[parcel.id] += 1
        if self.present[parcel.id] > 1:
            self.met.append(parcel.id)
        await asyncio.sleep(0.005)
        await note({"attempt": self.attempts[parcel.id]})
        self.present[parcel.id] -= 1
        if self.attempts[parcel.id] == 1:
            raise NoRoom("the disk of the data source is full")
        assert parcel.progress == {"attempt": 1}
        return True

    async def abandon(self, parcel: Parcel) -> None:
        raise AssertionError("nothing is given up")

    async def remove(self, path: str, sha256: str) -> bool:
        raise AssertionError("nothing is removed")


async def test_two_workers_send_each_shipment_once(database_stores: Stores, tmp_path: Path) -> None:
    stores = database_stores
    if stores.kind == "sqlite":
        pytest.skip("an embedded store has one worker")
    body, now, sink = b"a,b\n1,2\n", datetime.now(UTC), CountingSink()
    (tmp_path / "x.csv").write_bytes(body)
    writer = OutboxWriter(stores.outbox, lambda: None)
    plain = Shipment(
        id="",
        transfer="urn:t",
        agreement="urn:a",
        dataset="urn:d",
        source="files",
        path="",
        sha256=hashlib.sha256(body).hexdigest(),
        size=len(body),
        state=ShipmentState.QUEUED,
        by="eva",
        at=now,
        changed=now,
    )
    with stores.uow.begin() as tx:
        for number in range(40):
            shipment = replace(plain, id=f"s{number}", path=f"{number}.csv")
            stores.shipments.put(tx, shipment)
            writer.deliver(tx, topic=TOPIC, lane="sink files", subject=shipment.id, body=b"", due=now)
    fixed: Any = SimpleNamespace(get=lambda *_, **__: SimpleNamespace(in_force=True, path="x.csv", media_type=""))
    sinks: Any = SimpleNamespace(sink=lambda name: (SimpleNamespace(address="memory:"), sink))
    entries: list[str] = []

    def append(tx: Any, kind: Any, subject: str, by: str, body: Any, **_: Any) -> None:
        entries.append(body["event"])

    def worker(name: str) -> Worker:
        send = SendShipment(
            stores.uow,
            stores.shipments,
            receptions=fixed,
            agreements=fixed,
            sinks=sinks,
            append=append,  # type: ignore[arg-type]
            clock=SystemClock(),
            folder=tmp_path,
        )
        handler = ShipmentHandler(send, SystemClock(), is_exhausted=lambda attempts: False)
        return Worker(
            uow=stores.uow,
            outbox=stores.outbox,
            handlers={TOPIC: handler},
            clock=SystemClock(),
            instance=name,
            pace=Pace(poll=0.05, first_delay=0.05),
            narrow={TOPIC},
            lengthy={TOPIC},
        )

    workers = [worker("one"), worker("two")]
    loops = [asyncio.create_task(each.run()) for each in workers]

    def states() -> set[str]:
        with stores.uow.read() as tx:
            return {str(each.state) for each in stores.shipments.newest(tx, 100)}

    try:
        async with asyncio.timeout(LONG):
            while await asyncio.to_thread(states) != {"sent"}:
                await asyncio.sleep(0.05)
    finally:
        for each in workers:
            await each.stop()
        await asyncio.gather(*loops)
    assert sink.met == [], "two were never at the same one"
    assert set(sink.attempts.values()) == {2}
    assert Counter(entries)["shipment-sent"] == 40

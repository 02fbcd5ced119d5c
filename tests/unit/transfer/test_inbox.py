"""Bytes that are pushed here, while the transfer that they are for goes on or ends."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.engine import Engine
from starlette.requests import ClientDisconnect

from node.adapters.sql.records import SqlRecordStore
from node.base.errors import Conflict, InvalidInput
from node.transfer import machine
from node.transfer.inbox import TakePush
from node.transfer.model import Reception
from node.transfer.receiving.data_checks import ReceptionChecks
from node.transfer.receiving.leftovers import discard_left
from node.transfer.receiving.version_checks import CheckVersion
from node.transfer.tokens import token_hash
from node.vocab.dsp import PUSH
from tests.fakes.provider import CONSUMER_PID, HandClock
from tests.postgres import waits_for
from tests.stores import sql_stores
from tests.unit.transfer.test_reception import Rig
from tests.waits import until

DATA = b"intensity\n12\n"


@pytest.fixture
async def rig(tmp_path: Path) -> Rig:
    new_rig = Rig(tmp_path, sealed=False, source=DATA)
    await new_rig.publish(DATA)
    new_rig.transfer = replace(new_rig.transfer, format=PUSH, push_token=token_hash("secret"))
    with new_rig.work.begin() as tx:
        new_rig.transfers.add(tx, new_rig.transfer)
    return new_rig


Step = Callable[[], Awaitable[None]]


def inbox_of(rig: Rig, *, meanwhile: Step | None = None, monotonic: Callable[[], float] = time.monotonic) -> TakePush:
    """``meanwhile`` happens while the key of the provider's manifest is fetched, which may take a while."""

    async def key_of(did: str, kid: str) -> dict[str, Any]:
        if meanwhile is not None:
            await meanwhile()
        return rig.key()

    return TakePush(
        rig.work,
        transfers=rig.transfers,
        receptions=rig.receptions,
        keyring=rig.provider.consumer,
        clock=HandClock(),
        folder=rig.receiver().folder,
        key_of=key_of,
        checks=ReceptionChecks(version=CheckVersion(rig.work, rig.described)),
        on_end=lambda tx, pid, reception: rig.finished.append(reception),
        limit=1 << 20,
        monotonic=monotonic,
    )


async def push(rig: Rig, *, inbox: TakePush | None = None, before_end: Step | None = None) -> Reception:
    """Push the bytes of the rig; ``before_end`` happens when all were sent, and the connection is still open."""

    async def chunks() -> AsyncIterator[bytes]:
        yield DATA
        if before_end is not None:
            await before_end()

    inbox = inbox or inbox_of(rig)
    manifest = rig.plane.served.manifest.decode()
    return await inbox.take(CONSUMER_PID, "Bearer secret", chunks=chunks(), manifest=manifest)


async def test_what_is_pushed_is_kept(rig: Rig) -> None:
    assert (await push(rig)).state == "done"
    assert list(rig.files().values()) == [DATA]


async def test_a_push_whose_transfer_ends_as_it_begins_leaves_nothing(rig: Rig) -> None:
    async def end() -> None:
        with rig.work.begin() as tx:
            ended = replace(rig.transfer, state=machine.TERMINATED, revision=rig.transfer.revision + 1)
            rig.transfers.save(tx, ended)
        await discard_left(rig.receiver(), CONSUMER_PID)

    with pytest.raises(Conflict, match="no longer active"):
        await push(rig, inbox=inbox_of(rig, meanwhile=end))
    assert rig.files() == {}
    with rig.work.read() as tx:
        assert rig.receptions.get(tx, CONSUMER_PID) is None, "nothing is said to be on its way"


class Suspension:
    """Suspends the transfer of a rig, and waits until the inbox has looked ``looks`` times after that."""

    def __init__(self, rig: Rig) -> None:
        self.rig = rig
        self.looked = asyncio.Semaphore(0)
        self.now = 0.0

    def monotonic(self) -> float:
        """A clock on which four seconds have passed at every look."""
        self.now += 4.0
        self.looked.release()
        return self.now

    def move(self, state: str) -> None:
        with self.rig.work.begin() as tx:
            kept = self.rig.transfers.get(tx, CONSUMER_PID)
            assert kept is not None
            self.rig.transfers.save(tx, replace(kept, state=state, revision=kept.revision + 1))

    async def looks(self, count: int) -> None:
        for _ in range(count):
            await asyncio.wait_for(self.looked.acquire(), 20)


async def test_a_suspended_push_is_not_refused_while_its_sender_may_still_stop_it(rig: Rig) -> None:
    """The sender acknowledges a suspension before its data plane stops; a refusal would look like a failure to it."""
    suspension = Suspension(rig)

    async def suspend_and_resume() -> None:
        suspension.move(machine.SUSPENDED)
        await suspension.looks(2)
        suspension.move(machine.STARTED)

    assert (
        await push(rig, before_end=suspend_and_resume, inbox=inbox_of(rig, monotonic=suspension.monotonic))
    ).state == "done"
    assert list(rig.files().values()) == [DATA]


async def test_a_push_that_stays_suspended_is_refused(rig: Rig) -> None:
    """Even one whose bytes have all arrived: the provider pushes again when the transfer goes on."""
    suspension = Suspension(rig)

    async def suspend() -> None:
        suspension.move(machine.SUSPENDED)
        await suspension.looks(2)

    with pytest.raises(Conflict, match="the transfer is suspended"):
        await push(rig, before_end=suspend, inbox=inbox_of(rig, monotonic=suspension.monotonic))
    assert rig.files() == {}


async def test_a_push_that_is_replaced_is_answered_as_the_newer_one(rig: Rig) -> None:
    """EDC begins a second push when the transfer goes on, and judges the transfer by the answer to either."""
    inbox, waits, never = inbox_of(rig), asyncio.Event(), asyncio.Event()

    async def wait() -> None:
        waits.set()
        await never.wait()

    first = asyncio.create_task(push(rig, inbox=inbox, before_end=wait))
    await asyncio.wait_for(waits.wait(), 20)
    second = await push(rig, inbox=inbox)
    assert second.state == "done"
    assert await asyncio.wait_for(first, 20) == second
    assert list(rig.files().values()) == [DATA]


async def test_a_push_that_is_replaced_fails_with_the_newer_one(rig: Rig) -> None:
    inbox, waits, never = inbox_of(rig), asyncio.Event(), asyncio.Event()

    async def wait() -> None:
        waits.set()
        await never.wait()

    async def break_off() -> None:
        raise ClientDisconnect

    first = asyncio.create_task(push(rig, inbox=inbox, before_end=wait))
    await asyncio.wait_for(waits.wait(), 20)
    with pytest.raises(ClientDisconnect):
        await push(rig, inbox=inbox, before_end=break_off)
    with pytest.raises(Conflict, match="that push failed"):
        await asyncio.wait_for(first, 20)
    assert rig.files() == {}


async def test_a_push_that_begins_as_another_ends_does_not_begin_again(rig: Rig) -> None:
    done: list[Reception] = []

    async def finish_first() -> None:
        if not done:
            done.append(
                Reception(
                    transfer=CONSUMER_PID,
                    state="done",
                    name="counts.csv",
                    media_type="text/csv",
                    sealed=False,
                    expected=len(DATA),
                    received=len(DATA),
                    at=HandClock().now(),
                )
            )
            with rig.work.begin() as tx:
                rig.receptions.put(tx, done[0])

    assert await push(rig, inbox=inbox_of(rig, meanwhile=finish_first)) == done[0]
    assert rig.files() == {}


@pytest.mark.postgres
async def test_a_push_that_begins_waits_for_the_end_of_its_transfer(rig: Rig, postgres_engine: Engine) -> None:
    """Where two write at once, what is just being ended is not taken for what goes on."""
    stores = sql_stores(postgres_engine)
    rig.work, rig.transfers, rig.receptions = stores.uow, stores.transfers, stores.receptions  # type: ignore[assignment]
    rig.described = SqlRecordStore()  # type: ignore[assignment]
    with stores.uow.begin() as tx:
        stores.transfers.add(tx, rig.transfer)
    ending = threading.Event()

    def end() -> None:
        with stores.uow.begin() as tx:
            revision = rig.transfer.revision + 1
            stores.transfers.save(tx, replace(rig.transfer, state=machine.TERMINATED, revision=revision))
            backend = tx.connection.connection.dbapi_connection.info.backend_pid
            ending.set()
            until("the push waits", lambda: waits_for(postgres_engine, backend))

    with ThreadPoolExecutor(1) as hand:
        ended = []

        async def begun() -> None:
            ended.append(hand.submit(end))
            await asyncio.to_thread(ending.wait, 20)

        with pytest.raises(Conflict, match="no longer active"):
            await push(rig, inbox=inbox_of(rig, meanwhile=begun))
        ended[0].result()
    with stores.uow.read() as tx:
        assert stores.receptions.get(tx, CONSUMER_PID) is None


async def test_a_push_without_a_manifest_answers_no_request_for_a_version(rig: Rig) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        yield DATA

    with rig.work.begin() as tx:
        rig.transfers.save(tx, replace(rig.transfer, asset_version=1, revision=rig.transfer.revision + 1))
    with pytest.raises(InvalidInput, match="version 1 was requested"):
        await inbox_of(rig).take(CONSUMER_PID, "Bearer secret", chunks=chunks())
    assert rig.known().state == "failed"
    assert rig.files() == {}

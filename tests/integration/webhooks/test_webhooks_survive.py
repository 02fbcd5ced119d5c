"""Events outlive SIGKILL and long faults, and several processes on one database send each of them once."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from node.base.errors import Conflict, PeerUnreachable
from node.client import HansaClient
from node.exchange.receivers import Receipt
from node.operation.webhooks.dispatch import GIVE_UP
from node.operation.webhooks.model import DeliveryState
from node.operation.webhooks.queue import WINDOW
from node.worker.loop import Worker
from tests.fakes.clock import JumpingClock
from tests.fakes.webhook_receivers import MemoryReceivers
from tests.integration.datasources.servers import standing
from tests.integration.webhooks.bench import EVA, Bench
from tests.node_processes import node_process
from tests.simulator.webhook_receiver import WebhookReceiver
from tests.stores import Stores
from tests.waits import until

LONG = 60.0
DAY = 86_400.0


def test_a_kill_between_the_answer_and_its_note_sends_the_same_event_again(tmp_path: Path) -> None:
    program = WebhookReceiver()
    with standing(program.app()) as url, node_process(tmp_path, lease_seconds="1") as gent:
        with gent.client() as client:
            program.secret = client.webhooks.add("survivor", f"{url}/events")["secret"]
        gent.kill()
        gent.settings["crashpoint"] = "webhook..S4"
        gent.serve()
        gent.wait_ready()
        # The event may be sent, and end the node, before the caller has its answer.
        with gent.client() as client, suppress(PeerUnreachable):
            client.publish({"fields": {"kind": "dataset", "id": "a", "title": "A", "description": "A."}})
        until("it is sent, and the node dies", lambda: gent.process is None or gent.process.poll() is not None, LONG)
        assert len(program.events) == 1
        gent.settings.pop("crashpoint")
        gent.serve()
        gent.wait_ready()
        with gent.client() as client:
            until("it is noted", lambda: _states(client) == ["delivered"], LONG)
    assert len(program.events) == 2
    assert len(set(program.ids())) == 1, "the receiver knows the repetition by its id"


def _states(client: HansaClient) -> list[str]:
    return [each["state"] for each in client.webhooks.deliveries("survivor")]


async def _until(what: str, condition: Any) -> None:
    async with asyncio.timeout(LONG):
        while not await asyncio.to_thread(condition):
            await asyncio.sleep(0.02)


async def _work(bench: Bench, *names: str) -> tuple[list[Worker], list[asyncio.Task[None]]]:
    workers = [bench.worker(name) for name in names]
    return workers, [asyncio.create_task(worker.run()) for worker in workers]


async def _rest(workers: list[Worker], loops: list[asyncio.Task[None]]) -> None:
    for worker in workers:
        await worker.stop()
    await asyncio.gather(*loops)


async def test_two_processes_send_each_event_once_and_in_order(database_stores: Stores) -> None:
    if database_stores.kind == "sqlite":
        pytest.skip("an embedded store has one worker")
    bench = Bench(database_stores, MemoryReceivers())
    for name in ("one", "two"):
        bench.webhooks.add(name, f"https://{name}.example/events", EVA)
    bench.happen(0, 64)
    workers, loops = await _work(bench, "first", "second")
    try:
        await asyncio.gather(*(asyncio.to_thread(bench.queue) for _ in range(8)))
        await _until("all is delivered", lambda: bench.states() == bench.states("two") == Counter(delivered=64))
    finally:
        await _rest(workers, loops)
    for name in ("one", "two"):
        sent = [json.loads(body)["subject"] for url, _, body in bench.receivers.requests if name in url]
        assert sent == [f"urn:r{number}" for number in range(64)]


def test_what_cannot_be_delivered_becomes_a_dead_letter_and_pauses_the_webhook(
    database_stores: Stores, caplog: pytest.LogCaptureFixture
) -> None:
    bench = Bench(database_stores, MemoryReceivers(), clock=JumpingClock(), pause=DAY)
    bench.webhooks.add("one", "https://one.example/events", EVA)
    bench.happen(0, 1)
    bench.queue()
    bench.drive()
    bench.receivers.requests.clear()
    bench.receivers.error = PeerUnreachable("the peer did not answer in time")
    bench.happen(1, 3)
    assert bench.queue() == 3
    bench.drive()
    view = bench.webhooks.webhook("one", EVA)
    assert view.webhook.paused, "nothing was delivered since the first attempt"
    assert view.webhook.reason == "nothing could be delivered for three days: the peer did not answer in time"
    assert bench.notes[-1] == ("node", {"webhook": "one", "change": "paused"})
    assert "a webhook was paused" in caplog.text
    assert (view.dead, view.waiting) == (1, 2)
    (letter,) = bench.webhooks.deliveries("one", EVA, state=DeliveryState.DEAD)
    assert letter.subject == "urn:r1"
    assert letter.course.since is not None
    assert letter.changed - letter.course.since >= GIVE_UP
    bench.happen(4, 1)
    assert bench.queue() == 0, "a paused webhook waits in the ledger"
    bench.receivers.error = None
    with pytest.raises(Conflict, match="paused"):
        bench.webhooks.retry("one", EVA)
    bench.webhooks.resume("one", EVA)
    assert bench.queue() == 1
    bench.drive()
    assert bench.states() == Counter(delivered=4, dead=1)
    assert bench.webhooks.retry("one", EVA, delivery_id=letter.id) == 1
    bench.drive()
    assert bench.states() == Counter(delivered=5)
    assert bench.subjects() == ["urn:r2", "urn:r3", "urn:r4", "urn:r1"]


def test_a_long_wait_that_the_receiver_asks_for_does_not_postpone_the_end(database_stores: Stores) -> None:
    bench = Bench(database_stores, MemoryReceivers(), clock=JumpingClock(), pause=60.0)
    bench.receivers.receipt = Receipt(503, "3600")
    bench.webhooks.add("one", "https://one.example/events", EVA)
    bench.happen(0, 2)
    bench.queue()
    start = bench.clock.now()
    bench.drive()
    assert bench.states() == Counter(dead=1, waiting=1)
    assert timedelta(days=3) <= bench.clock.now() - start < timedelta(days=3, hours=2)
    with bench.stores.uow.read() as tx:
        assert bench.stores.outbox.dead_count(tx) == 0


def test_one_refused_event_dies_alone_where_others_are_taken(database_stores: Stores) -> None:
    class Particular(MemoryReceivers):
        async def post(self, address: str, headers: Any, body: bytes) -> Receipt:
            await super().post(address, headers, body)
            return Receipt(422 if json.loads(body)["subject"] == "urn:r0" else 204)

    bench = Bench(database_stores, Particular(), clock=JumpingClock(), pause=DAY)
    bench.webhooks.add("one", "https://one.example/events", EVA)
    bench.happen(0, 5)
    bench.queue()
    bench.drive()
    assert bench.states() == Counter(delivered=4, dead=1)
    assert not bench.webhooks.webhook("one", EVA).webhook.paused
    assert Counter(bench.subjects())["urn:r0"] >= 4


@pytest.mark.parametrize("status", [401, 403, 404, 405, 407])
def test_an_answer_that_says_nothing_about_the_event_keeps_the_order(database_stores: Stores, status: int) -> None:
    bench = Bench(database_stores, MemoryReceivers(), clock=JumpingClock(), pause=60.0)
    bench.receivers.receipt = Receipt(status)
    bench.webhooks.add("one", "https://one.example/events", EVA)
    bench.happen(0, 3)
    bench.queue()
    bench.drive(most=3)
    assert bench.subjects() == ["urn:r0"] * 3
    bench.receivers.receipt = Receipt(204)
    bench.drive()
    assert bench.subjects()[3:] == ["urn:r0", "urn:r1", "urn:r2"]


def test_an_event_whose_content_was_erased_is_not_sent(database_stores: Stores) -> None:
    bench = Bench(database_stores, MemoryReceivers(), clock=JumpingClock())
    bench.webhooks.add("one", "https://one.example/events", EVA)
    bench.happen(0, 2)
    bench.queue()
    with bench.stores.uow.begin() as tx:
        bench.stores.ledger.erase(tx, "urn:e0", b"{}")
    bench.drive()
    assert bench.states() == Counter(delivered=1, erased=1)
    assert bench.subjects() == ["urn:r1"]
    assert bench.webhooks.deliveries("one", EVA)[1].answer == "its content was erased"


def test_all_kinds_include_those_of_later_releases(database_stores: Stores) -> None:
    bench = Bench(database_stores, MemoryReceivers())
    bench.webhooks.add("all", "https://all.example/events", EVA)
    bench.webhooks.add("some", "https://some.example/events", EVA, kinds=["hansa.run.failed"])
    every, some = (bench.webhooks.webhook(name, EVA).webhook for name in ("all", "some"))
    assert every.kinds == ()
    assert every.takes("hansa.later.kind")
    assert not every.takes(None)
    assert some.takes("hansa.run.failed")
    assert not some.takes("hansa.later.kind")


def test_a_webhook_that_takes_nothing_holds_a_bounded_number_of_events(database_stores: Stores) -> None:
    bench = Bench(database_stores, MemoryReceivers())
    bench.webhooks.add("one", "https://one.example/events", EVA, kinds=["hansa.run.succeeded"])
    bench.webhooks.add("two", "https://two.example/events", EVA, kinds=["hansa.asset.withdrawn"])
    bench.happen(0, WINDOW + 30)
    assert bench.queue() == WINDOW
    assert bench.queue() == 0
    with bench.stores.uow.begin() as tx:
        for delivery in bench.stores.webhooks.deliveries(tx, "one", limit=50):
            bench.stores.webhooks.put_delivery(tx, replace(delivery, state=DeliveryState.DELIVERED))
    assert bench.queue() == 30
    assert bench.queue() == 0
    bench.webhooks.remove("one", EVA)
    with bench.stores.uow.read() as tx:
        live = bench.stores.outbox.live(tx, 1000)
    assert bench.states() == Counter()
    assert len(live) == 50, "what waited was taken back; these were called delivered behind the back of their tasks"


def test_secrets_are_sealed_and_signatures_change_with_the_moment(database_stores: Stores) -> None:
    clock = JumpingClock()
    bench = Bench(database_stores, MemoryReceivers(), clock=clock)
    _, secret = bench.webhooks.add("one", "https://one.example/events", EVA)
    _, no_secret = bench.webhooks.add("two", "https://two.example/events", EVA, is_signed=False)
    webhook = bench.webhooks.webhook("one", EVA).webhook
    assert secret.startswith("whsec_")
    assert no_secret == ""
    assert webhook.secret is not None
    assert secret[6:].encode() not in webhook.secret
    first = bench.dispatch.headers(webhook, "urn:e", b"{}")
    clock.by = timedelta(minutes=5)
    second = bench.dispatch.headers(webhook, "urn:e", b"{}")
    assert first["webhook-id"] == second["webhook-id"]
    assert first["webhook-signature"] != second["webhook-signature"]

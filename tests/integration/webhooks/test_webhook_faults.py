"""Faults of one webhook, one event or this node itself neither stop other events nor stay unseen."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from typing import Any

import pytest

from node.base.errors import ForbiddenAddress, LocalFault
from node.exchange.receivers import Receipt
from node.ledger.ports import LedgerStore
from node.operation.webhooks import dispatch
from node.operation.webhooks.model import DeliveryState
from node.operation.webhooks.queue import WINDOW
from tests.fakes.clock import JumpingClock
from tests.fakes.webhook_receivers import MemoryReceivers
from tests.integration.webhooks.bench import EVA, Bench
from tests.stores import Stores

DAY = 86_400.0


class StricterRules(MemoryReceivers):
    """Permits no address with ``banned`` in it."""

    banned = ""

    def check(self, address: str) -> str:
        if self.banned and self.banned in address:
            raise ForbiddenAddress("port 8443 is not a port that this node connects to")
        return super().check(address)


class Particular(MemoryReceivers):
    """Refuses events about the first ``refused`` runs with ``status``."""

    def __init__(self, refused: int, status: int = 422) -> None:
        super().__init__()
        self.refused = refused
        self.status = status

    async def post(self, address: str, headers: Any, body: bytes) -> Receipt:
        receipt = await super().post(address, headers, body)
        return Receipt(self.status) if int(json.loads(body)["subject"][5:]) < self.refused else receipt


class BrokenFor:
    """The ledger of ``ledger``, which cannot be read for one webhook, from a position on."""

    def __init__(self, ledger: LedgerStore, position: int) -> None:
        self._ledger = ledger
        self._position = position

    def __getattr__(self, name: str) -> Any:
        return getattr(self._ledger, name)

    def since(self, tx: Any, position: int, **bounds: Any) -> Any:
        if position == self._position:
            raise ValueError("an entry cannot be read")
        return self._ledger.since(tx, position, **bounds)


def test_an_address_that_is_no_longer_permitted_stops_only_its_own_webhook(database_stores: Stores) -> None:
    receivers = StricterRules()
    bench = Bench(database_stores, receivers, clock=JumpingClock(), pause=DAY)
    bench.webhooks.add("aa", "https://aa.example:8443/events", EVA)
    bench.webhooks.add("bb", "https://bb.example/events", EVA)
    receivers.banned = "aa.example"
    bench.happen(0, 3)
    assert bench.queue() == 6
    bench.webhooks.pause("aa", EVA)
    bench.webhooks.resume("aa", EVA)
    bench.drive()
    assert bench.states("bb") == Counter(delivered=3)
    (letter,) = bench.webhooks.deliveries("aa", EVA, state=DeliveryState.DEAD)
    assert letter.answer == "port 8443 is not a port that this node connects to"


def test_a_webhook_whose_events_cannot_be_queued_does_not_stop_the_others(
    database_stores: Stores, caplog: pytest.LogCaptureFixture
) -> None:
    bench = Bench(database_stores, MemoryReceivers())
    bench.webhooks.add("aa", "https://aa.example/events", EVA)
    bench.happen(0, 1)
    bench.webhooks.add("bb", "https://bb.example/events", EVA)
    bench.happen(1, 1)
    first = bench.webhooks.webhook("aa", EVA).webhook.position
    bench.queue._ledger = BrokenFor(bench.stores.ledger, first)
    assert bench.queue() == 1
    assert "could not be queued" in caplog.text
    bench.queue._ledger = bench.stores.ledger
    assert bench.queue() == 2


@pytest.mark.parametrize("fault", [LocalFault("the secret was not wrapped by this node"), ValueError("particulars")])
def test_a_fault_of_this_node_counts_as_an_attempt_and_ends_as_a_dead_letter(
    database_stores: Stores, fault: Exception
) -> None:
    bench = Bench(database_stores, MemoryReceivers(), clock=JumpingClock(), pause=DAY)
    bench.webhooks.add("one", "https://one.example/events", EVA)

    def fail(envelope: bytes) -> bytes:
        raise fault

    bench.dispatch._keyring = type("Keys", (), {"unwrap": staticmethod(fail)})()
    bench.happen(0, 1)
    bench.queue()
    bench.drive(most=1)
    (delivery,) = bench.webhooks.deliveries("one", EVA)
    assert (delivery.state, delivery.attempts) == (DeliveryState.WAITING, 1)
    assert delivery.answer.startswith("this node could not send the event: ")
    assert "particulars" not in delivery.answer
    bench.drive()
    assert bench.states() == Counter(dead=1)
    assert bench.webhooks.webhook("one", EVA).webhook.reason.endswith(delivery.answer)


def test_a_receiver_that_cannot_be_called_at_all_says_why(database_stores: Stores) -> None:
    bench = Bench(database_stores, MemoryReceivers(), clock=JumpingClock(), pause=DAY)
    bench.receivers.error = ValueError("particulars")
    bench.webhooks.add("one", "https://one.example/events", EVA)
    bench.happen(0, 1)
    bench.queue()
    bench.drive()
    (letter,) = bench.webhooks.deliveries("one", EVA, state=DeliveryState.DEAD)
    assert letter.answer == "this node could not send the event: ValueError, see its log"


def test_a_task_that_was_given_up_elsewhere_leaves_a_dead_letter(database_stores: Stores) -> None:
    bench = Bench(database_stores, MemoryReceivers(), clock=JumpingClock(), pause=DAY)
    bench.webhooks.add("one", "https://one.example/events", EVA)
    bench.happen(0, 2)
    bench.queue()
    worker = bench.worker("first")
    (task,) = worker.lease(1)
    with bench.stores.uow.begin() as tx:
        worker._bury(tx, task, "given up: it took too long")
    view = bench.webhooks.webhook("one", EVA)
    assert (view.webhook.paused, view.dead, view.waiting) == (True, 1, 1)
    (letter,) = bench.webhooks.deliveries("one", EVA, state=DeliveryState.DEAD)
    assert letter.answer == "given up: it took too long"
    bench.webhooks.resume("one", EVA)
    assert bench.webhooks.retry("one", EVA) == 1
    bench.drive()
    assert bench.states() == Counter(delivered=2)


def test_refused_events_do_not_fill_the_line(database_stores: Stores) -> None:
    receivers = Particular(refused=WINDOW)
    bench = Bench(database_stores, receivers, clock=JumpingClock(), pause=DAY)
    bench.webhooks.add("one", "https://one.example/events", EVA)
    bench.happen(0, WINDOW + 5)
    assert bench.queue() == WINDOW
    with bench.stores.uow.begin() as tx:
        for delivery in bench.stores.webhooks.waiting(tx, "one", aside=False, limit=WINDOW):
            course = replace(delivery.course, aside=True)
            bench.stores.webhooks.put_delivery(tx, replace(delivery, course=course))
    assert bench.queue() == 5, "what steps aside leaves room in the line"


def test_the_oldest_of_too_many_refused_events_become_dead_letters(
    database_stores: Stores, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dispatch, "MOST_ASIDE", 3)
    bench = Bench(database_stores, Particular(refused=5), clock=JumpingClock(), pause=DAY)
    bench.webhooks.add("one", "https://one.example/events", EVA)
    bench.happen(0, 7)
    bench.queue()
    bench.drive(most=7)
    letters = bench.webhooks.deliveries("one", EVA, state=DeliveryState.DEAD)
    assert [letter.subject for letter in letters] == ["urn:r1", "urn:r0"]
    assert bench.states() == Counter(waiting=3, delivered=2, dead=2)
    with bench.stores.uow.read() as tx:
        assert len(bench.stores.outbox.live(tx, 100)) == 3, "a dead letter has no task"


def test_dead_letters_that_are_sent_again_leave_the_line_free(database_stores: Stores) -> None:
    bench = Bench(database_stores, Particular(refused=WINDOW), clock=JumpingClock(), pause=DAY)
    bench.webhooks.add("one", "https://one.example/events", EVA)
    bench.happen(0, WINDOW)
    bench.queue()
    with bench.stores.uow.begin() as tx:
        bench.tasks.withdraw(tx, bench.stores.webhooks, "one")
        for delivery in bench.stores.webhooks.waiting(tx, "one", aside=False, limit=WINDOW):
            bench.stores.webhooks.put_delivery(tx, replace(delivery, state=DeliveryState.DEAD))
    assert bench.webhooks.retry("one", EVA) == WINDOW
    bench.happen(WINDOW, 2)
    assert bench.queue() == 2

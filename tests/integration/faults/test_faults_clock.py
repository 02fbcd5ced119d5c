"""Clocks that are set: an hour or a day ahead or back, or a second at a time."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from node.base.clock import WatchedClock, is_younger
from node.base.work import Task
from node.worker.pace import Pace
from node.worker.queue_repair import QueueRepair
from tests.fakes.clock import JumpingClock
from tests.nodes import Pair, Running, agree, ask, if_ended, publish, receive, running, until
from tests.stores import Stores

NOW = datetime(2026, 11, 20, 9, 30, tzinfo=UTC)
SECOND, HOUR, DAY = timedelta(seconds=1), timedelta(hours=1), timedelta(days=1)


@dataclass
class Hand:
    """A clock that stands, and the seconds that pass whatever it says."""

    at: datetime = NOW
    passed: float = 0.0

    def now(self) -> datetime:
        return self.at

    def elapse(self, span: timedelta, *, jump: timedelta = timedelta()) -> None:
        self.at += span + jump
        self.passed += span.total_seconds()


@dataclass
class Queue:
    """A queue with one task in it, under a clock in our hand."""

    stores: Stores
    hand: Hand
    pace: Pace

    def __post_init__(self) -> None:
        self.start()

    def start(self) -> None:
        """A process, which knows nothing of one before it."""
        self.clock = WatchedClock(self.hand, lambda: self.hand.passed)

    def watch(self) -> QueueRepair:
        """What its worker runs now and then."""
        return QueueRepair(
            uow=self.stores.uow,
            outbox=self.stores.outbox,
            clock=self.clock,
            pace=self.pace,
            wake=lambda: None,
        )

    def lease(self, owner: str) -> list[Task]:
        until = self.clock.now() + timedelta(seconds=self.pace.lease)
        with self.stores.uow.begin() as tx:
            return list(self.stores.outbox.lease(tx, owner=owner, now=self.clock.now(), until=until, limit=9))

    def renew(self, task: Task) -> bool:
        with self.stores.uow.begin() as tx:
            until = self.clock.now() + timedelta(seconds=self.pace.lease)
            return self.stores.outbox.renew(tx, task, until=until)

    def done(self, task: Task) -> bool:
        with self.stores.uow.begin() as tx:
            return self.stores.outbox.finish(tx, task)


@pytest.fixture
def queue(stores: Stores) -> Queue:
    with stores.uow.begin() as tx:
        stores.outbox.put(tx, Task(id="one", topic="t", lane="l", subject="s", body=b"", due=NOW))
    return Queue(stores, Hand(), Pace())


class TestLeases:
    @pytest.mark.parametrize("jump", [-HOUR, -DAY])
    def test_a_dead_holders_lease_ends_though_the_clock_was_set_back(self, queue: Queue, jump: timedelta) -> None:
        assert queue.lease("dead")
        watch = queue.watch()
        queue.hand.elapse(SECOND, jump=jump)
        assert watch()
        assert queue.lease("other") == [], "its holder may live, and has not had the time to renew it"
        queue.hand.elapse(timedelta(seconds=queue.pace.lease))
        [taken] = queue.lease("other")
        assert queue.done(taken)

    @pytest.mark.parametrize("jump", [-HOUR, -DAY, -SECOND, SECOND])
    def test_a_living_holder_keeps_its_lease(self, queue: Queue, jump: timedelta) -> None:
        [lease] = queue.lease("holder")
        watch = queue.watch()
        queue.hand.elapse(SECOND, jump=jump)
        for _ in range(9):
            watch()
            assert queue.renew(lease)
            assert queue.lease("other") == []
            queue.hand.elapse(timedelta(seconds=queue.pace.lease / 3))
        assert queue.done(lease)

    @pytest.mark.parametrize("jump", [HOUR, DAY])
    def test_ahead_two_may_work_and_one_concludes(self, queue: Queue, jump: timedelta) -> None:
        [first] = queue.lease("first")
        queue.hand.elapse(SECOND, jump=jump)
        [second] = queue.lease("second")
        assert not queue.renew(first)
        assert not queue.done(first), "what followed from it here would follow twice"
        assert queue.done(second)


class TestPauses:
    @pytest.mark.parametrize("jump", [-HOUR, -DAY])
    def test_no_pause_outlives_the_setting_back(self, queue: Queue, jump: timedelta) -> None:
        watch = queue.watch()
        self.back_off(queue, timedelta(seconds=20))
        queue.hand.elapse(SECOND, jump=jump)
        assert watch() == 1
        assert queue.lease("worker")

    @pytest.mark.parametrize("jump", [HOUR, DAY])
    def test_nor_one_that_was_ahead_between_two_looks(self, queue: Queue, jump: timedelta) -> None:
        watch = queue.watch()
        watch()
        queue.hand.elapse(SECOND, jump=jump)
        self.back_off(queue, timedelta(seconds=20))
        queue.hand.elapse(SECOND, jump=-jump)
        assert watch() == 1
        assert queue.lease("worker")
        assert watch() == 0

    def test_a_process_that_starts_afterwards_finds_it_too(self, queue: Queue) -> None:
        self.back_off(queue, timedelta(seconds=20))
        queue.hand.elapse(SECOND, jump=-DAY)
        queue.start()
        assert queue.watch()() == 1
        assert queue.lease("worker")

    def test_steps_of_a_second_change_nothing(self, queue: Queue) -> None:
        watch = queue.watch()
        self.back_off(queue, HOUR)
        for step in (-SECOND, SECOND, -SECOND, -SECOND):
            queue.hand.elapse(timedelta(seconds=10), jump=step)
            assert watch() == 0, "the peer has asked for an hour"
        assert queue.lease("worker") == []

    def back_off(self, queue: Queue, pause: timedelta) -> None:
        [task] = queue.lease("worker")
        with queue.stores.uow.begin() as tx:
            assert queue.stores.outbox.retry(tx, task, due=queue.clock.now() + pause, error="away")


def test_what_seems_to_be_of_the_future_is_not_fresh() -> None:
    """A status list that was fetched before the clock went back would hide a revocation for a day."""
    assert is_younger(NOW, NOW + SECOND, 2 * SECOND)
    assert is_younger(NOW, NOW, SECOND)
    assert not is_younger(NOW, NOW + SECOND, SECOND)
    assert not is_younger(NOW, NOW - DAY, 60 * SECOND)


# ---- nodes --------------------------------------------------------------------------------------------------------


@dataclass
class Company(Pair):
    """A provider and a consumer, each with a clock of its own."""

    provider_clock: JumpingClock
    consumer_clock: JumpingClock

    def set_both(self, by: timedelta) -> None:
        self.provider_clock.by = self.consumer_clock.by = by


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory, sqlite_template: Path) -> Iterator[Company]:
    home = tmp_path_factory.mktemp("clocks")
    ours, theirs = JumpingClock(), JumpingClock()
    quick: dict[str, Any] = {"template": sqlite_template, "lease_seconds": 1}
    with (
        running(home / "provider", options={"clock": ours}, **quick) as provider,
        running(home / "consumer", options={"clock": theirs}, **quick) as consumer,
    ):
        yield Company(provider, consumer, ours, theirs)


@pytest.fixture
def company(both: Company) -> Iterator[Company]:
    yield both
    both.set_both(timedelta())


def test_a_process_without_a_worker_puts_right_what_it_has_put_off(tmp_path: Path, sqlite_template: Path) -> None:
    """``hansa serve --no-worker``: the worker's process has not seen that the clock was ahead."""
    clock = JumpingClock()
    options = {"clock": clock, "with_worker": False}
    with running(tmp_path / "doors", options=options, template=sqlite_template, lease_seconds=1) as doors:
        stores, told = doors.node.parts.stores, doors.node.parts.clock
        clock.by = HOUR / 2
        task = Task(id="ahead", topic="t", lane="l", subject="s", body=b"", due=told.now())
        clock.by = timedelta()
        with stores.uow.begin() as tx:
            stores.outbox.put(tx, task)

        def soon() -> bool:
            with stores.uow.read() as tx:
                now = datetime.now(UTC) + timedelta(minutes=1)
                found = stores.outbox.due(tx, now=now, limit=9, busy=set(), lanes_blocked=[], topics_blocked=[])
            return [one.id for one in found] == ["ahead"]

        until("it is put right", lambda: soon() or None)


def asked(company: Company) -> tuple[int, str]:
    """What the provider answers to a token that the consumer makes now."""
    with company.provider.http(headers=company.consumer.as_participant(company.provider)) as client:
        answer = client.post(
            f"{company.provider.dsp}/catalog/request",
            json={
                "@context": ["https://w3id.org/dspace/2025/1/context.jsonld"],
                "@type": "CatalogRequestMessage",
            },
        )
        return answer.status_code, answer.text


@pytest.mark.parametrize("jump", [-DAY, -HOUR, -40 * SECOND, 340 * SECOND, HOUR, DAY])
def test_tokens_of_another_time_are_refused_with_the_reason(company: Company, jump: timedelta) -> None:
    assert asked(company)[0] == 200
    company.provider_clock.by = jump
    status, words = asked(company)
    assert status == 401
    assert "clock" in words
    company.provider_clock.by = timedelta()
    assert asked(company)[0] == 200


@pytest.mark.parametrize("jump", [-20 * SECOND, 20 * SECOND, 320 * SECOND])
def test_clocks_that_differ_by_less_than_half_a_minute_do_no_harm(company: Company, jump: timedelta) -> None:
    """A token holds for five minutes, and half a minute longer: a sender may be behind by as much."""
    company.provider_clock.by = jump
    assert asked(company)[0] == 200


def test_a_condition_holds_by_the_clocks_word(company: Company) -> None:
    """Neither early nor late: what may be used until a day may be on that day, and not on the next."""
    last = (datetime.now(UTC) + DAY).isoformat(timespec="seconds").replace("+00:00", "Z")
    dated = {"leftOperand": "dateTime", "operator": "lteq", "rightOperand": {"@value": last, "@type": "xsd:dateTime"}}
    conditions = {"permission": [{"action": "use", "constraint": [dated]}]}
    iri = publish(company.provider, "dated", conditions=conditions)["iri"]
    agreement = agree(company.consumer, iri)["agreementId"]
    assert receive(company.consumer, agreement)["state"] == "COMPLETED"
    company.set_both(3 * DAY)
    refused = receive(company.consumer, agreement)
    assert refused["state"] == "TERMINATED", refused
    company.set_both(-DAY)
    assert receive(company.consumer, agreement)["state"] == "COMPLETED"


def test_negotiations_go_on_while_the_clocks_step(company: Company) -> None:
    """Corrections of a second, at both ends and in both directions, all the time."""
    iri = publish(company.provider, "stepping")["iri"]
    ended = threading.Event()

    def step() -> None:
        number = 0
        while not ended.wait(0.01):
            number += 1
            company.provider_clock.by = SECOND * (number % 2)
            company.consumer_clock.by = -SECOND * (number % 3 - 1)

    stepping = threading.Thread(target=step)
    stepping.start()
    try:
        agreement = agree(company.consumer, iri)
        assert agreement["state"] == "FINALIZED"
        assert receive(company.consumer, agreement["agreementId"])["state"] == "COMPLETED"
    finally:
        ended.set()
        stepping.join()


@pytest.mark.parametrize("jump", [-DAY, -HOUR, DAY])
def test_messages_that_back_off_are_sent_after_a_jump(company: Company, jump: timedelta) -> None:
    """The provider refuses the consumer's tokens until its clock is set as well; what waits meanwhile does not wait
    for the old time to come again."""
    iri = publish(company.provider, f"jump-{jump.total_seconds():.0f}".replace("--", "-back-"))["iri"]
    company.provider_clock.by = jump
    pid = ask(company.provider, company.consumer, iri)
    until("it backs off", lambda: _last_error(company.consumer, pid))
    company.consumer_clock.by = jump
    with company.consumer.client() as client:
        ended = until("it ends", lambda: if_ended(client.negotiation(pid, wait=5)), 60)
    if jump > timedelta():
        assert ended["state"] == "FINALIZED"
    else:
        # An agreement that is dated before its negotiation began is refused, and both sides end with that reason.
        assert ended["state"] == "TERMINATED"
        assert "ContractAgreementMessage was refused" in str(ended["reason"])
    with company.provider.client() as client:
        until("both sides have ended", lambda: client.negotiation(ended["peerPid"])["state"] == ended["state"])
    assert agree(company.consumer, iri)["state"] == "FINALIZED", "what begins now is of this time"


def _last_error(node: Running, pid: str) -> str | None:
    stores = node.node.parts.stores
    with stores.uow.read() as tx:
        waiting = stores.outbox.next_due(tx)
        error = tx.connection.execute(text("SELECT last_error FROM outbox WHERE subject = :pid"), {"pid": pid})
        found = error.scalar_one_or_none()
    return str(found) if found and waiting else None

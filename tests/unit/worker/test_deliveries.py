"""How long a message waits that a peer does not take yet."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from node.base.delivery import LONGEST_WAIT
from node.base.errors import PeerUnreachable
from node.base.jsons import canonical
from node.base.work import Task
from node.worker.deliveries import PASSING, PeerAnswer, SendMessages
from node.worker.loop import Pace, Worker
from node.worker.outcomes import Again, Done, Outcome
from tests.fakes.stores.work import MemoryOutbox, MemoryUnitOfWork

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)


class At:
    def now(self) -> datetime:
        return NOW


def task() -> Task:
    body = {"@type": "ContractRequestMessage", "@id": "urn:m", "consumerPid": "urn:c"}
    headers = {
        "url": "https://x.example",
        "message": "ContractRequestMessage",
        "process": "contract negotiation",
        "peer": "did:web:x.example",
    }
    return Task(
        id="urn:m", topic="dsp", lane="x", subject="urn:c", body=canonical(body), headers=headers, due=NOW, attempts=1
    )


class Takes:
    """Use cases that take whatever they are told."""

    def hold(self, *_: Any) -> None: ...
    def record_acknowledgement(self, *_: Any) -> None: ...
    def record_refusal(self, *_: Any) -> None: ...
    def overheard(self, *_: Any) -> None: ...


def outcome_of(answer: PeerAnswer) -> Outcome:
    """What comes of the message where the peer answers so."""

    async def post(url: str, body: bytes, *, audience: str) -> PeerAnswer:
        return answer

    send = SendMessages(post=post, protocols={"contract negotiation": Takes()}, clock=At())
    return asyncio.run(send(task()))


@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize(
    ("retry_after", "seconds"),
    [
        ("60", 60),
        (" 7 ", 7),
        ("0", 0),
        ("Fri, 20 Nov 2026 12:02:00 GMT", 120),
        ("Fri, 20 Nov 2026 11:00:00 GMT", 0),
        ("999999999999999999999", LONGEST_WAIT),
        ("Fri, 20 Nov 2099 12:00:00 GMT", LONGEST_WAIT),
        ("-5", 0),
        ("1.5", 0),
        ("soon", 0),
        ("Fri, 20 Nov 2026 12:02:00 -0000", 0),
        ("", 0),
        (None, 0),
    ],
)
def test_a_peer_says_when_to_come_again(status: int, retry_after: str | None, seconds: float) -> None:
    outcome = outcome_of(PeerAnswer(status, b"{}", retry_after))
    assert outcome == Again(f"the peer answered {status}", at_least=seconds)


def test_other_answers_do_not_say_it() -> None:
    assert outcome_of(PeerAnswer(500, b"{}", "60")) == Again("the peer answered 500")
    assert isinstance(outcome_of(PeerAnswer(400, b"{}", "60")), Done)


def concluded(outcome: Outcome, attempts: int = 1) -> Task | None:
    """The task as the worker leaves it in the outbox."""
    uow, outbox = MemoryUnitOfWork(), MemoryOutbox()
    worker = Worker(uow=uow, outbox=outbox, handlers={}, clock=At(), instance="w", pace=Pace())
    with uow.begin() as tx:
        outbox.put(tx, task())
        [leased] = outbox.lease(tx, owner="w", now=NOW, until=NOW + timedelta(minutes=1), limit=1)
    worker.conclude(replace(leased, attempts=attempts), outcome)
    with uow.read() as tx:
        due = outbox.next_due(tx)
        if due is None:
            return None
        [again] = outbox.due(tx, now=due, limit=1, busy=())
        return replace(again, due=due)


def test_the_wait_is_kept_and_no_shorter_than_the_usual_one() -> None:
    waiting = concluded(Again("later", at_least=60))
    assert waiting is not None
    assert waiting.due == NOW + timedelta(seconds=60)
    late = concluded(Again("later", at_least=1), attempts=100)
    assert late is not None
    assert late.due >= NOW + timedelta(seconds=15)


def test_a_peer_that_always_asks_for_patience_is_given_up_too() -> None:
    attempts, waited = 1, timedelta()
    while (left := concluded(Again("later", at_least=LONGEST_WAIT), attempts)) is not None:
        waited += left.due - NOW
        attempts = left.attempts + 1
        assert waited < 2 * Pace().give_up_after
    assert waited > Pace().give_up_after / 2


def test_a_peer_that_is_silent_says_nothing() -> None:
    async def post(url: str, body: bytes, *, audience: str) -> PeerAnswer:
        raise PeerUnreachable("nobody there")

    send = SendMessages(post=post, protocols={}, clock=At())
    assert asyncio.run(send(task())) == Again("nobody there", lane_down=True)


@pytest.mark.parametrize(("retry_after", "refused"), [("2", False), (None, True)])
def test_what_has_crossed_waits_and_what_is_refused_ends(retry_after: str | None, refused: bool) -> None:
    """A 409 that says when to come again asks for patience; another one is a refusal, if it is said often enough."""

    async def post(url: str, body: bytes, *, audience: str) -> PeerAnswer:
        return PeerAnswer(409, b"{}", retry_after)

    send = SendMessages(post=post, protocols={"contract negotiation": Takes()}, clock=At())
    outcomes = [asyncio.run(send(task())) for _ in range(PASSING[409])]
    assert isinstance(outcomes[-1], Done) is refused
    assert all(isinstance(one, Again) for one in outcomes[:-1])
    if not refused:
        assert [one.at_least for one in outcomes if isinstance(one, Again)] == [2.0] * PASSING[409]


@pytest.mark.parametrize(("status", "longer_than"), [(401, 15), (404, 15), (409, 60), (423, 60)])
def test_a_peer_that_holds_its_process_is_asked_for_longer_than_the_lease_of_a_minute(
    status: int, longer_than: int
) -> None:
    """EDC on PostgreSQL keeps its lease of 60 seconds after a message that it has refused."""

    async def post(url: str, body: bytes, *, audience: str) -> PeerAnswer:
        return PeerAnswer(status, b"{}", None)

    send = SendMessages(post=post, protocols={"contract negotiation": Takes()}, clock=At())
    waited = 0.0
    while isinstance(outcome := asyncio.run(send(task())), Again):
        assert outcome.after is not None
        waited += outcome.after
    assert isinstance(outcome, Done)
    assert longer_than < waited < longer_than + 5

"""Notices to peers: their subjects say what the peer answered, and that it could not be reached for good."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from node.base.clock import SystemClock
from node.base.delivery import PeerAnswer
from node.base.errors import ForbiddenAddress, HansaError, PeerUnreachable
from node.base.work import Task, Transaction
from node.worker.loop import Pace, Worker
from node.worker.notifications import NoticeHandler
from tests.fakes.stores.work import MemoryOutbox, MemoryUnitOfWork

CLOCK = SystemClock()
HEADERS = {"url": "https://peer.example/notices", "peer": "did:web:peer.example"}
MANY = 100_000
"""More attempts than a task has before it is given up."""


class Notes:
    """What was noted: (subject, refusal)."""

    def __init__(self) -> None:
        self.answers: list[tuple[str, str]] = []

    def note_answer(self, tx: Transaction, subject: str, *, refusal: str = "") -> None:
        self.answers.append((subject, refusal))


def notes_after(
    outcome: PeerAnswer | HansaError, *, attempts: int = 1, is_lost: bool = False
) -> list[tuple[str, str]]:
    """Return what is noted of a notice after an attempt; ``is_lost``: another worker has leased it meanwhile."""

    async def post(url: str, body: bytes, *, audience: str) -> PeerAnswer:
        assert (url, audience) == (HEADERS["url"], HEADERS["peer"])
        if isinstance(outcome, HansaError):
            raise outcome
        return outcome

    uow, outbox, notes = MemoryUnitOfWork(), MemoryOutbox(), Notes()
    handler = NoticeHandler(post, notes, lambda status, body: f"{status} {body.decode()}")
    worker = Worker(uow=uow, outbox=outbox, handlers={"question": handler}, clock=CLOCK, instance="w", pace=Pace())
    now = CLOCK.now()
    later = now + timedelta(minutes=1)
    with uow.begin() as tx:
        outbox.put(tx, Task(id="t", topic="question", lane="p", subject="q", body=b"", headers=HEADERS, due=now))
        [task] = outbox.lease(tx, owner="w", now=now, until=later, limit=1)
        if is_lost:
            outbox.lease(tx, owner="another", now=later, until=later + timedelta(minutes=1), limit=1)
    worker.conclude(replace(task, attempts=attempts), asyncio.run(worker.handle(task)))
    return notes.answers


def test_the_answer_of_the_peer_is_noted() -> None:
    assert notes_after(PeerAnswer(204, b"", None)) == [("q", "")]
    assert notes_after(PeerAnswer(404, b"no such asset", None)) == [("q", "404 no such asset")]


@pytest.mark.parametrize(
    "outcome", [PeerAnswer(500, b"", None), PeerAnswer(429, b"", None), PeerUnreachable("it is down")]
)
def test_nothing_is_noted_while_it_is_tried_again(outcome: PeerAnswer | HansaError) -> None:
    assert notes_after(outcome) == []


def test_a_notice_that_cannot_be_sent_is_noted_as_such() -> None:
    assert notes_after(ForbiddenAddress("the address is private")) == [("q", "the address is private")]


def test_a_notice_that_is_given_up_is_noted_as_such() -> None:
    assert notes_after(PeerUnreachable("it is down"), attempts=MANY) == [("q", "given up: it is down")]


def test_a_worker_that_lost_its_task_notes_nothing() -> None:
    assert notes_after(ForbiddenAddress("the address is private"), is_lost=True) == []

"""Many who need a transfer at once open one, and none waits for the patience of another."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from node.base.errors import Conflict
from node.dialogue.process import Role
from node.transfer import machine
from node.transfer.model import Transfer
from node.transfer.openings import Openings, is_open, is_over

NOW = datetime(2026, 11, 20, 9, 30, tzinfo=UTC)
REQUESTED = Transfer(
    pid="urn:uuid:1",
    role=Role.CONSUMER,
    peer="did:web:ghent.example",
    peer_pid="urn:uuid:2",
    version="2025-1",
    peer_address="https://ghent.example",
    state=machine.REQUESTED,
    created=NOW,
    updated=NOW,
    agreement="urn:uuid:a",
    dataset="urn:x:trees",
    format="hz:TableQuery",
)
STARTED = replace(REQUESTED, state=machine.STARTED, data_address={"endpoint": "https://ghent.example/query/1"})
CALLERS = 64


class Provider:
    """Both sides of the transfers, and the watch of the consumer: the provider acts when all callers wait."""

    def __init__(self, answer: Transfer = STARTED, *, callers: int = CALLERS) -> None:
        self.answer = answer
        self.callers = callers
        self.current: Transfer | None = None
        self.requests = 0
        self.waiting = 0
        self.all_wait = asyncio.Event()

    def find(self) -> Transfer | None:
        return None if self.current is None or is_over(self.current) else self.current

    def request(self) -> Transfer:
        self.requests += 1
        self.current = REQUESTED
        return REQUESTED

    def read(self, pid: str) -> Transfer | None:
        assert pid == REQUESTED.pid
        return self.current

    @contextmanager
    def watch(self, pid: str) -> Iterator[Provider]:
        yield self

    async def wait(self, seconds: float) -> None:
        self.waiting += 1
        if self.waiting == self.callers:
            self.current = self.answer
            self.all_wait.set()
        await self.all_wait.wait()

    async def open(self, openings: Openings) -> Transfer:
        return await openings.open("key", find=self.find, request=self.request, read=self.read)


@pytest.mark.parametrize(
    "answer", [STARTED, replace(REQUESTED, state=machine.SUSPENDED), replace(REQUESTED, state=machine.TERMINATED)]
)
async def test_many_get_the_answer_to_one_request(answer: Transfer) -> None:
    provider = Provider(answer)
    openings = Openings(watch=provider.watch, patience=60)
    assert await asyncio.gather(*(provider.open(openings) for _ in range(CALLERS))) == [answer] * CALLERS
    assert provider.requests == 1


async def test_an_open_one_is_used_and_an_ended_one_replaced() -> None:
    provider = Provider(callers=1)
    openings = Openings(watch=provider.watch, patience=60)
    provider.current = STARTED
    assert is_open(await provider.open(openings))
    assert provider.requests == 0
    provider.current = replace(REQUESTED, state=machine.TERMINATED)
    assert is_open(await provider.open(openings))
    assert provider.requests == 1


async def test_one_without_an_address_is_not_open_yet() -> None:
    provider = Provider(callers=1)
    provider.current = replace(STARTED, data_address=None)
    assert is_open(await provider.open(Openings(watch=provider.watch, patience=60)))
    assert provider.waiting == 1


async def test_one_that_is_not_started_in_time_is_returned_as_it_is() -> None:
    provider = Provider()
    assert await provider.open(Openings(watch=provider.watch, patience=0)) == REQUESTED


async def test_a_refused_request_leaves_nothing_behind() -> None:
    provider = Provider(callers=1)
    openings = Openings(watch=provider.watch, patience=60)

    def refuse() -> Transfer:
        raise Conflict("the agreement has ended")

    with pytest.raises(Conflict):
        await openings.open("key", find=provider.find, request=refuse, read=provider.read)
    gc.collect()
    assert not openings._locks
    assert is_open(await provider.open(openings))

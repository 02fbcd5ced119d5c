"""The token of live data is renewed: of two processes that do, the newer token stays; nothing is left behind."""

from __future__ import annotations

import asyncio
import gc
import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from node.base.errors import Conflict, NotAllowed, Unauthenticated
from node.base.work import Transaction
from node.identity.model import Caller, UserRole
from node.transfer.addresses import live_address
from node.transfer.live.access import LiveAccess, OpenAddress
from node.transfer.model import Transfer
from node.vocab.dsp import LIVE
from tests.fakes.clock import FixedClock
from tests.fakes.stores.transfer import MemoryTransferStore
from tests.fakes.stores.work import MemoryUnitOfWork
from tests.unit.transfer.test_openings import STARTED

NOW = datetime(2026, 11, 20, 9, 30, tzinfo=UTC)
BY = Caller(did="did:web:plzen.example", account="els", roles=frozenset(UserRole))
PID = "urn:uuid:1"


def address(token: str, seconds: float = 0) -> dict[str, Any]:
    expires = NOW + timedelta(hours=1, seconds=seconds)
    return live_address("https://ghent.example", PID, token=token, expires=expires)


class World:
    """A started transfer, and a provider whose answers are ``answers``; ``meanwhile`` runs while it answers."""

    def __init__(self, *answers: dict[str, Any]) -> None:
        self.answers = list(answers)
        self.meanwhile: Callable[[], None] = lambda: None
        self.work, self.transfers = MemoryUnitOfWork(), MemoryTransferStore()
        with self.work.begin() as tx:
            self.transfers.add(tx, replace(STARTED, format=LIVE, data_address=address("first", -3000)))
        conversation: Any = self
        plane: Any = self
        self.access = LiveAccess(
            self.work,
            transfers=self.transfers,
            conversation=conversation,
            plane=plane,
            token_for=self.proof,
            clock=FixedClock(NOW),
        )

    async def proof(self, peer: str) -> str:
        return f"proof for {peer}"

    async def document(self, endpoint: str, *, authorization: str, method: str) -> bytes:
        answer = self.answers.pop(0)
        self.meanwhile()
        return json.dumps(answer).encode()

    def amend(self, tx: Transaction, transfer: Transfer, *, data_address: Mapping[str, Any]) -> Transfer:
        changed = replace(transfer, data_address=dict(data_address), revision=transfer.revision + 1)
        self.transfers.save(tx, changed)
        return changed

    def store(self, data_address: dict[str, Any]) -> None:
        """Store an address as another process does."""
        with self.work.begin() as tx:
            transfer = self.transfers.get(tx, PID)
            assert transfer is not None
            self.amend(tx, transfer, data_address=data_address)

    def stored_address(self) -> str:
        with self.work.read() as tx:
            transfer = self.transfers.get(tx, PID)
        assert transfer is not None
        return json.dumps(transfer.data_address)


async def test_an_old_token_is_renewed_once_for_many_and_leaves_no_lock() -> None:
    world = World(address("second"))
    answers = await asyncio.gather(*(world.access(PID, BY) for _ in range(64)))
    assert {answer.authorization for answer in answers} == {"Bearer second"}
    gc.collect()
    assert not world.access._locks


@pytest.mark.parametrize(("own", "other", "newest"), [(1, 2, "other"), (2, 1, "own")])
async def test_of_two_processes_that_renew_the_newer_token_stays(own: int, other: int, newest: str) -> None:
    world = World(address("own", own))
    world.meanwhile = lambda: world.store(address("other", other))
    answer = await world.access(PID, BY)
    assert answer.authorization == f"Bearer {newest}"
    assert newest in world.stored_address()


async def test_where_nothing_tells_which_is_newer_it_is_renewed_again() -> None:
    world = World(address("own", 1), address("third", 1))
    world.meanwhile = lambda: world.store(address("other", 1)) if world.answers else None
    answer = await world.access(PID, BY)
    assert answer.authorization == "Bearer third"
    assert "third" in world.stored_address()


async def test_others_that_renew_without_end_are_a_conflict() -> None:
    world = World(*(address(f"own{number}", 1) for number in range(9)))
    world.meanwhile = lambda: world.store(address(f"other{len(world.answers)}", 1))
    with pytest.raises(Conflict):
        await world.access(PID, BY)


async def test_many_whose_token_is_refused_renew_it_once() -> None:
    world = World(address("second", 60), address("third", 61))
    world.store(address("lost", 0))
    everyone, refusals = asyncio.Event(), 0

    async def read(open_address: OpenAddress) -> str:
        nonlocal refusals
        if open_address.authorization == "Bearer lost":
            refusals += 1
            if refusals == 64:
                everyone.set()
            await everyone.wait()
            raise Unauthenticated("the token is no longer valid")
        return open_address.authorization

    answers = await asyncio.gather(*(world.access.use(PID, BY, read) for _ in range(64)))
    assert set(answers) == {"Bearer second"}
    assert len(world.answers) == 1, "one renewal served all"


async def test_a_provider_that_takes_no_token_is_not_our_caller_who_has_to_sign_in() -> None:
    world = World(address("second", 60))
    world.store(address("lost", 0))

    async def read(open_address: OpenAddress) -> str:
        raise Unauthenticated("no valid token")

    with pytest.raises(NotAllowed, match="does not take this node's token: no valid token"):
        await world.access.use(PID, BY, read)
    assert not world.answers

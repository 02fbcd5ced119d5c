"""Streams are described: what they have taken stays theirs."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from node.base.clock import SystemClock
from node.base.work import Transaction
from node.datasources.streams.model import Stream
from node.datasources.streams.register import StreamDescription, Streams
from node.identity.model import ALL_ROLES, Caller
from tests.fakes.stores.streams import MemoryStreamStore
from tests.fakes.stores.work import MemoryUnitOfWork
from tests.unit.datasources.test_intake import SCHEMA

EVA = Caller(did="did:web:x", account="eva", roles=ALL_ROLES)
DESCRIPTION = StreamDescription(schema=SCHEMA)


class Together(MemoryStreamStore):
    """A store in which another process makes the stream, and fills it, between a look and what follows it."""

    def get(self, tx: Transaction, name: str, *, lock: bool = False) -> Stream | None:
        before = super().get(tx, name, lock=lock)
        if before is None:
            streams = Streams(MemoryUnitOfWork(), MemoryStreamStore(), append=_append, clock=SystemClock())
            self.put(tx, replace(streams.describe(name, DESCRIPTION, EVA), last=12))
        return before


def _append(*_: Any) -> None:
    """The ledger of these tests keeps nothing."""


def test_two_processes_that_make_a_stream_at_once_make_one() -> None:
    uow = MemoryUnitOfWork()
    streams = Streams(uow, Together(), append=_append, clock=SystemClock())
    described = streams.describe("counters", replace(DESCRIPTION, most=5), EVA)
    assert (described.last, described.most) == (12, 5), "the numbers go on"
    with uow.read() as tx:
        assert MemoryStreamStore().get(tx, "counters") == described

"""Who is blocked is remembered, and a block or its end acts at once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from node.adapters.sql.engine import connect
from node.adapters.sql.node_state import SqlMetaStore
from node.adapters.sql.schema import metadata
from node.adapters.sql.work import SqlUnitOfWork
from node.base.clock import SystemClock
from node.base.errors import NotAllowed
from node.base.work import Transaction
from node.identity.blocks import Blocks
from node.identity.model import Caller
from node.identity.roles import UserRole

OTHER = "did:web:other.example"
OPERATOR = Caller(did="did:web:me.example", account="anna", roles=frozenset(UserRole))


class Notes(SqlMetaStore):
    """Counts how often it is read, and does something in the middle of the next reading."""

    def __init__(self) -> None:
        self.read = 0
        self.meanwhile: Callable[[], object] | None = None

    def get(self, tx: Transaction, key: str) -> str | None:
        self.read += 1
        value = super().get(tx, key)
        meanwhile, self.meanwhile = self.meanwhile, None
        if meanwhile is not None:
            meanwhile()
        return value


@pytest.fixture
def uow(tmp_path: Path) -> Iterator[SqlUnitOfWork]:
    engine = connect(f"sqlite:///{tmp_path / 'x.sqlite'}")
    metadata.create_all(engine)
    unit = SqlUnitOfWork(engine)
    yield unit
    unit.close()


def blocks_of(uow: SqlUnitOfWork, notes: Notes, *, alone: bool) -> Blocks:
    def append(*_: object, **__: object) -> object:
        return None

    return Blocks(uow, notes, append, SystemClock(), me="did:web:me.example", alone=alone)  # type: ignore[arg-type]


async def test_it_is_read_once_until_it_changes(uow: SqlUnitOfWork) -> None:
    notes = Notes()
    blocks = blocks_of(uow, notes, alone=True)
    for _ in range(5):
        await blocks.require_welcome(OTHER)
    assert notes.read == 1
    blocks.block(OTHER, "unpaid", OPERATOR)
    for _ in range(2):
        with pytest.raises(NotAllowed):
            await blocks.require_welcome(OTHER)
    blocks.unblock(OTHER, OPERATOR)
    await blocks.require_welcome(OTHER)


async def test_what_was_read_before_a_block_is_not_remembered(uow: SqlUnitOfWork) -> None:
    notes = Notes()
    blocks = blocks_of(uow, notes, alone=True)
    notes.meanwhile = lambda: blocks.block(OTHER, "unpaid", OPERATOR)
    await blocks.require_welcome(OTHER)  # It had begun before.
    with pytest.raises(NotAllowed):
        await blocks.require_welcome(OTHER)


async def test_other_processes_may_change_it_at_any_time(uow: SqlUnitOfWork) -> None:
    here, there = blocks_of(uow, Notes(), alone=False), blocks_of(uow, Notes(), alone=False)
    await here.require_welcome(OTHER)
    there.block(OTHER, "unpaid", OPERATOR)
    with pytest.raises(NotAllowed):
        await here.require_welcome(OTHER)

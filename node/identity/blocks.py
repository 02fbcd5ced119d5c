"""Participants that this node has blocked, until a person unblocks them.

Every request of a blocked participant is refused with the reason that a person gave. Nothing else changes:
agreements and received data stay. All blocks are stored as one text, since there are few.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from anyio.to_thread import run_sync

from node.base.clock import Clock, moment, stamp
from node.base.errors import Conflict, InvalidInput, NotAllowed, NotFound
from node.base.jsons import canonical, read_object
from node.base.plaintext import word
from node.base.turns import taken_in_turn
from node.base.work import Transaction, UnitOfWork
from node.identity.model import Caller
from node.identity.ports import Notes
from node.identity.roles import UseCase, require
from node.ledger.model import EntryKind
from node.ledger.ports import Append

_KEY: Final = "blocked participants"
LONGEST_REASON: Final = 500

Suspend = Callable[[Transaction, str, str], int]
"""Suspends all active transfers with a DID, for a reason, in the caller's transaction; returns how many."""


def _nothing_runs(tx: Transaction, did: str, reason: str) -> int:
    return 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """A blocked participant, with reason, moment and person."""

    did: str
    reason: str
    at: datetime
    by: str

    def to_json(self) -> dict[str, Any]:
        return {"did": self.did, "reason": self.reason, "at": stamp(self.at), "by": self.by}


class Blocks:
    """The blocked participants. Every message needs them, so they are cached if no other process can change them."""

    def __init__(
        self, uow: UnitOfWork, notes: Notes, append: Append, clock: Clock, *, me: str, alone: bool = False
    ) -> None:
        """``alone``: no other process commits to the database of this node."""
        self._alone = alone
        self._remembered: dict[str, Block] | None = None
        self._changes = 0
        self._lock = threading.Lock()
        self._uow = uow
        self._notes = notes
        self._append = append
        self._clock = clock
        self._me = me

    def all(self) -> list[Block]:
        """Return all blocks, ordered by DID."""
        with self._uow.read() as tx:
            return [block for _, block in sorted(self._read_all(tx).items())]

    async def require_welcome(self, did: str) -> None:
        """Raises ``NotAllowed``, with the reason, if ``did`` is blocked."""
        block = await self._of(did)
        if block is not None:
            raise NotAllowed(
                f"this node has blocked you: {block.reason}",
                remedy="contact the operator of this node",
                facts={"blocked": stamp(block.at)},
            )

    async def require_not_blocked(self, did: str) -> None:
        """Raises ``Conflict`` if we have blocked ``did``: then this node does not contact it either."""
        block = await self._of(did)
        if block is not None:
            raise Conflict(
                f"this node has blocked {did}: {block.reason}",
                remedy=f"to unblock it: hansa member unblock {word(did)}",
                facts={"blocked": stamp(block.at)},
            )

    @taken_in_turn
    def block(self, did: str, reason: str, by: Caller, suspend: Suspend = _nothing_runs) -> tuple[Block, int]:
        """Block ``did`` from now on, and ``suspend`` what runs with it; return the block and how much was suspended.

        Both happen in one transaction: a running read that is refused finds its transfer suspended, and can go on
        when the block is gone.

        Raises ``NotAllowed``, ``InvalidInput`` for a missing reason or our own DID, ``Conflict`` if it is blocked
        already.
        """
        require(by, UseCase.BLOCK)
        why = " ".join(reason.split())[:LONGEST_REASON]
        if not why:
            raise InvalidInput("a block needs a reason: the other side reads it", remedy="give one with --reason")
        if did == self._me or not did.startswith("did:"):
            raise InvalidInput(f"{did[:200]} is not the DID of another participant")
        block = Block(did=did, reason=why, at=self._clock.now(), by=by.name)
        with self._uow.begin() as tx:
            blocks = self._read_all(tx)
            if did in blocks:
                raise Conflict(f"{did} is blocked already")
            self._keep(tx, {**blocks, did: block})
            self._append(tx, EntryKind.MEMBERSHIP, did, by.name, {"event": "blocked", "reason": why})
            return block, suspend(tx, did, why)

    def unblock(self, did: str, by: Caller) -> Block:
        """Unblock ``did``. Raises ``NotAllowed``, and ``NotFound`` if it is not blocked."""
        require(by, UseCase.BLOCK)
        with self._uow.begin() as tx:
            blocks = self._read_all(tx)
            if did not in blocks:
                raise NotFound(f"{did[:200]} is not blocked")
            self._keep(tx, {name: block for name, block in blocks.items() if name != did})
            self._append(tx, EntryKind.MEMBERSHIP, did, by.name, {"event": "unblocked"})
        return blocks[did]

    async def _of(self, did: str) -> Block | None:
        remembered = self._remembered
        if remembered is not None:
            return remembered.get(did)
        return await run_sync(self._find, did)

    def _find(self, did: str) -> Block | None:
        changes = self._changes
        with self._uow.read() as tx:
            blocks = self._read_all(tx)
        with self._lock:
            # A change may have been committed since the read: then the result must not be cached.
            if self._alone and changes == self._changes:
                self._remembered = blocks
        return blocks.get(did)

    def _forget(self) -> None:
        with self._lock:
            self._changes += 1
            self._remembered = None

    def _read_all(self, tx: Transaction) -> dict[str, Block]:
        note = self._notes.get(tx, _KEY)
        return {} if note is None else {did: _read(did, body) for did, body in read_object(note).items()}

    def _keep(self, tx: Transaction, blocks: Mapping[str, Block]) -> None:
        self._notes.put(tx, _KEY, canonical({did: block.to_json() for did, block in blocks.items()}).decode())
        tx.after_commit(self._forget)


def _read(did: str, body: Mapping[str, Any]) -> Block:
    return Block(did=did, reason=str(body["reason"]), at=moment(str(body["at"])), by=str(body["by"]))

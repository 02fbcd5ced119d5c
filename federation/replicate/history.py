"""Does the history that a node shows continue the history that it showed before?

A head commits to the content of its chain by the root of a Merkle tree (RFC 9162 §2.1). Of each chain the follower
keeps the last head and the peaks of the tree it has read. The next head has to continue both:

- The follower reads the next members and adds them to the peaks; the result must be the root. If there are too many
  members for one page, the node first proves that the new tree begins with the old one.
- At the end of a run that did not reach the head, the node proves that what was read is the beginning of its tree.
- A node of a new epoch was restored from a backup. Its head states how much of the earlier history it kept, and the
  node proves it. If this is less than we had read, it is an announced loss: it is noted, and the chain is read from
  its beginning.

Two heads that contradict each other are a fork (``federation.forks``). Pages that contradict their own head are no
evidence against the node, which may not even have written them: they are rejected, and fetched again.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from federation.cursor import NOTED, Chain, Cursor, SeenHead
from federation.forks import (
    EPOCH_BACK,
    FALSE_CLAIM,
    NO_PROOF,
    NOT_ANNOUNCED,
    SAME_SIZE,
    SHRUNK,
    Fork,
)
from federation.replicate.model import ForkedFeed, HostileFeed
from node.api import Frontier, Head, InvalidInput, consistency_from_json, verify_consistency


@dataclass(frozen=True, slots=True)
class Proof:
    """The answer of a node to the request for a proof; ``answer`` is None if it refused."""

    url: str
    status: int
    answer: dict[str, Any] | None

    def holds(self, old: int, new: int, old_root: bytes, new_root: bytes) -> bool:
        """Return whether the proof shows that the tree of ``new`` members begins with the tree of ``old`` members."""
        if self.answer is None:
            return False
        try:
            proof = consistency_from_json(self.answer)
            if (proof.old, proof.new) != (old, new):
                return False
            verify_consistency(old, new, proof.path, old_root, new_root)
        except InvalidInput:
            return False
        return True

    def to_json(self) -> dict[str, Any]:
        return {"url": self.url, "status": self.status, "answer": self.answer}


Prove = Callable[[str, int, int], Awaitable[Proof]]
"""(address of the proofs, old size, new size) → the node's answer. Raises ``PeerUnreachable``."""


class WrongPages(Exception):
    """The pages do not contain what their head commits to."""


@dataclass(slots=True)
class History:
    """One chain during one run: its new head, and what earlier runs read of the chain."""

    cursor: Cursor
    head: Head
    last_head: SeenHead
    proofs: str
    prove: Prove
    now: Callable[[], datetime]
    announcements: list[dict[str, Any]] = field(default_factory=list)
    """Restarts that this head announced and that lost something we had read."""
    _proven: bool = False

    @property
    def chain(self) -> Chain:
        return self.cursor.chains[self.head.audience]

    async def begin(self) -> None:
        """Compare the new head with the last one. Raises ``ForkedFeed``, ``HostileFeed``, ``PeerUnreachable``."""
        chain = self.cursor.chains.get(self.head.audience)
        last = chain.head if chain else None
        if chain is None or last is None:
            # The first head with a root: of a node that is new here, was older, or whose history was accepted.
            self.cursor.begin(self.head.audience)
            self._continue()
            return
        chain.proofs = self.proofs
        if self.head.epoch < last.epoch:
            if self.head.at > last.at:
                self._fork(EPOCH_BACK, last)
            raise HostileFeed(f"the feed has gone back from epoch {last.epoch} to epoch {self.head.epoch}")
        if self.head.epoch > last.epoch:
            await self._new_epoch(last)
            return
        if self.head.size < last.size:
            if self.head.at > last.at:
                self._fork(SHRUNK, last)
            raise HostileFeed(f"the feed has gone back: it had {last.size} members, now it has {self.head.size}")
        if self.head.size == last.size:
            if self.last_head.root != last.root:
                self._fork(SAME_SIZE, last)
            self._continue()
        elif chain.frontier.size != last.size or chain.frontier.root != last.root:
            await self._require_proof(last)

    async def take(self, first: int, leaves: Sequence[bytes]) -> Frontier:
        """Return the frontier after a page with ``leaves`` from position ``first`` on.

        Raises ``WrongPages`` if it is not what the head commits to, ``ForkedFeed`` if the head does not continue the
        last one.
        """
        read = self.chain.frontier
        if first > read.size:
            raise HostileFeed(f"its pages do not contain the members from {read.size} to {first}")
        grown = read.extend(leaves[read.size - first : max(0, self.head.size - first)])
        complete = grown.size == self.head.size
        if complete and grown.root == self.last_head.root:
            self._continue()
        elif not self._proven and self.chain.head is not None:
            await self._require_proof(self.chain.head)
        if complete and grown.root != self.last_head.root:
            raise WrongPages
        return grown

    async def finish(self) -> None:
        """Check that what was read is the beginning of what the head commits to.

        Raises ``WrongPages`` if it is not; the next run then reads the chain from its beginning.
        """
        read = self.chain.frontier
        if read.size in (0, self.head.size):
            return
        if not self._proven and self.chain.head is not None:
            await self._require_proof(self.chain.head)
        proof = await self.prove(self.proofs, read.size, self.head.size)
        if not proof.holds(read.size, self.head.size, read.root, self.last_head.root):
            self.cursor.begin(self.head.audience, head=self.last_head)
            raise WrongPages

    def _continue(self) -> None:
        """Record that the new head continues the last one; it is the last one from now on."""
        chain, self._proven = self.chain, True
        chain.proofs = self.proofs
        if not self.last_head.says_the_same(chain.head):
            chain.head = self.last_head
        self.cursor.epoch = max(self.cursor.epoch, self.head.epoch)

    async def _require_proof(self, last: SeenHead) -> None:
        proof = await self.prove(self.proofs, last.size, self.head.size)
        if not proof.holds(last.size, self.head.size, last.root, self.last_head.root):
            self._fork(NO_PROOF, last, proof)
        self._continue()

    async def _new_epoch(self, last: SeenHead) -> None:
        kept_size = self.head.kept_since(last.epoch)
        if kept_size is None or kept_size >= last.size:
            # The head states that nothing we had read is lost, or states no loss: nothing may be lost.
            if self.head.size < last.size:
                self._fork(NOT_ANNOUNCED if kept_size is None else FALSE_CLAIM, last)
            proof = await self.prove(self.proofs, last.size, self.head.size)
            if not proof.holds(last.size, self.head.size, last.root, self.last_head.root):
                self._fork(NOT_ANNOUNCED if kept_size is None else FALSE_CLAIM, last, proof)
            self._continue()
            return
        if self.cursor.restarts_since(self.now() - timedelta(days=1)) >= NOTED:
            # Each restart is noted in our ledger, which others must not be able to fill.
            raise HostileFeed(
                f"it restarted its history {NOTED} times within a day; this node reads it again tomorrow"
            )
        claims = [
            restart for restart in self.head.restarts if restart.epoch > last.epoch and restart.size == kept_size
        ]
        proof = await self.prove(self.proofs, kept_size, self.head.size)
        if not all(proof.holds(kept_size, self.head.size, claim.root, self.last_head.root) for claim in claims):
            self._fork(FALSE_CLAIM, last, proof)
        self.announcements.append(
            {
                "audience": self.head.audience,
                "first": last.jws,
                "second": self.last_head.jws,
                "had": last.size,
                "kept": kept_size,
                "epoch": self.head.epoch,
            }
        )
        self.cursor.begin(self.head.audience)
        self._continue()

    def _fork(self, kind: str, last: SeenHead, proof: Proof | None = None) -> None:
        raise ForkedFeed(
            Fork(
                audience=self.head.audience,
                kind=kind,
                first=last.jws,
                second=self.last_head.jws,
                found_at=self.now(),
                proof=proof.to_json() if proof else {},
            )
        )

"""The use cases of the ledger: append, sequence, prove.

Writers only append. One sequencer at a time numbers committed entries and extends the Merkle tree under a signed
checkpoint. So concurrent writers never leave a gap that a view could skip: an entry that commits late gets a late
number, independent of its row.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from functools import partial
from typing import Any

from node.base.clock import Clock
from node.base.errors import InvalidInput, LocalFault, NotFound
from node.base.ids import new_urn
from node.base.jsons import canonical
from node.base.work import Transaction, UnitOfWork
from node.ledger import merkle
from node.ledger.checkpoints import checkpoint_text
from node.ledger.model import Checkpoint, ConsistencyProof, Entry, EntryKind, InclusionProof
from node.ledger.ports import LedgerStore, NoteSigner
from node.ledger.verification import Discrepancy, Trouble, verify_all

__all__ = ["Discrepancy", "LedgerWriter", "Prover", "Sequencer", "Trouble", "verify_all"]


class LedgerWriter:
    """Writes entries (``node.ledger.ports.Append``). ``wake`` is called with each entry after its commit."""

    def __init__(self, store: LedgerStore, clock: Clock, wake: Callable[[Entry], None] | None = None) -> None:
        self._store = store
        self._clock = clock
        self._wake = wake

    def __call__(
        self,
        tx: Transaction,
        kind: EntryKind,
        subject: str,
        by: str,
        body: Mapping[str, Any],
        at: datetime | None = None,
    ) -> Entry:
        """See ``node.ledger.ports.Append``."""
        try:
            content = canonical(body)
        except (ValueError, UnicodeEncodeError) as error:
            raise InvalidInput(f"this cannot be written into the ledger: {error}") from error
        entry = Entry(
            id=new_urn(), kind=kind, subject=subject, at=self._clock.now() if at is None else at, by=by, body=content
        )
        self._store.append(tx, entry)
        if self._wake is not None:
            tx.after_commit(partial(self._wake, entry))
        return entry


class Sequencer:
    """Numbers committed entries and extends the tree.

    Any number of sequencers may run, in any number of processes: the store's lock on the size lets only one run at a
    time, and each sees the result of the one before. A sequencer that dies leaves no partial result.
    """

    def __init__(
        self,
        uow: UnitOfWork,
        store: LedgerStore,
        signer: NoteSigner,
        clock: Clock,
        origin: str,
        *,
        on_checkpoint: Callable[[Checkpoint], None] | None = None,
    ) -> None:
        """``on_checkpoint`` is called with each checkpoint after its commit."""
        self._uow = uow
        self._on_checkpoint = on_checkpoint
        self._store = store
        self._signer = signer
        self._clock = clock
        self._origin = origin

    def run(self, limit: int = 500) -> int:
        """Number up to ``limit`` entries in one transaction. Return how many were numbered; 0: nothing to do."""
        with self._uow.begin() as tx:
            size = self._store.size(tx, lock=True)
            entries = self._store.unsequenced_entries(tx, limit)
            if not entries:
                return 0
            hashes = [merkle.leaf_hash(entry.leaf) for entry in entries]
            nodes, root = merkle.extend(size, reader(self._store, tx), hashes)
            self._store.number(tx, entries, size)
            self._store.put_nodes(tx, nodes)
            new_size = size + len(entries)
            note = self._signer.sign_note(checkpoint_text(self._origin, new_size, root))
            checkpoint = Checkpoint(origin=self._origin, size=new_size, root=root, at=self._clock.now(), note=note)
            self._store.put_checkpoint(tx, checkpoint)
            if self._on_checkpoint is not None:
                tx.after_commit(partial(self._on_checkpoint, checkpoint))
            return len(entries)


class Prover:
    """Makes proofs. Each call is one reading transaction of O(log n) reads."""

    def __init__(self, uow: UnitOfWork, store: LedgerStore) -> None:
        self._uow = uow
        self._store = store

    def checkpoint(self, size: int | None = None) -> Checkpoint:
        """Return the newest signed checkpoint, or the one of exactly this size. Raises ``NotFound``."""
        with self._uow.read() as tx:
            return self._checkpoint(tx, size)

    def inclusion(self, entry_id: str, size: int | None = None) -> InclusionProof:
        """Return the proof that the entry is in the tree of ``size`` (None: of the newest checkpoint).

        Raises ``NotFound`` for an unknown entry and for an entry that is not in this tree (yet), and
        ``InvalidInput`` for a size that the ledger has not reached.
        """
        with self._uow.read() as tx:
            entry = self._store.get(tx, entry_id)
            if entry is None:
                raise NotFound("the ledger has no such entry")
            tree = self._checkpoint(tx, None).size if size is None else self._require_size(tx, size)
            if entry.seq is None or entry.seq >= tree:
                raise NotFound(
                    f"the entry is not in the tree of {tree} entries",
                    remedy="new entries are included in a checkpoint within seconds: ask again, or for a larger size",
                )
            return InclusionProof(
                index=entry.seq,
                size=tree,
                leaf_hash=merkle.leaf_hash(entry.leaf),
                path=merkle.inclusion_path(entry.seq, tree, reader(self._store, tx)),
            )

    def consistency(self, old: int, new: int | None = None) -> ConsistencyProof:
        """Return the proof that the tree of ``new`` (None: of the newest checkpoint) begins with that of ``old``.

        Raises ``InvalidInput`` for sizes that the ledger has not reached or that are out of order.
        """
        with self._uow.read() as tx:
            size = self._checkpoint(tx, None).size if new is None else self._require_size(tx, new)
            return ConsistencyProof(
                old=old, new=size, path=merkle.consistency_path(old, size, reader(self._store, tx))
            )

    def _checkpoint(self, tx: Transaction, size: int | None) -> Checkpoint:
        checkpoint = self._store.checkpoint(tx, size)
        if checkpoint is None:
            raise NotFound("the ledger has no such checkpoint" if size else "the ledger has no checkpoint yet")
        return checkpoint

    def _require_size(self, tx: Transaction, size: int) -> int:
        reached = self._store.size(tx)
        if size > reached:
            raise InvalidInput(f"the ledger has {reached} entries, not {size}")
        return size


def reader(store: LedgerStore, tx: Transaction) -> merkle.Reader:
    """Return the reader of the stored tree for the functions of ``node.ledger.merkle``."""

    def read(level: int, index: int) -> bytes:
        digest = store.node(tx, level, index)
        if digest is None:
            raise LocalFault(
                f"the ledger's tree lacks the hash at level {level}, index {index}",
                remedy="the ledger is damaged or was changed: run the verification",
            )
        return digest

    return read

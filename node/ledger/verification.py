"""Verify that the ledger is as it was signed: everything is hashed again, beginning with the entries.

The verification compares each entry with the hash stored for it, each stored hash of the tree with its two halves,
and the root at each checkpoint with the signed one and, if given, with checkpoints that others have kept. If the
whole ledger was replaced by another consistent one, only checkpoints kept elsewhere reveal it.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final

from node.base.errors import InvalidInput
from node.base.jsons import read_object
from node.base.work import Transaction, UnitOfWork
from node.ledger import merkle
from node.ledger.checkpoints import LogKey, open_checkpoint
from node.ledger.model import Checkpoint, Entry
from node.ledger.ports import LedgerStore
from node.texts.catalogue import Catalogue
from node.texts.languages import pick

TEXTS: Final = Catalogue("evidence")


class Trouble(StrEnum):
    """The faults that a ledger may have."""

    CHANGED = "changed"
    """An entry does not match its hash in the tree."""

    MISSING = "missing"
    """An entry with this number existed and is missing now."""

    ERASED = "erased"
    """The content of an entry is gone, and no entry says so."""

    SURPLUS = "surplus"
    """An entry has a number that the sequencer never gave."""

    TREE = "tree"
    """A stored hash of the tree is absent or does not follow from the entries."""

    CHECKPOINT = "checkpoint"
    """A signed checkpoint states another tree than the stored one."""

    SIGNATURE = "signature"
    """A stored checkpoint is not signed by the ledger's key, or does not match its note."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Discrepancy:
    """One fault: its kind, the number of the entry, the id of the entry if known, and a sentence for people."""

    trouble: Trouble
    position: int
    message: str
    entry: str | None = None


@dataclass(frozen=True, slots=True)
class Check:
    """One check and its result. ``what`` and ``detail``: language → text."""

    what: Mapping[str, str]
    sound: bool
    detail: Mapping[str, str] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """Return the check as the API states it, in English."""
        return {"what": pick(self.what, "en")[0], "sound": self.sound, "detail": pick(self.detail, "en")[0]}


def verify_all(
    uow: UnitOfWork,
    store: LedgerStore,
    keys: Sequence[LogKey],
    *,
    known_checkpoints: Sequence[Checkpoint] = (),
    batch: int = 1000,
) -> list[Discrepancy]:
    """Hash the ledger again and compare it with its tree and its checkpoints.

    ``keys`` are the ledger's present and former keys; ``known_checkpoints`` are checkpoints that were opened with
    such a key and kept elsewhere. Return the faults in the order of the ledger; an empty list means that the ledger
    is as it was signed. Everything is read in one transaction; memory does not grow with the ledger."""
    with uow.read() as tx:
        return _Verification(store, tx, keys, known_checkpoints, batch).run()


class _Verification:
    def __init__(
        self,
        store: LedgerStore,
        tx: Transaction,
        keys: Sequence[LogKey],
        known_checkpoints: Sequence[Checkpoint],
        batch: int,
    ) -> None:
        self._store = store
        self._tx = tx
        self._keys = keys
        self._batch = batch
        self._known_checkpoints = known_checkpoints
        self._discrepancies: list[Discrepancy] = []
        self._peaks: dict[tuple[int, int], bytes] = {}
        self._verified = 0
        self._split = False
        self._erased: dict[str, int] = {}

    def run(self) -> list[Discrepancy]:
        size = self._store.size(self._tx)
        largest = 0
        unbroken = True
        for checkpoint, stored in self._checkpoints():
            largest = max(largest, checkpoint.size)
            if stored:
                self._check_note(checkpoint)
            if unbroken and checkpoint.size <= size:
                unbroken = self._hash_up_to(checkpoint.size)
                if unbroken:
                    self._check_root(checkpoint)
        if unbroken:
            self._hash_up_to(size)
        for entry in self._store.since(self._tx, size, limit=self._batch):
            self._note(
                Trouble.SURPLUS,
                size if entry.seq is None else entry.seq,
                f"entry {entry.seq} has a number, but the ledger holds {size} entries",
                entry=entry.id,
            )
        for entry_id, position in self._erased.items():
            self._note(
                Trouble.ERASED,
                position,
                f"the content of entry {position} was removed, but no later entry says that it was erased",
                entry=entry_id,
            )
        if largest > size:
            self._note(
                Trouble.MISSING,
                size,
                f"a checkpoint was signed over {largest} entries, but the ledger holds {size}: the end is missing",
            )
        if largest < size:
            self._note(
                Trouble.CHECKPOINT,
                largest,
                f"the ledger holds {size} entries, but its last checkpoint covers {largest}",
            )
        return sorted(self._discrepancies, key=lambda discrepancy: discrepancy.position)

    def _checkpoints(self) -> Iterator[tuple[Checkpoint, bool]]:
        """Yield stored and known checkpoints by size, each with whether it is a stored one."""
        pairs = ((checkpoint, True) for checkpoint in self._stored_checkpoints())
        checkpoints = (
            (checkpoint, False)
            for checkpoint in sorted(self._known_checkpoints, key=lambda checkpoint: checkpoint.size)
        )
        return heapq.merge(pairs, checkpoints, key=lambda pair: pair[0].size)

    def _stored_checkpoints(self) -> Iterator[Checkpoint]:
        first = 0
        while page := self._store.checkpoints(self._tx, first, self._batch):
            yield from page
            first = page[-1].size + 1

    def _hash_up_to(self, size: int) -> bool:
        """Extend the tree to ``size`` in memory; return False if the entries or hashes for it are missing."""
        while self._verified < size:
            count = min(self._batch, size - self._verified)
            leaves = self._leaves(self._verified, count)
            if leaves is None:
                return False
            nodes, _ = merkle.extend(self._verified, self._peak, leaves)
            self._compare(nodes)
            self._verified += count
            hashes = {**self._peaks, **{(level, index): hashed for level, index, hashed in nodes}}
            self._peaks = {key: hashes[key] for key in merkle.complete_subtrees(0, self._verified)}
        return True

    def _leaves(self, first: int, count: int) -> list[bytes] | None:
        """Return the leaf hashes for rebuilding the tree.

        If an entry does not match its stored hash, the stored hash is used: if the checkpoint then matches, the entry
        was changed, and only this entry is reported.
        """
        entries = {entry.seq: entry for entry in self._store.since(self._tx, first, limit=count)}
        digests = self._store.nodes(self._tx, 0, first, count)
        leaves: list[bytes] = []
        for position in range(first, first + count):
            entry, digest = entries.get(position), digests.get(position)
            if entry is None:
                self._note(Trouble.MISSING, position, f"entry {position} is missing from the ledger")
            elif digest is None:
                self._note(Trouble.TREE, position, f"the tree lacks the hash of entry {position}", entry=entry.id)
                digest = merkle.leaf_hash(entry.leaf)
            else:
                self._check_entry(entry, position, digest)
            if digest is None:
                return None
            leaves.append(digest)
        return leaves

    def _check_entry(self, entry: Entry, position: int, leaf_hash: bytes) -> None:
        if merkle.leaf_hash(entry.leaf) != leaf_hash:
            self._note(
                Trouble.CHANGED,
                position,
                f"entry {position} ({entry.kind} of {entry.subject}) differs from what was entered in the tree",
                entry=entry.id,
            )
        if entry.erased_sha256 is not None:
            self._erased[entry.id] = position
        if b'"erases":[' in entry.body:
            for erased in read_object(entry.body).get("erases", ()):
                self._erased.pop(erased, None)

    def _compare(self, nodes: Sequence[merkle.Node]) -> None:
        """Compare the inner nodes, because proofs for others are made from them."""
        by_level: dict[int, dict[int, bytes]] = {}
        for level, index, digest in nodes:
            if level:
                by_level.setdefault(level, {})[index] = digest
        for level, hashes in by_level.items():
            stored = self._store.nodes(self._tx, level, min(hashes), len(hashes))
            for index, digest in hashes.items():
                if stored.get(index) != digest:
                    self._note(
                        Trouble.TREE,
                        index << level,
                        f"the tree's hash over entries {index << level} to {((index + 1) << level) - 1} "
                        "does not follow from them",
                    )

    def _check_root(self, checkpoint: Checkpoint) -> None:
        if self._split or merkle.root_hash(checkpoint.size, self._peak) == checkpoint.root:
            return
        # Every later checkpoint disagrees for the same reason, so it is reported once.
        self._split = True
        self._note(
            Trouble.CHECKPOINT,
            checkpoint.size,
            f"the signed checkpoint over {checkpoint.size} entries states another content for them",
        )

    def _check_note(self, checkpoint: Checkpoint) -> None:
        try:
            checkpoint_body = open_checkpoint(checkpoint.note, self._keys, at=checkpoint.at, origin=checkpoint.origin)
        except InvalidInput as error:
            self._note(
                Trouble.SIGNATURE,
                checkpoint.size,
                f"the checkpoint over {checkpoint.size} entries is not valid: {error.detail}",
            )
            return
        if checkpoint_body != checkpoint:
            self._note(
                Trouble.SIGNATURE,
                checkpoint.size,
                f"the checkpoint over {checkpoint.size} entries is not what its signed note says",
            )

    def _peak(self, level: int, index: int) -> bytes:
        return self._peaks[level, index]

    def _note(self, trouble: Trouble, position: int, message: str, *, entry: str | None = None) -> None:
        self._discrepancies.append(Discrepancy(trouble=trouble, position=position, message=message, entry=entry))


def ledger_checks(uow: UnitOfWork, ledger: LedgerStore, keys: Sequence[LogKey]) -> list[Check]:
    """Hash a ledger again. Return one check for the whole ledger, or one for each discrepancy."""
    with uow.read() as tx:
        size = ledger.size(tx)
    discrepancies = verify_all(uow, ledger, keys)
    if not discrepancies:
        return [Check(TEXTS.in_all("ledger.sound"), True, TEXTS.in_all("entries", count=size))]
    return [
        Check(
            TEXTS.in_all(f"ledger.{item.trouble}", position=item.position),
            False,
            {"en": item.message + (f" ({item.entry})" if item.entry else "")},
        )
        for item in discrepancies
    ]

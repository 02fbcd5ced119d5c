"""The ports of the ledger: storage, and signing of checkpoints."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol

from node.base.work import Transaction
from node.ledger.model import Checkpoint, Entry, EntryKind


class Append(Protocol):
    """Writes an entry into the ledger, in the caller's transaction: the only way to write into the ledger."""

    def __call__(
        self,
        tx: Transaction,
        kind: EntryKind,
        subject: str,
        by: str,
        body: Mapping[str, Any],
        at: datetime | None = None,
    ) -> Entry:
        """Append an entry of ``kind`` about ``subject``, done by ``by`` at ``at`` (None: now), with content ``body``.

        Return the stored entry, which has no number yet. Raises ``InvalidInput`` if ``body`` has no canonical JSON
        form (fractions, integers beyond 2^53: see ``node.base.jsons.canonical``).
        """


class Erase(Protocol):
    """Removes the content of an entry: the only way by which something leaves the ledger."""

    def __call__(self, tx: Transaction, entry_id: str, rest: bytes) -> None:
        """Put ``rest``, canonical JSON, in place of the body of an entry, whose hash stays.

        An entry that was erased before stays as it is. The caller appends an entry that names this one in the member
        ``erases`` of its body: a body that is gone without that is a fault. Raises ``NotFound``.
        """


class LedgerStore(Protocol):
    """Append-only, except that content may be erased.

    Rows commit with their own ids; one sequencer numbers them and extends the tree.
    """

    def append(self, tx: Transaction, entry: Entry) -> None:
        """Add an entry (``seq`` None). Raises ``Conflict`` if the id exists already."""

    def erase(self, tx: Transaction, entry_id: str, rest: bytes) -> None:
        """See ``Erase``."""

    def get(self, tx: Transaction, entry_id: str) -> Entry | None:
        """The entry with this id."""

    def history(self, tx: Transaction, subject: str, kind: EntryKind | None = None) -> Sequence[Entry]:
        """All entries about a subject, in the order of commit."""

    def since(
        self, tx: Transaction, position: int, *, limit: int = 500, kinds: Sequence[EntryKind] = ()
    ) -> Sequence[Entry]:
        """Sequenced entries with ``seq >= position`` (numbering starts at 0), in order."""

    def newest(
        self,
        tx: Transaction,
        *,
        first: int,
        before: int,
        limit: int,
        kind: EntryKind | None = None,
        subject: str = "",
        by: str = "",
        since: datetime | None = None,
        until: datetime | None = None,
    ) -> Sequence[Entry]:
        """Return the entries numbered from ``first`` to below ``before``, newest first; ``until`` is excluded."""

    def unsequenced_entries(self, tx: Transaction, limit: int) -> Sequence[Entry]:
        """Return committed entries without a number, in the order for numbering them."""

    def count_unnumbered(self, tx: Transaction) -> int:
        """Return the number of committed entries without a number."""

    def number(self, tx: Transaction, entries: Sequence[Entry], first: int) -> None:
        """Number the entries ``first``, ``first + 1``, … Raises ``LocalFault`` for an entry that has a number."""

    def size(self, tx: Transaction, *, lock: bool = False) -> int:
        """Return the number of numbered entries; ``lock`` makes the caller the one sequencer until it commits."""

    def node(self, tx: Transaction, level: int, index: int) -> bytes | None:
        """Hash of a complete subtree of 2^level leaves beginning at leaf ``index`` × 2^level."""

    def nodes(self, tx: Transaction, level: int, first: int, count: int) -> Mapping[int, bytes]:
        """Return the stored hashes of this level by index, from ``first``, at most ``count``."""

    def put_nodes(self, tx: Transaction, nodes: Sequence[tuple[int, int, bytes]]) -> None:
        """Store (level, index, hash) of complete subtrees."""

    def put_checkpoint(self, tx: Transaction, checkpoint: Checkpoint) -> None:
        """Store a checkpoint, and replace one of the same size (a new key may sign the same tree)."""

    def checkpoint(self, tx: Transaction, size: int | None = None) -> Checkpoint | None:
        """Return the newest checkpoint, or the one of exactly this size."""

    def checkpoints(self, tx: Transaction, first: int = 0, limit: int = 500) -> Sequence[Checkpoint]:
        """Checkpoints of size ``first`` and more, the smallest first."""

    def position(self, tx: Transaction, view: str, instance: str) -> int:
        """Return the cursor of a view: the next ``seq`` that it has not applied; 0 at first."""

    def advance(self, tx: Transaction, view: str, instance: str, position: int) -> None:
        """Move the cursor of a view."""


class NoteSigner(Protocol):
    """Signs checkpoints with the node's ledger key (Ed25519)."""

    @property
    def name(self) -> str:
        """The key name in the signature line."""

    def sign_note(self, text: str) -> str:
        """Return ``text`` followed by a blank line and the signature line (C2SP signed-note)."""

"""The ledger in memory."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from node.base.errors import Conflict, LocalFault, NotFound
from node.base.work import Transaction
from node.ledger.checkpoints import LogKey
from node.ledger.model import Checkpoint, Entry, EntryKind
from node.ledger.usecases import Sequencer
from tests.fakes.stores.work import memory


class MemoryLedgerStore:
    """Entries, tree and cursors in dictionaries.

    Beside the entries by id there is one table of ids by number, one of ids without a number, and one of ids
    by subject: simulations append a great many.
    """

    def append(self, tx: Transaction, entry: Entry) -> None:
        if entry.seq is not None:
            raise LocalFault("only the sequencer gives an entry its number")
        if entry.id in memory(tx).rows("entries"):
            raise Conflict(f"the ledger already has an entry {entry.id}")
        memory(tx).put("entries", entry.id, entry)
        memory(tx).put("unsequenced", entry.id, None)
        subject: tuple[str, ...] = memory(tx).rows("subjects").get(entry.subject, ())
        memory(tx).put("subjects", entry.subject, (*subject, entry.id))

    def erase(self, tx: Transaction, entry_id: str, rest: bytes) -> None:
        entry = self.get(tx, entry_id)
        if entry is None:
            raise NotFound(f"the ledger has no entry {entry_id}")
        if entry.erased_sha256 is None:
            hashed = hashlib.sha256(entry.body).hexdigest()
            memory(tx).put("entries", entry_id, replace(entry, body=rest, erased_sha256=hashed))

    def get(self, tx: Transaction, entry_id: str) -> Entry | None:
        return memory(tx).rows("entries").get(entry_id)

    def history(self, tx: Transaction, subject: str, kind: EntryKind | None = None) -> Sequence[Entry]:
        entries = memory(tx).rows("entries")
        about: list[Entry] = [entries[entry_id] for entry_id in memory(tx).rows("subjects").get(subject, ())]
        about.sort(key=lambda entry: (entry.seq is None, entry.seq or 0))
        return [entry for entry in about if kind is None or entry.kind is kind]

    def since(
        self, tx: Transaction, position: int, *, limit: int = 500, kinds: Sequence[EntryKind] = ()
    ) -> Sequence[Entry]:
        entries, numbers = memory(tx).rows("entries"), memory(tx).rows("numbers")
        page: list[Entry] = []
        for seq in range(position, next(reversed(numbers), -1) + 1):
            if len(page) == limit:
                break
            entry = entries.get(numbers.get(seq))
            if entry is not None and (not kinds or entry.kind in kinds):
                page.append(entry)
        return page

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
        entries = [
            entry
            for entry in self.since(tx, first, limit=max(before - first, 0))
            if (kind is None or entry.kind is kind)
            and (not subject or entry.subject == subject)
            and (not by or entry.by == by)
            and (since is None or entry.at >= since)
            and (until is None or entry.at < until)
            and entry.seq is not None
            and entry.seq < before
        ]
        return entries[::-1][:limit]

    def unsequenced_entries(self, tx: Transaction, limit: int) -> Sequence[Entry]:
        entries, waiting = memory(tx).rows("entries"), memory(tx).rows("unsequenced")
        return [entries[entry_id] for _, entry_id in zip(range(limit), waiting, strict=False)]

    def count_unnumbered(self, tx: Transaction) -> int:
        return len(memory(tx).rows("unsequenced"))

    def number(self, tx: Transaction, entries: Sequence[Entry], first: int) -> None:
        for seq, entry in enumerate(entries, first):
            if not memory(tx).drop("unsequenced", entry.id):
                raise LocalFault(f"entry {entry.id} has a number already, or is not in the ledger")
            memory(tx).put("entries", entry.id, replace(entry, seq=seq))
            memory(tx).put("numbers", seq, entry.id)
        if entries:
            memory(tx).put("ledger", "size", first + len(entries))

    def size(self, tx: Transaction, *, lock: bool = False) -> int:
        return int(memory(tx).rows("ledger").get("size", 0))

    def node(self, tx: Transaction, level: int, index: int) -> bytes | None:
        return memory(tx).rows("nodes").get((level, index))

    def nodes(self, tx: Transaction, level: int, first: int, count: int) -> Mapping[int, bytes]:
        nodes = memory(tx).rows("nodes")
        indexes = range(first, first + count)
        return {index: nodes[level, index] for index in indexes if (level, index) in nodes}

    def put_nodes(self, tx: Transaction, nodes: Sequence[tuple[int, int, bytes]]) -> None:
        for level, index, hashed in nodes:
            memory(tx).put("nodes", (level, index), hashed)

    def put_checkpoint(self, tx: Transaction, checkpoint: Checkpoint) -> None:
        memory(tx).put("checkpoints", checkpoint.size, checkpoint)

    def checkpoint(self, tx: Transaction, size: int | None = None) -> Checkpoint | None:
        checkpoints = memory(tx).rows("checkpoints")
        wanted = max(checkpoints, default=None) if size is None else size
        return checkpoints.get(wanted)

    def checkpoints(self, tx: Transaction, first: int = 0, limit: int = 500) -> Sequence[Checkpoint]:
        checkpoints = memory(tx).rows("checkpoints")
        return [checkpoints[size] for size in sorted(checkpoints) if size >= first][:limit]

    def position(self, tx: Transaction, view: str, instance: str) -> int:
        return int(memory(tx).rows("views").get((view, instance), 0))

    def advance(self, tx: Transaction, view: str, instance: str, position: int) -> None:
        memory(tx).put("views", (view, instance), position)


def signature_line(key: LogKey, signature: bytes) -> str:
    """One line of a note that carries a signature, with its newline (C2SP signed-note)."""
    return f"— {key.name} {base64.b64encode(key.id + signature).decode()}\n"


@dataclass(frozen=True, slots=True)
class LogSigner:
    """A ``NoteSigner`` over a key that only signs: ``sign`` makes the raw Ed25519 signature of a message."""

    key: LogKey
    sign: Callable[[bytes], bytes]

    @property
    def name(self) -> str:
        return self.key.name

    def sign_note(self, text: str) -> str:
        """Return ``text``, a blank line and the signature line."""
        return f"{text}\n{signature_line(self.key, self.sign(text.encode()))}"


def log_signer(name: str = "ledger.example", seed: int = 1) -> LogSigner:
    """A ledger key that is the same for the same ``seed``; ``.key`` verifies what it signs."""
    private = Ed25519PrivateKey.from_private_bytes(bytes([seed]) * 32)
    return LogSigner(LogKey(name, private.public_key().public_bytes_raw()), private.sign)


def number_everything(sequencer: Sequencer, limit: int = 500) -> int:
    """Number all entries that wait; return how many there were."""
    total = 0
    while numbered := sequencer.run(limit):
        total += numbered
    return total

"""Entries, checkpoints and proofs."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from node.base.clock import stamp
from node.base.jsons import canonical


class EntryKind(StrEnum):
    """The subject matter of an entry."""

    RECORD = "record"
    AGREEMENT = "agreement"
    PROCESS = "process"
    DECISION = "decision"
    ACCESS = "access"
    RUN = "run"
    MEMBERSHIP = "membership"
    NODE = "node"


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One event. ``body`` is canonical JSON; ``seq`` is None until the sequencer has numbered the entry.

    If the content was erased, ``erased_sha256`` is the hash of the body as it was, and ``body`` states what remains.
    """

    id: str
    kind: EntryKind
    subject: str
    at: datetime
    by: str
    body: bytes
    seq: int | None = None
    erased_sha256: str | None = None

    @property
    def leaf(self) -> bytes:
        """Return the leaf of the Merkle tree: the entry with the hash of its body.

        The body itself is not in the leaf, so that personal data in it can be erased and the tree still verifies.
        """
        return canonical(
            {
                "id": self.id,
                "kind": str(self.kind),
                "subject": self.subject,
                "at": stamp(self.at),
                "by": self.by,
                "sha256": self.erased_sha256 or hashlib.sha256(self.body).hexdigest(),
            }
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """A signed statement of the ledger's size and root (C2SP tlog-checkpoint); ``note`` is the signed text."""

    origin: str
    size: int
    root: bytes
    at: datetime
    note: str


@dataclass(frozen=True, slots=True, kw_only=True)
class InclusionProof:
    """Shows that ``leaf_hash`` is at ``index`` of the tree of ``size`` (RFC 6962 §2.1.1)."""

    index: int
    size: int
    leaf_hash: bytes
    path: tuple[bytes, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsistencyProof:
    """Shows that the tree of ``new`` entries begins with the tree of ``old`` entries (RFC 6962 §2.1.2)."""

    old: int
    new: int
    path: tuple[bytes, ...]

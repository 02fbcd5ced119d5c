"""The commitment of a signed head: a Merkle tree over the members of a chain, in the order of their positions.

The leaf of a member is its signed envelope (the compact JWS, as on the page). The envelope contains the hash of
the description, so the root of the tree fixes the whole content of the chain. A member that is later removed from
its page keeps its leaf: the hash alone reveals nothing, since every signature has a random part.

``LeafTree`` is the publisher's side and keeps 64 bytes for each member. ``Frontier`` is the follower's side: it
keeps the peaks of the tree that it has read so far, at most one hash for each power of two.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable, Sequence

from node.base.errors import InvalidInput
from node.ledger import merkle


def leaf_of(envelope: str) -> bytes:
    """The leaf hash of the member with this signed envelope (RFC 9162 §2.1.1)."""
    return merkle.leaf_hash(envelope.encode())


class LeafTree:
    """A tree that grows at its end and is held in memory: adding a leaf costs two hashes on average."""

    def __init__(self) -> None:
        self._levels: list[bytearray] = [bytearray()]

    @property
    def size(self) -> int:
        return len(self._levels[0]) // merkle.HASH_SIZE

    def add(self, leaf: bytes) -> None:
        """Add a leaf hash, and the hash of every subtree that becomes complete with it."""
        level, index, node_hash = 0, self.size, leaf
        self._levels[0] += node_hash
        while index & 1:
            node_hash = merkle.node_hash(self._node(level, index - 1), node_hash)
            level, index = level + 1, index >> 1
            if level == len(self._levels):
                self._levels.append(bytearray())
            self._levels[level] += node_hash

    def extend(self, leaves: bytes) -> None:
        """Add leaf hashes that follow each other without anything between them. Raises ``ValueError`` if the last one
        is not whole."""
        if len(leaves) % merkle.HASH_SIZE:
            raise ValueError("the last leaf hash is not complete")
        for start in range(0, len(leaves), merkle.HASH_SIZE):
            self.add(leaves[start : start + merkle.HASH_SIZE])

    def root(self, size: int) -> bytes:
        """The root of the first ``size`` members; O(log n)."""
        return merkle.root_hash(size, self._node)

    def leaves(self, first: int, end: int) -> list[bytes]:
        """The leaf hashes from ``first`` up to before ``end``."""
        return [self._node(0, index) for index in range(first, min(end, self.size))]

    def consistency(self, old: int, new: int) -> tuple[bytes, ...]:
        """Return the proof that the tree of ``new`` members begins with that of ``old``. Raises ``InvalidInput`` for
        a size that the tree has not had."""
        if new > self.size:
            raise InvalidInput(f"the chain has {self.size} members and has never had {new}")
        return merkle.consistency_path(old, new, self._node)

    def _node(self, level: int, index: int) -> bytes:
        start = index * merkle.HASH_SIZE
        return bytes(self._levels[level][start : start + merkle.HASH_SIZE])


class Frontier:
    """The peaks of the tree of the first ``size`` members: enough to add leaves and to compute the root."""

    def __init__(self, size: int = 0, peaks: Sequence[bytes] = ()) -> None:
        """Raises ``InvalidInput`` if ``peaks`` are not those of a tree of ``size``, largest first."""
        if size < 0 or len(peaks) != size.bit_count() or any(len(peak) != merkle.HASH_SIZE for peak in peaks):
            raise InvalidInput(f"these are not the peaks of a tree of {size} members")
        self.size = size
        self._peaks = list(peaks)

    def extend(self, leaves: Iterable[bytes]) -> Frontier:
        """Return a new frontier with ``leaves`` added; this frontier does not change."""
        grown = Frontier(self.size, self._peaks)
        for leaf in leaves:
            node_hash, index = leaf, grown.size
            while index & 1:
                node_hash = merkle.node_hash(grown._peaks.pop(), node_hash)
                index >>= 1
            grown._peaks.append(node_hash)
            grown.size += 1
        return grown

    @property
    def root(self) -> bytes:
        root: bytes | None = None
        for peak in reversed(self._peaks):
            root = peak if root is None else merkle.node_hash(peak, root)
        return merkle.EMPTY_ROOT if root is None else root

    @property
    def peaks(self) -> tuple[bytes, ...]:
        return tuple(self._peaks)


def hash_text(hash_: bytes) -> str:
    """Return a hash as heads, pages and proofs write it: in Base64."""
    return base64.b64encode(hash_).decode("ascii")

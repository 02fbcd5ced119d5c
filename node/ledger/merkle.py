"""The Merkle tree of RFC 9162 §2.1 (the tree of RFC 6962): extend it, make proofs, verify proofs.

A tree is read through a *reader*, ``reader(level, index)``: the hash of the complete subtree of 2^level
leaves that begins at leaf ``index`` × 2^level. Only complete subtrees are ever stored, so a stored hash never
changes; the incomplete right edge is computed anew, from at most log n stored hashes.

Making a proof reads O(log n) hashes. Verifying a proof reads nothing: it takes the claim and the proof, and
returns None or raises.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence

from node.base.errors import InvalidInput

Reader = Callable[[int, int], bytes]
"""(level, index) → hash of that complete subtree; raises if the subtree is not stored."""

Node = tuple[int, int, bytes]
"""(level, index, hash) of a complete subtree."""

HASH_SIZE = 32

EMPTY_ROOT = hashlib.sha256(b"").digest()
"""The root of the tree without leaves (RFC 9162 §2.1.1: the hash of the empty string)."""


def leaf_hash(leaf: bytes) -> bytes:
    """Return the hash of a leaf: SHA-256(0x00 ‖ leaf), so that no leaf can pass for an inner node."""
    return hashlib.sha256(b"\x00" + leaf).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Return the hash of an inner node: SHA-256(0x01 ‖ left ‖ right)."""
    return hashlib.sha256(b"\x01" + left + right).digest()


def root_hash(size: int, reader: Reader) -> bytes:
    """Return the root of the tree of the first ``size`` leaves (MTH in RFC 9162 §2.1.1)."""
    return range_hash(0, size, reader) if size else EMPTY_ROOT


def range_hash(start: int, end: int, reader: Reader) -> bytes:
    """MTH of the leaves from ``start`` to before ``end``; ``start`` is a multiple of the split points within."""
    digest: bytes | None = None
    for level, index in reversed(complete_subtrees(start, end)):
        peak = reader(level, index)
        digest = peak if digest is None else node_hash(peak, digest)
    if digest is None:
        raise ValueError("an empty range of leaves has no hash")
    return digest


def complete_subtrees(start: int, end: int) -> list[tuple[int, int]]:
    """Return (level, index) of the complete subtrees, largest first, over the leaves ``start`` to before ``end``."""
    subtrees = []
    while start < end:
        level = (end - start).bit_length() - 1
        subtrees.append((level, start >> level))
        start += 1 << level
    return subtrees


def extend(size: int, reader: Reader, leaf_hashes: Iterable[bytes]) -> tuple[list[Node], bytes]:
    """Add leaves to the tree of ``size``. Return the subtrees that became complete (also leaves), and the new root.

    Nothing is written: the caller stores the returned nodes.
    """
    peaks = [(level, index, reader(level, index)) for level, index in complete_subtrees(0, size)]
    nodes: list[Node] = []
    for hashed in leaf_hashes:
        node: Node = (0, size, hashed)
        nodes.append(node)
        size += 1
        while peaks and peaks[-1][0] == node[0]:
            level, index, left = peaks.pop()
            node = (level + 1, index >> 1, node_hash(left, node[2]))
            nodes.append(node)
        peaks.append(node)
    root: bytes | None = None
    for _, _, peak in reversed(peaks):
        root = peak if root is None else node_hash(peak, root)
    return nodes, EMPTY_ROOT if root is None else root


def inclusion_path(index: int, size: int, reader: Reader) -> tuple[bytes, ...]:
    """Return the hashes that lead from leaf ``index`` to the root of the tree of ``size`` (RFC 9162 §2.1.3.1)."""
    if not 0 <= index < size:
        raise InvalidInput(f"a tree of {size} entries has no entry {index}")
    path: list[bytes] = []
    start, end = 0, size
    while end - start > 1:
        split = start + _largest_power_below(end - start)
        if index < split:
            path.append(range_hash(split, end, reader))
            end = split
        else:
            path.append(range_hash(start, split, reader))
            start = split
    return tuple(reversed(path))


def consistency_path(old: int, new: int, reader: Reader) -> tuple[bytes, ...]:
    """Return the hashes that prove that the tree of ``new`` begins with the tree of ``old`` (RFC 9162 §2.1.4.1).

    Empty for equal sizes, and for ``old`` = 0, since every tree begins with nothing.
    """
    if not 0 <= old <= new:
        raise InvalidInput(f"there is no proof that leads from size {old} to size {new}")
    if old in (0, new):
        return ()
    path: list[bytes] = []
    start, end = 0, new
    # The verifier knows the old root, so a subtree that *is* the old tree is left out of the proof.
    known = True
    while end != old:
        split = start + _largest_power_below(end - start)
        if old <= split:
            path.append(range_hash(split, end, reader))
            end = split
        else:
            path.append(range_hash(start, split, reader))
            start = split
            known = False
    if not known:
        path.append(range_hash(start, end, reader))
    return tuple(reversed(path))


def verify_inclusion(leaf: bytes, index: int, size: int, path: Sequence[bytes], root: bytes) -> None:
    """Check that the leaf hash ``leaf`` is at ``index`` in the tree of ``size`` with this ``root``.

    RFC 9162 §2.1.3.2; the numbers are those of its steps. Raises ``InvalidInput`` if the proof is not valid.
    """
    if not 0 <= index < size:  # 1
        raise InvalidInput(f"a tree of {size} entries has no entry {index}")
    _check_hashes(leaf, root, *path)
    fn, sn = index, size - 1  # 2
    r = leaf  # 3
    for p in path:  # 4
        if sn == 0:  # 4.1
            raise InvalidInput("the inclusion proof is longer than its tree is high")
        if fn & 1 or fn == sn:  # 4.2
            r = node_hash(p, r)
            while not fn & 1 and fn:
                fn, sn = fn >> 1, sn >> 1
        else:
            r = node_hash(r, p)
        fn, sn = fn >> 1, sn >> 1  # 4.3
    if sn != 0 or r != root:  # 5
        raise InvalidInput("the inclusion proof does not lead to this root")


def verify_consistency(old: int, new: int, path: Sequence[bytes], old_root: bytes, new_root: bytes) -> None:
    """Check that the tree of ``new`` with ``new_root`` begins with the tree of ``old`` with ``old_root``.

    RFC 9162 §2.1.4.2; the numbers are those of its steps. Raises ``InvalidInput`` if the proof is not valid.
    """
    if not 0 <= old <= new:
        raise InvalidInput(f"there is no proof that leads from size {old} to size {new}")
    _check_hashes(old_root, new_root, *path)
    if old in (0, new):
        _verify_trivial_consistency(old, new, path, old_root, new_root)
        return
    if not path:  # 1
        raise InvalidInput("the consistency proof is empty")
    hashes = list(path)
    if old & (old - 1) == 0:  # 2
        hashes.insert(0, old_root)
    fn, sn = old - 1, new - 1  # 3
    while fn & 1:  # 4
        fn, sn = fn >> 1, sn >> 1
    fr = sr = hashes[0]  # 5
    for c in hashes[1:]:  # 6
        if sn == 0:  # 6.1
            raise InvalidInput("the consistency proof is longer than its tree is high")
        if fn & 1 or fn == sn:  # 6.2
            fr, sr = node_hash(c, fr), node_hash(c, sr)
            while not fn & 1 and fn:
                fn, sn = fn >> 1, sn >> 1
        else:
            sr = node_hash(sr, c)
        fn, sn = fn >> 1, sn >> 1  # 6.3
    if sn != 0 or fr != old_root or sr != new_root:  # 7
        raise InvalidInput("the consistency proof does not lead to these roots")


def _verify_trivial_consistency(old: int, new: int, path: Sequence[bytes], old_root: bytes, new_root: bytes) -> None:
    # RFC 9162 demands 0 < old < new; the two border cases are true for every tree and need no hashes.
    if path:
        raise InvalidInput(f"a consistency proof from size {old} to size {new} has no hashes")
    if old == new and old_root != new_root:
        raise InvalidInput(f"two different trees of {old} entries cannot both be right")
    if old == 0 and old_root != EMPTY_ROOT:
        raise InvalidInput("the empty tree has another root")


def _check_hashes(*hashes: bytes) -> None:
    if any(len(hashed) != HASH_SIZE for hashed in hashes):
        raise InvalidInput(f"a hash of the tree has {HASH_SIZE} bytes")


def _largest_power_below(count: int) -> int:
    """The largest power of two smaller than ``count`` (k in RFC 9162 §2.1.1); ``count`` is at least 2."""
    return 1 << (count - 1).bit_length() - 1

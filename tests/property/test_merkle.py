"""The Merkle tree against RFC 9162's own definitions, written down naively, for all sizes up to 70."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from node.base.errors import InvalidInput
from node.ledger import merkle

LARGEST = 70
LEAVES = [merkle.leaf_hash(f"entry {number}".encode()) for number in range(LARGEST)]


def mth(leaves: list[bytes]) -> bytes:
    """MTH of §2.1.1, over leaf hashes."""
    if not leaves:
        return hashlib.sha256(b"").digest()
    if len(leaves) == 1:
        return leaves[0]
    k = split(len(leaves))
    return hashlib.sha256(b"\x01" + mth(leaves[:k]) + mth(leaves[k:])).digest()


def path(m: int, leaves: list[bytes]) -> list[bytes]:
    """PATH of §2.1.3.1."""
    if len(leaves) == 1:
        return []
    k = split(len(leaves))
    if m < k:
        return [*path(m, leaves[:k]), mth(leaves[k:])]
    return [*path(m - k, leaves[k:]), mth(leaves[:k])]


def subproof(m: int, leaves: list[bytes], whole: bool) -> list[bytes]:
    """SUBPROOF of §2.1.4.1."""
    n = len(leaves)
    if m == n:
        return [] if whole else [mth(leaves)]
    k = split(n)
    if m <= k:
        return [*subproof(m, leaves[:k], whole), mth(leaves[k:])]
    return [*subproof(m - k, leaves[k:], False), mth(leaves[:k])]


def split(n: int) -> int:
    k = 1
    while k * 2 < n:
        k *= 2
    return k


class Tree:
    """Complete subtrees as a store keeps them; counts how often it is read."""

    def __init__(self, leaves: list[bytes]) -> None:
        self.nodes: dict[tuple[int, int], bytes] = {}
        self.reads = 0
        self.size = 0
        self.root = merkle.EMPTY_ROOT
        self.extend(leaves)

    def extend(self, leaves: list[bytes]) -> None:
        completed, self.root = merkle.extend(self.size, self.read, leaves)
        for level, index, hashed in completed:
            assert (level, index) not in self.nodes
            self.nodes[level, index] = hashed
        self.size += len(leaves)

    def read(self, level: int, index: int) -> bytes:
        self.reads += 1
        return self.nodes[level, index]


WHOLE = Tree(LEAVES)


@pytest.mark.parametrize("size", range(LARGEST + 1))
def test_roots(size: int) -> None:
    assert merkle.root_hash(size, WHOLE.read) == mth(LEAVES[:size])
    assert Tree(LEAVES[:size]).root == mth(LEAVES[:size])


def test_the_empty_tree_and_the_first_leaf_are_those_of_the_standard() -> None:
    empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    assert merkle.EMPTY_ROOT.hex() == empty
    # RFC 6962 test vectors: the hash of an empty leaf, of the leaf "L123456", of the node over "N123" and "N456".
    assert merkle.leaf_hash(b"").hex() == "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"
    assert merkle.leaf_hash(b"L123456").hex() == "395aa064aa4c29f7010acfe3f25db9485bbd4b91897b6ad7ad547639252b4d56"
    assert (
        merkle.node_hash(b"N123", b"N456").hex() == "aa217fe888e47007fa15edab33c2b492a722cb106c64667fc2b044444de66bbb"
    )


def test_only_complete_subtrees_are_kept() -> None:
    tree = Tree(LEAVES[:21])
    counts = [sum(level == wanted for level, _ in tree.nodes) for wanted in range(6)]
    assert counts == [21, 10, 5, 2, 1, 0]


@given(st.lists(st.integers(0, 9), max_size=20))
@settings(max_examples=60, deadline=None)
def test_growing_in_any_batches_gives_the_same_tree(batches: list[int]) -> None:
    tree = Tree([])
    for count in batches:
        tree.extend(LEAVES[tree.size : tree.size + count])
    assert tree.nodes == Tree(LEAVES[: tree.size]).nodes
    assert tree.root == mth(LEAVES[: tree.size])


@pytest.mark.parametrize("size", range(1, LARGEST + 1))
def test_inclusion(size: int) -> None:
    root = mth(LEAVES[:size])
    for index in range(size):
        proof = merkle.inclusion_path(index, size, WHOLE.read)
        assert list(proof) == path(index, LEAVES[:size])
        merkle.verify_inclusion(LEAVES[index], index, size, proof, root)


@pytest.mark.parametrize("new", range(LARGEST + 1))
def test_consistency(new: int) -> None:
    new_root = mth(LEAVES[:new])
    for old in range(new + 1):
        proof = merkle.consistency_path(old, new, WHOLE.read)
        if 0 < old < new:
            assert list(proof) == subproof(old, LEAVES[:new], True)
        else:
            assert proof == ()
        merkle.verify_consistency(old, new, proof, mth(LEAVES[:old]), new_root)


@given(st.data())
@settings(max_examples=200, deadline=None)
def test_no_other_inclusion_proof_holds(data: st.DataObject) -> None:
    size = data.draw(st.integers(1, LARGEST))
    index = data.draw(st.integers(0, size - 1))
    proof = merkle.inclusion_path(index, size, WHOLE.read)
    claim = {"leaf": LEAVES[index], "index": index, "size": size, "path": proof, "root": mth(LEAVES[:size])}
    changes = {
        "leaf": st.sampled_from(LEAVES),
        "index": st.integers(-1, LARGEST),
        "path": spoilt(proof),
        "root": st.sampled_from([mth(LEAVES[:n]) for n in range(LARGEST)]),
    }
    changed = data.draw(st.sampled_from(sorted(changes)))
    value = data.draw(changes[changed])
    if value == claim[changed]:
        merkle.verify_inclusion(**claim)  # type: ignore[arg-type]
    else:
        with pytest.raises(InvalidInput):
            merkle.verify_inclusion(**{**claim, changed: value})  # type: ignore[arg-type]


@given(st.data())
@settings(max_examples=200, deadline=None)
def test_no_other_consistency_proof_holds(data: st.DataObject) -> None:
    new = data.draw(st.integers(1, LARGEST))
    old = data.draw(st.integers(1, new))
    proof = merkle.consistency_path(old, new, WHOLE.read)
    roots = [mth(LEAVES[:n]) for n in range(LARGEST)]
    claim = {"path": proof, "old_root": mth(LEAVES[:old]), "new_root": mth(LEAVES[:new])}
    changes = {
        "path": spoilt(proof),
        "old_root": st.sampled_from(roots),
        "new_root": st.sampled_from(roots),
    }
    changed = data.draw(st.sampled_from(sorted(changes)))
    value = data.draw(changes[changed])
    if value == claim[changed]:
        merkle.verify_consistency(old, new, **claim)  # type: ignore[arg-type]
    else:
        with pytest.raises(InvalidInput):
            merkle.verify_consistency(old, new, **{**claim, changed: value})  # type: ignore[arg-type]


def spoilt(proof: tuple[bytes, ...]) -> st.SearchStrategy[tuple[bytes, ...]]:
    """Paths that are one hash longer or shorter, or have another or a malformed hash somewhere."""
    whole = list(proof)
    other = st.sampled_from([LEAVES[0], bytes(32), b"", bytes(31)])
    longer = st.builds(lambda at, hashed: (*whole[:at], hashed, *whole[at:]), st.integers(0, len(whole)), other)
    if not whole:
        return longer
    at = st.integers(0, len(whole) - 1)
    shorter = at.map(lambda gone: (*whole[:gone], *whole[gone + 1 :]))
    changed = st.builds(lambda i, hashed: (*whole[:i], hashed, *whole[i + 1 :]), at, other)
    return st.one_of(longer, shorter, changed)


@pytest.mark.parametrize(("index", "size"), [(0, 0), (5, 5), (-1, 5), (6, 5)])
def test_there_is_no_proof_for_what_is_not_in_the_tree(index: int, size: int) -> None:
    with pytest.raises(InvalidInput):
        merkle.inclusion_path(index, size, WHOLE.read)


@pytest.mark.parametrize(("old", "new"), [(-1, 5), (6, 5), (1, 0)])
def test_there_is_no_consistency_backwards(old: int, new: int) -> None:
    with pytest.raises(InvalidInput):
        merkle.consistency_path(old, new, WHOLE.read)
    with pytest.raises(InvalidInput):
        merkle.verify_consistency(old, new, (), bytes(32), bytes(32))


def test_the_empty_tree_is_consistent_with_everything_but_needs_its_own_root() -> None:
    merkle.verify_consistency(0, 5, (), merkle.EMPTY_ROOT, mth(LEAVES[:5]))
    with pytest.raises(InvalidInput):
        merkle.verify_consistency(0, 5, (), bytes(32), mth(LEAVES[:5]))
    with pytest.raises(InvalidInput):
        merkle.verify_consistency(0, 5, (bytes(32),), merkle.EMPTY_ROOT, mth(LEAVES[:5]))


def test_proofs_and_growth_read_a_logarithmic_number_of_hashes() -> None:
    reads = 0

    def synthetic(level: int, index: int) -> bytes:
        nonlocal reads
        reads += 1
        return hashlib.sha256(b"%d/%d" % (level, index)).digest()

    size = 2**40 - 1
    for work in (
        lambda: merkle.inclusion_path(12345, size, synthetic),
        lambda: merkle.inclusion_path(size - 1, size, synthetic),
        lambda: merkle.consistency_path(2**39 + 7, size, synthetic),
        lambda: merkle.extend(size, synthetic, [bytes(32)] * 3),
        lambda: merkle.root_hash(size, synthetic),
    ):
        reads = 0
        work()
        assert reads <= 2 * 40

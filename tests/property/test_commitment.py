"""The tree of a chain from both sides: the publisher's, which grows, and the follower's, which keeps its peaks."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from node.base.errors import InvalidInput
from node.catalogue.feed.commitment import Frontier, LeafTree, hash_text, leaf_of
from node.ledger import merkle
from node.ledger.proofs import read_hash
from tests.property.test_merkle import mth

LEAVES = st.lists(st.binary(min_size=1, max_size=6).map(lambda some: leaf_of(some.hex())), max_size=70)


def grown(leaves: list[bytes]) -> LeafTree:
    tree = LeafTree()
    for leaf in leaves:
        tree.add(leaf)
    return tree


@given(LEAVES, st.data())
@settings(max_examples=200, deadline=None)
def test_both_sides_come_to_the_root_of_the_standard(leaves: list[bytes], data: st.DataObject) -> None:
    tree = grown(leaves)
    size = data.draw(st.integers(0, len(leaves)))
    assert tree.root(size) == mth(leaves[:size])
    frontier = Frontier().extend(leaves[:size])
    assert (frontier.size, frontier.root) == (size, tree.root(size))
    kept = Frontier(frontier.size, [read_hash(hash_text(peak)) for peak in frontier.peaks])
    assert kept.extend(leaves[size:]).root == tree.root(len(leaves))
    assert frontier.size == size, "the earlier one stays as it is"


@given(LEAVES.filter(bool), st.data())
@settings(max_examples=200, deadline=None)
def test_a_proof_holds_for_what_the_chain_was_and_for_nothing_else(leaves: list[bytes], data: st.DataObject) -> None:
    tree = grown(leaves)
    new = data.draw(st.integers(1, len(leaves)))
    old = data.draw(st.integers(0, new))
    path = tree.consistency(old, new)
    merkle.verify_consistency(old, new, path, tree.root(old), tree.root(new))
    if old == 0:
        return
    changed = data.draw(st.integers(0, old - 1))
    rewritten = grown([leaf_of("rewritten") if at == changed else leaf for at, leaf in enumerate(leaves)])
    if rewritten.root(old) == tree.root(old):
        return
    for proof in (path, rewritten.consistency(old, new)):
        with pytest.raises(InvalidInput):
            merkle.verify_consistency(old, new, proof, tree.root(old), rewritten.root(new))


@given(LEAVES)
@settings(max_examples=50, deadline=None)
def test_peaks_belong_to_one_size(leaves: list[bytes]) -> None:
    frontier = Frontier().extend(leaves)
    for size in range(72):
        if size.bit_count() != len(frontier.peaks):
            with pytest.raises(InvalidInput):
                Frontier(size, frontier.peaks)


@pytest.mark.parametrize("text", ["", "short", None, 7, "A" * 43, "A" * 44, "é" * 44, hash_text(b"\x00" * 31)])
def test_what_is_no_hash_is_refused(text: object) -> None:
    with pytest.raises(InvalidInput):
        read_hash(text)

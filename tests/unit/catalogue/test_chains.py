"""The chains of the feed: what is retracted from whom, and what it takes to know."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import pytest

from node.base.clock import stamp
from node.base.errors import InvalidInput
from node.catalogue.feed.chains import PAGE, Chains
from node.catalogue.feed.commitment import leaf_of
from node.catalogue.feed.heads import Restart
from node.catalogue.model import OPENS_HISTORY, PUBLIC
from node.ledger import merkle
from node.ledger.model import Entry, EntryKind

ME = "did:web:ghent.example"
NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)


def version(seq: int, iri: str, number: int, audience: str, *, withdrawn: bool = False, opens: bool = False) -> Entry:
    envelope = {
        "iri": iri,
        "version": number,
        "audience": audience,
        "withdrawn": withdrawn,
        "origin": ME,
        "at": stamp(NOON + timedelta(seconds=seq)),
        "extra": {OPENS_HISTORY: True} if opens else {},
    }
    body = json.dumps({"envelope": envelope, "signature": f"signature of {iri} {number}"}).encode()
    return Entry(id=f"urn:{seq}", kind=EntryKind.RECORD, subject=iri, at=NOON, by="", body=body, seq=seq)


def shown(chains: Chains, audience: str) -> set[str]:
    """The entries on the pages of a chain."""
    entries: set[str] = set()
    for number in range(-(-chains.size(audience) // PAGE)):
        page = chains.page(audience, number)
        assert page is not None
        entries |= {member.entry for member in page[1]}
    return entries


@pytest.mark.parametrize("seed", range(20))
def test_each_audience_sees_what_all_versions_since_admit(seed: int) -> None:
    """Versions come in any order (replication may do that), are withdrawn, hidden, shown again, and open others."""
    chance = random.Random(seed)
    chains = Chains(me=ME)
    audiences = [PUBLIC, "members", "staff"]
    numbers = [(iri, number) for iri in "ab" for number in range(1, 40)]
    chance.shuffle(numbers)
    history: dict[str, dict[int, tuple[str, str, bool, bool]]] = {"a": {}, "b": {}}
    for seq, (iri, number) in enumerate(numbers):
        audience, withdrawn, opens = chance.choice(audiences), chance.random() < 0.2, chance.random() < 0.1
        chains.apply([version(seq, iri, number, audience, withdrawn=withdrawn, opens=opens)])
        history[iri][number] = (f"urn:{seq}", audience, withdrawn, opens)
        if seq % 13 and seq + 1 < len(numbers):
            continue
        for chain in chains.audiences(audiences):
            assert shown(chains, chain) == {
                entry
                for versions in history.values()
                for one, (entry, its, gone, _) in versions.items()
                if its == chain and (gone or _admitted(versions, one, {chain, PUBLIC}))
            }


def _admitted(versions: dict[int, tuple[str, str, bool, bool]], number: int, audiences: set[str]) -> bool:
    opened = max((one for one, (_, _, _, opens) in versions.items() if opens), default=0)
    return all(its in audiences for one, (_, its, _, _) in versions.items() if one >= max(number, opened))


class Walked(list[tuple[str, int, bool, int]]):
    """Places that count how often somebody goes through them."""

    times = 0

    def __iter__(self) -> Iterator[tuple[str, int, bool, int]]:
        self.times += 1
        return super().__iter__()


def test_a_version_more_for_the_same_audience_goes_through_no_earlier_one() -> None:
    """An asset that is published every minute has half a million versions after a year."""
    chains = Chains(me=ME)
    chains.apply([version(0, "a", 1, PUBLIC)])
    places = chains._content.assets["a"].places = Walked(chains._content.assets["a"].places)
    chains.apply([version(seq, "a", seq + 1, PUBLIC) for seq in range(1, 100)])
    assert (len(places), places.times) == (100, 0)
    chains.apply([version(100, "a", 101, "members")])
    assert places.times == 1
    assert shown(chains, PUBLIC) == set()


# What heads commit to. -------------------------------------------------------------------------------------------


def test_the_root_is_over_all_members_also_those_that_were_retracted() -> None:
    chains = Chains(me=ME)
    chains.apply([version(seq, f"asset {seq}", 1, PUBLIC) for seq in range(7)])
    before = chains.root(PUBLIC, 7)
    chains.apply([version(7, "asset 3", 2, "members")])
    assert shown(chains, PUBLIC) == {f"urn:{seq}" for seq in range(7) if seq != 3}
    assert chains.root(PUBLIC, 7) == before
    leaves = [leaf_of(f"signature of asset {seq} 1") for seq in range(7)]
    assert chains.leaves(PUBLIC, 0, 100) == leaves
    assert chains.leaves(PUBLIC, 2, 4) == leaves[2:4]
    nodes, root = merkle.extend(0, lambda level, index: b"", leaves)
    assert (len(nodes), chains.root(PUBLIC, 7)) == (11, root)


def test_audiences_have_roots_of_their_own() -> None:
    """What is hidden leaves no trace in what the public chain commits to."""
    alone, beside = Chains(me=ME), Chains(me=ME)
    alone.apply([version(seq, "a", seq + 1, PUBLIC) for seq in range(5)])
    for seq in range(5):
        beside.apply([version(2 * seq, "a", seq + 1, PUBLIC), version(2 * seq + 1, "b", seq + 1, "members")])
    assert alone.root(PUBLIC, 5) == beside.root(PUBLIC, 5)
    assert beside.root("members", 5) != beside.root(PUBLIC, 5)


def test_a_proof_leads_from_any_length_to_any_later_one() -> None:
    chains = Chains(me=ME)
    chains.apply([version(seq, "a", seq + 1, PUBLIC) for seq in range(20)])
    for new in range(21):
        for old in range(new + 1):
            path = chains.consistency(PUBLIC, old, new)
            merkle.verify_consistency(old, new, path, chains.root(PUBLIC, old), chains.root(PUBLIC, new))
    for old, new in ((0, 21), (5, 4), (-1, 3)):
        with pytest.raises(InvalidInput):
            chains.consistency(PUBLIC, old, new)


def test_a_restored_node_says_what_each_restore_kept() -> None:
    chains = Chains(me=ME, epoch=2, restarts={1: 4, 2: 9})
    chains.apply([version(seq, "ab"[seq % 2], seq + 1, (PUBLIC, "members")[seq % 2]) for seq in range(12)])
    assert chains.restarts(PUBLIC) == (Restart(1, 2, chains.root(PUBLIC, 2)), Restart(2, 5, chains.root(PUBLIC, 5)))
    assert [one.size for one in chains.restarts("members")] == [2, 4]


class Bodies(Entry):
    """An entry that counts how often its body is read."""

    reads = 0

    def __getattribute__(self, name: str) -> object:
        if name == "body":
            Bodies.reads += 1
        return super().__getattribute__(name)


def test_twenty_five_thousand_records_cost_one_reading_and_little_memory() -> None:
    """At start each body is read once, as before; publishing one more adds a handful of hashes."""
    chains, entries = Chains(me=ME), [version(seq, f"asset {seq}", 1, PUBLIC) for seq in range(25_000)]
    counted = [
        Bodies(id=one.id, kind=one.kind, subject=one.subject, at=one.at, by=one.by, body=one.body, seq=one.seq)
        for one in entries
    ]
    Bodies.reads = 0
    hashed = 0

    def counting(left: bytes, right: bytes, inner: Callable[[bytes, bytes], bytes] = merkle.node_hash) -> bytes:
        nonlocal hashed
        hashed += 1
        return inner(left, right)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(merkle, "node_hash", counting)
        chains.apply(counted)
        assert (Bodies.reads, hashed) == (25_000, 25_000 - (25_000).bit_count())
        hashed = 0
        chains.apply([version(25_000, "one more", 1, PUBLIC)])
        chains.root(PUBLIC, 25_001)
        assert hashed < 20
        hashed = 0
        path = chains.consistency(PUBLIC, 12_345, 25_001)
        assert len(path) <= 16
        assert hashed < 40
    stored = sum(len(level) for level in chains._content.chains[PUBLIC].tree._levels)
    assert stored < 64 * 25_001 + 1

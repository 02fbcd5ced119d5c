"""The chains of the feed: what is retracted from whom, and what it takes to know."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from node.base.clock import stamp
from node.catalogue.chains import PAGE, Chains
from node.catalogue.model import OPENS_HISTORY, PUBLIC
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
    body = json.dumps({"envelope": envelope}).encode()
    return Entry(id=f"urn:{seq}", kind=EntryKind.RECORD, subject=iri, at=NOON, by="", body=body, seq=seq)


def shown(chains: Chains, audience: str) -> set[str]:
    """The entries on the pages of a chain."""
    found: set[str] = set()
    for number in range(-(-chains.size(audience) // PAGE)):
        page = chains.page(audience, number)
        assert page is not None
        found |= {member.entry for member in page[1]}
    return found


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
    places = chains._assets["a"].places = Walked(chains._assets["a"].places)
    chains.apply([version(seq, "a", seq + 1, PUBLIC) for seq in range(1, 100)])
    assert (len(places), places.times) == (100, 0)
    chains.apply([version(100, "a", 101, "members")])
    assert places.times == 1
    assert shown(chains, PUBLIC) == set()

"""The chains of the feed: what is retracted from whom, and what it takes to know."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from node.base.clock import stamp
from node.catalogue.chains import PAGE, Chains
from node.catalogue.model import PUBLIC
from node.ledger.model import Entry, EntryKind

ME = "did:web:ghent.example"
NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)


def version(seq: int, iri: str, number: int, audience: str, *, withdrawn: bool = False) -> Entry:
    envelope = {
        "iri": iri,
        "version": number,
        "audience": audience,
        "withdrawn": withdrawn,
        "origin": ME,
        "at": stamp(NOON + timedelta(seconds=seq)),
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
def test_each_audience_sees_what_its_newest_version_admits(seed: int) -> None:
    """Versions come in any order (replication may do that), and are withdrawn and hidden and shown again."""
    chance = random.Random(seed)
    chains = Chains(me=ME)
    audiences = [PUBLIC, "members", "staff"]
    history: list[tuple[str, str, int, str, bool]] = []
    newest: dict[str, tuple[int, str]] = {}
    for seq in range(150):
        iri, number = chance.choice("ab"), chance.randrange(40)
        audience, withdrawn = chance.choice(audiences), chance.random() < 0.2
        chains.apply([version(seq, iri, number, audience, withdrawn=withdrawn)])
        history.append((f"urn:{seq}", iri, number, audience, withdrawn))
        if number >= newest.get(iri, (0, ""))[0]:
            newest[iri] = (number, audience)
    for audience in chains.audiences(audiences):
        assert shown(chains, audience) == {
            entry
            for entry, iri, _, its, withdrawn in history
            if its == audience and (withdrawn or newest[iri][1] in (audience, PUBLIC))
        }


class Walked(list[tuple[str, int, bool]]):
    """Places that count how often somebody goes through them."""

    times = 0

    def __iter__(self) -> Iterator[tuple[str, int, bool]]:
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

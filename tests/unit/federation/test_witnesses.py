"""A node that shows two histories to two followers is found out where they compare what they saw."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import httpx2
import pytest
from fastapi import FastAPI

from federation.forks import EPOCH_BACK, NO_PROOF, SAME_SIZE
from federation.routes import witness_router
from node.base.errors import HansaError
from node.base.jsons import canonical
from node.catalogue.model import QUARANTINE
from node.identity.model import Caller
from node.web.problems import answer_problem
from tests.fakes.catalogue import MEMBER, STRANGER, CatalogueNode, participant
from tests.fakes.federation import Answer, Follower, Network


class Door:
    """The part of a host that the witness door needs."""

    def __init__(self, follower: Follower, caller: Caller) -> None:
        self.extensions: dict[str, Any] = {"federation": None}
        self.follower, self.caller = follower, caller

    async def identify(self, request: object) -> Caller:
        return self.caller

    def audiences(self, caller: Caller) -> frozenset[str] | None:
        return self.follower.node.visibility.audiences(caller)


class Split:
    """Gent shows one history to Brugge and another to Aalst; Aalst follows Brugge too."""

    def __init__(self) -> None:
        self.views = {"brugge": Network(), "aalst": Network()}
        self.gent = {name: CatalogueNode(base="https://gent.example") for name in self.views}
        self.followers: dict[str, Follower] = {}
        for name, network in self.views.items():
            node = CatalogueNode(base=f"https://{name}.example", name=name)
            network.join(self.gent[name], {node.did: participant(node.did, "MembershipCredential")})
            self.followers[name] = Follower(node, network)
        self.brugge, self.aalst = self.followers["brugge"], self.followers["aalst"]
        self.views["aalst"].join(self.brugge.node, {self.aalst.node.did: participant(self.aalst.node.did)})
        self.views["aalst"].spoil = self.at_brugge
        self.caller: Caller = participant(self.aalst.node.did, "MembershipCredential")
        self.heads: list[dict[str, Any]] | None = None

    def at_brugge(self, url: str, answer: Answer) -> Answer:
        if not url.startswith("https://brugge.example/federation/heads") or self.heads is None:
            return answer
        return 200, {}, canonical({"heads": self.heads})

    async def publish(self, which: str, *slugs: str) -> None:
        for slug in slugs:
            await self.gent[which].publish(slug)

    async def follow(self) -> None:
        await self.brugge.follow(self.gent["brugge"])
        await self.aalst.follow(self.gent["aalst"])
        await self.aalst.follow(self.brugge.node)

    async def compare(self) -> None:
        await self.brugge.poll.once()
        self.heads = await self.brugge.witness.heads(self.brugge.node.visibility.audiences(self.caller))
        await self.aalst.poll.once()
        await self.aalst.poll.once()

    def state(self) -> str:
        return self.aalst.stored(self.gent["aalst"]).state


@pytest.fixture
async def split() -> Split:
    split = Split()
    await split.publish("brugge", "a", "b", "c")
    with split.gent["brugge"].uow.read() as tx:
        first = list(split.gent["brugge"].ledger.since(tx, 0))
        records = {one.entry: one for one in split.gent["brugge"].records.by_entry(tx, [e.id for e in first])}
    other = split.gent["aalst"]
    other.clock.at = split.gent["brugge"].clock.at
    with other.uow.begin() as tx:
        for entry in first:
            other.ledger.append(tx, replace(entry, seq=None))
            other.records.add(tx, records[entry.id])
    other.settle()
    await split.follow()
    return split


async def test_followers_that_were_shown_the_same_agree(split: Split) -> None:
    await split.compare()
    assert split.state() == "following"
    assert split.heads is not None
    assert [head["audience"] for head in split.heads] == ["public"]


async def test_two_histories_of_one_length_are_found(split: Split) -> None:
    await split.publish("brugge", "for-brugge")
    await split.publish("aalst", "for-aalst")
    await split.compare()
    assert split.state() == QUARANTINE
    (fork,) = split.aalst.stored(split.gent["aalst"]).cursor["forks"]
    assert (fork["kind"], fork["witness"]) == (SAME_SIZE, split.brugge.node.did)
    assert len(split.aalst.iris()) == 4, "what was received stays"


@pytest.mark.parametrize("longer", ["brugge", "aalst"])
async def test_two_histories_of_different_lengths_are_found(split: Split, longer: str) -> None:
    await split.publish("brugge", "for-brugge")
    await split.publish("aalst", "for-aalst")
    await split.publish(longer, "more", "and-more")
    await split.compare()
    assert split.state() == QUARANTINE
    (fork,) = split.aalst.stored(split.gent["aalst"]).cursor["forks"]
    assert (fork["kind"], fork["witness"]) == (NO_PROOF, split.brugge.node.did)


async def test_a_follower_that_is_behind_is_no_contradiction(split: Split) -> None:
    await split.compare()
    # The same history, seen longer by the one than by the other.
    split.views["brugge"].join(split.gent["aalst"], {split.brugge.node.did: participant(split.brugge.node.did)})
    await split.publish("aalst", "d", "e")
    await split.compare()
    assert split.state() == "following"
    await split.publish("aalst", "f")
    await split.brugge.poll.once()
    split.heads = await split.brugge.witness.heads(frozenset({"public"}))
    assert await split.aalst.witness.listen(split.brugge.node.base, split.brugge.node.did) == []
    asked = split.views["aalst"].asked
    before = len(asked)
    await split.aalst.witness.listen(split.brugge.node.base, split.brugge.node.did)
    assert len(asked) == before + 1, "what was proven once is not asked for again"


async def test_a_proof_that_cannot_be_had_now_accuses_nobody(split: Split) -> None:
    await split.publish("brugge", "for-brugge")
    await split.compare()
    assert split.state() == QUARANTINE or split.heads
    split.views["aalst"].down.add("https://gent.example")
    assert await split.aalst.witness.listen(split.brugge.node.base, split.brugge.node.did) == []


async def test_an_epoch_before_another_is_found(split: Split) -> None:
    await split.brugge.poll.once()
    restored = CatalogueNode(base="https://gent.example", epoch=1)
    split.views["brugge"].join(restored, {split.brugge.node.did: participant(split.brugge.node.did)})
    await restored.publish("anew")
    # Aalst is shown epoch 0 an hour after epoch 1 was signed.
    split.gent["aalst"].clock.forward(hours=1)
    split.aalst.node.clock.forward(hours=1)
    await split.compare()
    assert split.state() == QUARANTINE
    assert split.aalst.stored(split.gent["aalst"]).cursor["forks"][0]["kind"] == EPOCH_BACK


async def test_a_witness_cannot_accuse_falsely(split: Split) -> None:
    """Heads that Gent did not sign, of chains that nobody reads, and nonsense: no harm, and no end of following."""
    await split.compare()
    gent, good = split.gent["aalst"], split.heads
    assert good
    header, payload, signature = good[0]["head"].split(".")
    forged = CatalogueNode(base="https://gent.example").keys
    assert forged
    split.heads = [
        {"did": gent.did, "audience": "public", "head": f"{header}.{payload[:-4]}AAAA.{signature}"},
        {"did": gent.did, "audience": "public", "head": "nonsense"},
        {"did": gent.did, "head": 7},
        {"did": "did:web:nobody.example", "audience": "public", "head": good[0]["head"]},
        7,  # type: ignore[list-item]
        *good,
    ]
    assert await split.aalst.witness.listen(split.brugge.node.base, split.brugge.node.did) == []
    await split.aalst.poll.once()
    assert split.state() == "following"


@pytest.mark.parametrize("answer", [(404, {}, b""), (200, {}, b"[]"), (200, {}, b'{"heads":7}'), (500, {}, b"")])
async def test_a_node_without_the_door_is_passed_over(split: Split, answer: Answer) -> None:
    split.views["aalst"].spoil = lambda url, honest: answer if "/federation/heads" in url else honest
    await split.aalst.poll.once()
    await split.aalst.poll.once()
    assert split.state() == "following"


async def test_what_was_accepted_is_not_found_again(split: Split) -> None:
    await split.publish("brugge", "for-brugge")
    await split.publish("aalst", "for-aalst")
    await split.compare()
    assert split.state() == QUARANTINE
    split.aalst.node.clock.forward(hours=1)
    await split.aalst.members.accept(split.gent["aalst"].base, split.aalst.node.steward)
    await split.aalst.poll.once()
    await split.aalst.poll.once()
    assert split.state() == "following"
    for name in ("brugge", "aalst"):
        split.gent[name].clock.forward(hours=2)
    split.brugge.node.clock.forward(hours=2)
    await split.compare()
    assert split.state() == QUARANTINE, "it goes on showing two histories"


async def test_both_heads_of_a_fork_are_shown_to_others(split: Split) -> None:
    await split.publish("brugge", "for-brugge")
    await split.publish("aalst", "for-aalst")
    await split.compare()
    (fork,) = split.aalst.stored(split.gent["aalst"]).cursor["forks"]
    shown = [head["head"] for head in await split.aalst.witness.heads(None) if head["did"] == split.gent["aalst"].did]
    assert {fork["first"], fork["second"]} == set(shown)


async def test_heads_of_a_chain_are_shown_to_those_who_may_see_it(split: Split) -> None:
    await split.gent["brugge"].publish("for-members", audience="members")
    await split.brugge.poll.once()
    for caller, audiences in (
        (MEMBER, {"public", "members"}),
        (STRANGER, {"public"}),
        (split.brugge.node.steward, {"public", "members"}),
    ):
        door = Door(split.brugge, caller)
        app = FastAPI()
        app.include_router(witness_router(split.brugge.witness, identify=door.identify, audiences=door.audiences))
        app.add_exception_handler(HansaError, answer_problem)
        transport = httpx2.ASGITransport(app=app)
        async with httpx2.AsyncClient(transport=transport, base_url=split.brugge.node.base) as http:
            answer = await http.get("/federation/heads")
        assert {head["audience"] for head in answer.json()["heads"]} == audiences
        assert answer.headers["cache-control"] == "private, no-cache"

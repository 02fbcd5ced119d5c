"""A node that shows another history than before: followers notice, stop, and keep what proves it."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from federation.cursor import Cursor
from federation.forks import FALSE_CLAIM, NO_PROOF, NOT_ANNOUNCED, SAME_SIZE, SHRUNK
from federation.replicate.model import ForkedFeed, HostileFeed, Limits
from node.base.errors import Conflict, NotAllowed, PeerUnreachable
from node.base.jsons import canonical
from node.catalogue.feed import chains
from node.catalogue.feed.commitment import Frontier, leaf_of
from node.catalogue.feed.heads import open_head
from node.catalogue.model import QUARANTINE, Record
from node.identity.jose import unb64url
from node.identity.model import ANONYMOUS
from tests.fakes.catalogue import CatalogueNode, participant
from tests.fakes.federation import Answer, Follower, Network
from tests.fakes.keys import public_jwk


class Scene:
    """Gent publishes, the region follows, and Gent may be put back to a copy of its beginning."""

    def __init__(self, limits: Limits | None = None) -> None:
        self.network = Network()
        self.gent = CatalogueNode(base="https://gent.example")
        self.region = CatalogueNode(base="https://region.example", name="Vlaanderen")
        self.network.join(self.region)
        self.follower = Follower(self.region, self.network, limits)
        self.show(self.gent)

    def show(self, gent: CatalogueNode) -> None:
        """From now on ``gent`` answers at Gent's address."""
        self.gent = gent
        self.network.join(gent, {self.region.did: participant(self.region.did, "MembershipCredential")})

    async def fill(self, number: int, **fields: Any) -> None:
        for which in range(number):
            await self.gent.publish(f"set-{which}", **fields)

    def copy(self, entries: int, *, epoch: int = 0, restarts: dict[int, int] | None = None) -> CatalogueNode:
        """Gent as it was after ``entries`` entries, as a copy of its database gives it."""
        copied = CatalogueNode(base="https://gent.example", epoch=epoch, restarts=restarts)
        copied.clock.at = self.gent.clock.at
        copied.keys = self.gent.keys
        with self.gent.uow.read() as tx:
            copied_entries = list(self.gent.ledger.since(tx, 0))[:entries]
            records = {
                record.entry: record for record in self.gent.records.by_entry(tx, [one.id for one in copied_entries])
            }
        with copied.uow.begin() as tx:
            for entry in copied_entries:
                copied.ledger.append(tx, replace(entry, seq=None))
                copied.records.add(tx, records[entry.id])
        copied.settle()
        return copied

    async def run(self) -> int:
        return (await self.follower.run(self.gent)).added

    def fork(self) -> dict[str, Any]:
        stored = self.follower.stored(self.gent)
        assert stored.state == QUARANTINE
        return dict(stored.cursor["forks"][0])

    def stored(self, iri: str) -> Record | None:
        with self.region.uow.read() as tx:
            return self.region.records.get(tx, iri)

    def notes(self) -> list[dict[str, Any]]:
        with self.region.uow.read() as tx:
            return [json.loads(entry.body) for entry in self.region.ledger.history(tx, self.gent.did)]


@pytest.fixture
async def scene(monkeypatch: pytest.MonkeyPatch) -> Scene:
    monkeypatch.setattr(chains, "PAGE", 3)
    scene = Scene()
    await scene.follower.follow(scene.gent)
    return scene


async def test_a_copy_that_grew_to_the_old_length_again_is_a_fork(scene: Scene) -> None:
    """The issue: restored from a copy without a word, other records published, and the length is as before."""
    await scene.fill(7)
    assert await scene.run() == 7
    scene.show(scene.copy(5))
    for which in ("other", "else"):
        await scene.gent.publish(which)
    with pytest.raises(ForkedFeed, match="same length"):
        await scene.run()
    fork = scene.fork()
    assert fork["kind"] == SAME_SIZE
    heads = [open_head(fork[which], public_jwk(scene.gent.keys)) for which in ("first", "second")]
    assert (heads[0].size, heads[1].size, heads[0].epoch, heads[1].epoch) == (7, 7, 0, 0)
    assert heads[0].root != heads[1].root
    assert list(fork["keys"].values()) == [public_jwk(scene.gent.keys)]
    assert len(scene.follower.iris()) == 7, "what was received stays"
    noted = next(note for note in scene.notes() if note["type"] == "fork")
    assert (noted["first"], noted["second"]) == (fork["first"], fork["second"]), "the evidence stands in the ledger"
    scene.network.asked.clear()
    await scene.follower.poll.once()
    assert scene.network.asked == [], "it is read no further"


@pytest.mark.parametrize("more", [3, 12], ids=["on one page", "over several pages"])
async def test_a_copy_that_grew_beyond_the_old_length_is_a_fork(scene: Scene, more: int) -> None:
    await scene.fill(7)
    await scene.run()
    scene.show(scene.copy(5))
    for which in range(more):
        await scene.gent.publish(f"other-{which}")
    with pytest.raises(ForkedFeed, match="continues"):
        await scene.run()
    assert scene.fork()["kind"] == NO_PROOF
    assert scene.fork()["proof"]["status"] == 200
    assert len(scene.follower.iris()) == 7, "nothing of the other history was taken"


async def test_a_copy_that_stays_shorter_is_a_fork_once_it_was_signed_later(scene: Scene) -> None:
    await scene.fill(7)
    await scene.run()
    scene.show(scene.copy(5))
    with pytest.raises(HostileFeed, match="gone back") as within_the_beat:
        await scene.run()
    assert not isinstance(within_the_beat.value, ForkedFeed), "it may be an older answer from a cache"
    scene.gent.clock.forward(hours=1)
    scene.region.clock.forward(hours=1)
    with pytest.raises(ForkedFeed):
        await scene.run()
    assert scene.fork()["kind"] == SHRUNK


async def test_an_honest_feed_is_never_a_fork(scene: Scene) -> None:
    """Growth by one and by many, withdrawals, assets that are hidden and shown again: no proof ever fails."""
    await scene.fill(4)
    assert await scene.run() == 4
    await scene.gent.publish("set-1", audience="internal")
    await scene.run()
    await scene.fill(11, description={"en": "again"})
    await scene.run()
    await scene.gent.withdraw("https://gent.example/datasets/set-3")
    await scene.gent.publish("set-1", audience="members")
    await scene.gent.publish("set-2", audience="internal")
    await scene.run()
    outcome = await scene.follower.run(scene.gent)
    assert (outcome.troubles, scene.follower.stored(scene.gent).state) == ([], "following")
    for audience in ("public", "members"):
        chain = scene.follower.stored(scene.gent).cursor["chains"][audience]
        assert chain["size"] == chain["head"]["size"] == scene.gent.chains.size(audience)


async def test_a_new_follower_checks_chains_that_have_gaps(scene: Scene) -> None:
    """Members that were taken off their pages keep their place in the tree."""
    await scene.fill(8)
    for which in (0, 4, 7):
        await scene.gent.publish(f"set-{which}", audience="internal")
    outcome = await scene.follower.run(scene.gent)
    assert (outcome.added, outcome.quarantines, outcome.troubles) == (8, 0, []), "five, and three that are gone"
    assert scene.follower.stored(scene.gent).cursor["chains"]["public"]["size"] == 11


async def test_a_page_that_is_not_what_the_head_commits_to_is_not_taken(scene: Scene) -> None:
    """Every member is signed by Gent; but it is not the history that Gent's head commits to."""
    await scene.fill(2)
    other = CatalogueNode(base="https://gent.example")
    other.clock.forward(minutes=1)
    await other.publish("set-0")
    await other.publish("lure")
    elsewhere = Network()
    elsewhere.join(other, {scene.region.did: participant(scene.region.did)})
    page = await elsewhere.fetch("https://gent.example/feed/pages/0", {}, audience="", me=scene.region.did)
    scene.network.spoil = lambda url, answer: page if url.endswith("/pages/0") else answer
    for _ in range(2):
        outcome = await scene.follower.run(scene.gent)
        assert (outcome.added, len(outcome.troubles)) == (0, 1)
    assert "commits to" in (scene.follower.stored(scene.gent).last_error or "")
    scene.network.spoil = lambda url, answer: answer
    assert await scene.run() == 2
    assert scene.follower.stored(scene.gent).last_error is None


async def test_a_spoilt_page_among_many_is_found_and_read_again(scene: Scene) -> None:
    await scene.fill(8)

    def wrong(url: str, answer: Answer) -> Answer:
        status, headers, body = answer
        if not url.endswith("/pages/0"):
            return answer
        lines = body.decode().split("\n")
        at = next(number for number, one in enumerate(lines) if "ns#leaves" in one)
        first, second, *_ = lines[at].split('"')[1].split(" ")
        lines[at] = lines[at].replace(f"{first} {second}", f"{second} {first}")
        return status, headers, "\n".join(lines).encode()

    scene.network.spoil = wrong
    outcome = await scene.follower.run(scene.gent)
    assert len(outcome.troubles) == 1
    scene.network.spoil = lambda url, answer: answer
    await scene.run()
    assert len(scene.follower.iris()) == 8
    assert scene.follower.stored(scene.gent).last_error is None


async def test_a_run_that_ends_early_has_the_part_it_read_proven() -> None:
    scene = Scene(Limits(members=100))
    await scene.follower.follow(scene.gent)
    await scene.fill(230)
    outcome = await scene.follower.run(scene.gent)
    assert (outcome.added, outcome.more) == (100, True)
    asked = [url for url in scene.network.asked if "/consistency" in url]
    assert asked == ["https://gent.example/feed/consistency?old=100&new=230"]
    await scene.run()
    assert await scene.run() == 30


async def test_following_on_costs_no_further_question(scene: Scene) -> None:
    """The members of one page are proof enough that it goes on; only what spans pages is proven first."""
    await scene.fill(4)
    await scene.run()
    scene.network.asked.clear()
    await scene.gent.publish("more")
    await scene.run()
    assert not [url for url in scene.network.asked if "/consistency" in url]
    await scene.fill(7, description={"en": "again"})
    await scene.run()
    asked = [url for url in scene.network.asked if "/consistency" in url]
    assert asked == ["https://gent.example/feed/consistency?old=5&new=12"]


@pytest.mark.parametrize("status", [401, 403, 429, 500, 503])
async def test_a_proof_that_may_come_later_is_waited_for(scene: Scene, status: int) -> None:
    await scene.fill(2)
    await scene.run()
    await scene.fill(7, description={"en": "again"})
    scene.network.spoil = lambda url, answer: (status, {}, b"") if "/consistency" in url else answer
    with pytest.raises(PeerUnreachable) as trouble:
        await scene.run()
    assert not isinstance(trouble.value, HostileFeed)
    scene.network.spoil = lambda url, answer: answer
    assert await scene.run() == 7


@pytest.mark.parametrize(
    "answer",
    [
        (404, {}, b""),
        (200, {}, b""),
        (200, {}, b"[]"),
        (200, {}, canonical({"old": 2, "new": 9, "path": []})),
        (200, {}, canonical({"old": 1, "new": 9, "path": []})),
        (200, {}, b"x" * 100_000),
    ],
)
async def test_a_node_that_proves_nothing_is_in_quarantine(scene: Scene, answer: Answer) -> None:
    await scene.fill(2)
    await scene.run()
    await scene.fill(7, description={"en": "again"})
    scene.network.spoil = lambda url, honest: answer if "/consistency" in url else honest
    with pytest.raises(ForkedFeed):
        await scene.run()
    assert scene.fork()["kind"] == NO_PROOF


# What a person does about it. ------------------------------------------------------------------------------


async def test_accepting_the_history_is_a_decision_in_the_ledger(scene: Scene) -> None:
    await scene.fill(7)
    await scene.run()
    before = scene.stored("https://gent.example/datasets/set-6")
    scene.show(scene.copy(5))
    await scene.gent.publish("set-6", description={"en": "written again"})
    await scene.gent.publish("fresh")
    with pytest.raises(ForkedFeed):
        await scene.run()
    members, steward = scene.follower.members, scene.region.steward
    with pytest.raises(NotAllowed):
        await members.accept(scene.gent.base, ANONYMOUS)
    await members.accept(scene.gent.did, steward)
    with pytest.raises(Conflict):
        await members.accept(scene.gent.base, steward)
    outcome = await scene.follower.run(scene.gent)
    assert (outcome.added, outcome.known, outcome.quarantines) == (1, 5, 1)
    assert scene.stored("https://gent.example/datasets/set-6") == before, "what was received first stays"
    (fork,) = scene.follower.stored(scene.gent).cursor["forks"]
    assert (fork["decided"]["what"], fork["decided"]["by"]) == ("accepted", steward.name)
    accepted = next(note for note in scene.notes() if note["type"] == "fork-accepted")
    assert accepted["evidence"] == [fork["entry"]]
    assert scene.follower.stored(scene.gent).state == "following"


async def test_leaving_keeps_the_evidence_in_the_ledger(scene: Scene) -> None:
    await scene.fill(3)
    await scene.run()
    scene.show(scene.copy(2))
    await scene.gent.publish("other")
    with pytest.raises(ForkedFeed):
        await scene.run()
    await scene.follower.members.remove(scene.gent.base, scene.region.steward)
    assert [note["type"] for note in scene.notes()] == ["follow", "fork", "unfollow"]
    assert len(scene.follower.iris()) == 3


async def test_a_run_that_was_on_does_not_lift_the_quarantine(scene: Scene) -> None:
    await scene.fill(3)
    await scene.run()
    running = scene.follower.stored(scene.gent)
    scene.show(scene.copy(2))
    await scene.gent.publish("other")
    with pytest.raises(ForkedFeed):
        await scene.run()
    await scene.follower.replicate.save(running)
    assert scene.fork()["kind"] == SAME_SIZE
    with pytest.raises(HostileFeed, match="in quarantine"):
        await scene.run()


# New epochs. ------------------------------------------------------------------------------------------------


async def test_a_restore_that_loses_nothing_is_followed_without_reading_anew(scene: Scene) -> None:
    await scene.fill(7)
    await scene.run()
    scene.show(scene.copy(7, epoch=1, restarts={1: 7}))
    await scene.gent.publish("fresh")
    outcome = await scene.follower.run(scene.gent)
    assert (outcome.added, outcome.known) == (1, 0)
    stored = scene.follower.stored(scene.gent)
    assert (stored.state, stored.cursor["epoch"]) == ("following", 1)
    assert "restarts" not in stored.cursor


async def test_an_announced_loss_is_followed_noted_and_shown(scene: Scene) -> None:
    await scene.fill(7)
    await scene.run()
    scene.show(scene.copy(5, epoch=1, restarts={1: 5}))
    await scene.gent.publish("set-6", description={"en": "written again"})
    await scene.gent.publish("fresh")
    outcome = await scene.follower.run(scene.gent)
    assert (outcome.added, outcome.known, outcome.quarantines) == (1, 5, 1)
    stored = scene.follower.stored(scene.gent)
    assert stored.state == "following"
    (restart,) = stored.cursor["restarts"]
    assert (restart["had"], restart["kept"], restart["epoch"]) == (7, 5, 1)
    first, second = (open_head(restart[which], public_jwk(scene.gent.keys)) for which in ("first", "second"))
    assert (first.epoch, second.epoch) == (0, 1)
    assert [note["type"] for note in scene.notes()] == ["follow", "restart"]
    await scene.run()
    assert len(scene.follower.stored(scene.gent).cursor["restarts"]) == 1


@pytest.mark.parametrize(
    ("size", "copied", "kind"),
    [(7, 5, FALSE_CLAIM), (None, 5, NOT_ANNOUNCED)],
    ids=["says that nothing is lost", "says nothing"],
)
async def test_a_new_epoch_does_not_wash_a_history_clean(
    scene: Scene, size: int | None, copied: int, kind: str
) -> None:
    await scene.fill(7)
    await scene.run()
    restored = scene.copy(copied, epoch=1, restarts={})
    scene.show(restored)
    for which in range(3):
        await restored.publish(f"other-{which}")
    restored.chains._restarts = {} if size is None else {1: size}
    restored.chains._content.chains["public"].sizes = {} if size is None else {1: size}
    with pytest.raises(ForkedFeed):
        await scene.run()
    assert scene.fork()["kind"] == kind


async def test_several_restores_between_two_runs(scene: Scene) -> None:
    await scene.fill(7)
    await scene.run()
    scene.show(scene.copy(4, epoch=2, restarts={1: 4, 2: 6}))
    await scene.fill(4, description={"en": "again"})
    await scene.run()
    (restart,) = scene.follower.stored(scene.gent).cursor["restarts"]
    assert (restart["had"], restart["kept"], restart["epoch"]) == (7, 4, 2)


async def test_a_node_cannot_fill_our_ledger_with_restores(scene: Scene) -> None:
    await scene.fill(2)
    await scene.run()
    for epoch in range(1, 22):
        scene.show(scene.copy(1, epoch=epoch, restarts=dict.fromkeys(range(1, epoch + 1), 1)))
        await scene.gent.publish(f"new-{epoch}")
        if epoch < 21:
            await scene.run()
    with pytest.raises(HostileFeed, match="within a day"):
        await scene.run()
    assert [note["type"] for note in scene.notes()].count("restart") == 20
    scene.region.clock.forward(days=2)
    scene.gent.clock.forward(days=2)
    await scene.run()
    assert scene.follower.stored(scene.gent).cursor["epoch"] == 21


def test_a_follower_keeps_little_of_a_long_chain() -> None:
    """Of 25,000 members a few hashes: what is written with every page stays small."""
    cursor = Cursor()
    cursor.begin("public")
    cursor.grow("public", Frontier().extend(leaf_of(f"envelope {number}") for number in range(25_000)))
    document = cursor.to_json()
    assert len(document["chains"]["public"]["peaks"]) <= 15
    assert len(canonical(document)) < 1_500
    assert Cursor.from_json(document).chains["public"].frontier.root == cursor.chains["public"].frontier.root


# Nodes and cursors from before. ----------------------------------------------------------------------------


def without_root(text: str, node: CatalogueNode) -> str:
    """An index or a page as nodes wrote them before heads had roots."""
    lines = [one for one in text.split("\n") if "ns#leaves" not in one and "ns#consistency" not in one]
    at = next((number for number, one in enumerate(lines) if "ns#head" in one), None)
    if at is not None:
        jws = lines[at].split('"')[1]
        claims = json.loads(unb64url(jws.split(".")[1]))
        claims.pop("root", None)
        claims.pop("restarts", None)
        lines[at] = lines[at].replace(jws, node.keys.sign_jws({"typ": "hansa-feed+jws"}, canonical(claims)))
    return "\n".join(lines)


def old_peer(scene: Scene) -> Callable[[str, Answer], Answer]:
    def spoiled(url: str, answer: Answer) -> Answer:
        status, headers, body = answer
        if status != 200:
            return answer
        return (
            status,
            {**headers, "etag": f'{headers["etag"][:-1]}-old"'},
            without_root(body.decode(), scene.gent).encode(),
        )

    return spoiled


async def test_a_peer_without_roots_is_followed_as_before(scene: Scene) -> None:
    scene.network.spoil = old_peer(scene)
    await scene.fill(7)
    assert await scene.run() == 7
    cursor = scene.follower.stored(scene.gent).cursor
    assert "chains" not in cursor
    assert cursor["positions"] == {"public": 7}


async def test_a_peer_that_begins_to_commit_is_read_once_from_its_beginning(scene: Scene) -> None:
    """A cursor of the version before: what it stands for is checked as soon as there is something to check."""
    scene.network.spoil = old_peer(scene)
    await scene.fill(7)
    await scene.run()
    scene.network.spoil = lambda url, answer: answer
    outcome = await scene.follower.run(scene.gent)
    assert (outcome.added, outcome.known) == (0, 7)
    assert scene.follower.stored(scene.gent).cursor["chains"]["public"]["size"] == 7
    scene.network.asked.clear()
    await scene.run()
    assert len(scene.network.asked) == 2


async def test_a_peer_that_was_rewritten_before_the_update_is_found_out(scene: Scene) -> None:
    """Two contents for ever, as the version before left them: the first reading anew shows the difference."""
    scene.network.spoil = old_peer(scene)
    await scene.fill(7)
    await scene.run()
    scene.show(scene.copy(5))
    await scene.gent.publish("set-5", description={"en": "written again"})
    await scene.gent.publish("fresh")
    assert await scene.run() == 0, "the version before notices nothing"
    scene.network.spoil = lambda url, answer: answer
    outcome = await scene.follower.run(scene.gent)
    assert (outcome.added, outcome.known, outcome.quarantines) == (1, 5, 1)
    assert "different content" in scene.follower.put_aside(scene.gent)[0]["reason"]


async def test_a_peer_that_stops_committing_is_not_read(scene: Scene) -> None:
    await scene.fill(3)
    await scene.run()
    scene.network.spoil = old_peer(scene)
    await scene.gent.publish("more")
    with pytest.raises(HostileFeed, match="no longer commit"):
        await scene.run()

"""The list of nodes, and the door to it."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx2
import pytest
from fastapi import FastAPI
from starlette.requests import Request

from federation.plugin import Federation, federation_of, hansa_admitted, hansa_routes, hansa_tasks
from federation.region import Region
from federation.replicate.poll import Poll
from node.base.errors import HansaError
from node.catalogue.model import Followed
from node.identity.model import ANONYMOUS, Caller, UserRole
from node.web.problems import answer_problem
from tests.fakes.catalogue import MEMBER, CatalogueNode, participant
from tests.fakes.federation import Answer, Network
from tests.fakes.stores.node_state import MemoryFollowStore


class Host:
    """A node as the plug-in sees it."""

    def __init__(self, node: CatalogueNode, network: Network) -> None:
        self.node, self.network = node, network
        self.uow, self.clock, self.records = node.uow, node.clock, node.records
        self.append, self.browse, self.versions = node.append, node.browse, node.versions
        self.peers = network
        self.follows = MemoryFollowStore()
        self.did, self.base, self.polling = node.did, node.base, 30.0
        self.followed_records, self.followed_bytes = 1000, 1 << 20
        self.extensions: dict[str, Any] = {}
        self.caller: Caller = node.steward

    async def fetch(self, url: str, headers: Any, *, audience: str, wait: int = 0) -> Answer:
        return await self.network.fetch(url, headers, audience=audience, me=self.did)

    async def identify(self, request: Request) -> Caller:
        return self.caller

    def audiences(self, caller: Caller) -> frozenset[str] | None:
        return self.node.visibility.audiences(caller)

    def region(self) -> None:
        return None

    def report_change(self) -> None:
        self.node.settle()


@pytest.fixture
def host() -> Host:
    network = Network()
    region = CatalogueNode(base="https://region.example", name="Vlaanderen")
    gent = CatalogueNode(base="https://gent.example")
    network.join(gent, {region.did: participant(region.did, "MembershipCredential")})
    host = Host(region, network)
    host.extensions["gent"] = gent
    return host


def http(host: Host) -> httpx2.AsyncClient:
    app = FastAPI()
    for routes in hansa_routes(host):  # type: ignore[arg-type]
        app.include_router(routes)
    app.add_exception_handler(HansaError, answer_problem)
    return httpx2.AsyncClient(transport=httpx2.ASGITransport(app=app), base_url=host.base)


async def test_members_are_listed_with_what_the_caller_may_know(host: Host) -> None:
    gent: CatalogueNode = host.extensions["gent"]
    await gent.publish("counts")
    await gent.publish("for-members", audience="members")
    async with http(host) as client:
        created = await client.post("/api/members", json={"url": "https://gent.example/"})
        assert (created.status_code, created.json()["did"]) == (201, gent.did)
        assert (await client.get("/api/members")).json()[0]["state"] == "new"
        parts: Federation = federation_of(host)  # type: ignore[arg-type]
        assert [outcome.added for outcome in await parts.poll.once()] == [2]
        (mine,) = (await client.get("/api/members")).json()
        assert (mine["name"], mine["state"], mine["assets"]) == ("Gent", "following", 2)
        assert mine["lastSeen"]
        for caller, assets in ((ANONYMOUS, 1), (MEMBER, 2)):
            host.caller = caller
            (seen,) = (await client.get("/api/members")).json()
            assert seen["assets"] == assets
        host.network.down.add(gent.base)
        await parts.poll.once()
        (seen,) = (await client.get("/api/members")).json()
        assert (seen["state"], "trouble" in seen) == ("troubled", False)
        host.caller = host.node.steward
        assert "does not answer" in (await client.get("/api/members")).json()[0]["trouble"]


async def test_following_waits_until_the_feed_was_read_or_failed(host: Host) -> None:
    gent: CatalogueNode = host.extensions["gent"]
    await gent.publish("counts")
    parts: Federation = federation_of(host)  # type: ignore[arg-type]
    async with http(host) as client:
        following = asyncio.create_task(client.post("/api/members?wait=60", json={"url": gent.base}))
        while not await parts.poll.once():
            assert not following.done()
        answer = (await following).json()
        assert (answer["state"], answer["current"], answer["assets"]) == ("following", True, 1)
        await client.delete("/api/members", params={"url": gent.base})
        host.network.down.add(f"{gent.base}/feed")
        following = asyncio.create_task(client.post("/api/members?wait=60", json={"url": gent.base}))
        while not await parts.members.all():
            await asyncio.sleep(0)
        host.network.down.add(gent.base)
        await parts.poll.once()
        answer = (await following).json()
        assert (answer["state"], answer["current"]) == ("troubled", False)
        assert "does not answer" in answer["trouble"]
        assert (await client.post("/api/members?wait=61", json={"url": gent.base})).status_code == 422


async def test_a_fork_is_shown_to_everybody_and_its_evidence_to_few(host: Host) -> None:
    gent: CatalogueNode = host.extensions["gent"]
    await gent.publish("counts")
    parts: Federation = federation_of(host)  # type: ignore[arg-type]
    async with http(host) as client:
        await client.post("/api/members", json={"url": gent.base})
        assert "committed" not in (await client.get("/api/members")).json()[0]
        await parts.poll.once()
        assert (await client.get("/api/members")).json()[0]["committed"] is True
        assert (await client.post("/api/members/accept", json={"url": gent.base})).status_code == 409
        other = CatalogueNode(base=gent.base)
        await other.publish("something-else")
        host.network.join(other, {host.did: participant(host.did, "MembershipCredential")})
        await parts.poll.once()
        host.caller = ANONYMOUS
        (seen,) = (await client.get("/api/members")).json()
        assert (seen["state"], seen["fork"]) == (
            "quarantine",
            "it signed two different histories of the same length",
        )
        assert "trouble" not in seen
        for caller in (ANONYMOUS, MEMBER, STEWARD):
            host.caller = caller
            assert (await client.get("/api/members/evidence", params={"url": gent.base})).status_code == 403
            assert (await client.post("/api/members/accept", json={"url": gent.base})).status_code == 403
        host.caller = host.node.steward
        found = (await client.get("/api/members/evidence", params={"url": gent.did})).json()
        assert [(fork["kind"], fork["shownByHeads"]) for fork in found["forks"]] == [("same-size", True)]
        assert (await client.get("/api/members/evidence", params={"url": "x"})).status_code == 404
        accepted = await client.post("/api/members/accept", json={"url": gent.base})
        assert (accepted.status_code, accepted.json()["state"]) == (200, "new")
        await parts.poll.once()
        assert (await client.get("/api/members")).json()[0]["state"] == "following"


STEWARD = Caller(did="did:web:region.example", account="x", roles=frozenset({UserRole.STEWARD}))


@pytest.mark.parametrize("caller", [ANONYMOUS, MEMBER, STEWARD])
async def test_only_operators_change_the_list(host: Host, caller: Caller) -> None:
    host.caller = caller
    async with http(host) as client:
        assert (await client.post("/api/members", json={"url": "https://gent.example"})).status_code == 403
        assert (await client.post("/api/members/refresh")).status_code == 403
        assert (await client.delete("/api/members", params={"url": "https://gent.example"})).status_code == 403
        assert (await client.get("/api/members")).json() == []


async def test_one_federation_for_one_node(host: Host) -> None:
    assert federation_of(host) is federation_of(host)  # type: ignore[arg-type]
    ((name, task),) = hansa_tasks(host)  # type: ignore[arg-type]
    assert name
    assert task == federation_of(host).poll.forever  # type: ignore[arg-type]
    async with http(host) as client:
        assert (await client.post("/api/members/refresh")).status_code == 202
        assert (await client.post("/api/members", json={"url": "https://gent.example"})).status_code == 201
        assert (await client.delete("/api/members", params={"url": "https://gent.example"})).status_code == 204
        assert (await client.get("/api/members")).json() == []


async def test_publishers_of_the_whole_catalogue(host: Host) -> None:
    gent: CatalogueNode = host.extensions["gent"]
    await gent.publish("counts")
    await gent.publish("noise", kind="model", publisher="https://plzen.example/odbor", publisherName="Odbor dopravy")
    await host.node.publish("rulebook", kind="rulebook")
    parts: Federation = federation_of(host)  # type: ignore[arg-type]
    await parts.members.add(gent.base, host.node.steward)
    await parts.poll.once()
    publishers = await parts.region.publishers(ANONYMOUS)
    assert [(one.name, one.kinds) for one in publishers] == [
        ("Gent", {"dataset": 1}),
        ("Odbor dopravy", {"model": 1}),
        ("Vlaanderen", {"rulebook": 1}),
    ]


async def test_whoever_is_admitted_is_followed(host: Host) -> None:
    gent: CatalogueNode = host.extensions["gent"]
    host.network.down.add(gent.base)
    woken: list[int] = []
    parts: Federation = federation_of(host)  # type: ignore[arg-type]
    parts.members.wake = lambda: woken.append(1)
    for _ in range(2):
        await hansa_admitted(host, gent.base, host.node.steward)  # type: ignore[arg-type]
    await hansa_admitted(host, host.base, host.node.steward)  # type: ignore[arg-type]
    assert [(one.url, one.did) for one in await parts.members.all()] == [(gent.base, gent.did)]
    assert woken == [1]


def test_the_hooks_are_those_of_the_node() -> None:
    from node.plugins import load

    manager = load(("federation.plugin",))
    assert manager.get_plugin("federation.plugin") is not None


async def test_when_a_node_was_read_is_known_to_every_process(host: Host) -> None:
    gent: CatalogueNode = host.extensions["gent"]
    await gent.publish("counts")
    federation = federation_of(host)
    await federation.members.add(gent.base, host.caller)
    (unread,) = await federation.region.members(host.caller)
    assert unread.seen is None
    await federation.poll.once()
    first = stored(host, gent)
    assert first.current
    assert first.seen is not None
    elsewhere = Poll(
        members=federation.members, replicate=federation.replicate, uow=host.uow, clock=host.clock, interval=30.0
    )
    (known,) = await Region(members=federation.members, poll=elsewhere, browse=host.browse).members(host.caller)
    assert known.seen == first.seen
    await federation.poll.once()
    assert stored(host, gent).seen == first.seen, "a contact is noted once a minute, not with every look"
    host.clock.forward(seconds=61)
    await federation.poll.once()
    later = stored(host, gent).seen
    assert later is not None
    assert later > first.seen


def stored(host: Host, node: CatalogueNode) -> Followed:
    with host.uow.read() as tx:
        found = host.follows.get(tx, node.base)
    assert found is not None
    return found

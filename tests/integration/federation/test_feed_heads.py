"""The heads of the feed, and answers that wait until one of them changes (``Prefer: wait``, RFC 7240 §4.3)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace

import httpx2
import pytest

from node.catalogue.feed import waits
from node.catalogue.feed.heads import open_head
from node.catalogue.model import INTERNAL
from tests.fakes.catalogue import MEMBER, CatalogueNode
from tests.fakes.catalogue_http import HEADER, application, client
from tests.fakes.keys import public_jwk
from tests.waits import PATIENCE

FOLLOWER = replace(MEMBER, did="did:web:region.example")
PATH = "/feed/heads"


class Served:
    """A node, and a member and a stranger that read its heads."""

    def __init__(self, node: CatalogueNode, http: httpx2.AsyncClient) -> None:
        self.node = node
        self.http = http

    async def heads(
        self, *, wait: str | None = None, tag: str | None = None, name: str | None = "region"
    ) -> httpx2.Response:
        headers = {HEADER: name} if name else {}
        headers |= {"Prefer": wait} if wait is not None else {}
        headers |= {"If-None-Match": tag} if tag is not None else {}
        return await self.http.get(PATH, headers=headers)

    async def tag(self, name: str | None = "region") -> str:
        return str((await self.heads(name=name)).headers["etag"])


@pytest.fixture
async def gent() -> AsyncIterator[Served]:
    node = CatalogueNode(base="https://gent.example")
    await node.publish("first")
    async with client(application(node, {"region": FOLLOWER, "city": MEMBER}), node.base) as http:
        yield Served(node, http)


async def wait_until_held(served: Served, number: int = 1) -> None:
    async with asyncio.timeout(PATIENCE):
        while served.node.waits.count < number:
            await asyncio.sleep(0.01)


async def test_the_heads_are_signed_and_only_those_of_the_callers_chains(gent: Served) -> None:
    await gent.node.publish("hidden", audience=INTERNAL)
    answer = await gent.heads()
    (head,) = answer.json()["heads"]
    assert head["audience"] == "public"
    assert head["index"] == "https://gent.example/feed/index"
    assert open_head(head["head"], public_jwk(gent.node.keys)).size == 1
    assert answer.headers["cache-control"] == "private, no-cache"


async def test_a_change_answers_at_once(gent: Served) -> None:
    tag = await gent.tag()
    waiting = asyncio.create_task(gent.heads(wait="wait=20", tag=tag))
    await wait_until_held(gent)
    await gent.node.publish("second")
    async with asyncio.timeout(PATIENCE):
        answer = await waiting
    assert answer.status_code == 200
    assert answer.headers["etag"] != tag
    assert answer.headers["preference-applied"] == "wait=20"
    assert open_head(answer.json()["heads"][0]["head"], public_jwk(gent.node.keys)).size == 2


async def test_what_the_caller_may_not_see_answers_nothing(gent: Served) -> None:
    """Otherwise the time of an answer would tell of hidden publications."""
    tag = await gent.tag()
    waiting = asyncio.create_task(gent.heads(wait="wait=1", tag=tag))
    await wait_until_held(gent)
    await gent.node.publish("hidden", audience=INTERNAL)
    answer = await waiting
    assert answer.status_code == 304
    assert answer.headers["etag"] == tag


@pytest.mark.parametrize("preference", ["wait=x", "wait", "wait=-1", "respond-async", "wait=0", ""])
async def test_other_preferences_do_not_wait(gent: Served, preference: str) -> None:
    answer = await gent.heads(wait=preference, tag=await gent.tag())
    assert answer.status_code == 304
    assert "preference-applied" not in answer.headers


@pytest.mark.parametrize("preference", ["respond-async, wait=20", 'Wait="20"; foo', "wait=20;x=1, return=minimal"])
async def test_the_preference_may_be_one_of_several(gent: Served, preference: str) -> None:
    answer = await gent.heads(wait=preference)
    assert answer.headers["preference-applied"] == "wait=20"


async def test_nobody_waits_longer_than_the_longest(gent: Served) -> None:
    answer = await gent.heads(wait="wait=999999999999")
    assert answer.headers["preference-applied"] == "wait=25"


async def test_strangers_wait_too_but_not_as_many(gent: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waits, "OF_STRANGERS", 1)
    tag = await gent.tag(None)
    waiting = asyncio.create_task(gent.heads(wait="wait=20", tag=tag, name=None))
    await wait_until_held(gent)
    more = await gent.heads(wait="wait=20", tag=tag, name=None)
    assert (more.status_code, "preference-applied" in more.headers) == (304, False)
    member = asyncio.create_task(gent.heads(wait="wait=20", tag=await gent.tag()))
    await wait_until_held(gent, 2)
    await gent.node.publish("second")
    async with asyncio.timeout(PATIENCE):
        assert [one.status_code for one in await asyncio.gather(waiting, member)] == [200, 200]


async def test_one_address_has_few_that_wait(gent: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waits, "PER_ADDRESS", 1)
    tag = await gent.tag(None)
    waiting = asyncio.create_task(gent.heads(wait="wait=20", tag=tag, name=None))
    await wait_until_held(gent)
    assert "preference-applied" not in (await gent.heads(wait="wait=20", tag=tag, name=None)).headers
    gent.node.waits.close()
    assert (await waiting).status_code == 304


async def test_a_caller_has_few_answers_that_wait(gent: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waits, "PER_CALLER", 2)
    tag = await gent.tag()
    requests = [asyncio.create_task(gent.heads(wait="wait=20", tag=tag)) for _ in range(2)]
    await wait_until_held(gent, 2)
    more = await gent.heads(wait="wait=20", tag=tag)
    assert (more.status_code, "preference-applied" in more.headers) == (304, False)
    other = asyncio.create_task(gent.heads(wait="wait=20", tag=tag, name="city"))
    await wait_until_held(gent, 3)
    await gent.node.publish("second")
    async with asyncio.timeout(PATIENCE):
        assert [one.status_code for one in await asyncio.gather(*requests, other)] == [200, 200, 200]
    assert gent.node.waits.count == 0


async def test_the_end_of_the_node_ends_them(gent: Served) -> None:
    tag = await gent.tag()
    waiting = asyncio.create_task(gent.heads(wait="wait=20", tag=tag))
    await wait_until_held(gent)
    gent.node.waits.close()
    async with asyncio.timeout(PATIENCE):
        assert (await waiting).status_code == 304
    assert "preference-applied" not in (await gent.heads(wait="wait=20", tag=tag)).headers

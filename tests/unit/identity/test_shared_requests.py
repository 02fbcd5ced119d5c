"""Callers share requests, and none gets an answer that is older than its question."""

from __future__ import annotations

import asyncio

import pytest

from node.base.errors import PeerUnreachable
from node.identity.shared_requests import SharedRequests


class Peer:
    """Answers with the number of the request, once it is let go on."""

    def __init__(self) -> None:
        self.begun = 0
        self.go_on = asyncio.Event()
        self.is_away = False

    async def answer(self) -> int:
        self.begun += 1
        number = self.begun
        await self.go_on.wait()
        if self.is_away:
            raise PeerUnreachable("away")
        return number


async def turns(number: int = 5) -> None:
    for _ in range(number):
        await asyncio.sleep(0)


async def test_all_who_ask_during_a_request_share_the_one_after_it() -> None:
    peer, requests = Peer(), SharedRequests[int]()
    first = asyncio.create_task(requests.join_next("terms", peer.answer))
    await turns()
    later = [asyncio.create_task(requests.join_next("terms", peer.answer)) for _ in range(10)]
    await turns()
    assert peer.begun == 1
    peer.go_on.set()
    assert await first == 1
    assert await asyncio.gather(*later) == [2] * 10
    assert await requests.join_next("terms", peer.answer) == 3


async def test_a_failed_request_does_not_fail_the_one_after_it() -> None:
    peer, requests = Peer(), SharedRequests[int]()
    peer.is_away = True
    first = asyncio.create_task(requests.join_next("terms", peer.answer))
    await turns()
    second = asyncio.create_task(requests.join_next("terms", peer.answer))
    given_up = asyncio.create_task(requests.join_next("terms", peer.answer))
    await turns()
    given_up.cancel()
    peer.go_on.set()
    with pytest.raises(PeerUnreachable):
        await first
    peer.is_away = False
    assert await second == 2
    await turns()
    assert len(requests) == 0

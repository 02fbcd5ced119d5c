"""Places by turns: one key's crowd waits for itself, whoever gives up takes no place along."""

from __future__ import annotations

import asyncio

import pytest

from node.base.errors import Overloaded
from node.base.fairqueue import FairQueue


def queue(places: int = 4, per_key: int = 2, longest_wait: float = 5.0) -> FairQueue:
    return FairQueue(places=places, bound=lambda key: places if key == "here" else per_key, longest_wait=longest_wait)


async def settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def test_a_crowd_of_one_key_leaves_places_to_others() -> None:
    fair = queue()
    crowd = [asyncio.create_task(fair.enter("crowd")) for _ in range(64)]
    await settle()
    assert sum(one.done() for one in crowd) == 2
    other = await asyncio.wait_for(fair.enter("other"), 20)
    other.leave()
    for number in range(64):
        (await crowd[number]).leave()
    places = [await fair.enter("here") for _ in range(4)]
    assert len(places) == 4, "every place came back"


async def test_keys_take_turns_and_one_keys_requests_keep_their_order() -> None:
    fair = queue(places=1)
    turn = await fair.enter("a")
    order: list[str] = []

    async def work(name: str) -> None:
        place = await fair.enter(name[0])
        order.append(name)
        place.leave()

    tasks = [asyncio.create_task(work(name)) for name in ("a1", "a2", "a3", "b1", "b2", "c1")]
    await settle()
    turn.leave()
    await asyncio.gather(*tasks)
    assert order == ["a1", "b1", "c1", "a2", "b2", "a3"]


async def test_who_waits_too_long_is_told_and_takes_no_place() -> None:
    fair = queue(places=1, longest_wait=0.02)
    turn = await fair.enter("a")
    with pytest.raises(Overloaded):
        await fair.enter("b")
    turn.leave()
    (await fair.enter("b")).leave()


@pytest.mark.parametrize("granted", [False, True])
async def test_who_goes_away_takes_no_place(granted: bool) -> None:
    fair = queue(places=1)
    turn = await fair.enter("a")
    gone, next_one = asyncio.create_task(fair.enter("b")), asyncio.create_task(fair.enter("c"))
    await settle()
    if granted:
        turn.leave()
        gone.cancel()
    else:
        gone.cancel()
        turn.leave()
    place = await asyncio.wait_for(next_one, 20)
    with pytest.raises(asyncio.CancelledError):
        await gone
    place.leave()
    place.leave()
    (await asyncio.wait_for(fair.enter("d"), 20)).leave()
    assert fair._free == 1, "a place is given back once"

"""Turnstile: some have a turn, some wait, and the others are refused."""

from __future__ import annotations

import asyncio

import pytest

from node.base.errors import TooMany
from node.base.turnstile import Turnstile


async def test_more_than_the_most_are_refused_and_places_come_back() -> None:
    turnstile = Turnstile(at_once=2, most=5, refusal=lambda: TooMany("many", remedy="wait"))
    working: list[int] = []
    most_working = 0

    async def work(number: int) -> None:
        nonlocal most_working
        with turnstile.admission():
            async with turnstile.turn:
                working.append(number)
                most_working = max(most_working, len(working))
                await asyncio.sleep(0)
                working.remove(number)

    outcomes = await asyncio.gather(*map(work, range(64)), return_exceptions=True)
    assert [outcome for outcome in outcomes[:5] if outcome is not None] == []
    assert {type(outcome) for outcome in outcomes[5:]} == {TooMany}
    assert most_working == 2
    assert await asyncio.gather(*map(work, range(5))) == [None] * 5


async def test_a_caller_that_fails_gives_its_place_back() -> None:
    turnstile = Turnstile(at_once=1, most=1, refusal=lambda: TooMany("many", remedy="wait"))
    for _ in range(3):
        with pytest.raises(LookupError), turnstile.admission():
            raise LookupError

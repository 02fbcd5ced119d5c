"""Waiting for a change: told waiters look at once, others less and less often."""

from __future__ import annotations

from node.base.changes import ALONE, AMONG_OTHERS, LONGER, Changes


async def test_who_is_told_nothing_looks_less_and_less_often() -> None:
    changes = Changes()
    with changes.watch("one") as watch:
        pauses = [watch.pause]
        for _ in range(20):
            await watch.wait(0.0)
            pauses.append(watch.pause)
    assert pauses[:3] == [AMONG_OTHERS, AMONG_OTHERS * LONGER, AMONG_OTHERS * LONGER**2]
    assert pauses[-1] == ALONE


async def test_who_is_told_something_begins_anew() -> None:
    changes = Changes()
    with changes.watch("one") as watch, changes.watch("other") as other:
        for waiter in (watch, other):
            await waiter.wait(0.0)
        changes.tell("one")
        await watch.wait(60.0)
        assert (watch.pause, other.pause) == (AMONG_OTHERS, AMONG_OTHERS * LONGER)


async def test_who_waits_for_something_else_is_not_woken() -> None:
    changes = Changes()
    with changes.watch("one", concerns=lambda notice: notice == "the end") as watch:
        changes.tell("one", "a step")
        await watch.wait(0.0)
        assert watch.pause == AMONG_OTHERS * LONGER
        changes.tell("one", "the end")
        await watch.wait(60.0)
        assert watch.pause == AMONG_OTHERS


async def test_who_waits_for_several_subjects_is_woken_by_each() -> None:
    changes = Changes()
    with changes.watch("one", "other", "one") as watch:
        for subject in ("one", "other"):
            changes.tell(subject)
            await watch.wait(60.0)
    changes.tell("one")


async def test_where_nobody_else_commits_the_pause_stays() -> None:
    with Changes(alone=True).watch("one") as watch:
        await watch.wait(0.0)
        assert watch.pause == ALONE

"""Children that are kept for one caller: for nobody else, with the limits of a single call, and not for long."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from node.base.errors import Conflict, LocalFault, Overloaded
from node.cage import pool
from node.cage.cage import Cage
from node.cage.model import Limits
from tests.fork_servers import fork_server_pid
from tests.unit.cage.test_cage import LONG, SHORT, children, gone, until

NAMES = "remember spin_when_asked_again hoard refuse_by_name spin swallow stumble echo babble leave"
TARGETS = {name: f"tests.unit.cage.hostile:{name}" for name in NAMES.split()}


@pytest.fixture
async def cage(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Cage]:
    # A slow machine must not have a child taken for idle, or for slow, where the test is not about that.
    monkeypatch.setattr(pool, "IDLE", 60.0)
    monkeypatch.setattr(pool, "QUICK", 20.0)
    cage = Cage(targets=TARGETS, width=8)
    await cage.start()
    yield cage
    await cage.stop()


async def test_a_caller_is_served_by_the_same_child_again(cage: Cage) -> None:
    answers = [(await cage.call("remember", {"word": word}, limits=LONG, owner="anna"))[0] for word in "abc"]
    assert len({answer["pid"] for answer in answers}) == 1
    assert answers[-1]["before"] == ["a", "b"]


async def test_two_callers_never_share_a_child(cage: Cage) -> None:
    owners = ["anna", "ben", "anna ", "", "did:web:a.example anna"]
    pids: dict[str, set[int]] = {owner: set() for owner in owners}

    async def work(owner: str) -> None:
        for _ in range(10):
            answer, _ = await cage.call("remember", {"word": owner}, limits=LONG, owner=owner)
            assert set(answer["before"]) <= {owner}, "it has seen what another caller sent"
            pids[owner].add(answer["pid"])

    # Each twice at once, so that children of one caller lie idle while another one calls.
    await asyncio.gather(*(work(owner) for owner in owners for _ in range(2)))
    for owner in owners:
        for other in owners:
            assert owner == other or not pids[owner] & pids[other]


async def test_who_is_nobody_has_a_child_of_its_own(cage: Cage) -> None:
    answers = [(await cage.call("remember", {"word": "x"}, limits=LONG))[0] for _ in range(3)]
    assert [answer["before"] for answer in answers] == [[], [], []]
    assert len({answer["pid"] for answer in answers}) == 3


async def test_calls_at_the_same_time_have_children_of_their_own(cage: Cage) -> None:
    calls = [cage.call("remember", {"word": "x"}, limits=LONG, owner="anna") for _ in range(4)]
    answers = [answer for answer, _ in await asyncio.gather(*calls)]
    assert all(len(answer["before"]) < 4 for answer in answers)
    assert len(children(fork_server_pid() or 0)) <= pool.MOST


async def test_another_target_and_other_limits_have_another_child(cage: Cage) -> None:
    first, _ = await cage.call("remember", {}, limits=LONG, owner="anna")
    other, _ = await cage.call("remember", {}, limits=Limits(memory=256 << 20, cpu=4, wall=10.0), owner="anna")
    hoarded, _ = await cage.call("hoard", {"size": 1}, limits=LONG, owner="anna")
    assert len({first["pid"], other["pid"], hoarded["pid"]}) == 3


async def test_the_targets_refusal_arrives_and_the_child_stays(cage: Cage) -> None:
    pids = set()
    for _ in range(2):
        with pytest.raises(Conflict) as caught:
            await cage.call("refuse_by_name", {}, limits=LONG, owner="anna")
        pids.add(caught.value.detail)
    assert len(pids) == 1


@pytest.mark.parametrize(
    ("target", "limits", "limit"),
    [("spin", SHORT, "time"), ("spin", Limits(cpu=1, wall=20.0), "processor"), ("swallow", LONG, "memory")],
)
async def test_the_limits_are_those_of_a_single_call(cage: Cage, target: str, limits: Limits, limit: str) -> None:
    with pytest.raises(Overloaded) as caught:
        await cage.call(target, {}, limits=limits, owner="anna")
    assert caught.value.facts == {"limit": limit}
    await until(lambda: children(fork_server_pid() or 0) == [])


async def test_what_a_kept_child_does_not_manage_has_a_child_of_its_own(
    cage: Cage, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, _ = await cage.call("spin_when_asked_again", {}, limits=LONG, owner="anna")
    monkeypatch.setattr(pool, "QUICK", 0.2)
    second, _ = await cage.call("spin_when_asked_again", {}, limits=LONG, owner="anna")
    assert first["pid"] != second["pid"]
    await until(lambda: gone(first["pid"]))


async def test_what_is_left_behind_in_memory_costs_no_call(cage: Cage) -> None:
    """All calls of a child together have the memory of one; the call that has not enough left begins anew."""
    answers = [(await cage.call("hoard", {"size": 80 << 20}, limits=LONG, owner="anna"))[0] for _ in range(5)]
    assert len({answer["pid"] for answer in answers}) > 1
    assert max(answer["calls"] for answer in answers) < 5


async def test_our_own_faults_are_told_as_ever(cage: Cage) -> None:
    for target in ("stumble", "babble", "leave"):
        with pytest.raises(LocalFault):
            await cage.call(target, {}, limits=LONG, owner="anna")
    await until(lambda: children(fork_server_pid() or 0) == [])


async def test_an_idle_child_is_ended(cage: Cage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool, "IDLE", 0.05)
    answer, _ = await cage.call("remember", {}, limits=LONG, owner="anna")
    await until(lambda: gone(answer["pid"]))


async def test_a_child_serves_so_many_calls(cage: Cage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool, "CALLS", 2)
    answers = [(await cage.call("remember", {"word": "x"}, limits=LONG, owner="anna"))[0] for _ in range(4)]
    assert [len(answer["before"]) for answer in answers] == [0, 1, 0, 1]


async def test_no_more_are_kept_than_may_be(cage: Cage) -> None:
    for number in range(pool.MOST + 3):
        await cage.call("remember", {}, limits=LONG, owner=f"caller {number}")
    await until(lambda: len(children(fork_server_pid() or 0)) == pool.MOST)


async def test_a_call_that_is_cancelled_takes_its_child_along(cage: Cage) -> None:
    call = asyncio.create_task(cage.call("spin", {}, limits=LONG, owner="anna"))
    await until(lambda: len(children(fork_server_pid() or 0)) == 1)
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    await until(lambda: children(fork_server_pid() or 0) == [])


async def test_none_outlives_the_cage(cage: Cage) -> None:
    answer, _ = await cage.call("remember", {}, limits=LONG, owner="anna")
    await cage.stop()
    assert gone(answer["pid"])

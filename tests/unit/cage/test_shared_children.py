"""Children that serve all callers who may see the same: what one of them does, no other one feels."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator

import pytest

from node.base.errors import LocalFault, Overloaded, TooLarge
from node.cage import pool
from node.cage.cage import Cage
from node.cage.model import Limits
from tests.fork_servers import fork_server_pid
from tests.unit.cage.test_cage import LONG, SHORT, children, gone, until

NAMES = "remember spin hoard swallow leave refuse_by_name promise_too_much answer_for_the_next"
TARGETS = {name: f"tests.unit.cage.hostile:{name}" for name in NAMES.split()}


class CountingCage(Cage):
    """A cage that counts the children which it has started."""

    def __init__(self) -> None:
        super().__init__(targets=TARGETS, width=8)
        self.started = 0
        start = self._launcher.request_child

        def counted(place: int, wall: float) -> object:
            self.started += 1
            return start(place, wall)

        self._launcher.request_child = counted  # type: ignore[method-assign, assignment]


@pytest.fixture
async def cage(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[CountingCage]:
    # A slow machine must not have a child taken for idle, or for spent, where the test is not about that.
    monkeypatch.setattr(pool, "IDLE", 60.0)
    monkeypatch.setattr(pool, "BUSY", 60.0)
    cage = CountingCage()
    await cage.start()
    yield cage
    await cage.stop()


async def pid_of(cage: Cage, shared: str, limits: Limits = LONG) -> int:
    answer, _ = await cage.call("remember", {"word": shared}, limits=limits, shared_by=shared)
    assert set(answer["before"]) <= {shared}, "it has served those who see something else"
    return int(answer["pid"])


async def test_who_sees_the_same_is_served_by_the_same_child(cage: CountingCage) -> None:
    assert len({await pid_of(cage, "public") for _ in range(5)}) == 1
    assert cage.started == 1


async def test_who_sees_something_else_never_is(cage: CountingCage) -> None:
    datasets = ["public", "members public", "members", ""]
    pids: dict[str, set[int]] = {dataset: set() for dataset in datasets}

    async def work(dataset: str) -> None:
        for _ in range(10):
            pids[dataset].add(await pid_of(cage, dataset))

    await asyncio.gather(*(work(dataset) for dataset in datasets for _ in range(2)))
    for dataset in datasets:
        for other in datasets:
            assert dataset == other or not pids[dataset] & pids[other]


async def test_a_child_of_one_caller_serves_nobody_else(cage: CountingCage) -> None:
    own, _ = await cage.call("remember", {"word": "anna"}, limits=LONG, owner="anna")
    assert await pid_of(cage, "anna") != own["pid"]


async def test_a_child_may_read_the_same_files_for_all_its_calls(cage: CountingCage) -> None:
    pids = [
        (await cage.call("remember", {"word": "x"}, limits=LONG, readable=[path], shared_by="x"))[0]["pid"]
        for path in ("/etc/hostname", "/etc/hosts", "/etc/hostname")
    ]
    assert pids[0] == pids[2] != pids[1]


async def test_calls_at_the_same_time_never_share_a_child(cage: CountingCage) -> None:
    pids = await asyncio.gather(*(pid_of(cage, "public") for _ in range(4)))
    assert len(set(pids)) == cage.started == 4


@pytest.mark.parametrize(
    ("target", "limits", "limit"),
    [("spin", SHORT, "time"), ("spin", Limits(cpu=1, wall=20.0), "processor"), ("swallow", LONG, "memory")],
)
async def test_a_call_that_exceeds_a_limit_is_stopped_once_and_its_child_replaced(
    cage: CountingCage, target: str, limits: Limits, limit: str
) -> None:
    with pytest.raises(Overloaded) as caught:
        await cage.call(target, {}, limits=limits, shared_by="public")
    assert caught.value.facts == {"limit": limit}
    assert cage.started == 1, "it was not begun again: that would give it the limits twice"
    await until(lambda: children(fork_server_pid() or 0) == [])
    assert await pid_of(cage, "public", limits)


async def test_a_child_that_ends_in_a_call_is_replaced(cage: CountingCage) -> None:
    with pytest.raises(LocalFault):
        await cage.call("leave", {}, limits=LONG, shared_by="public")
    await until(lambda: children(fork_server_pid() or 0) == [])
    assert await pid_of(cage, "public")


async def test_what_earlier_calls_left_behind_costs_no_call(cage: CountingCage) -> None:
    """All calls of a child together have the memory of one; the call that has not enough left begins anew."""
    hoards = [(await cage.call("hoard", {"size": 80 << 20}, limits=LONG, shared_by="public"))[0] for _ in range(5)]
    assert len({answer["pid"] for answer in hoards}) > 1


async def test_a_child_that_has_worked_enough_takes_no_new_call(
    cage: CountingCage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A call has nearly all the processor time of a child: the kernel counts it over all calls."""
    monkeypatch.setattr(pool, "BUSY", 0.0)
    assert len({await pid_of(cage, "public") for _ in range(3)}) == 3


async def test_an_answer_that_is_too_large_ends_its_child(cage: CountingCage) -> None:
    """What is still on its way must not be taken for the answer to the next caller."""
    with pytest.raises(TooLarge):
        await cage.call("promise_too_much", {}, limits=LONG, shared_by="public")
    await until(lambda: children(fork_server_pid() or 0) == [])


async def test_what_a_child_sends_without_a_call_is_no_answer(cage: CountingCage) -> None:
    first, _ = await cage.call("answer_for_the_next", {}, limits=LONG, shared_by="public")
    (child,) = cage._shared_children._idle
    await until(lambda: not child.is_quiet())
    second, _ = await cage.call("answer_for_the_next", {}, limits=LONG, shared_by="public")
    assert second["pid"] not in (0, first["pid"])
    await until(lambda: gone(first["pid"]))


async def test_a_child_that_was_killed_while_idle_costs_no_call(cage: CountingCage) -> None:
    first = await pid_of(cage, "public")
    os.kill(first, signal.SIGKILL)
    await until(lambda: gone(first))
    assert await pid_of(cage, "public") != first


async def test_a_cancelled_call_takes_its_child_along(cage: CountingCage) -> None:
    call = asyncio.create_task(cage.call("spin", {}, limits=LONG, shared_by="public"))
    await until(lambda: len(children(fork_server_pid() or 0)) == 1)
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    await until(lambda: children(fork_server_pid() or 0) == [])


async def test_no_more_are_kept_than_may_be(cage: CountingCage) -> None:
    for number in range(pool.MOST + 3):
        await pid_of(cage, f"dataset {number}")
    await until(lambda: len(children(fork_server_pid() or 0)) == pool.MOST)

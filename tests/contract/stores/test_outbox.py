"""Outbox: a durable queue with leases and fences, in order within a lane and subject."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from node.base.work import SENT, Task
from tests.stores import Stores

NOW = datetime(2026, 11, 20, 9, 30, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def task(name: str, *, lane: str = "did:web:a", subject: str | None = None, due: datetime = NOW) -> Task:
    return Task(
        id=name, topic="message", lane=lane, subject=name if subject is None else subject, body=b"\x00{}", due=due
    )


def put(stores: Stores, *tasks: Task) -> None:
    with stores.uow.begin() as tx:
        for one in tasks:
            stores.outbox.put(tx, one)


def lease(
    stores: Stores,
    *,
    now: datetime = NOW,
    limit: int = 10,
    blocked: Sequence[str] = (),
    owner: str = "worker",
) -> list[Task]:
    with stores.uow.begin() as tx:
        leased = stores.outbox.lease(tx, owner=owner, now=now, until=now + MINUTE, limit=limit, lanes_blocked=blocked)
        return list(leased)


def names(tasks: Sequence[Task]) -> list[str]:
    return [one.id for one in tasks]


class TestOutbox:
    def test_a_task_comes_out_as_it_went_in(self, stores: Stores) -> None:
        given = replace(task("one"), headers={"content-type": "application/json", "n": [1, None]})
        put(stores, given)
        assert lease(stores) == [replace(given, attempts=1, fence=1)]

    def test_a_known_id_is_left_alone(self, stores: Stores) -> None:
        put(stores, task("one"))
        put(stores, replace(task("one"), body=b"other"))
        assert [one.body for one in lease(stores)] == [b"\x00{}"]

    def test_oldest_first_and_no_more_than_asked_for(self, stores: Stores) -> None:
        put(stores, task("b"), task("a"), task("c"))
        assert names(lease(stores, limit=2)) == ["b", "a"]
        assert names(lease(stores, limit=2)) == ["c"]

    def test_what_is_put_off_again_and_again_does_not_come_before_what_was_never_tried(self, stores: Stores) -> None:
        put(stores, task("old"), task("new"))
        [old] = lease(stores, limit=1)
        with stores.uow.begin() as tx:
            assert stores.outbox.retry(tx, old, due=NOW + MINUTE / 2, error="not now")
        assert names(lease(stores, now=NOW + MINUTE / 2, limit=1)) == ["new"]
        with stores.uow.begin() as tx:
            due = stores.outbox.due(tx, now=NOW + MINUTE / 2, limit=2, busy=())
        assert names(due) == ["new", "old"]

    def test_what_is_not_due_waits(self, stores: Stores) -> None:
        put(stores, task("later", due=NOW + MINUTE), task("now"))
        assert names(lease(stores)) == ["now"]
        assert names(lease(stores, now=NOW + MINUTE)) == ["now", "later"]

    def test_a_lease_that_is_over_is_given_anew_and_the_old_worker_is_fenced_off(self, stores: Stores) -> None:
        put(stores, task("one"))
        [first] = lease(stores)
        assert lease(stores, now=NOW + MINUTE - timedelta(microseconds=1)) == []
        [second] = lease(stores, now=NOW + MINUTE)
        assert (second.fence, second.attempts) == (first.fence + 1, 2)
        with stores.uow.begin() as tx:
            assert stores.outbox.finish(tx, first) is False
            assert stores.outbox.retry(tx, first, due=NOW, error="late") is False
            assert stores.outbox.bury(tx, first, error="late") is False
            assert stores.outbox.finish(tx, second) is True
            assert stores.outbox.finish(tx, second) is False
            assert stores.outbox.waiting(tx) == 0

    def test_a_lease_that_is_over_still_counts_while_nobody_took_it(self, stores: Stores) -> None:
        put(stores, task("one"))
        [leased] = lease(stores)
        with stores.uow.begin() as tx:
            assert stores.outbox.finish(tx, leased) is True

    def test_the_one_worker_of_an_embedded_store_needs_no_lease(self, stores: Stores) -> None:
        put(stores, task("one"), task("two", subject="two"))
        with stores.uow.read() as tx:
            tasks = stores.outbox.due(tx, now=NOW, limit=10, busy={"two"})
        assert [one.id for one in tasks] == ["one"]
        assert tasks[0].attempts == 1
        with stores.uow.begin() as tx:
            assert stores.outbox.retry(tx, tasks[0], due=NOW, error="not yet") is True
            assert stores.outbox.finish(tx, tasks[0]) is False, "it was given back since"
        with stores.uow.read() as tx:
            (again,) = stores.outbox.due(tx, now=NOW, limit=10, busy={"two"})
            assert stores.outbox.due(tx, now=NOW, limit=10, busy=set(), lanes_blocked=[again.lane]) == []
        assert (again.attempts, again.last_error) == (2, "not yet")
        with stores.uow.begin() as tx:
            assert stores.outbox.finish(tx, again) is True

    def test_one_at_a_time_and_in_order_within_lane_and_subject(self, stores: Stores) -> None:
        put(stores, task("1", subject="p"), task("2", subject="p"), task("other", subject="q"))
        put(stores, task("elsewhere", lane="did:web:b", subject="p"))
        first, *others = lease(stores)
        assert (first.id, names(others)) == ("1", ["other", "elsewhere"])
        assert lease(stores) == []
        with stores.uow.begin() as tx:
            assert stores.outbox.finish(tx, first)
        assert names(lease(stores)) == ["2"]

    def test_a_task_that_backs_off_holds_up_those_behind_it(self, stores: Stores) -> None:
        put(stores, task("1", subject="p"), task("2", subject="p"))
        [first] = lease(stores)
        with stores.uow.begin() as tx:
            assert stores.outbox.retry(tx, first, due=NOW + MINUTE, error="503")
        assert lease(stores) == []
        [again] = lease(stores, now=NOW + MINUTE)
        assert (again.id, again.attempts, again.last_error) == ("1", 2, "503")

    def test_after_a_retry_the_old_lease_is_void(self, stores: Stores) -> None:
        put(stores, task("1"))
        [first] = lease(stores)
        with stores.uow.begin() as tx:
            assert stores.outbox.retry(tx, first, due=NOW, error="503") is True
            assert stores.outbox.retry(tx, first, due=NOW, error="503") is False
            assert stores.outbox.finish(tx, first) is False

    def test_a_dead_letter_is_kept_and_holds_up_nobody(self, stores: Stores) -> None:
        put(stores, task("1", subject="p"), task("2", subject="p"))
        [first] = lease(stores)
        with stores.uow.begin() as tx:
            assert stores.outbox.bury(tx, first, error="410: gone")
        assert names(lease(stores)) == ["2"]
        with stores.uow.read() as tx:
            [dead] = stores.outbox.dead(tx)
            assert (dead.id, dead.dead, dead.last_error) == ("1", True, "410: gone")
            assert stores.outbox.waiting(tx) == 1

    def test_dead_letters_newest_first_within_the_limit(self, stores: Stores) -> None:
        put(stores, task("1"), task("2"), task("3"))
        leased = lease(stores)
        with stores.uow.begin() as tx:
            for one in leased:
                stores.outbox.bury(tx, one, error="no")
        with stores.uow.read() as tx:
            assert names(stores.outbox.dead(tx)) == ["3", "2", "1"]
            assert names(stores.outbox.dead(tx, 1)) == ["3"]
            assert (stores.outbox.dead_count(tx), stores.outbox.waiting(tx)) == (3, 0)

    def test_a_dead_letter_can_be_revived_and_begins_anew(self, stores: Stores) -> None:
        put(stores, task("1"))
        [first] = lease(stores)
        with stores.uow.begin() as tx:
            assert stores.outbox.revive(tx, "1", due=NOW) is False
            stores.outbox.bury(tx, first, error="no")
            assert stores.outbox.revive(tx, "unknown", due=NOW) is False
            assert stores.outbox.revive(tx, "1", due=NOW + MINUTE) is True
            assert stores.outbox.dead(tx) == []
            assert stores.outbox.dead_count(tx) == 0
        assert lease(stores) == []
        [again] = lease(stores, now=NOW + MINUTE)
        assert (again.attempts, again.dead) == (1, False)
        assert again.fence > first.fence

    def test_a_dead_letter_keeps_what_it_was_buried_with_and_goes_out_as_it_is_told(self, stores: Stores) -> None:
        put(stores, task("a", subject="x"), task("b", subject="y"))
        first, second = lease(stores)
        with stores.uow.begin() as tx:
            assert stores.outbox.bury(tx, replace(first, body=b"less", headers={SENT: "aa", "n": 1}), error="no")
            assert stores.outbox.bury(tx, second, error="no")
        with stores.uow.read() as tx:
            assert names(stores.outbox.dead(tx, subject="x")) == ["a"]
            assert stores.outbox.dead(tx, subject="z") == []
            letter = stores.outbox.find(tx, "a")
            assert letter is not None
            assert (letter.body, letter.dead, letter.sent_sha256) == (b"less", True, "aa")
            assert letter.headers == {SENT: "aa", "n": 1}
            assert stores.outbox.find(tx, "c") is None
        with stores.uow.begin() as tx:
            assert stores.outbox.revive(tx, "a", due=NOW, body=b"anew")
            assert stores.outbox.revive(tx, "b", due=NOW)
        again = lease(stores)
        assert [one.body for one in again] == [b"anew", second.body]
        assert again[0].sent_sha256 == hashlib.sha256(b"anew").hexdigest()

    def test_cancel_removes_leased_and_free(self, stores: Stores) -> None:
        put(stores, task("free", due=NOW + MINUTE), task("leased"))
        [leased] = lease(stores)
        with stores.uow.begin() as tx:
            assert stores.outbox.cancel(tx, "free") == task("free", due=NOW + MINUTE)
            assert stores.outbox.cancel(tx, "leased") == leased
            assert stores.outbox.cancel(tx, "leased") is None
            assert stores.outbox.cancel(tx, "unknown") is None
            assert stores.outbox.waiting(tx) == 0
            assert stores.outbox.finish(tx, leased) is False

    def test_a_renewed_lease_lasts_longer(self, stores: Stores) -> None:
        put(stores, task("1"))
        [leased] = lease(stores)
        with stores.uow.begin() as tx:
            assert stores.outbox.renew(tx, leased, until=NOW + 3 * MINUTE) is True
            assert stores.outbox.renew(tx, replace(leased, fence=99), until=NOW) is False
            assert stores.outbox.renew(tx, task("unknown"), until=NOW) is False
        assert lease(stores, now=NOW + 2 * MINUTE) == []
        [again] = lease(stores, now=NOW + 3 * MINUTE)
        with stores.uow.begin() as tx:
            assert stores.outbox.renew(tx, leased, until=NOW + 9 * MINUTE) is False
            assert stores.outbox.finish(tx, again) is True

    def test_release_frees_every_lease(self, stores: Stores) -> None:
        put(stores, task("1"), task("2"), task("3"))
        first, _ = lease(stores, limit=2)
        with stores.uow.begin() as tx:
            assert stores.outbox.release(tx) == 2
            assert stores.outbox.release(tx) == 0
            assert stores.outbox.finish(tx, first) is False
            assert stores.outbox.next_due(tx) == NOW
        again = lease(stores)
        assert [(one.id, one.attempts) for one in again] == [("1", 2), ("2", 2), ("3", 1)]

    def test_blocked_lanes_are_passed_over(self, stores: Stores) -> None:
        put(stores, task("a", lane="A"), task("b", lane="B"), task("c", lane="C"))
        assert names(lease(stores, blocked=["A", "C"])) == ["b"]
        assert names(lease(stores, blocked=["C"])) == ["a"]

    def test_blocked_topics_are_passed_over(self, stores: Stores) -> None:
        put(
            stores,
            replace(task("bytes", lane="A"), topic="receive"),
            task("message", lane="B"),
            task("late", lane="C"),
        )
        with stores.uow.begin() as tx:
            without: dict[str, Any] = {"lanes_blocked": ["C"], "topics_blocked": ["receive", "push"]}
            assert names(stores.outbox.due(tx, now=NOW, limit=10, busy=(), **without)) == ["message"]
            leased = stores.outbox.lease(tx, owner="w", now=NOW, until=NOW + MINUTE, limit=10, **without)
            assert names(leased) == ["message"]
        assert names(lease(stores)) == ["bytes", "late"]

    def test_of_the_first_only_those_are_leased_that_the_worker_takes(self, stores: Stores) -> None:
        put(stores, task("1"), task("2"), task("3"), task("4"))
        asked: list[str] = []

        def takes(candidate: Task) -> bool:
            asked.append(candidate.id)
            return candidate.id != "2"

        with stores.uow.begin() as tx:
            leased = stores.outbox.lease(tx, owner="w", now=NOW, until=NOW + MINUTE, limit=3, takes=takes)
            assert [(one.id, one.attempts, one.fence) for one in leased] == [("1", 1, 1), ("3", 1, 1)]
        assert asked == ["1", "2", "3"]
        assert [(one.id, one.attempts, one.fence) for one in lease(stores)] == [("2", 1, 1), ("4", 1, 1)]

    def test_live_are_those_that_are_neither_done_nor_dead(self, stores: Stores) -> None:
        put(stores, task("1"), task("2"), task("3"), task("late", due=NOW + MINUTE))
        done, dead, _ = lease(stores)
        with stores.uow.begin() as tx:
            stores.outbox.finish(tx, done)
            stores.outbox.bury(tx, dead, error="no")
            assert sorted(stores.outbox.live(tx, 10)) == ["3", "late"]
            assert len(stores.outbox.live(tx, 1)) == 1

    def test_next_due_is_when_something_can_be_leased(self, stores: Stores) -> None:
        def next_due() -> datetime | None:
            with stores.uow.read() as tx:
                return stores.outbox.next_due(tx)

        assert next_due() is None
        put(stores, task("late", due=NOW + 3 * MINUTE))
        assert next_due() == NOW + 3 * MINUTE
        put(stores, task("1", subject="p"), task("2", subject="p"))
        assert next_due() == NOW
        [first] = lease(stores)
        # The second waits for the first, whose lease ends in a minute.
        assert next_due() == NOW + MINUTE
        with stores.uow.begin() as tx:
            stores.outbox.retry(tx, first, due=NOW + 2 * MINUTE, error="503")
        assert next_due() == NOW + 2 * MINUTE
        [first] = lease(stores, now=NOW + 2 * MINUTE)
        with stores.uow.begin() as tx:
            stores.outbox.bury(tx, first, error="no")
        assert next_due() == NOW


class TestConcurrency:
    def test_two_workers_never_hold_the_same_task(self, database_stores: Stores) -> None:
        stores = database_stores
        put(stores, *(task(f"{lane}-{n}", lane=f"L{lane}", subject="p") for lane in range(6) for n in range(6)))
        leased_ids: list[str] = []
        lanes_in_use: set[str] = set()
        together: list[str] = []
        start = threading.Barrier(3)

        def work(owner: str) -> None:
            start.wait()
            idle = 0
            while idle < 20:
                leased = lease(stores, limit=2, owner=owner)
                idle = 0 if leased else idle + 1
                # Noted while the leases are held: once a task is done, whoever takes the next may be quicker.
                for leased_task in leased:
                    (together if leased_task.lane in lanes_in_use else leased_ids).append(leased_task.id)
                    lanes_in_use.add(leased_task.lane)
                for leased_task in leased:
                    lanes_in_use.remove(leased_task.lane)
                    with stores.uow.begin() as tx:
                        assert stores.outbox.finish(tx, leased_task)

        threads = [threading.Thread(target=work, args=(f"w{n}",)) for n in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert together == [], "of one lane and subject, one at a time"
        assert len(leased_ids) == len(set(leased_ids)) == 36
        for lane in range(6):
            assert [name for name in leased_ids if name.startswith(f"{lane}-")] == [f"{lane}-{n}" for n in range(6)]

"""Following the ledger: what a view is not made of is passed by, and nothing else is."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import threading
import weakref
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from datetime import UTC, datetime

import pytest

from node.base.errors import Damaged
from node.catalogue.model import Settlement
from node.ledger.model import Entry, EntryKind
from node.worker import views
from node.worker.follower import BATCH, MANY, SETTLE
from node.worker.views import LATE, FollowLedger
from tests.fakes.stores.ledger import MemoryLedgerStore
from tests.fakes.stores.work import MemoryUnitOfWork
from tests.view_updates import step
from tests.waits import PATIENCE

NOW = datetime(2026, 11, 20, tzinfo=UTC)


class Listed:
    """A view that keeps what it was given."""

    name = "listed"
    kinds: tuple[EntryKind, ...] = (EntryKind.RECORD,)
    gathers = False

    def __init__(self) -> None:
        self.entries: list[int] = []
        self._position = 0

    def position(self) -> int:
        return self._position

    def apply(self, entries: Sequence[Entry]) -> None:
        for entry in entries:
            assert entry.seq is not None
            self.entries.append(entry.seq)
            self._position = entry.seq + 1

    def skip_to(self, position: int) -> None:
        self._position = position

    def next_seq(self) -> int:
        return self.position()

    def settle(self) -> None:
        """What was applied is shown already."""

    def rebuild(self) -> None:
        self.__init__()  # type: ignore[misc]


def followed(kinds: Sequence[EntryKind]) -> tuple[Listed, list[int]]:
    """A view after it has followed a ledger of entries of ``kinds``, and how far it had come after each step."""
    uow, ledger, view = MemoryUnitOfWork(), MemoryLedgerStore(), Listed()
    with uow.begin() as tx:
        for number, kind in enumerate(kinds):
            ledger.append(tx, Entry(id=f"urn:{number}", kind=kind, subject="urn:s", at=NOW, by="", body=b"{}"))
        ledger.number(tx, ledger.unsequenced_entries(tx, len(kinds)), 0)
    following = FollowLedger(uow=uow, ledger=ledger, sequencer=None, views=[view])
    steps = []
    while step(following):
        steps.append(view.position())
    return view, steps


def test_messages_are_passed_by_in_one_step() -> None:
    view, steps = followed([EntryKind.PROCESS] * (BATCH * 3))
    assert view.entries == []
    assert steps == [BATCH * 3]


def test_every_record_is_taken_in_order_wherever_it_stands() -> None:
    kinds = [EntryKind.RECORD if number % 3 == 1 else EntryKind.ACCESS for number in range(BATCH * 4)]
    view, steps = followed(kinds)
    assert view.entries == [number for number, kind in enumerate(kinds) if kind is EntryKind.RECORD]
    assert steps[-1] == len(kinds)


class Breaking(Listed):
    """A view that can be damaged, and is whole again once it was rebuilt."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.name, self.damaged, self.rebuilt = name, False, 0

    def position(self) -> int:
        if self.damaged:
            raise Damaged(f"the {self.name} view is damaged")
        return super().position()

    def rebuild(self) -> None:
        self.entries, self._position, self.damaged = [], 0, False
        self.rebuilt += 1


class Followed:
    """Two views over a ledger of records, and the hours that pass."""

    def __init__(self) -> None:
        self.hours = 0.0
        self.graph, self.search = Breaking("graph"), Breaking("search")
        self._uow, self._ledger, self._written = MemoryUnitOfWork(), MemoryLedgerStore(), 0
        self.following = FollowLedger(
            uow=self._uow,
            ledger=self._ledger,
            sequencer=None,
            views=[self.graph, self.search],
            monotonic=lambda: self.hours * 3600,
        )

    def publish(self, count: int = 1) -> None:
        """So many records more in the ledger."""
        first, self._written = self._written, self._written + count
        with self._uow.begin() as tx:
            for number in range(first, self._written):
                one = Entry(id=f"urn:{number}", kind=EntryKind.RECORD, subject="urn:s", at=NOW, by="", body=b"{}")
                self._ledger.append(tx, one)
            self._ledger.number(tx, self._ledger.unsequenced_entries(tx, count), first)


def test_a_view_that_is_damaged_once_more_later_heals_once_more() -> None:
    followed = Followed()
    followed.publish()
    for times in (1, 2, 3):
        followed.hours += 2
        followed.graph.damaged = True
        step(followed.following)
        assert (followed.graph.rebuilt, followed.graph.entries) == (times, [0])


def test_a_view_that_is_damaged_at_once_again_is_not_rebuilt_for_an_hour() -> None:
    followed = Followed()
    followed.publish()
    followed.graph.damaged = True
    step(followed.following)
    followed.graph.damaged = True
    followed.hours = 0.9
    with pytest.raises(Damaged):
        step(followed.following)
    assert followed.graph.rebuilt == 1, "a disk that is broken is not hidden"
    followed.hours = 1.1
    step(followed.following)
    assert (followed.graph.rebuilt, followed.graph.entries) == (2, [0])


def test_a_broken_view_keeps_no_other_from_following() -> None:
    followed = Followed()
    followed.publish()
    for _ in range(2):
        followed.graph.damaged = True
        with contextlib.suppress(Damaged):
            step(followed.following)
    followed.publish()
    with pytest.raises(Damaged, match="the graph view"):
        step(followed.following)
    assert followed.search.entries == [0, 1]


def test_a_fault_does_not_outlive_its_being_told() -> None:
    """What it came through would live on with it: a damaged store, still open and in the way of the next."""
    followed = Followed()
    gc.disable()
    try:
        for _ in range(2):
            followed.graph.damaged = True
            try:
                step(followed.following)
            except Damaged as error:
                fault = weakref.ref(error)
        assert fault() is None
    finally:
        gc.enable()


async def test_each_of_two_broken_views_is_told(caplog: pytest.LogCaptureFixture) -> None:
    followed = Followed()
    for view in (followed.graph, followed.search):
        view.damaged = True
        monkey = view.rebuild

        def rebuilt(view: Breaking = view, rebuild: Callable[[], None] = monkey) -> None:
            rebuild()
            view.damaged = True

        view.rebuild = rebuilt  # type: ignore[method-assign]
    async with followed_by_a_loop(followed.following):
        await so(lambda: all(follower.failed for follower in followed.following.followers))
    for name in ("graph", "search"):
        assert f"view {name} cannot follow the ledger" in caplog.text
    assert followed.following.failure is not None


@contextlib.asynccontextmanager
async def followed_by_a_loop(following: FollowLedger) -> AsyncIterator[None]:
    """The loop of a node meanwhile."""
    loop = asyncio.create_task(following.run())
    try:
        yield
    finally:
        following.stop()
        await loop


async def so(condition: Callable[[], object]) -> None:
    """Wait until ``condition`` holds."""
    async with asyncio.timeout(PATIENCE):
        while not condition():
            await asyncio.sleep(0.002)


class PausedView(Breaking):
    """A view that takes nothing until it is let go on."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.at_work, self.go_on = threading.Event(), threading.Event()

    def apply(self, entries: Sequence[Entry]) -> None:
        self.at_work.set()
        assert self.go_on.wait(PATIENCE), "nobody let it go on"
        super().apply(entries)


class NumbersWhatIsThere:
    """A sequencer over a ledger in memory."""

    def __init__(self, uow: MemoryUnitOfWork, ledger: MemoryLedgerStore) -> None:
        self._uow, self._ledger = uow, ledger

    def run(self, limit: int = BATCH) -> int:
        with self._uow.begin() as tx:
            waiting = self._ledger.unsequenced_entries(tx, limit)
            self._ledger.number(tx, waiting, self._ledger.size(tx))
        return len(waiting)


def committed(uow: MemoryUnitOfWork, ledger: MemoryLedgerStore, numbers: Iterable[int]) -> None:
    """Records in the ledger that have no number yet."""
    with uow.begin() as tx:
        for number in numbers:
            one = Entry(id=f"urn:{number}", kind=EntryKind.RECORD, subject="urn:s", at=NOW, by="", body=b"{}")
            ledger.append(tx, one)


async def test_a_slow_view_holds_up_neither_numbering_nor_another_view() -> None:
    uow, ledger = MemoryUnitOfWork(), MemoryLedgerStore()
    slow, quick = PausedView("slow"), Breaking("quick")
    following = FollowLedger(
        uow=uow, ledger=ledger, sequencer=NumbersWhatIsThere(uow, ledger), views=[slow, quick], poll=0.01
    )
    many = LATE + BATCH
    committed(uow, ledger, range(many))
    async with followed_by_a_loop(following):
        try:
            await so(lambda: slow.at_work.is_set() and following.positions.get("quick") == many)
            committed(uow, ledger, [many])
            # The view is far behind, so nobody waits for it; it is still held when the answer comes.
            assert await following.wait_for(f"urn:{many}", within=PATIENCE) == Settlement(
                position=many, behind={"slow": many + 1}
            )
            assert following.positions == {"quick": many + 1}
        finally:
            slow.go_on.set()
        await so(lambda: following.positions == {"slow": many + 1, "quick": many + 1})
        committed(uow, ledger, [many + 1])
        assert await following.wait_for(f"urn:{many + 1}", within=PATIENCE) == Settlement(position=many + 1)


async def test_what_is_not_in_time_is_told() -> None:
    """A view that is only a little behind is waited for, and named where that takes too long."""
    uow, ledger = MemoryUnitOfWork(), MemoryLedgerStore()
    slow = PausedView("slow")
    following = FollowLedger(
        uow=uow, ledger=ledger, sequencer=NumbersWhatIsThere(uow, ledger), views=[slow], poll=0.01
    )
    async with followed_by_a_loop(following):
        try:
            committed(uow, ledger, [0])
            await so(slow.at_work.is_set)
            assert await following.wait_for("urn:0", within=0) == Settlement(position=0, behind={"slow": 1})
        finally:
            slow.go_on.set()
        assert await following.wait_for("urn:0", within=PATIENCE) == Settlement(position=0)


class Collecting(Listed):
    """A view that shows what it has taken only when it is settled."""

    def __init__(self) -> None:
        super().__init__()
        self.settled = 0
        self.visible = 0

    def next_seq(self) -> int:
        return self.visible

    def settle(self) -> None:
        self.settled += 1
        self.visible = self.position()


def collecting(count: int) -> tuple[FollowLedger, Collecting, list[float]]:
    """A collecting view over ``count`` records, and the seconds that have passed."""
    uow, ledger, view, now = MemoryUnitOfWork(), MemoryLedgerStore(), Collecting(), [0.0]
    following = FollowLedger(
        uow=uow,
        ledger=ledger,
        sequencer=NumbersWhatIsThere(uow, ledger),
        views=[view],
        monotonic=lambda: now[0],
    )
    committed(uow, ledger, range(count))
    following.number()
    return following, view, now


def test_what_is_taken_is_shown_a_moment_later() -> None:
    following, view, now = collecting(3)
    (follower,) = following.followers
    assert not follower.turn()
    assert (view.entries, view.settled, following.positions) == ([0, 1, 2], 0, {"listed": 0})
    assert follower.due() == SETTLE
    now[0] += SETTLE
    follower.turn()
    assert (view.settled, following.positions, follower.due()) == (1, {"listed": 3}, None)


def test_a_view_that_is_far_behind_is_logged_until_it_shows_everything(caplog: pytest.LogCaptureFixture) -> None:
    following, _, now = collecting(3 * BATCH)
    (follower,) = following.followers
    while following.number():
        """Give all entries their numbers, a batch at a time."""
    with caplog.at_level("INFO", logger="hansa.views"):
        follower.turn()
        assert "view listed has 1500 entries of the ledger to read" in caplog.text
        assert "shows everything" not in caplog.text
        assert following.is_filling("listed")
        assert not following.is_filling("another")
        now[0] += SETTLE
        follower.turn()
    assert "view listed shows everything again" in caplog.text
    assert not following.is_filling("listed")
    assert len(caplog.records) == 2


def test_a_view_that_has_not_looked_is_named() -> None:
    following, _, _ = collecting(3)
    (follower,) = following.followers
    assert (following.unknown, following.positions) == (("listed",), {})
    follower.turn()
    assert following.unknown == ()


def test_what_somebody_waits_for_is_shown_at_once() -> None:
    following, view, _ = collecting(3)
    (follower,) = following.followers
    follower.turn(awaited=True)
    assert (view.settled, following.positions) == (1, {"listed": 3})


async def test_who_waits_is_answered_by_a_view_that_collects() -> None:
    following, view, _ = collecting(3)
    async with followed_by_a_loop(following):
        assert await following.wait_for("urn:2", within=PATIENCE) == Settlement(position=2)
    assert view.settled


async def test_a_view_that_gathers_waits_for_more_after_many_and_for_none_if_somebody_waits(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(views, "GATHER", PATIENCE * 10)
    following, view, _ = collecting(MANY)
    view.gathers = True
    (follower,) = following.followers
    assert not follower.gathers()
    follower.turn()
    assert follower.gathers()
    monkeypatch.setattr(follower, "due", lambda: None)
    gathering = asyncio.create_task(following._gather(follower))
    await asyncio.sleep(0)
    assert not gathering.done()
    async with followed_by_a_loop(following):
        assert await following.wait_for(f"urn:{MANY - 1}", within=PATIENCE) == Settlement(position=MANY - 1)
    await asyncio.wait_for(gathering, PATIENCE)
    follower.turn()
    assert not follower.gathers()


def test_a_view_that_is_far_behind_catches_up_in_one_turn() -> None:
    followed = Followed()
    followed.publish(3 * BATCH + 1)
    step(followed.following)
    assert len(followed.graph.entries) == len(followed.search.entries) == 3 * BATCH + 1


def test_a_view_that_takes_long_leaves_the_others_their_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    followed = Followed()
    followed.publish(3 * BATCH)
    quick = followed.graph.apply

    def slow(entries: Sequence[Entry]) -> None:
        followed.hours += 1
        quick(entries)

    monkeypatch.setattr(followed.graph, "apply", slow)
    step(followed.following)
    assert (len(followed.graph.entries), len(followed.search.entries)) == (BATCH, 3 * BATCH)


def test_a_view_that_is_far_behind_holds_up_no_end(monkeypatch: pytest.MonkeyPatch) -> None:
    followed = Followed()
    followed.publish(3 * BATCH)
    quick = followed.graph.apply

    def told_to_end(entries: Sequence[Entry]) -> None:
        followed.following.stop()
        quick(entries)

    monkeypatch.setattr(followed.graph, "apply", told_to_end)
    step(followed.following)
    assert len(followed.graph.entries) == BATCH


class Counted:
    """A sequencer that counts its runs."""

    def __init__(self) -> None:
        self.runs = 0

    def run(self, limit: int = BATCH) -> int:
        self.runs += 1
        return 0


def entry(kind: EntryKind) -> Entry:
    return Entry(id="urn:e", kind=kind, subject="urn:s", at=NOW, by="", body=b"{}")


@contextlib.asynccontextmanager
async def at_rest(monkeypatch: pytest.MonkeyPatch, numbering: float) -> AsyncIterator[tuple[FollowLedger, Counted]]:
    """A follower with a view of records that has done its first step and looks by itself once an hour."""
    monkeypatch.setattr(views, "NUMBERING", numbering)
    uow, ledger, counted = MemoryUnitOfWork(), MemoryLedgerStore(), Counted()
    following = FollowLedger(uow=uow, ledger=ledger, sequencer=counted, views=[Listed()], poll=3600)
    running = asyncio.create_task(following.run())
    await eventually(lambda: counted.runs == 1)
    await asyncio.sleep(0.05)
    try:
        yield following, counted
    finally:
        following.stop()
        await running


async def eventually(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not condition():
            await asyncio.sleep(0.005)


async def test_messages_are_numbered_together_and_not_at_each_commit(monkeypatch: pytest.MonkeyPatch) -> None:
    async with at_rest(monkeypatch, 0.1) as (following, counted):
        for _ in range(100):
            following.wake(entry(EntryKind.PROCESS))
        await eventually(lambda: counted.runs == 2)
        following.wake(entry(EntryKind.PROCESS))
        await eventually(lambda: counted.runs == 3)


async def test_records_do_not_wait_for_the_messages(monkeypatch: pytest.MonkeyPatch) -> None:
    async with at_rest(monkeypatch, 3600) as (following, counted):
        following.wake(entry(EntryKind.PROCESS))
        await asyncio.sleep(0.1)
        assert counted.runs == 1
        following.wake(entry(EntryKind.RECORD))
        await eventually(lambda: counted.runs == 2)
        following.wake()
        await eventually(lambda: counted.runs == 3)

"""Following the ledger: what a view is not made of is passed by, and nothing else is."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import weakref
from collections.abc import AsyncIterator, Callable, Sequence
from datetime import UTC, datetime

import pytest

from node.base.errors import Damaged
from node.ledger.model import Entry, EntryKind
from node.worker import views
from node.worker.views import BATCH, FollowLedger
from tests.fakes.ledger import MemoryLedgerStore
from tests.fakes.work import MemoryUnitOfWork

NOW = datetime(2026, 11, 20, tzinfo=UTC)


class Listed:
    """A view that keeps what it was given."""

    name = "listed"
    kinds: tuple[EntryKind, ...] = (EntryKind.RECORD,)

    def __init__(self) -> None:
        self.taken: list[int] = []
        self._position = 0

    def position(self) -> int:
        return self._position

    def apply(self, entries: Sequence[Entry]) -> None:
        for entry in entries:
            assert entry.seq is not None
            self.taken.append(entry.seq)
            self._position = entry.seq + 1

    def passed(self, position: int) -> None:
        self._position = position

    def rebuild(self) -> None:
        self.__init__()  # type: ignore[misc]


def followed(kinds: Sequence[EntryKind]) -> tuple[Listed, list[int]]:
    """A view after it has followed a ledger of entries of ``kinds``, and how far it had come after each step."""
    uow, ledger, view = MemoryUnitOfWork(), MemoryLedgerStore(), Listed()
    with uow.begin() as tx:
        for number, kind in enumerate(kinds):
            ledger.append(tx, Entry(id=f"urn:{number}", kind=kind, subject="urn:s", at=NOW, by="", body=b"{}"))
        ledger.number(tx, ledger.unsequenced(tx, len(kinds)), 0)
    following = FollowLedger(uow=uow, ledger=ledger, sequencer=None, views=[view])
    steps = []
    while following._step():
        steps.append(view.position())
    return view, steps


def test_messages_are_passed_by_in_one_step() -> None:
    view, steps = followed([EntryKind.PROCESS] * (BATCH * 3))
    assert view.taken == []
    assert steps == [BATCH * 3]


def test_every_record_is_taken_in_order_wherever_it_stands() -> None:
    kinds = [EntryKind.RECORD if number % 3 == 1 else EntryKind.ACCESS for number in range(BATCH * 4)]
    view, steps = followed(kinds)
    assert view.taken == [number for number, kind in enumerate(kinds) if kind is EntryKind.RECORD]
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
        self.taken, self._position, self.damaged = [], 0, False
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
            self._ledger.number(tx, self._ledger.unsequenced(tx, count), first)


def test_a_view_that_is_damaged_once_more_later_heals_once_more() -> None:
    held = Followed()
    held.publish()
    for times in (1, 2, 3):
        held.hours += 2
        held.graph.damaged = True
        held.following._step()
        assert (held.graph.rebuilt, held.graph.taken) == (times, [0])


def test_a_view_that_is_damaged_at_once_again_is_not_rebuilt_for_an_hour() -> None:
    held = Followed()
    held.publish()
    held.graph.damaged = True
    held.following._step()
    held.graph.damaged = True
    held.hours = 0.9
    with pytest.raises(Damaged):
        held.following._step()
    assert held.graph.rebuilt == 1, "a disk that is broken is not hidden"
    held.hours = 1.1
    held.following._step()
    assert (held.graph.rebuilt, held.graph.taken) == (2, [0])


def test_a_broken_view_keeps_no_other_from_following() -> None:
    held = Followed()
    held.publish()
    for _ in range(2):
        held.graph.damaged = True
        with contextlib.suppress(Damaged):
            held.following._step()
    held.publish()
    with pytest.raises(Damaged, match="the graph view"):
        held.following._step()
    assert held.search.taken == [0, 1]


def test_a_fault_does_not_outlive_its_being_told() -> None:
    """What it came through would live on with it: a damaged store, still open and in the way of the next."""
    held = Followed()
    gc.disable()
    try:
        for _ in range(2):
            held.graph.damaged = True
            try:
                held.following._step()
            except Damaged as error:
                fault = weakref.ref(error)
        assert fault() is None
    finally:
        gc.enable()


def test_each_of_two_broken_views_is_told(caplog: pytest.LogCaptureFixture) -> None:
    held = Followed()
    for _ in range(2):
        held.graph.damaged = held.search.damaged = True
        with contextlib.suppress(Damaged):
            held.following._step()
    assert "view search cannot follow the ledger either" in caplog.text


def test_a_view_that_is_far_behind_catches_up_in_one_turn() -> None:
    held = Followed()
    held.publish(3 * BATCH + 1)
    held.following._step()
    assert len(held.graph.taken) == len(held.search.taken) == 3 * BATCH + 1


def test_a_view_that_takes_long_leaves_the_others_their_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    held = Followed()
    held.publish(3 * BATCH)
    quick = held.graph.apply

    def slow(entries: Sequence[Entry]) -> None:
        held.hours += 1
        quick(entries)

    monkeypatch.setattr(held.graph, "apply", slow)
    held.following._step()
    assert (len(held.graph.taken), len(held.search.taken)) == (BATCH, 3 * BATCH)


def test_a_view_that_is_far_behind_holds_up_no_end(monkeypatch: pytest.MonkeyPatch) -> None:
    held = Followed()
    held.publish(3 * BATCH)
    quick = held.graph.apply

    def told_to_end(entries: Sequence[Entry]) -> None:
        held.following.stop()
        quick(entries)

    monkeypatch.setattr(held.graph, "apply", told_to_end)
    held.following._step()
    assert len(held.graph.taken) == BATCH


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

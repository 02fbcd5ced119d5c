"""Lasting work of several processes: each row has one task, which ends, changes and moves with its row."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from node.base import ownership
from node.base.errors import DatabaseAway
from node.base.ownership import Duties, GrowingPause, OwnedTasks


class Rows:
    """Rows with their owner, as a database keeps them for several processes."""

    def __init__(self) -> None:
        self.rows: dict[str, int] = {}
        self.owners: dict[str, str] = {}
        self.running: list[tuple[str, str, int]] = []
        self.left: list[int] = []
        self.is_away = False
        self.breaks = False

    def tasks(self, owner: str, *, alone: bool = False) -> OwnedTasks[tuple[str, int]]:
        def look() -> Duties[tuple[str, int]]:
            if self.is_away:
                raise DatabaseAway("the connection to the database was lost")
            for row in self.rows:
                self.owners.setdefault(row, owner)
            own = {row: (row, value) for row, value in self.rows.items() if self.owners[row] == owner}
            return Duties(own=own, known=frozenset(self.rows))

        def release(whose: str | None) -> None:
            self.owners = {row: other for row, other in self.owners.items() if whose not in (None, other)}

        async def keep_up(duty: tuple[str, int]) -> None:
            entry = (owner, *duty)
            self.running.append(entry)
            try:
                if self.breaks:
                    self.breaks = False
                    raise ValueError("a fault of the program")
                await asyncio.Event().wait()
            finally:
                self.running.remove(entry)

        async def leave(duty: tuple[str, int]) -> None:
            assert not [entry for entry in self.running if entry[1:] == duty], "its task has ended"
            self.left.append(duty[1])

        return OwnedTasks(
            "rows",
            look=look,
            release=release,
            keep_up=keep_up,
            leave=leave,
            owner=owner,
            alone=alone,
            pause=0.01,
        )


@asynccontextmanager
async def working(*workers: OwnedTasks[Any]) -> AsyncIterator[None]:
    tasks = [asyncio.create_task(worker.run()) for worker in workers]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def become(ready: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not ready():
            await asyncio.sleep(0.01)


async def test_a_row_has_one_task_which_changes_and_ends_with_it() -> None:
    rows = Rows()
    rows.rows = {"a": 1, "b": 2}
    async with working(rows.tasks("one"), rows.tasks("two")):
        await become(lambda: len(rows.running) == 2)
        await asyncio.sleep(0.1)
        assert sorted(entry[1] for entry in rows.running) == ["a", "b"]
        rows.rows["a"] = 3
        await become(lambda: sorted(entry[2] for entry in rows.running) == [2, 3])
        assert rows.left == []
        del rows.rows["b"]
        await become(lambda: rows.left == [2])
        assert [entry[1:] for entry in rows.running] == [("a", 3)]
    assert rows.running == []
    assert rows.owners in ({}, {"b": "one"}, {"b": "two"}), "what a process owned is free when it ends"


async def test_another_process_goes_on_when_one_ends() -> None:
    rows = Rows()
    rows.rows = {"a": 1}
    async with working(rows.tasks("one")):
        await become(lambda: rows.running == [("one", "a", 1)])
    async with working(rows.tasks("two")):
        await become(lambda: rows.running == [("two", "a", 1)])


async def test_a_process_alone_takes_what_a_dead_one_owned() -> None:
    rows = Rows()
    rows.rows, rows.owners = {"a": 1}, {"a": "dead"}
    async with working(rows.tasks("one", alone=True)):
        await become(lambda: rows.running == [("one", "a", 1)])


async def test_a_task_that_failed_begins_again(caplog: pytest.LogCaptureFixture) -> None:
    rows = Rows()
    rows.rows, rows.breaks = {"a": 1}, True
    async with working(rows.tasks("one")):
        await become(lambda: not rows.breaks and len(rows.running) == 1)
    assert "a task of the rows failed" in caplog.text


async def test_without_the_database_tasks_end_when_others_may_own_the_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ownership, "OWN_SECONDS", 0.2)
    rows = Rows()
    rows.rows = {"a": 1}
    async with working(rows.tasks("one")):
        await become(lambda: len(rows.running) == 1)
        rows.is_away = True
        await asyncio.sleep(0.1)
        assert len(rows.running) == 1
        await become(lambda: not rows.running)
        assert rows.left == [], "nobody knows whether the row is gone"
        rows.is_away = False
        await become(lambda: len(rows.running) == 1)


async def test_pauses_grow_to_a_minute(monkeypatch: pytest.MonkeyPatch) -> None:
    pauses: list[float] = []

    async def sleep(seconds: float) -> None:
        pauses.append(seconds)

    monkeypatch.setattr("node.base.ownership.asyncio.sleep", sleep)
    monkeypatch.setattr("node.base.ownership.random.uniform", lambda *_: 1.0)
    pause = GrowingPause()
    for _ in range(8):
        await pause.wait()
    pause.reset()
    await pause.wait()
    assert pauses == [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 60.0, 60.0, 1.0]

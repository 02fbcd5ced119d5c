"""Writers that wait for one another share a commit, and nothing else."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event, select
from sqlalchemy.engine import Connection

from node.adapters.sql import shared_commit
from node.adapters.sql.engine import READ_ONLY, connect
from node.adapters.sql.outbox import SqlOutbox
from node.adapters.sql.schema import metadata
from node.adapters.sql.schema.outbox import outbox
from node.adapters.sql.work import SqlTransaction, SqlUnitOfWork, connection_of
from node.base.errors import LocalFault, NoRoom
from node.base.work import Task
from tests.waits import until

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
Body = Callable[[SqlTransaction], None]


class Crowd:
    """Writers over one file, each in a thread of its own."""

    def __init__(self, uow: SqlUnitOfWork, pool: ThreadPoolExecutor) -> None:
        self.uow = uow
        self.commits: list[Connection] = []
        self.fails: Exception | None = None
        self._pool = pool
        event.listen(uow.engine, "commit", self._committed)

    def _committed(self, connection: Connection) -> None:
        if connection.get_execution_options().get(READ_ONLY):
            return
        self.commits.append(connection)
        if self.fails is not None:
            raise self.fails

    def behind_one_another(self, *bodies: Body) -> list[Future[None]]:
        """Writers of whom each came while the one before it was writing."""
        assert self.uow.writers is not None
        turns, everybody = self.uow.writers.turns, threading.Event()

        def first(tx: SqlTransaction) -> None:
            everybody.wait(20)
            bodies[0](tx)

        running = [self._pool.submit(self._write, first)]
        until("the first writes", lambda: turns.is_busy)
        for number, body in enumerate(bodies[1:], 1):
            running.append(self._pool.submit(self._write, body))
            until("the next waits", lambda number=number: turns.waiting == number)
        everybody.set()
        return running

    def _write(self, body: Body) -> None:
        with self.uow.begin() as tx:
            body(tx)

    def stored(self) -> list[str]:
        with self.uow.read() as tx:
            return sorted(connection_of(tx).execute(select(outbox.c.id)).scalars())


@pytest.fixture
def crowd(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Crowd]:
    # However slow the machine is, the transaction stays open for all who wait.
    monkeypatch.setattr(shared_commit, "LONGEST", 600.0)
    engine = connect(f"sqlite:///{tmp_path / 'x.sqlite'}")
    metadata.create_all(engine)
    uow = SqlUnitOfWork(engine)
    with ThreadPoolExecutor(8) as pool:
        yield Crowd(uow, pool)
    uow.close()


def writes(name: str) -> Body:
    """Puts a task of this name into the outbox."""
    task = Task(id=name, topic="t", lane="l", subject=name, body=b"", due=NOW)
    return lambda tx: SqlOutbox().put(tx, task)


def fails(name: str, error: Exception) -> Body:
    """Writes, and raises after it."""

    def body(tx: SqlTransaction) -> None:
        writes(name)(tx)
        raise error

    return body


def test_those_who_wait_share_one_commit(crowd: Crowd) -> None:
    for writer in crowd.behind_one_another(*(writes(name) for name in "abcd")):
        writer.result(20)
    assert crowd.stored() == ["a", "b", "c", "d"]
    assert len(crowd.commits) == 1
    for writer in crowd.behind_one_another(writes("e")):
        writer.result(20)
    assert len(crowd.commits) == 2


def test_nobody_goes_on_before_the_commit(crowd: Crowd) -> None:
    seen: list[Any] = []

    def look(tx: SqlTransaction) -> None:
        writes("b")(tx)
        seen.append([writer.done() for writer in running])
        seen.append(crowd.stored())

    def wait_for_the_list(tx: SqlTransaction) -> None:
        writes("a")(tx)
        until("both are known", lambda: len(running) == 2)

    running: list[Future[None]] = []
    running += crowd.behind_one_another(wait_for_the_list, look)
    for writer in running:
        writer.result(20)
    assert seen == [[False, False], []]
    assert crowd.stored() == ["a", "b"]


def test_what_raises_takes_back_its_own_and_nothing_else(crowd: Crowd) -> None:
    error = KeyError("the caller's own")
    for place in range(3):
        names = [f"{place}-{number}" for number in range(3)]
        bodies = [writes(name) for name in names]
        bodies[place] = fails(names[place], error)
        running = crowd.behind_one_another(*bodies)
        outcomes = [writer.exception(20) for writer in running]
        assert [outcome is error for outcome in outcomes] == [number == place for number in range(3)]
        assert [outcome for outcome in outcomes if outcome is not error] == [None, None]
    assert crowd.stored() == ["0-1", "0-2", "1-0", "1-2", "2-0", "2-1"]


def test_callbacks_follow_the_common_commit(crowd: Crowd) -> None:
    seen: list[list[str]] = []

    def body_of(name: str) -> Body:
        def body(tx: SqlTransaction) -> None:
            writes(name)(tx)
            tx.after_commit(lambda: seen.append(crowd.stored()))

        return body

    for writer in crowd.behind_one_another(body_of("a"), body_of("b")):
        writer.result(20)
    assert seen == [["a", "b"], ["a", "b"]]


def test_a_commit_that_fails_has_failed_for_all(crowd: Crowd) -> None:
    crowd.fails = NoRoom("the disk is full", remedy="make room")
    outcomes = [writer.exception(20) for writer in crowd.behind_one_another(*(writes(name) for name in "abc"))]
    assert [(type(error), str(error)) for error in outcomes] == [(NoRoom, "the disk is full")] * 3
    crowd.fails = None
    assert crowd.stored() == []
    for writer in crowd.behind_one_another(writes("d")):
        writer.result(20)
    assert crowd.stored() == ["d"]


def test_a_transaction_that_the_database_ends_is_lost_for_all(crowd: Crowd) -> None:
    def end(tx: SqlTransaction) -> None:
        # As SQLite does by itself where the disk is full or fails.
        tx.connection.connection.dbapi_connection.execute("ROLLBACK")
        raise NoRoom("the disk is full")

    outcomes = [writer.exception(20) for writer in crowd.behind_one_another(writes("a"), end, writes("c"))]
    assert [type(outcome) for outcome in outcomes] == [NoRoom, NoRoom, type(None)]
    assert crowd.stored() == ["c"]


def test_so_many_share_a_commit_and_no_more(crowd: Crowd, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shared_commit, "MOST", 2)
    for writer in crowd.behind_one_another(*(writes(name) for name in "abcde")):
        writer.result(20)
    assert len(crowd.commits) == 3
    assert crowd.stored() == ["a", "b", "c", "d", "e"]


def test_an_old_transaction_takes_nobody_else(crowd: Crowd, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shared_commit, "LONGEST", 0.0)
    for writer in crowd.behind_one_another(*(writes(name) for name in "abc")):
        writer.result(20)
    assert len(crowd.commits) == 3


def test_writers_of_another_engine_commit_for_themselves(crowd: Crowd) -> None:
    other = SqlUnitOfWork(connect(str(crowd.uow.engine.url)))
    assert other.writers is not None
    assert crowd.uow.writers is not None
    assert other.writers.turns is crowd.uow.writers.turns
    waits: list[threading.Thread] = []

    def write_elsewhere() -> None:
        with other.begin() as tx:
            writes("other")(tx)

    def body(tx: SqlTransaction) -> None:
        writes("a")(tx)
        waits.append(threading.Thread(target=write_elsewhere))
        waits[0].start()
        until("the other waits", lambda: other.writers is not None and other.writers.turns.waiting == 1)

    with crowd.uow.begin() as tx:
        body(tx)
    waits[0].join(20)
    other.close()
    assert crowd.stored() == ["a", "other"]
    assert len(crowd.commits) == 1


def test_a_fault_of_a_shared_commit_is_each_writers_own(crowd: Crowd) -> None:
    crowd.fails = ValueError("something else")
    outcomes = [writer.exception(20) for writer in crowd.behind_one_another(writes("a"), writes("b"))]
    assert all(type(outcome) is LocalFault for outcome in outcomes)
    assert outcomes[0] is not outcomes[1]

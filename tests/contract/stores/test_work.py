"""UnitOfWork: returning commits, raising rolls back."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta

import pytest

from node.adapters.sql.work import connection_of
from node.base.errors import HansaError, LocalFault
from node.base.work import Task
from tests.stores import Stores

NOW = datetime(2026, 11, 20, 9, 30, tzinfo=UTC)


def task(name: str) -> Task:
    return Task(id=name, topic="message", lane="did:web:a", subject=name, body=b"{}", due=NOW)


class TestUnitOfWork:
    def test_returning_commits(self, stores: Stores) -> None:
        with stores.uow.begin() as tx:
            stores.outbox.put(tx, task("one"))
        with stores.uow.read() as tx:
            assert stores.outbox.waiting(tx) == 1

    def test_what_need_not_be_on_the_disk_at_once_is_committed_like_the_rest(self, stores: Stores) -> None:
        def fail() -> None:
            with stores.uow.begin(synced=False) as tx:
                stores.outbox.put(tx, task("undone"))
                raise KeyError("the caller's own")

        with stores.uow.begin(synced=False) as tx:
            stores.outbox.put(tx, task("one"))
        with pytest.raises(KeyError):
            fail()
        with stores.uow.begin() as tx:
            stores.outbox.put(tx, task("two"))
        with stores.uow.read() as tx:
            assert stores.outbox.waiting(tx) == 2

    def test_raising_rolls_back_everything_and_passes_the_error_on(self, stores: Stores) -> None:
        with stores.uow.begin() as tx:
            stores.outbox.put(tx, task("kept"))
            stores.outbox.put(tx, task("kept too"))

        def fail() -> None:
            with stores.uow.begin() as tx:
                stores.outbox.put(tx, task("lost"))
                stores.outbox.cancel(tx, "kept")
                stores.outbox.cancel(tx, "lost")
                stores.outbox.put(tx, task("lost too"))
                raise KeyError("the caller's own")

        with pytest.raises(KeyError, match="the caller's own"):
            fail()
        with stores.uow.begin() as tx:
            leased = stores.outbox.lease(tx, owner="w", now=NOW, until=NOW + timedelta(1), limit=9)
        assert [queued.id for queued in leased] == ["kept", "kept too"]

    def test_callbacks_follow_the_commit(self, stores: Stores) -> None:
        seen: list[int] = []

        def count() -> None:
            with stores.uow.read() as tx:
                seen.append(stores.outbox.waiting(tx))

        with stores.uow.begin() as tx:
            tx.after_commit(count)
            stores.outbox.put(tx, task("one"))
            assert seen == []
        assert seen == [1]

    def test_a_callback_may_open_a_transaction_that_writes(self, stores: Stores) -> None:
        def more() -> None:
            with stores.uow.begin() as tx:
                stores.outbox.put(tx, task("two"))

        with stores.uow.begin() as tx:
            tx.after_commit(more)
            stores.outbox.put(tx, task("one"))
        with stores.uow.read() as tx:
            assert stores.outbox.waiting(tx) == 2

    def test_callbacks_never_follow_a_rollback(self, stores: Stores) -> None:
        seen: list[str] = []

        def fail() -> None:
            with stores.uow.begin() as tx:
                tx.after_commit(lambda: seen.append("called"))
                raise ValueError("no")

        with pytest.raises(ValueError, match="no"):
            fail()
        assert seen == []

    def test_a_reader_cannot_write(self, stores: Stores) -> None:
        with pytest.raises(LocalFault), stores.uow.read() as tx:
            stores.outbox.put(tx, task("one"))
        with stores.uow.begin() as tx:
            stores.outbox.put(tx, task("two"))
            assert stores.outbox.waiting(tx) == 1

    def test_a_reader_within_a_writer_sees_what_was_committed_before(self, stores: Stores) -> None:
        with stores.uow.begin() as tx:
            stores.outbox.put(tx, task("one"))
        with stores.uow.begin() as tx:
            stores.outbox.put(tx, task("two"))
            stores.outbox.cancel(tx, "one")
            with stores.uow.read() as other:
                assert stores.outbox.waiting(other) == 1
                assert [queued.id for queued in stores.outbox.dead(other)] == []
            stores.outbox.put(tx, task("three"))
        with stores.uow.read() as tx:
            assert stores.outbox.waiting(tx) == 2

    def test_a_store_refuses_a_transaction_of_another_adapter(self, stores: Stores) -> None:
        class Other:
            def after_commit(self, callback: object) -> None: ...

        with pytest.raises(LocalFault):
            stores.outbox.waiting(Other())


class TestConcurrency:
    def test_a_reader_sees_one_state_while_others_write(self, database_stores: Stores) -> None:
        stores = database_stores
        with stores.uow.begin() as tx:
            stores.outbox.put(tx, task("one"))
        with stores.uow.read() as reading:
            assert stores.outbox.waiting(reading) == 1
            with stores.uow.begin() as tx:
                stores.outbox.put(tx, task("two"))
            assert stores.outbox.waiting(reading) == 1
        with stores.uow.read() as reading:
            assert stores.outbox.waiting(reading) == 2

    def test_a_read_that_begins_at_once_waits_for_no_writer(self, database_stores: Stores) -> None:
        stores = database_stores
        with stores.uow.read() as tx:
            waiting = stores.outbox.waiting(tx)
        with stores.uow.begin() as tx:
            stores.outbox.put(tx, task("one"))
            assert stores.uow.reads_at_once == (connection_of(tx).dialect.name == "sqlite")
            with stores.uow.read() as other:
                assert stores.outbox.waiting(other) == waiting
                assert not stores.uow.reads_at_once, "its connection is in use, another one would have to be opened"

    def test_writers_in_many_threads_all_get_through(self, database_stores: Stores) -> None:
        stores, failures = database_stores, []

        def write(writer: int) -> None:
            try:
                for number in range(10):
                    with stores.uow.begin() as tx:
                        stores.outbox.waiting(tx)
                        stores.outbox.put(tx, task(f"{writer}-{number}"))
            except HansaError as error:
                failures.append(error)

        threads = [threading.Thread(target=write, args=(writer,)) for writer in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert failures == []
        with stores.uow.read() as tx:
            assert stores.outbox.waiting(tx) == 80

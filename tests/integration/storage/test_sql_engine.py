"""Opening a database and working in it beside others."""

from __future__ import annotations

import sqlite3
import stat
import subprocess
import sys
import textwrap
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from sqlalchemy import event, text
from sqlalchemy.engine import Engine
from sqlalchemy.exc import DBAPIError

from node.adapters.sql import engine as engines
from node.adapters.sql import readers as readers_module
from node.adapters.sql import sessions as sessions_module
from node.adapters.sql.engine import connect, sqlite_driver
from node.adapters.sql.migrate import migrate
from node.adapters.sql.outbox import SqlOutbox
from node.adapters.sql.work import SqlTransaction, SqlUnitOfWork
from node.base.errors import Contended, DatabaseAway, DatabaseBusy, HansaError, LocalFault
from node.base.turns import taken_in_turn
from node.base.work import Task
from tests.nodes import until

NOW = datetime(2026, 11, 20, 9, 30, tzinfo=UTC)


def task(name: str) -> Task:
    return Task(id=name, topic="t", lane="l", subject=name, body=b"", due=NOW)


def waits_for_disk(tx: SqlTransaction) -> bool:
    """Whether the commit of a transaction in SQLite waits for the disk."""
    return bool(tx.connection.exec_driver_sql("PRAGMA synchronous").scalar_one() == 2)


class TestSqlite:
    def test_what_durability_rests_on_is_set(self, sqlite_engine: Engine) -> None:
        with sqlite_engine.connect() as connection:

            def pragma(name: str) -> Any:
                return connection.exec_driver_sql(f"PRAGMA {name}").scalar_one()

            assert pragma("journal_mode") == "wal"
            assert pragma("synchronous") == 2
            assert pragma("foreign_keys") == 1
            assert pragma("busy_timeout") == 30_000
            version = connection.exec_driver_sql("SELECT sqlite_version()").scalar_one()
            assert tuple(map(int, version.split("."))) >= (3, 51, 3)

    def test_the_database_is_its_owners_only(self, tmp_path: Path) -> None:
        path = tmp_path / "hansa.sqlite"
        engine = connect(f"sqlite:///{path}")
        with engine.begin() as connection:
            connection.execute(text("CREATE TABLE t (a)"))
            modes = [stat.S_IMODE(file.stat().st_mode) for file in tmp_path.iterdir()]
        engine.dispose()
        assert modes == [0o600] * 3

    @pytest.mark.parametrize(
        "url",
        ["sqlite://", "sqlite:///:memory:", "sqlite:///file:x?uri=true", "mysql://localhost/x", "no url", ""],
    )
    def test_what_a_ledger_is_not_kept_in(self, url: str) -> None:
        with pytest.raises(LocalFault) as caught:
            connect(url)
        assert caught.value.remedy

    def test_a_folder_that_is_not_there(self, tmp_path: Path) -> None:
        engine = connect(f"sqlite:///{tmp_path}/none/hansa.sqlite")
        with pytest.raises(LocalFault, match="cannot be opened"):
            migrate(engine)

    def test_a_file_that_is_no_database(self, tmp_path: Path) -> None:
        path = tmp_path / "hansa.sqlite"
        path.write_bytes(b"no database at all, but long enough to be read as one" * 100)
        engine = connect(f"sqlite:///{path}")
        with pytest.raises(LocalFault, match="cannot be opened"):
            migrate(engine)
        engine.dispose()

    def test_an_sqlite_that_can_lose_data_is_refused(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        monkeypatch.setattr(engines, "SQLITE_MINIMUM", (99, 0, 0))
        with pytest.raises(LocalFault, match=r"SQLite 99\.0\.0 or newer is needed") as caught:
            connect(f"sqlite:///{tmp_path}/hansa.sqlite")
        assert "pysqlite3" in caught.value.remedy

    def test_pythons_own_sqlite_serves_where_it_is_new_enough(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setitem(sys.modules, "pysqlite3", None)
        monkeypatch.setattr(engines, "SQLITE_MINIMUM", sqlite3.sqlite_version_info)
        assert sqlite_driver() is sqlite3
        monkeypatch.setitem(
            sys.modules, "pysqlite3", SimpleNamespace(dbapi2=SimpleNamespace(sqlite_version_info=(3, 0)))
        )
        assert sqlite_driver() is sqlite3

    def test_a_transaction_within_a_transaction_is_told_not_waited_for(self, sqlite_engine: Engine) -> None:
        uow = SqlUnitOfWork(sqlite_engine)
        other = SqlUnitOfWork(connect(str(sqlite_engine.url)))
        with uow.begin():
            for inner in (uow, other):
                with pytest.raises(LocalFault, match="inside a transaction"), inner.begin():
                    pass
        with uow.begin() as tx:
            SqlOutbox().put(tx, task("afterwards"))

    def test_writers_of_several_processes_wait_for_one_another(self, sqlite_engine: Engine) -> None:
        program = textwrap.dedent("""
            import sys, time
            from datetime import UTC, datetime
            from node.adapters.sql.engine import connect
            from node.adapters.sql.outbox import SqlOutbox
            from node.adapters.sql.work import SqlTransaction, SqlUnitOfWork
            from node.base.work import Task

            uow, outbox, who = SqlUnitOfWork(connect(sys.argv[1])), SqlOutbox(), sys.argv[2]
            for number in range(25):
                with uow.begin() as tx:
                    outbox.waiting(tx)
                    name = f"{who}-{number}"
                    outbox.put(tx, Task(id=name, topic="t", lane="l", subject=name, body=b"", due=datetime.now(UTC)))
            uow.close()
        """)
        processes = [
            subprocess.Popen([sys.executable, "-c", program, str(sqlite_engine.url), who], stderr=subprocess.PIPE)
            for who in ("a", "b")
        ]
        uow, outbox = SqlUnitOfWork(sqlite_engine), SqlOutbox()
        for number in range(25):
            with uow.begin() as tx:
                outbox.waiting(tx)
                outbox.put(tx, task(f"c-{number}"))
        for process in processes:
            _, errors = process.communicate(timeout=60)
            assert (process.returncode, errors) == (0, b"")
        with uow.read() as tx:
            assert outbox.waiting(tx) == 75

    def test_connections_of_readers_stay_open_and_show_what_was_committed_since(self, sqlite_engine: Engine) -> None:
        uow, outbox, opened = SqlUnitOfWork(sqlite_engine), SqlOutbox(), []
        event.listen(sqlite_engine, "connect", lambda *_: opened.append("one"))

        def names() -> list[str]:
            with uow.read() as tx:
                # Text is run by SQLAlchemy, the rest on the driver's connection.
                queued = tx.connection.execute(text("SELECT id FROM outbox ORDER BY id")).scalars().all()
                assert outbox.waiting(tx) == len(queued)
                return list(queued)

        def fail() -> None:
            with uow.read() as tx:
                tx.connection.execute(text("SELECT id FROM outbox"))
                raise KeyError("the reader's own")

        for number in range(5):
            with uow.begin() as tx:
                outbox.put(tx, task(str(number)))
            assert names() == [str(earlier) for earlier in range(number + 1)]
            with pytest.raises(KeyError):
                fail()
            assert names() == [str(earlier) for earlier in range(number + 1)]
        assert len(opened) <= 2, "one for the writer, one for the reader"
        uow.close()
        assert names() == list("01234")
        uow.close()

    def test_more_readers_at_once_than_connections_that_stay_open(self, sqlite_engine: Engine) -> None:
        uow, outbox = SqlUnitOfWork(sqlite_engine), SqlOutbox()
        with uow.begin() as tx:
            outbox.put(tx, task("one"))
        for _ in range(2):
            with ExitStack() as readers:
                transactions = [readers.enter_context(uow.read()) for _ in range(readers_module.KEPT + 3)]
                with uow.begin() as tx:
                    outbox.put(tx, task("two"))
                    outbox.cancel(tx, "two")
                assert [outbox.waiting(tx) for tx in transactions] == [1] * len(transactions)
        uow.close()

    def test_only_what_need_not_be_on_the_disk_at_once_does_not_wait_for_it(self, sqlite_engine: Engine) -> None:
        uow = SqlUnitOfWork(sqlite_engine)
        for synced in (True, False, False, True):
            with uow.begin(synced=synced) as tx:
                assert waits_for_disk(tx) is synced
        uow.close()

    def test_a_connection_that_others_may_use_waits_for_the_disk(self, sqlite_engine: Engine) -> None:
        uow, outbox = SqlUnitOfWork(sqlite_engine), SqlOutbox()

        def fail() -> None:
            with uow.begin(synced=False) as tx:
                outbox.put(tx, task("lost"))
                raise KeyError("the writer's own")

        def settings() -> list[int]:
            """Of all connections that the pool has, and of further ones."""
            reading = sqlite_engine.execution_options(**{engines.READ_ONLY: True})
            with ExitStack() as connections:
                every = [connections.enter_context(reading.connect()) for _ in range(6)]
                return [int(one.exec_driver_sql("PRAGMA synchronous").scalar_one()) for one in every]

        with pytest.raises(KeyError):
            fail()
        assert set(settings()) == {2}, "after a failure the writer takes another connection"
        with uow.begin() as tx:
            assert waits_for_disk(tx)
        with uow.begin(synced=False) as tx:
            outbox.put(tx, task("kept"))
        assert uow.writers is not None
        uow.writers.close()
        assert set(settings()) == {2}
        uow.close()

    def test_who_must_be_on_the_disk_shares_no_commit_that_does_not_wait_for_it(self, sqlite_engine: Engine) -> None:
        uow, outbox = SqlUnitOfWork(sqlite_engine), SqlOutbox()
        assert uow.writers is not None
        turns = uow.writers.turns

        def write() -> bool:
            with uow.begin() as tx:
                outbox.put(tx, task("synced"))
                return waits_for_disk(tx)

        with ThreadPoolExecutor(1) as pool:
            with uow.begin(synced=False) as tx:
                outbox.put(tx, task("unsynced"))
                assert not waits_for_disk(tx)
                writer = pool.submit(write)
                until("it waits for its turn", lambda: turns.waiting == 1)
            assert writer.result()
        with uow.read() as tx:
            assert outbox.waiting(tx) == 2
        uow.close()

    def test_patience_ends(self, sqlite_engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(engines, "PATIENCE", 0.05)
        engine = connect(str(sqlite_engine.url))
        # Another process, as far as SQLite can tell: a connection past our turns.
        holder = sqlite_driver().connect(str(sqlite_engine.url.database), isolation_level=None)
        holder.execute("BEGIN IMMEDIATE")
        uow = SqlUnitOfWork(engine)
        with pytest.raises(DatabaseBusy, match="busy"), uow.begin():
            pass
        with uow.read() as tx:
            assert SqlOutbox().waiting(tx) == 0
        holder.execute("COMMIT")
        holder.close()
        with uow.begin() as tx:
            SqlOutbox().put(tx, task("afterwards"))
        uow.close()

    def test_what_a_killed_process_had_committed_is_there(self, sqlite_engine: Engine) -> None:
        program = textwrap.dedent("""
            import os, signal, sys
            from datetime import UTC, datetime
            from node.adapters.sql.engine import connect
            from node.adapters.sql.outbox import SqlOutbox
            from node.adapters.sql.work import SqlTransaction, SqlUnitOfWork
            from node.base.work import Task

            uow, outbox = SqlUnitOfWork(connect(sys.argv[1])), SqlOutbox()
            def put(tx, name):
                outbox.put(tx, Task(id=name, topic="t", lane="l", subject=name, body=b"", due=datetime.now(UTC)))
            with uow.begin() as tx:
                put(tx, "committed")
            with uow.begin() as tx:
                put(tx, "not committed")
                os.kill(os.getpid(), signal.SIGKILL)
        """)
        killed = subprocess.run([sys.executable, "-c", program, str(sqlite_engine.url)], check=False)
        assert killed.returncode == -9
        uow = SqlUnitOfWork(sqlite_engine)
        with uow.begin() as tx:
            leased = SqlOutbox().lease(tx, owner="w", now=datetime.now(UTC), until=NOW + timedelta(99), limit=9)
        assert [one.id for one in leased] == ["committed"]


@pytest.mark.postgres
class TestPostgres:
    def test_durability_is_on(self, postgres_engine: Engine) -> None:
        with postgres_engine.connect() as connection:
            for name, value in (("synchronous_commit", "on"), ("lock_timeout", "30s"), ("fsync", "on")):
                assert connection.exec_driver_sql(f"SHOW {name}").scalar_one() == value

    def test_a_server_that_is_not_there(self) -> None:
        engine = connect("postgresql://nobody:secret@127.0.0.1:1/none")
        with pytest.raises(LocalFault, match="does not answer") as caught:
            migrate(engine)
        assert "secret" not in str(caught.value)
        with pytest.raises(LocalFault) as caught, SqlUnitOfWork(engine).begin():
            pass
        assert "secret" not in str(caught.value)

    def test_a_deadlock_is_resolved_by_trying_again(self, postgres_engine: Engine) -> None:
        uow, outbox = SqlUnitOfWork(postgres_engine), SqlOutbox()
        with uow.begin() as tx:
            tx.connection.execute(text("SET LOCAL deadlock_timeout = '20ms'"))
            outbox.put(tx, task("one"))
            outbox.put(tx, task("two"))
        meeting = threading.Barrier(2)
        tries: list[str] = []

        @taken_in_turn
        def crossing(first: str, second: str) -> None:
            with uow.begin() as tx:
                tx.connection.execute(text("SET LOCAL deadlock_timeout = '20ms'"))
                lock = text("UPDATE outbox SET attempts = attempts + 1 WHERE id = :id")
                tx.connection.execute(lock, {"id": first})
                tries.append(first)
                if tries.count(first) == 1:
                    meeting.wait(timeout=5)
                tx.connection.execute(lock, {"id": second})

        failures: list[HansaError] = []

        def run(first: str, second: str) -> None:
            try:
                crossing(first, second)
            except HansaError as error:
                failures.append(error)

        threads = [threading.Thread(target=run, args=order) for order in (("one", "two"), ("two", "one"))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert failures == []
        assert len(tries) == 3
        with uow.read() as tx:
            counts = tx.connection.execute(text("SELECT attempts FROM outbox")).scalars().all()
        assert counts == [2, 2]

    def test_a_transaction_that_the_server_ends_is_contention(self, postgres_engine: Engine) -> None:
        uow = SqlUnitOfWork(postgres_engine)
        raise_it = text("DO $$ BEGIN RAISE EXCEPTION 'x' USING ERRCODE = '40001'; END $$")
        with pytest.raises(Contended), uow.begin() as tx:
            tx.connection.execute(raise_it)

    def test_a_lock_that_is_held_too_long(self, postgres_engine: Engine) -> None:
        uow, outbox = SqlUnitOfWork(postgres_engine), SqlOutbox()
        with uow.begin() as tx:
            outbox.put(tx, task("one"))
        with uow.begin() as holder:
            holder.connection.execute(text("SELECT 1 FROM outbox FOR UPDATE"))
            tries: list[str] = []

            @taken_in_turn
            def impatient() -> None:
                tries.append("one")
                with uow.begin() as tx:
                    tx.connection.execute(text("SET LOCAL lock_timeout = '30ms'"))
                    outbox.cancel(tx, "one")

            with pytest.raises(DatabaseBusy, match="busy"):
                impatient()
            assert tries == ["one"], "whoever was refused for it does not wait for as long again"

    def test_errors_do_not_quote_values(self, postgres_engine: Engine) -> None:
        uow = SqlUnitOfWork(postgres_engine)
        insert = text("INSERT INTO meta (key, value) VALUES (:key, :value)")
        with uow.begin() as tx:
            tx.connection.execute(insert, {"key": "a secret", "value": "x"})
        with pytest.raises(LocalFault) as caught, uow.begin() as tx:
            tx.connection.execute(insert, {"key": "a secret", "value": "x"})
        assert "secret" not in str(caught.value)
        assert "secret" not in str(caught.value.__cause__).replace(
            "DETAIL:  Key (key)=(a secret) already exists.", ""
        )
        with uow.begin() as tx:
            tx.connection.execute(text("DELETE FROM meta"))

    def test_connections_stay_open_and_show_what_was_committed_since(self, postgres_engine: Engine) -> None:
        uow, outbox = SqlUnitOfWork(postgres_engine), SqlOutbox()

        def backend() -> int:
            with uow.read() as tx:
                return int(tx.connection.execute(text("SELECT pg_backend_pid()")).scalar_one())

        first = backend()
        for number in range(3):
            with uow.begin() as tx:
                outbox.put(tx, task(str(number)))
            with uow.read() as tx:
                assert outbox.waiting(tx) == number + 1
            assert backend() == first

    def test_prepared_statements_outlast_a_rollback_to_a_savepoint(self, postgres_engine: Engine) -> None:
        uow, outbox = SqlUnitOfWork(postgres_engine), SqlOutbox()
        for turn in range(20):
            with uow.begin() as tx:
                outbox.put(tx, task(f"before {turn}"))
                tx.connection.execute(text("SELECT 1"))
                savepoint = tx.connection.begin_nested()
                tx.connection.execute(text("SELECT 2"))
                savepoint.rollback()
                outbox.put(tx, task(f"after {turn}"))
        with uow.read() as tx:
            assert outbox.find(tx, "after 19") is not None

    def test_only_what_need_not_be_on_the_disk_at_once_does_not_wait_for_it(self, postgres_engine: Engine) -> None:
        uow, setting = SqlUnitOfWork(postgres_engine), text("SHOW synchronous_commit")
        for synced in (True, False, True):
            with uow.begin(synced=synced) as tx:
                assert tx.connection.execute(setting).scalar_one() == ("on" if synced else "off")

    def test_a_reader_sees_one_state_and_cannot_write(self, postgres_engine: Engine) -> None:
        uow, outbox = SqlUnitOfWork(postgres_engine), SqlOutbox()
        with uow.read() as reader:
            assert outbox.waiting(reader) == 0
            with uow.begin() as tx:
                outbox.put(tx, task("one"))
            assert outbox.waiting(reader) == 0
        for _ in range(3):
            with pytest.raises(DatabaseAway), uow.read() as reader:
                outbox.put(reader, task("two"))
        with uow.read() as reader:
            assert outbox.waiting(reader) == 1

    def test_connections_that_the_server_has_ended_meanwhile_are_replaced(self, postgres_engine: Engine) -> None:
        uow, outbox = SqlUnitOfWork(postgres_engine), SqlOutbox()
        with ExitStack() as transactions:
            backends = []
            for number in range(4):
                tx = transactions.enter_context(uow.begin())
                outbox.put(tx, task(str(number)))
                backends.append(tx.connection.execute(text("SELECT pg_backend_pid()")).scalar_one())
        with postgres_engine.begin() as connection:
            end = text("SELECT pg_terminate_backend(:backend, 10000)")
            assert all(connection.execute(end, {"backend": backend}).scalar_one() for backend in backends)
        for number in range(4):
            with uow.begin() as tx:
                assert outbox.cancel(tx, str(number))

    def test_a_connection_that_is_ended_within_a_transaction_is_replaced(self, postgres_engine: Engine) -> None:
        uow, outbox = SqlUnitOfWork(postgres_engine), SqlOutbox()

        def ended() -> None:
            with uow.begin() as tx:
                outbox.put(tx, task("never"))
                backend = tx.connection.execute(text("SELECT pg_backend_pid()")).scalar_one()
                with postgres_engine.begin() as connection:
                    connection.execute(text("SELECT pg_terminate_backend(:backend, 10000)"), {"backend": backend})
                outbox.waiting(tx)

        for number in range(3):  # The first time by SQLAlchemy, then on the driver's own connection.
            with pytest.raises(DatabaseAway, match="lost"):
                ended()
            with uow.begin() as tx:
                assert outbox.waiting(tx) == number
                outbox.put(tx, task(f"kept {number}"))

    def test_a_transaction_that_the_server_has_ended_is_no_commit(self, postgres_engine: Engine) -> None:
        uow, outbox = SqlUnitOfWork(postgres_engine), SqlOutbox()

        def go_on_after_an_error() -> None:
            with uow.begin() as tx:
                outbox.put(tx, task("one"))
                with pytest.raises(DBAPIError):
                    tx.connection.execute(text("SELECT 1 / 0"))

        with pytest.raises(LocalFault, match="ended the transaction"):
            go_on_after_an_error()
        with uow.read() as tx:
            assert outbox.waiting(tx) == 0

    def test_connections_that_nobody_uses_are_closed(
        self, postgres_engine: Engine, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        uow = SqlUnitOfWork(postgres_engine)
        with ExitStack() as transactions:
            for _ in range(5):
                transactions.enter_context(uow.read())
        of_ours = text("SELECT count(*) FROM pg_stat_activity WHERE application_name = 'kept'")
        with ExitStack() as transactions:
            for _ in range(5):
                tx = transactions.enter_context(uow.begin())
                tx.connection.execute(text("SET application_name = 'kept'"))
        with uow.read() as tx:
            assert tx.connection.execute(of_ours).scalar_one() == 5
        monkeypatch.setattr(sessions_module, "KEPT_FOR", 0.0)
        with uow.read():
            pass
        monkeypatch.undo()

        def closed() -> bool:
            with uow.read() as tx:
                return bool(tx.connection.execute(of_ours).scalar_one() == 0)

        until("the server has closed them", closed)

    def test_more_transactions_at_once_than_connections(
        self, postgres_engine: Engine, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(sessions_module, "PATIENCE", 0.05)
        sessions = sessions_module.Sessions(postgres_engine)
        with ExitStack() as transactions:
            for _ in range(sessions_module.MOST):
                transactions.enter_context(sessions.begin(sessions_module.READ))
            with pytest.raises(DatabaseBusy, match="in use"), sessions.begin(sessions_module.READ):
                pass
        with sessions.begin(sessions_module.READ) as connection:
            assert connection.execute(text("SELECT 1")).scalar_one() == 1
        sessions.close()


def test_importing_the_adapter_loads_neither_alembic_nor_psycopg() -> None:
    program = textwrap.dedent("""
        import importlib, pkgutil, sys
        import node.adapters.sql as adapter
        for module in pkgutil.iter_modules(adapter.__path__, adapter.__name__ + "."):
            if not module.name.endswith("migrations"):
                importlib.import_module(module.name)
        heavy = {"alembic", "mako", "psycopg", "psycopg_binary", "sqlalchemy.orm", "cryptography", "fastapi"}
        print(sorted(heavy & set(sys.modules)))
    """)
    ran = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
    assert ran.stdout.strip() == "[]"

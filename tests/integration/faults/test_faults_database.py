"""Databases that are locked, that go away, that end a transaction: what callers are told, and what is left."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest
from sqlalchemy import event, text
from sqlalchemy.engine import Engine

from node.adapters.sql import engine as engines
from node.adapters.sql import shared_commit
from node.adapters.sql import work as transactions
from node.adapters.sql.drivers import PostgresDriver
from node.adapters.sql.engine import connect, sqlite_driver
from node.adapters.sql.migrate import MIGRATIONS, VERSIONS, migrate, schema_version
from node.base.errors import DatabaseAway
from tests.nodes import Running, agree, ask, described, is_sound, publish, puts_off, rows, running, until
from tests.postgres import CannotBeHad, fresh_schema, waits_for
from tests.postgres import cluster as own_cluster

ASKS = {"permission": [{"action": "odrl:use", "duty": [{"action": "odrl:obtainConsent"}]}]}
SCRIPT = Path(__file__).resolve().parents[3] / "scripts" / "postgres"


def post(node: Running, slug: str) -> Any:
    with node.http(headers=node.person()) as client:
        return client.post("/api/records", json={"fields": described(slug), "conditions": "open"})


def finalized(consumer: Running, pid: str) -> None:
    """Wait until a negotiation of ours has come to its end."""
    with consumer.client() as client:
        until("it is finalized", lambda: client.negotiation(pid, wait=5)["state"] == "FINALIZED", 90)


# ---- locked -------------------------------------------------------------------------------------------------------


def test_a_locked_database_is_told_and_heals(
    tmp_path: Path, sqlite_template: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another process holds the write lock for longer than a request waits, in the middle of a negotiation."""
    for module in (engines, shared_commit):
        monkeypatch.setattr(module, "PATIENCE", 0.3)
    with (
        running(tmp_path / "provider", template=sqlite_template) as provider,
        running(tmp_path / "consumer", template=sqlite_template) as consumer,
    ):
        iri = publish(provider)["iri"]
        until("all is numbered", lambda: is_sound(provider))
        entries = rows(provider, "entries")
        holder = sqlite_driver().connect(str(provider.folder / "hansa.sqlite"), timeout=20, isolation_level=None)
        holder.execute("BEGIN IMMEDIATE")
        refused = post(provider, "second")
        assert (refused.status_code, refused.json()["code"]) == (503, "database-busy")
        assert refused.json()["remedy"]
        assert int(refused.headers["retry-after"]) > 0
        with provider.http() as client:
            assert client.get("/api/catalogue/search").status_code == 200, "readers do not wait"
        pid = ask(provider, consumer, iri)
        until("the peer is asked for patience", lambda: puts_off(consumer, "503"))
        assert rows(provider, "negotiations") == 0
        assert rows(provider, "entries") == entries
        holder.execute("COMMIT")
        holder.close()
        finalized(consumer, pid)
        until("the provider is well", lambda: not provider.node.health())
        assert rows(provider, "negotiations") == rows(consumer, "negotiations") == 1
        assert post(provider, "second").status_code < 300


# ---- PostgreSQL: gone, come back ----------------------------------------------------------------------------------


class Cluster:
    """A server of this module's own, to be stopped and started."""

    def __init__(self, folder: Path, url: str) -> None:
        self.folder = folder
        self.url = url

    def start(self) -> None:
        """Once more."""
        environment = {**os.environ, "HANSA_POSTGRES_OWNER": str(os.getpid())}
        subprocess.run([SCRIPT, "start", self.folder], check=True, capture_output=True, timeout=120, env=environment)

    def kill(self) -> None:
        """As a power cut: no connection is told, and the server has to recover."""
        pid = int((self.folder / "data" / "postmaster.pid").read_text().split("\n", 1)[0])
        os.kill(pid, signal.SIGQUIT)
        until("the server is gone", lambda: not Path(f"/proc/{pid}").exists())


@pytest.fixture(scope="module")
def cluster(postgres_server: str) -> Iterator[Cluster]:
    """Not the one of the session, which others use meanwhile."""
    home = Path(tempfile.mkdtemp(prefix="hansa-faults-"))
    home.chmod(0o755)
    try:
        with own_cluster(home / "cluster") as url:
            yield Cluster(home / "cluster", url)
    except CannotBeHad as reason:
        pytest.skip(str(reason))
    finally:
        shutil.rmtree(home, ignore_errors=True)


@pytest.mark.postgres
def test_a_server_that_is_killed_and_started_in_mid_work(
    cluster: Cluster, tmp_path: Path, sqlite_template: Path
) -> None:
    with (
        running(tmp_path / "provider", database_url=cluster.url) as provider,
        running(tmp_path / "consumer", template=sqlite_template) as consumer,
    ):
        iri = publish(provider)["iri"]
        pids = [ask(provider, consumer, iri) for _ in range(6)]
        cluster.kill()
        refused = post(provider, "second")
        assert (refused.status_code, refused.json()["code"]) == (503, "database-away")
        assert int(refused.headers["retry-after"]) > 0
        with provider.http() as stranger:
            assert stranger.get("/ready").status_code == 503
        cluster.start()
        for pid in pids:
            finalized(consumer, pid)
        until("the provider is well", lambda: not provider.node.health(), 60)
        assert rows(provider, "negotiations") == rows(consumer, "negotiations") == len(pids)
        assert rows(provider, "agreements") == rows(consumer, "agreements") == len(pids)
        assert _agreements(provider) == _agreements(consumer)
        assert post(provider, "second").status_code < 300
        until("all is as signed", lambda: is_sound(provider) and is_sound(consumer))


def _agreements(node: Running) -> set[str]:
    with node.node.parts.stores.uow.read() as tx:
        return set(tx.connection.execute(text("SELECT id FROM agreements")).scalars().all())


# ---- PostgreSQL: transactions that are ended ----------------------------------------------------------------------


@contextmanager
def ended_once(engine: Engine, table: str, code: str) -> Iterator[list[str]]:
    """The first transaction that writes to ``table`` is ended by the server with this SQLSTATE."""
    done: list[str] = []
    forced = f"DO $$ BEGIN RAISE EXCEPTION 'forced' USING ERRCODE = '{code}'; END $$"

    def comes_first(statement: str) -> bool:
        if done or not statement.startswith(("INSERT", "UPDATE")) or f" {table} " not in statement:
            return False
        done.append(statement)
        return True

    def by_sqlalchemy(connection: Any, cursor: Any, statement: str, parameters: Any, *_: Any) -> tuple[str, Any]:
        return (forced, ()) if comes_first(statement) else (statement, parameters)

    def by_driver(run: Any) -> Any:
        def ended(driver: PostgresDriver, statement: str, values: Any) -> Any:
            if comes_first(statement):
                driver.command(forced.encode())
            return run(driver, statement, values)

        return ended

    event.listen(engine, "before_cursor_execute", by_sqlalchemy, retval=True)
    try:
        with pytest.MonkeyPatch.context() as patch:
            for name in ("run", "run_each"):
                patch.setattr(PostgresDriver, name, by_driver(getattr(PostgresDriver, name)))
            yield done
    finally:
        event.remove(engine, "before_cursor_execute", by_sqlalchemy)


@pytest.mark.postgres
@pytest.mark.parametrize("code", ["40001", "40P01"])
@pytest.mark.parametrize("table", ["entries", "outbox", "negotiations"])
def test_a_transaction_that_the_server_ends_is_done_again(
    pg_pair: tuple[Running, Running], code: str, table: str
) -> None:
    """Serialization failure and deadlock, in whichever transaction of a negotiation comes first: one effect (I7)."""
    provider, consumer = pg_pair
    iri = publish(provider, f"asset-{code.lower()}-{table}")["iri"]
    before = rows(provider, "negotiations"), rows(provider, "agreements")
    with ended_once(provider.node.parts.stores.uow.engine, table, code) as ended:
        pid = ask(provider, consumer, iri)
        finalized(consumer, pid)
    assert ended, "nothing was ended"
    assert (rows(provider, "negotiations"), rows(provider, "agreements")) == (before[0] + 1, before[1] + 1)
    assert _agreements(provider) == _agreements(consumer)
    (request,) = [
        one for one in provider.exchanges(_theirs(provider, pid)) if one.message == "ContractRequestMessage"
    ]
    assert request.answer_status == 201
    said = [*provider.exchanges(_theirs(provider, pid)), *consumer.exchanges(pid)]
    refused = [(one.message, one.answer_status) for one in said if one.outgoing and not one.is_accepted]
    assert not refused, "it was the sender who did it again"
    until("the provider is well", lambda: not provider.node.health())


def _theirs(provider: Running, consumer_pid: str) -> str:
    with provider.node.parts.stores.uow.read() as tx:
        find = text("SELECT pid FROM negotiations WHERE peer_pid = :pid")
        return str(tx.connection.execute(find, {"pid": consumer_pid}).scalar_one())


@pytest.fixture(scope="module")
def pg_pair(
    postgres_server: str, tmp_path_factory: pytest.TempPathFactory, sqlite_template: Path
) -> Iterator[tuple[Running, Running]]:
    """A provider on PostgreSQL and a consumer on SQLite."""
    home = tmp_path_factory.mktemp("pair")
    with (
        fresh_schema(postgres_server) as url,
        running(home / "provider", database_url=url) as provider,
        running(home / "consumer", template=sqlite_template) as consumer,
    ):
        yield provider, consumer


@pytest.mark.postgres
def test_a_commit_whose_answer_is_lost_has_one_effect(
    pg_pair: tuple[Running, Running], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The connection breaks after the server has committed and before it could say so: the sender asks again."""
    provider, consumer = pg_pair
    iri = publish(provider, "lost-answer")["iri"]
    before = rows(provider, "negotiations")
    committed: list[str] = []
    plain = PostgresDriver.command

    def command(driver: PostgresDriver, text: bytes) -> bytes:
        if text != b"COMMIT" or committed or not driver.in_transaction:
            return plain(driver, text)
        ((found,),), _ = driver.run("SELECT count(*) FROM negotiations", ())
        answer = plain(driver, text)
        if found > before and not committed:
            committed.append(iri)
            with pytest.raises(psycopg.errors.AdminShutdown):
                driver.command(b"SELECT pg_terminate_backend(pg_backend_pid())")
            raise psycopg.OperationalError("server closed the connection unexpectedly")
        return answer

    monkeypatch.setattr(PostgresDriver, "command", command)
    try:
        pid = ask(provider, consumer, iri)
        finalized(consumer, pid)
    finally:
        monkeypatch.undo()
    assert committed
    assert rows(provider, "negotiations") == before + 1
    assert _agreements(provider) == _agreements(consumer)


@pytest.mark.postgres
@pytest.mark.parametrize("code", ["40001", "40P01"])
def test_what_a_person_commands_is_done_again_too(pg_pair: tuple[Running, Running], code: str) -> None:
    """As above, where the transaction that the server ends is a command of this node's own people."""
    ours, peer = pg_pair
    engine = ours.node.parts.stores.uow.engine
    slow = publish(peer, f"slow-{code.lower()}", conditions=ASKS)["iri"]
    agreement = agree(ours, publish(peer, f"free-{code.lower()}")["iri"])["agreementId"]
    with ours.client() as client:
        with ended_once(engine, "negotiations", code) as first:
            begun = client.negotiate(slow)
        until("the peer has it", lambda: client.negotiation(begun["pid"])["peerPid"])
        with ended_once(engine, "negotiations", code) as second:
            client.terminate_negotiation(begun["pid"], reason="never mind")
        with ended_once(engine, "transfers", code) as third:
            client.transfer(agreement)
        assert all((first, second, third)), "nothing was ended"
        until("it is over", lambda: client.negotiation(begun["pid"])["state"] == "TERMINATED")


@pytest.mark.postgres
def test_an_answer_and_the_message_after_it_wait_in_turn(
    pg_pair: tuple[Running, Running], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A worker that has read the answer to a message removes the message and writes its process, while the peer's
    next message, which shows that it took that one, writes the process and removes the message: the later one waits,
    and the server has to end neither."""
    provider, consumer = pg_pair
    iri = publish(provider, "in-turn")["iri"]
    engine = provider.node.parts.stores.uow.engine
    crossed, errors = threading.Event(), []

    def removed(statement: str, backend: int) -> None:
        if statement.startswith("DELETE FROM outbox") and "fence" in statement and not crossed.is_set():
            until("the next message waits", lambda: waits_for(engine, backend), 30)
            crossed.set()

    def by_sqlalchemy(connection: Any, cursor: Any, statement: str, *_: Any) -> None:
        removed(statement, cursor.connection.info.backend_pid)

    plain, plain_command = PostgresDriver.run, PostgresDriver.command

    def run(driver: PostgresDriver, statement: str, values: Any) -> Any:
        try:
            answer = plain(driver, statement, values)
        except psycopg.Error as error:
            errors.append(error.sqlstate)
            raise
        if not crossed.is_set():
            ((backend,),), _ = plain(driver, "SELECT pg_backend_pid()", ())
            removed(statement, backend)
        return answer

    def command(driver: PostgresDriver, text: bytes) -> bytes:
        try:
            return plain_command(driver, text)
        except psycopg.Error as error:
            errors.append(error.sqlstate)
            raise

    def failed(context: Any) -> None:
        errors.append(getattr(context.original_exception, "sqlstate", None))

    event.listen(engine, "after_cursor_execute", by_sqlalchemy)
    event.listen(engine, "handle_error", failed)
    monkeypatch.setattr(PostgresDriver, "run", run)
    monkeypatch.setattr(PostgresDriver, "command", command)
    try:
        pid = ask(provider, consumer, iri)
        finalized(consumer, pid)
    finally:
        monkeypatch.undo()
        event.remove(engine, "after_cursor_execute", by_sqlalchemy)
        event.remove(engine, "handle_error", failed)
    assert crossed.is_set()
    assert errors == []


@pytest.mark.postgres
def test_a_connection_that_was_cut_is_replaced(postgres_engine: Engine) -> None:
    uow = transactions.SqlUnitOfWork(postgres_engine)
    with pytest.raises(DatabaseAway) as caught, uow.begin() as tx:
        tx.connection.execute(text("SELECT pg_terminate_backend(pg_backend_pid())"))
    assert "try again" in caught.value.remedy
    with uow.begin() as tx:
        assert tx.connection.execute(text("SELECT 1")).scalar_one() == 1


# ---- migrations that are killed -----------------------------------------------------------------------------------

_FURTHER = """
import os, signal
import sqlalchemy as sa
from alembic import op

revision, down_revision, branch_labels, depends_on = "9999", "{newest}", None, None


def upgrade():
    op.add_column("meta", sa.Column("remark", sa.Text()))
    op.execute("UPDATE meta SET remark = 'half'")
    os.kill(os.getpid(), signal.SIGKILL)
"""
_MIGRATE = """
import sys
from pathlib import Path
from node.adapters.sql import migrate as migrations
from node.adapters.sql.engine import connect

migrations.MIGRATIONS, migrations.VERSIONS = Path(sys.argv[2]), (*migrations.VERSIONS, "9999")
migrations.migrate(connect(sys.argv[1]))
"""


@pytest.mark.parametrize("kind", ["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
@pytest.mark.parametrize("from_empty", [False, True])
def test_a_migration_that_is_killed_leaves_what_was(
    kind: str, from_empty: bool, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    url = f"sqlite:///{tmp_path}/hansa.sqlite" if kind == "sqlite" else request.getfixturevalue("postgres_url")
    engine = connect(url)
    before = None
    if not from_empty:
        migrate(engine)
        before = schema_version(engine)
        with engine.begin() as connection:
            connection.execute(text("INSERT INTO meta (key, value) VALUES ('k', 'v')"))
    folder = tmp_path / "migrations"
    shutil.copytree(MIGRATIONS, folder)
    (folder / "versions" / "v9999_further.py").write_text(_FURTHER.format(newest=VERSIONS[-1]))
    command = [sys.executable, "-c", _MIGRATE, url, str(folder)]
    killed = subprocess.run(command, check=False, capture_output=True, text=True, timeout=120)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    assert schema_version(engine) == before
    assert migrate(engine) is from_empty, "the Hansa of before starts as if nothing had been tried"
    with engine.connect() as connection:
        columns = list(connection.execute(text("SELECT * FROM meta")).keys())
    assert "remark" not in columns
    engine.dispose()

"""PostgreSQL for tests: ``postgres_server`` for the session, ``postgres_url`` with a fresh schema for one test.

The server is the one of HANSA_TEST_POSTGRES (a URL whose user may create schemas), else one that
``scripts/postgres`` starts, shared by all workers of the run and stopped at its end. Where there is none the
test is skipped with the reason; with CI=true and HANSA_REQUIRE_POSTGRES=1 it fails instead.
"""

from __future__ import annotations

import atexit
import fcntl
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.engine import Engine, make_url

_SCRIPT = Path(__file__).resolve().parents[1] / "scripts" / "postgres"
_FOLDER = "HANSA_TEST_POSTGRES_FOLDER"


@pytest.hookimpl(trylast=True)
def pytest_configure(config: pytest.Config) -> None:
    """The process that runs the session (with xdist: the controller) chooses the folder; workers inherit it."""
    if not hasattr(config, "workerinput"):
        os.environ[_FOLDER] = os.path.join(tempfile.gettempdir(), f"hansa-postgres-{uuid.uuid4().hex[:12]}")


def pytest_unconfigure(config: pytest.Config) -> None:
    """The same process stops the server, if any worker has started it."""
    if hasattr(config, "workerinput"):
        return
    folder = Path(os.environ.pop(_FOLDER, "/nonexistent"))
    if folder.is_dir():
        subprocess.run([_SCRIPT, "stop", folder / "cluster"], check=False, capture_output=True, timeout=90)
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def postgres_server() -> str:
    """The URL of a PostgreSQL server whose user may create schemas and databases."""
    given = os.environ.get("HANSA_TEST_POSTGRES")
    if given:
        return given
    answer = _started_once(Path(os.environ[_FOLDER]))
    if not answer.startswith("postgresql"):
        _give_up(answer)
    return answer


@pytest.fixture
def postgres_url(postgres_server: str) -> Iterator[str]:
    """The URL of an empty schema that is dropped after the test."""
    with fresh_schema(postgres_server) as url:
        yield url


@contextmanager
def fresh_schema(server: str) -> Iterator[str]:
    """A URL under which an empty schema of its own is the one in use; the schema is dropped at the end."""
    name = f"test_{uuid.uuid4().hex}"
    engine = create_engine(server, isolation_level="AUTOCOMMIT", pool_size=1)
    try:
        with engine.connect() as connection:
            connection.execute(text(f"CREATE SCHEMA {name}"))
        url = make_url(server).update_query_dict({"options": f"-csearch_path={name}"})
        yield url.render_as_string(hide_password=False)
        with engine.connect() as connection:
            connection.execute(text(f"DROP SCHEMA {name} CASCADE"))
    finally:
        engine.dispose()


def waits_for(engine: Engine, backend: int) -> bool:
    """Whether some transaction waits for a lock that the server's process ``backend`` holds."""
    waiting = text("SELECT count(*) FROM pg_stat_activity WHERE :backend = ANY (pg_blocking_pids(pid))")
    with engine.connect() as connection:
        return bool(connection.execute(waiting, {"backend": backend}).scalar_one())


class CannotBeHad(Exception):
    """Something that a run needs is not here, and cannot be fetched; says what and why."""


@contextmanager
def cluster(folder: Path, *, port: int | None = None) -> Iterator[str]:
    """The URL of a PostgreSQL server of one's own with its data in ``folder``, reachable at ``port`` of the loopback
    as well where one is given. It ends with the context, or with this process. Raises ``CannotBeHad``."""
    command = [str(_SCRIPT), "start", str(folder), *(("--port", str(port)) if port is not None else ())]
    environment = {**os.environ, "HANSA_POSTGRES_OWNER": str(os.getpid())}
    try:
        started = subprocess.run(command, capture_output=True, text=True, check=False, env=environment, timeout=600)
        if started.returncode == 3:
            raise CannotBeHad((started.stderr.strip() or "PostgreSQL cannot be had").splitlines()[-1])
        if started.returncode != 0:
            raise RuntimeError(f"{_SCRIPT} failed: {started.stderr.strip()}")
        yield started.stdout.strip().splitlines()[-1]
    finally:
        subprocess.run([_SCRIPT, "stop", folder], capture_output=True, check=False, timeout=120)


@contextmanager
def scratch(prefix: str) -> Iterator[Path]:
    """A folder for a program of ours, gone when it ends, also by a plain ``kill``: the main thread then unwinds.

    The database server runs as a user of its own and must be able to enter; what lies in it stays private.
    """
    before = signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    home = Path(tempfile.mkdtemp(prefix=prefix))
    home.chmod(0o711)
    try:
        yield home
    finally:
        shutil.rmtree(home, ignore_errors=True)
        signal.signal(signal.SIGTERM, before or signal.SIG_DFL)


@cache
def postgis_server() -> str:
    """Return the URL of a server with PostGIS for its administrator, in which ``hansa_writer`` (writer-secret) may
    make tables in the schema ``received``; the test is skipped where there is none."""
    address, user, password = tcp_address()
    url = f"{address.replace('://', f'://{user}:{password}@')}?sslmode=prefer"
    with psycopg.connect(url, autocommit=True) as admin:
        try:
            admin.execute("CREATE EXTENSION IF NOT EXISTS postgis")
        except psycopg.Error:
            pytest.skip("this PostgreSQL has no PostGIS: scripts/postgres says why")
        admin.execute("CREATE ROLE hansa_writer LOGIN PASSWORD 'writer-secret'")
        admin.execute("CREATE SCHEMA received")
        admin.execute("GRANT CREATE, USAGE ON SCHEMA received TO hansa_writer")
    return url


def _started_once(folder: Path) -> str:
    """What the script answered, for the first worker that asks and for all others: a URL, or why there is none."""
    folder.mkdir(mode=0o755, exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        answer = folder / "answer"
        if not answer.exists():
            answer.write_text(_start(folder / "cluster"))
        return answer.read_text()


def _start(cluster: Path) -> str:
    # The owner is the session's process: the worker that happens to come first may end before the others.
    owner = (os.environ.get("PYTEST_XDIST_WORKER") and os.getppid()) or os.getpid()
    environment = {**os.environ, "HANSA_POSTGRES_OWNER": str(owner)}
    try:
        started = subprocess.run(
            [_SCRIPT, "start", cluster],
            check=False,
            capture_output=True,
            text=True,
            timeout=600,
            env=environment,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"{_SCRIPT} did not run: {error}"
    return started.stdout.strip() if started.returncode == 0 else started.stderr.strip().rpartition("\n")[2]


def _give_up(reason: str) -> None:
    required = os.environ.get("CI") == "true" and os.environ.get("HANSA_REQUIRE_POSTGRES") == "1"
    if required:
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)


@cache
def tcp_address() -> tuple[str, str, str]:
    """Return (address, user, password) of a PostgreSQL server that listens on a port of this machine.

    It is stopped at the end of this process.
    """
    folder = Path(tempfile.mkdtemp(prefix="hansa-tcp-postgres-"))
    folder.chmod(0o755)  # Under root the server runs as another user.
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [str(_SCRIPT), "start", str(folder / "cluster"), "--port", str(port)]
    started = subprocess.run(command, check=False, capture_output=True, text=True, timeout=300)
    if started.returncode:
        shutil.rmtree(folder, ignore_errors=True)
        _give_up((started.stderr.strip().splitlines() or ["scripts/postgres failed"])[-1])

    def stop() -> None:
        subprocess.run([_SCRIPT, "stop", folder / "cluster"], check=False, capture_output=True, timeout=90)
        shutil.rmtree(folder, ignore_errors=True)

    atexit.register(stop)
    url = make_url(started.stdout.strip().splitlines()[-1])
    return f"postgresql://127.0.0.1:{url.port}/{url.database}", url.username or "", url.password or ""

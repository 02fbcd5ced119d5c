"""``scripts/postgres``: a private server that comes and goes."""

from __future__ import annotations

import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import OperationalError

SCRIPT = Path(__file__).resolve().parents[3] / "scripts" / "postgres"


def run(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([SCRIPT, *arguments], check=False, capture_output=True, text=True, timeout=120)


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that others may enter: root hands the server to somebody else."""
    path = Path(tempfile.mkdtemp(prefix="hansa-script-"))
    path.chmod(0o755)
    yield path
    run("stop", path / "cluster")
    shutil.rmtree(path, ignore_errors=True)


NO_PORT = [["start", "/tmp/x", "--port"], ["start", "/tmp/x", "--port", "0"], ["stop", "/tmp/x", "--port", "5432"]]


@pytest.mark.parametrize("arguments", [[], ["start"], ["begin", "/tmp/x"], *NO_PORT])
def test_usage(arguments: list[str]) -> None:
    answer = run(*arguments)
    assert (answer.returncode, answer.stdout) == (2, "")
    assert answer.stderr.startswith("usage:")


@pytest.mark.postgres
def test_start_twice_stop_twice(postgres_server: str, folder: Path) -> None:
    first = run("start", folder / "cluster")
    assert first.returncode == 0, first.stderr
    url = first.stdout.strip()
    assert url.startswith("postgresql+psycopg://")
    assert run("start", folder / "cluster").stdout.strip() == url
    engine = create_engine(url)
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE kept (a int)"))
        assert connection.execute(text("SHOW listen_addresses")).scalar_one() == ""
    engine.dispose()
    assert run("stop", folder / "cluster").returncode == 0
    assert run("stop", folder / "cluster").returncode == 0
    again = run("start", folder / "cluster").stdout.strip()
    engine = create_engine(again)
    with engine.begin() as connection:
        assert connection.execute(text("SELECT count(*) FROM kept")).scalar_one() == 0
    engine.dispose()


@pytest.mark.postgres
def test_a_port_of_this_machine_by_password(postgres_server: str, folder: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    started = run("start", folder / "cluster", "--port", port)
    assert started.returncode == 0, started.stderr
    url = make_url(started.stdout.strip())
    assert (url.host, str(url.port)) == ("127.0.0.1", port)
    assert run("start", folder / "cluster", "--port", port).stdout == started.stdout
    engine = create_engine(url)
    with engine.begin() as connection:
        assert connection.execute(text("SHOW listen_addresses")).scalar_one() == "127.0.0.1"
    engine.dispose()
    stranger = create_engine(url.set(password="guessed"))
    with pytest.raises(OperationalError, match="password authentication failed"):
        stranger.connect()
    stranger.dispose()
    other = run("start", folder / "cluster", "--port", "1")
    assert (other.returncode, other.stdout) == (3, "")
    assert "not on port 1" in other.stderr

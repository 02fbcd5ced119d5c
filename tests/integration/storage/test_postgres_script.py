"""``scripts/postgres``: a private server that comes and goes."""

from __future__ import annotations

import os
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


def run(*arguments: str | Path, **variables: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, **variables}
    return subprocess.run(
        [SCRIPT, *arguments], check=False, capture_output=True, text=True, timeout=120, env=environment
    )


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


PROGRAMS = {
    "initdb": 'echo made > "$2/PG_VERSION" 2>/dev/null; exit 1',
    "pg_ctl": "exit 3",
    "pg_config": "echo {share}",
    "postgres": 'echo "postgres (PostgreSQL) 17.2 (Debian)"',
}
INSTALLS = (
    'echo "$*" >> {log}; case $* in *postgis*) mkdir -p {share}/extension; '
    "touch {share}/extension/postgis.control ;; esac"
)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root installs packages")
@pytest.mark.parametrize(
    ("apt_get", "words"),
    [
        (INSTALLS, ["installing PostGIS (postgresql-17-postgis-3)"]),
        ("exit 100", ["has no PostGIS", "apt-get could not install postgresql-17-postgis-3"]),
        ("exit 0", ["has no PostGIS", "postgresql-17-postgis-3 is for another PostgreSQL"]),
    ],
)
def test_postgis_of_the_same_version_is_installed_or_its_lack_said(
    folder: Path, apt_get: str, words: list[str]
) -> None:
    """The server itself is none here: what is looked at is what the script does before it makes a cluster."""
    share, log = folder / "share", folder / "apt.log"
    programs, tools = folder / "bin", folder / "tools"
    for place, scripts in ((programs, PROGRAMS), (tools, {"apt-get": apt_get})):
        place.mkdir()
        for name, body in scripts.items():
            program = place / name
            program.write_text(f"#!/bin/sh\n{body.format(share=share, log=log)}\n")
            program.chmod(0o755)
    answer = run(
        "start",
        folder / "cluster",
        HANSA_POSTGRES_BIN=str(programs),
        PATH=f"{tools}:{os.environ['PATH']}",
        TMPDIR=str(folder),
    )
    assert answer.returncode == 3
    assert "initdb failed" in answer.stderr
    assert all(sentence in answer.stderr for sentence in words)
    if apt_get == INSTALLS:
        assert "install -y -q --no-install-recommends -o Dpkg::Options::=--force-confold postgresql-17-postgis-3" in (
            log.read_text()
        )
        assert "has no PostGIS" not in answer.stderr


def test_who_has_postgis_installs_nothing(folder: Path) -> None:
    share, programs = folder / "share", folder / "bin"
    (share / "extension").mkdir(parents=True)
    (share / "extension" / "postgis.control").touch()
    programs.mkdir()
    for name, body in PROGRAMS.items():
        (programs / name).write_text(f"#!/bin/sh\n{body.format(share=share)}\n")
        (programs / name).chmod(0o755)
    assert "PostGIS" not in run("start", folder / "cluster", HANSA_POSTGRES_BIN=str(programs)).stderr

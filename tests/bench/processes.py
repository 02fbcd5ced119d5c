"""Processes under measurement: how long until they are ready, how much memory their whole tree holds.

The nodes keep their state in SQLite, or with ``keep_on`` in PostgreSQL, each in a schema of its own.
"""

from __future__ import annotations

import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
import uuid
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

import httpx2
import psutil
from sqlalchemy import create_engine, make_url, text

from demo.nodes import Member, free_ports

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence


_SERVER = "HANSA_BENCH_POSTGRES"
_SCHEMA_SIZE = text(
    "SELECT coalesce(sum(pg_total_relation_size(oid)), 0) FROM pg_class"
    " WHERE relnamespace = current_schema()::regnamespace AND relkind = 'r'"
)
"""With indexes, and with what PostgreSQL keeps of long values."""
_TRACED = "trace=fsync,fdatasync,pwrite64"
_PAGE = "= 4096"


def proportional_mb(pid: int) -> float:
    """Proportional set size of a process and its children, in MB."""
    root = psutil.Process(pid)
    total = root.memory_full_info().pss
    for child in root.children(recursive=True):
        with suppress(psutil.NoSuchProcess):  # Children of the cage end at any time.
            total += child.memory_full_info().pss
    return total / 1e6


def cpu_seconds(pids: Sequence[int]) -> float:
    """Processor time that these processes and their children have used; ended children too, if a living child of
    these processes has waited for them, as the parent of those in the cage does."""
    total = 0.0
    for root in map(psutil.Process, pids):
        total += sum(root.cpu_times()[:2])
        for child in root.children(recursive=True):
            with suppress(psutil.NoSuchProcess):
                total += sum(child.cpu_times()[:4])
    return total


def children_seconds() -> float:
    """Processor time that ended children of this process have used."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def written_bytes(pids: Sequence[int]) -> int:
    """Bytes that these processes and their living children have passed to the system for writing to files."""
    total = 0
    for root in map(psutil.Process, pids):
        total += int(root.io_counters().write_chars)
        for child in root.children(recursive=True):
            with suppress(psutil.NoSuchProcess):
                total += int(child.io_counters().write_chars)
    return total


def folder_bytes(folder: Path) -> int:
    """Bytes that the files in a folder take on the disk."""
    return sum(path.stat().st_blocks * 512 for path in folder.rglob("*") if path.is_file())


def kept_bytes(member: Member) -> int:
    """Bytes that a node takes on the disk: its folder, and its schema if it keeps its state in PostgreSQL."""
    size = folder_bytes(member.folder)
    if (url := member.settings.get("database_url")) is None:
        return size
    engine = create_engine(url)
    try:
        with engine.connect() as connection:
            return size + int(connection.execute(_SCHEMA_SIZE).scalar_one())
    finally:
        engine.dispose()


class DiskCalls:
    """Counts the calls by which these processes wait for the disk, and the pages that SQLite writes, with strace."""

    def __init__(self, pids: Sequence[int]) -> None:
        self._pids = pids
        self._traces: list[tuple[subprocess.Popen[bytes], Path]] = []
        self.fsyncs = 0
        self.pages = 0

    @staticmethod
    def available() -> bool:
        """Whether there is an strace."""
        return shutil.which("strace") is not None

    def __enter__(self) -> DiskCalls:
        if not self.available():
            return self
        for pid in self._pids:
            summary = Path(tempfile.mkstemp(prefix="hansa-bench-strace-")[1])
            command = ["strace", "-f", "-qq", "-s", "0", "-o", str(summary), "-e", _TRACED]
            self._traces.append((subprocess.Popen([*command, "-p", str(pid)], stderr=subprocess.DEVNULL), summary))
        time.sleep(0.5)
        return self

    def __exit__(self, *_: object) -> None:
        for trace, summary in self._traces:
            trace.terminate()
            trace.wait(10)
            lines = summary.read_text("utf-8", "replace").splitlines()
            self.fsyncs += sum("sync(" in line for line in lines)
            # A page of a table, or of the log that all of them are written to first.
            self.pages += sum("pwrite64" in line and line.endswith(_PAGE) for line in lines)
            summary.unlink()


def await_ready(url: str, began: float, limit: float = 60.0) -> float:
    """Seconds from ``began`` until ``url``/ready answers 200."""
    with httpx2.Client(timeout=2) as client:
        while time.perf_counter() - began < limit:
            try:
                if client.get(f"{url}/ready").status_code == 200:
                    return time.perf_counter() - began
            except httpx2.HTTPError:
                time.sleep(0.005)
    raise RuntimeError(f"{url} did not come up within {limit:.0f} s")


@contextmanager
def bare_server(home: Path) -> Iterator[tuple[str, subprocess.Popen[bytes], float]]:
    """The floor: (address, process, seconds until ready)."""
    (port,) = free_ports(1)
    began = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.bench.floor", str(port), str(home / f"floor-{port}.sqlite")]
    )
    try:
        url = f"http://127.0.0.1:{port}"
        yield url, process, await_ready(url, began)
    finally:
        process.terminate()
        process.wait(10)


def keep_on(url: str) -> None:
    """From now on nodes keep their state at this PostgreSQL server."""
    os.environ[_SERVER] = url


def server() -> str | None:
    """The PostgreSQL server that nodes keep their state at; None for SQLite."""
    return os.environ.get(_SERVER)


def new_member(home: Path, key: str, port: int, options: tuple[str, ...] = ()) -> Member:
    """A node that was made and does not run."""
    settings = {"log_level": "error"}
    if (database := server()) is not None:
        schema = f"bench_{uuid.uuid4().hex}"
        engine = create_engine(database, isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            connection.execute(text(f"CREATE SCHEMA {schema}"))
        engine.dispose()
        url = make_url(database).update_query_dict({"options": f"-csearch_path={schema}"})
        settings["database_url"] = url.render_as_string(hide_password=False)
    member = Member(key, key.capitalize(), home, port, options, settings)
    member.init()
    return member


@contextmanager
def nodes(home: Path, *names: str, options: tuple[str, ...] = ()) -> Iterator[list[Member]]:
    """Nodes of their own, ready."""
    members: list[Member] = []
    try:
        for name, port in zip(names, free_ports(len(names)), strict=True):
            members.append(new_member(home, name, port, options))
            members[-1].serve()
        for member in members:
            member.wait_ready()
        yield members
    finally:
        for member in members:
            member.stop()

"""Processes under measurement: how long until they are ready, how much memory their whole tree holds."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import httpx2
import psutil

from demo.cast import Member, free_ports

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence


def proportional_mb(pid: int) -> float:
    """Proportional set size of a process and its children, in MB."""
    root = psutil.Process(pid)
    return sum(one.memory_full_info().pss for one in (root, *root.children(recursive=True))) / 1e6


def cpu_seconds(pids: Sequence[int]) -> float:
    """Processor time that these processes and their living children have used."""
    families = [[root, *root.children(recursive=True)] for root in map(psutil.Process, pids)]
    return sum(times.user + times.system for family in families for times in (one.cpu_times() for one in family))


class Fsyncs:
    """Counts the calls by which these processes wait for the disk, with strace."""

    def __init__(self, pids: Sequence[int]) -> None:
        self._pids = pids
        self._traces: list[tuple[subprocess.Popen[bytes], Path]] = []
        self.count = 0

    @staticmethod
    def available() -> bool:
        """Whether there is an strace."""
        return shutil.which("strace") is not None

    def __enter__(self) -> Fsyncs:
        if not self.available():
            return self
        for pid in self._pids:
            summary = Path(tempfile.mkstemp(prefix="hansa-bench-strace-")[1])
            command = ["strace", "-f", "-qq", "-o", str(summary), "-e", "trace=fsync,fdatasync"]
            self._traces.append((subprocess.Popen([*command, "-p", str(pid)], stderr=subprocess.DEVNULL), summary))
        time.sleep(0.5)
        return self

    def __exit__(self, *_: object) -> None:
        for trace, summary in self._traces:
            trace.terminate()
            trace.wait(10)
            lines = summary.read_text("utf-8", "replace").splitlines()
            self.count += sum(" resumed>" not in line for line in lines)
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


@contextmanager
def nodes(home: Path, *names: str, options: tuple[str, ...] = ()) -> Iterator[list[Member]]:
    """Nodes of their own, ready."""
    members = [
        Member(name, name.capitalize(), home, port, options, {"log_level": "error"})
        for name, port in zip(names, free_ports(len(names)), strict=True)
    ]
    try:
        for member in members:
            member.init()
            member.serve()
        for member in members:
            member.wait_ready()
        yield members
    finally:
        for member in members:
            member.stop()

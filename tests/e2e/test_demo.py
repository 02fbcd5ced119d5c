"""The demonstration ended from outside leaves nothing running. That it holds is what ``make demo`` shows."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest


def serving(folder: Path) -> list[int]:
    """The processes that serve a node below ``folder``."""
    processes = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                words = (entry / "cmdline").read_bytes().split(b"\0")
            except OSError:
                continue
            if b"serve" in words and any(word.startswith(os.fsencode(folder)) for word in words):
                processes.append(int(entry.name))
    return processes


@pytest.mark.skipif(not Path("/proc/self/cmdline").exists(), reason="the processes of this system are not in /proc")
@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGTERM])
def test_whoever_ends_it_ends_its_nodes(tmp_path: Path, ending: signal.Signals) -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "node.cli", "demo", "--folder", str(tmp_path / "demo")],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as demo:
        assert demo.stdout is not None
        for line in demo.stdout:
            if "set-up" in line:
                break
        assert len(serving(tmp_path)) == 4
        demo.send_signal(ending)
        rest, _ = demo.communicate(timeout=60)
    assert "interrupted" in rest
    assert demo.returncode == 130
    deadline = time.monotonic() + 20
    while serving(tmp_path) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert serving(tmp_path) == []

"""The process that starts the children of a cage, as the system lists it."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Final

from tests.waits import PATIENCE

_MODULES: Final = frozenset({b"node.cage.fork_server", b"tests.unit.cage.without"})


def fork_server_pid() -> int | None:
    """The process id of the fork server that this process has started, while there is one; there must not be two."""
    started = [pid for pid in _children(os.getpid()) if not _MODULES.isdisjoint(_words(pid))]
    assert len(started) < 2, "this process has several cages open"
    return started[0] if started else None


def _children(parent: int) -> list[int]:
    pids: list[int] = []
    for task in Path(f"/proc/{parent}/task").iterdir():
        try:
            pids += [int(word) for word in (task / "children").read_text().split()]
        except OSError:
            continue  # The thread has ended: its children are listed with another one.
    return pids


def _words(pid: int) -> list[bytes]:
    """What the process was called with. Between a fork and its program, and after its end, a process has no words."""
    process = Path(f"/proc/{pid}")
    deadline = time.monotonic() + PATIENCE
    try:
        while not (line := (process / "cmdline").read_bytes()):
            state = (process / "stat").read_text().rpartition(")")[2].split()[0]
            if state in "ZX" or time.monotonic() > deadline:
                break
            time.sleep(0.001)
        return line.split(b"\0")
    except OSError:
        return []

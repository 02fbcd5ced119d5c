"""Nodes as processes that are forked from one which has loaded all of a node already.

They are processes like any other, to be killed and to be started again; they are only there sooner, since most of a
node's start is Python reading modules.
"""

from __future__ import annotations

import importlib
import multiprocessing
import os
import sys
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import Final

# All of a node, what is loaded at first use too: a process forked from this one need not load it.
import node.adapters.egress.resolver
import node.bootstrap.api
import node.bootstrap.application
import node.bootstrap.models
import node.bootstrap.scenarios  # noqa: F401
from demo.nodes import Member
from node.base import crashpoints
from node.cli.server import run_server
from node.settings import load
from tests.waits import NotThere

PATIENCE: Final = 60.0
"""Seconds for a node to come up, or to end: on a quiet machine it takes one at most."""

Life = Callable[[Path, Mapping[str, str], Path], None]
"""(data folder, environment, log file): what a process does until it ends."""

_processes = multiprocessing.get_context("forkserver")
_processes.set_forkserver_preload([__name__])


def prepare(environment: Mapping[str, str], log: Path) -> None:
    """What a forked process does first: it ends when the process that started it does, however that ends, says all to
    its log, and has the environment of a process of its own."""
    threading.Thread(target=_end_with_the_parent, name="parent", daemon=True).start()
    for descriptor in (1, 2):
        os.dup2(os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600), descriptor)
    for name in [name for name in os.environ if name.startswith("HANSA_")]:
        del os.environ[name]
    os.environ.update(environment)
    importlib.reload(crashpoints)  # It reads the environment of its process, which was another when it was loaded.


def serve(folder: Path, environment: Mapping[str, str], log: Path) -> None:
    """An ordinary node's whole life."""
    prepare(environment, log)
    sys.exit(run_server(load(folder)))


@dataclass
class Fork(Member):
    """A member whose process is forked. ``life`` is what it does; else it serves, as ``hansa serve`` does."""

    running: ForkServerProcess | None = None
    life: Life = serve

    def serve(self, **environment: str) -> None:
        """Start it, with these variables besides; call ``wait_ready`` before using it."""
        known = {name: value for name, value in self.environment().items() if name.startswith("HANSA_")}
        log = self.home / f"{self.key}.log"
        arguments = (self.folder, {**known, **environment}, log)
        self.running = _processes.Process(target=self.life, args=arguments, daemon=True)
        self.running.start()

    @property
    def ended(self) -> int | None:
        """How it has ended, as ``subprocess`` tells it; None while it runs."""
        assert self.running is not None, "a node that was started"
        return self.running.exitcode

    def wait_ready(self, *, may_end: bool = False) -> float:
        """Until it is ready; the seconds that this took. Raises ``NotThere`` where it does not come up, or has ended
        instead, unless it ``may_end``: whoever is armed to die may do so before it is ready."""
        began = time.monotonic()
        with self.client() as client:
            while hindered := client.hindrance():
                if self.ended is not None:
                    if may_end:
                        break
                    raise NotThere(f"{self.name} ended with {self.ended} while it came up\n{self.log_tail()}")
                if time.monotonic() - began > PATIENCE:
                    raise NotThere(f"{self.name} is not up: {hindered}\n{self.log_tail()}")
                time.sleep(0.01)
        return time.monotonic() - began

    def kill(self) -> None:
        """SIGKILL: nothing is flushed, and peers are not informed."""
        assert self.running is not None, "only a started process can be killed"
        self.running.kill()
        self.running.join(PATIENCE)

    def stop(self) -> None:
        """SIGTERM, and SIGKILL where that does not help."""
        if self.running is not None and self.running.exitcode is None:
            self.running.terminate()
            self.running.join(30)
            if self.running.exitcode is None:
                self.kill()


def _end_with_the_parent() -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None, "this process was forked"
    parent.join()
    crashpoints.die()

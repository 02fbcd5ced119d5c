"""The fork server from the caller's side: start it, request children, notice that it is gone, end it."""

from __future__ import annotations

import os
import select
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Final

from node.base.errors import LocalFault
from node.cage.barriers import Barriers
from node.cage.fork_server import Plan
from node.cage.model import ORDER

_ROOT: Final = Path(__file__).resolve().parents[2]
_TRYING: Final = 30.0
"""Seconds within which a fork server must report the barriers of this machine."""


_LOOKING: Final = 0.2
"""Seconds between two checks whether the launcher is still open."""


class ForkServerGone(Exception):
    """The fork server ended before the call had an answer."""


class Launcher:
    """Keeps one fork server, for all threads; starts another if it is gone."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._lock = threading.Lock()
        self._fork_server: subprocess.Popen[bytes] | None = None
        self._control: socket.socket | None = None
        self._stopped = False
        self.known: Barriers | None = None
        """The barriers that a fork server has found on this machine; None until one has reported."""

    def open(self) -> None:
        """Start the fork server, if there is none."""
        with self._lock:
            self._stopped = False
            self._ensure()

    def close(self) -> None:
        """End the fork server and all children; returns when they are gone."""
        with self._lock:
            self._stopped = True
            self._bury()

    def barriers(self) -> Barriers:
        """Return the barriers that the fork server reports; wait for its report. Raises ``LocalFault`` if there is
        none."""
        deadline = time.monotonic() + _TRYING
        while time.monotonic() < deadline:
            with self._lock:
                if self.known is None:
                    self._is_hung_up(self._ensure())
                if self.known is not None:
                    return self.known
                waiting = select.poll()
                waiting.register(self._ensure(), select.POLLIN)
            # Without the lock: a thread that ends the launcher meanwhile must not wait for this.
            waiting.poll(_LOOKING * 1000)
        raise LocalFault("the cage does not report how it confines its children", remedy="try again")

    def is_gone(self) -> bool:
        """Return whether the fork server has ended."""
        with self._lock:
            return self._control is None or self._is_hung_up(self._control)

    def request_child(self, place: int, wall: float) -> socket.socket:
        """Start a child for the target at ``place``, with ``wall`` seconds; return our end of the connection with it.

        Raises ``ForkServerGone``, and ``LocalFault`` if the launcher is closed.
        """
        ours, theirs = socket.socketpair()
        try:
            with theirs, self._lock:
                control = self._ensure()
                try:
                    socket.send_fds(control, [ORDER.pack(place, wall)], [theirs.fileno()])
                except (ConnectionError, BlockingIOError) as error:
                    raise ForkServerGone from error
        except BaseException:
            ours.close()
            raise
        return ours

    def _ensure(self) -> socket.socket:
        if self._stopped:
            raise LocalFault("the cage is closed")
        if self._control is not None and not self._is_hung_up(self._control):
            return self._control
        self._bury()
        self._control = self._start()
        return self._control

    def _start(self) -> socket.socket:
        ours, theirs = socket.socketpair()
        words = [sys.executable, "-m", "node.cage.fork_server", str(theirs.fileno()), self._plan.to_json()]
        with theirs:
            self._fork_server = subprocess.Popen(  # noqa: S603 - our own module, run by our own interpreter
                words,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
                env={
                    "PATH": os.defpath,
                    "LANG": "C.UTF-8",
                    "PYTHONPATH": str(_ROOT),
                    "PYTHONSAFEPATH": "1",
                    "PYTHONNOUSERSITE": "1",
                    # glibc reserves 128 MB of address space for each thread, more than a child has.
                    "MALLOC_ARENA_MAX": "1",
                },
                cwd="/",
                # A terminal's Ctrl-C is for us; the fork server ends when we close its socket, or when we die.
                start_new_session=True,
            )
        ours.setblocking(False)
        return ours

    def _is_hung_up(self, control: socket.socket) -> bool:
        # Surer than the process table: a killed process closes its files before it can be waited for.
        try:
            while byte := control.recv(1):
                self.known = Barriers.of(byte[0])
            return True
        except BlockingIOError:
            return False
        except ConnectionError:
            return True

    def _bury(self) -> None:
        if self._control is not None:
            self._control.close()
            self._control = None
        if self._fork_server is not None:
            try:
                self._fork_server.wait(timeout=5)
            except subprocess.TimeoutExpired:
                self._fork_server.kill()
                self._fork_server.wait()
            self._fork_server = None

"""Messages of a running child to its caller: small JSON objects on the socket, before the answer.

A target calls ``tell``. What comes too often is dropped here, so that an honest target cannot trouble its caller;
a target that writes to the socket by itself is ended by the caller, who counts too.
"""

from __future__ import annotations

import contextlib
import json
import socket
import threading
import time
from collections.abc import Mapping
from typing import Any, Final

from node.cage.model import Limits
from node.cage.wire import LONGEST_REPORT, MOST_REPORTS, report_frame

_AT_ONCE: Final = 20


class Voice:
    """The only way from a child to its caller: progress messages, then the answer. For all threads of the child."""

    def __init__(self, connection: socket.socket, limits: Limits) -> None:
        self._connection = connection
        self._lock = threading.Lock()
        self._began = time.monotonic()
        # Spread over the whole time that the child may take, so that a long run can report until its end.
        self._pause = limits.wall / (MOST_REPORTS - _AT_ONCE)
        self._count = 0
        self._done = False

    def tell(self, value: Mapping[str, Any]) -> None:
        """Send ``value``, unless there were too many messages already, or it is too long."""
        body = json.dumps(value, allow_nan=False, separators=(",", ":")).encode("ascii")
        if len(body) > LONGEST_REPORT:
            return
        with self._lock:
            allowed = min(MOST_REPORTS, _AT_ONCE + (time.monotonic() - self._began) / self._pause)
            if self._done or self._count >= allowed:
                return
            self._count += 1
            self._connection.sendall(report_frame(body))

    def answer(self, pieces: list[bytes]) -> None:
        """Send the answer; no progress message is sent after it."""
        with self._lock:
            self._done = True
            for piece in pieces:
                self._connection.sendall(piece)


_voice: Voice | None = None


def speak_by(voice: Voice) -> None:
    """Make ``tell`` reach the caller from now on: for the child, before it runs its target."""
    global _voice  # noqa: PLW0603 - a child has one caller, and its target is handed nothing but the message
    _voice = voice


def tell(value: Mapping[str, Any]) -> None:
    """Report ``value`` to the caller while the target runs. Outside the cage it does nothing."""
    if _voice is not None:
        with contextlib.suppress(BrokenPipeError):
            _voice.tell(value)

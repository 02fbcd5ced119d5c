"""Children that are kept between the calls of one caller.

A separate child for each call costs several times as much as a small description. A kept child serves one target for
one caller, one call at a time, and is ended after a few idle seconds. All its calls together have the processor time
and the memory of a single one, and a call that fails in a pooled child is repeated in a separate child: that child
has the limits of every call, so its result is final.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from node.base.errors import HansaError, LocalFault, Overloaded
from node.cage.model import Limits
from node.cage.nursery import ZygoteGone
from node.cage.wire import Answer, frame

LIFE: Final = 60.0
"""Seconds after which a kept child is ended, whatever it does."""
YOUNG: Final = 30.0
"""Seconds in which a kept child takes new calls."""
IDLE: Final = 2.0
"""Seconds that a kept child waits without a call."""
CALLS: Final = 500
"""The most calls that a kept child serves: this bounds the memory that its targets leave behind."""
QUICK: Final = 2.0
"""Seconds that a call may take in a kept child; a longer call gets a child of its own."""
MOST: Final = 4
"""Children kept at a time, for all callers."""
_PIECE: Final = 1 << 18


@dataclass(slots=True, eq=False)
class Child:
    """A kept child, by our end of the connection with it."""

    connection: socket.socket
    owner: str
    target: str
    limits: Limits
    began: float
    calls: int = 0
    expiry: asyncio.TimerHandle | None = None

    def end(self) -> None:
        """Close the connection: the zygote then ends the child."""
        if self.expiry is not None:
            self.expiry.cancel()
        self.connection.close()


class IdleChildren:
    """The kept children that are idle. ``start`` starts a child that serves many calls."""

    def __init__(self, start: Callable[[str, Limits], socket.socket]) -> None:
        self._start = start
        self._lock = threading.Lock()
        self._idle: list[Child] = []

    async def call(
        self, owner: str, target: str, message: Mapping[str, Any], blobs: Sequence[bytes], limits: Limits
    ) -> tuple[dict[str, Any], list[bytes]] | None:
        """Return the answer of a pooled child of ``owner``. Raises the errors of the target.

        Returns None if the child failed, which an earlier call may have caused.
        """
        try:
            child = self.take(owner, target, limits)
        except ZygoteGone:
            return None
        sound = False
        try:
            answer = await _ask(child, frame(message, blobs))
            if answer is None:
                return None
            value = answer.value()
            sound = True
            return value
        except (LocalFault, Overloaded):
            return None
        except HansaError:
            sound = True
            raise
        finally:
            if sound:
                self.give_back(child)
            else:
                child.end()

    def take(self, owner: str, target: str, limits: Limits) -> Child:
        """Return an idle child that served only ``owner``, or a new one. The caller must give it back or end it."""
        with self._lock:
            for child in reversed(self._idle):
                if (child.owner, child.target, child.limits) == (owner, target, limits):
                    self._idle.remove(child)
                    if child.expiry is not None:
                        child.expiry.cancel()
                        child.expiry = None
                    return child
        connection = self._start(target, replace(limits, wall=LIFE))
        return Child(connection, owner, target, limits, time.monotonic())

    def give_back(self, child: Child) -> None:
        """Keep ``child``, which has answered, for the next call of its owner, for a while."""
        if child.calls >= CALLS or time.monotonic() - child.began > YOUNG:
            child.end()
            return
        child.expiry = asyncio.get_running_loop().call_later(IDLE, self._expire, child)
        with self._lock:
            self._idle.append(child)
            surplus = self._idle[:-MOST]
            del self._idle[:-MOST]
        for oldest in surplus:
            oldest.end()

    def end_all(self) -> None:
        """End the idle children."""
        with self._lock:
            children, self._idle = self._idle, []
        for child in children:
            child.end()

    def _expire(self, child: Child) -> None:
        with self._lock:
            if child not in self._idle:
                return
            self._idle.remove(child)
        child.end()


async def _ask(child: Child, request: list[bytes]) -> Answer | None:
    """Send a call to ``child``; return its whole answer, or None if it ended, was too slow, or sent more than that.

    After None the child must not be used again.
    """
    loop = asyncio.get_running_loop()
    answer = Answer(child.limits)
    child.calls += 1
    child.connection.setblocking(False)
    with contextlib.suppress(ConnectionError, TimeoutError):
        async with asyncio.timeout(min(QUICK, child.limits.wall)):
            for piece in request:
                await loop.sock_sendall(child.connection, piece)
            while data := await loop.sock_recv(child.connection, _PIECE):
                if answer.feed(data):
                    return answer if answer.is_exact() else None
    return None

"""Children that are kept between calls: for one caller, or for all callers who may see the same.

A separate child for each call costs several times as much as a small description or query. A kept child serves one
target, one call at a time, and is ended after a few idle seconds. All its calls together have the processor time and
the memory of a single one. What fails in a child that has served others before is repeated in a separate child: that
child has the limits of every call, so its result is final. A child that callers share takes no new call after a
second of work, so that each call has nearly all of the processor time, and a slow one is not begun again.
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
from node.cage.launcher import ForkServerGone
from node.cage.model import Limits
from node.cage.wire import Answer, death, frame, timed_out

LIFE: Final = 60.0
"""Seconds after which a kept child is ended, whatever it does; more if one call may take as long."""
YOUNG: Final = 30.0
"""Seconds in which a kept child takes new calls."""
IDLE: Final = 2.0
"""Seconds that a kept child waits without a call."""
CALLS: Final = 500
"""The most calls that a kept child serves: this bounds the memory that its targets leave behind."""
BUSY: Final = 1.0
"""Seconds of work after which a shared child takes no new call, so that each has nearly all its processor time."""
QUICK: Final = 2.0
"""Seconds that a call may take in the kept child of a caller; a longer call gets a child of its own."""
START: Final = 5.0
"""Seconds that a kept child may take until it is ready for its first call."""
MOST: Final = 4
"""Idle children kept at a time, for all callers."""
_PIECE: Final = 1 << 18


@dataclass(frozen=True, slots=True)
class Use:
    """The one use of a kept child.

    ``whose`` names its caller, or what all its callers may see; ``readable`` are the paths that it may read.
    """

    whose: str
    target: str
    limits: Limits
    readable: tuple[str, ...] = ()


@dataclass(slots=True, eq=False)
class Child:
    """A kept child, by our end of the connection with it."""

    connection: socket.socket
    use: Use
    began: float
    calls: int = 0
    busy: float = 0.0
    expiry: asyncio.TimerHandle | None = None

    def end(self) -> None:
        """Close the connection: the fork server then ends the child."""
        if self.expiry is not None:
            self.expiry.cancel()
        self.connection.close()

    def is_quiet(self) -> bool:
        """Return whether the idle child lives and has sent nothing: no answer to a call that is still to come."""
        self.connection.setblocking(False)
        try:
            self.connection.recv(1, socket.MSG_PEEK)
        except BlockingIOError:
            return True
        except OSError:
            return False
        return False


class IdleChildren:
    """The kept children that are idle. ``start`` starts a child that serves many calls.

    If they are ``shared`` among callers, each call has all of its time in a kept child: a slow call is not begun
    again, as it would be for one caller, who can only slow down himself.
    """

    def __init__(self, start: Callable[[Use], socket.socket], *, shared: bool = False) -> None:
        self._start = start
        self._shared = shared
        self._lock = threading.Lock()
        self._idle: list[Child] = []

    async def call(
        self, use: Use, message: Mapping[str, Any], blobs: Sequence[bytes]
    ) -> tuple[dict[str, Any], list[bytes]] | None:
        """Return the answer of a kept child. Raises the errors of the target, and ``Overloaded`` for a limit that
        the call alone has exceeded.

        Returns None if the child failed, which an earlier call may have caused.
        """
        try:
            child = self.take(use)
        except ForkServerGone:
            return None
        sound = False
        began = time.monotonic()
        try:
            answer = await self._ask(child, frame(message, blobs))
            if answer is None:
                return None
            try:
                value = answer.value()
            except LocalFault:
                return None
            except Overloaded:
                if self._is_final(child):
                    raise
                return None
            except HansaError:
                sound = True
                raise
            sound = True
            return value
        finally:
            child.busy += time.monotonic() - began
            if sound:
                self.give_back(child)
            else:
                child.end()

    def take(self, use: Use) -> Child:
        """Return an idle child of this use, or a new one. The caller must give it back or end it."""
        while (child := self._idle_child(use)) is not None:
            if child.is_quiet():
                return child
            child.end()
        return Child(self._start(use), use, time.monotonic())

    def _idle_child(self, use: Use) -> Child | None:
        with self._lock:
            for child in reversed(self._idle):
                if child.use == use:
                    self._idle.remove(child)
                    if child.expiry is not None:
                        child.expiry.cancel()
                        child.expiry = None
                    return child
        return None

    def give_back(self, child: Child) -> None:
        """Keep ``child``, which has answered, for the next call of its use, for a while."""
        spent = self._shared and child.busy > BUSY
        if spent or child.calls >= CALLS or time.monotonic() - child.began > YOUNG:
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

    def _is_final(self, child: Child) -> bool:
        """Return whether a limit that was hit in ``child`` is the doing of its only call."""
        return self._shared and child.calls == 1

    async def _ask(self, child: Child, request: list[bytes]) -> Answer | None:
        """Send a call to ``child``; return its answer, or None if it ended, was too slow, or sent anything else.

        Unless it returns an answer, the child must not be used again. Raises ``Overloaded`` if the call took all the
        time that it may have, or ended a child that had served no other, and ``TooLarge``.
        """
        limits = child.use.limits
        answer = Answer(limits)
        child.calls += 1
        if child.calls == 1 and not await _is_ready(child):
            return None
        try:
            async with asyncio.timeout(limits.wall if self._shared else min(QUICK, limits.wall)):
                complete = await _converse(child.connection, request, answer)
        except TimeoutError:
            if self._shared:
                raise timed_out(limits) from None
            return None
        except (LocalFault, Overloaded):
            return None
        if complete:
            return answer if answer.is_exact() else None
        status = answer.status()
        if status is not None and self._is_final(child):
            fault = death(status, limits)
            if isinstance(fault, Overloaded):
                raise fault
        return None


async def _is_ready(child: Child) -> bool:
    """Wait until the new ``child`` has confined itself, so that this takes none of its first call's time."""
    report = Answer(child.use.limits)
    child.connection.setblocking(False)
    with contextlib.suppress(ConnectionError, TimeoutError):
        async with asyncio.timeout(START):
            while data := await asyncio.get_running_loop().sock_recv(child.connection, _PIECE):
                report.feed(data)
                if report.tellings():
                    return True
    return False


async def _converse(connection: socket.socket, request: list[bytes], answer: Answer) -> bool:
    """Send ``request``, and feed ``answer`` until it is complete; return False if the child ended before that."""
    loop = asyncio.get_running_loop()
    connection.setblocking(False)
    # A dead child receives no more; the fork server's report about it must still be read.
    with contextlib.suppress(ConnectionError):
        for piece in request:
            await loop.sock_sendall(connection, piece)
    with contextlib.suppress(ConnectionError):
        while data := await loop.sock_recv(connection, _PIECE):
            if answer.feed(data):
                return True
    return False


def within_life(limits: Limits) -> Limits:
    """Return the limits of a kept child whose calls have ``limits``: its clock runs for all of them."""
    return replace(limits, wall=max(LIFE, YOUNG + limits.wall))

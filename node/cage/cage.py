"""The cage from the caller's side: run a target in a disposable child, and survive whatever happens to it.

A bomb costs one request. The caller gets the target's answer, or the error that the target raised, or ``Overloaded``
with the limit that was hit; the node continues. A call uses no thread: the event loop waits for the child's socket.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
import sys
import threading
import time
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final, Self

from node.base.errors import LocalFault, NotConfined, Overloaded
from node.cage.barriers import REMEDY, Barriers
from node.cage.fork_server import Plan
from node.cage.launcher import ForkServerGone, Launcher
from node.cage.libraries import Libraries
from node.cage.model import QUEUE, Limits, OnMessage
from node.cage.pool import IdleChildren, Use, within_life
from node.cage.targets import CODE, TARGETS
from node.cage.wire import UNBELIEVED, Answer, death, frame, timed_out

_log = logging.getLogger(__name__)

_GRACE: Final = 5.0
"""Seconds beyond the child's own wall clock, for the fork server to load a module and fork."""
_PIECE: Final = 1 << 18
_DESCRIPTIONS: Final = "semantics"


@dataclass(frozen=True, slots=True)
class _Order:
    """The content of a call."""

    target: str
    message: Mapping[str, Any]
    blobs: Sequence[bytes]
    limits: Limits
    readable: Sequence[str]
    on_message: OnMessage | None

    def frames(self) -> list[bytes]:
        # The limits are separate: a child confines itself before it reads anything of the message.
        first = frame({"limits": asdict(self.limits), "readable": list(self.readable)})
        return first + frame(self.message, self.blobs)

    def pass_on(self, answer: Answer) -> None:
        for telling in answer.tellings():
            if self.on_message is not None:
                self.on_message(telling)


class Cage:
    """Runs targets in children, at most ``width`` at a time for each way of calling.

    Each room (the part of a target's name before the dot) has its own places: strangers' queries must not keep our
    own people from publishing. Descriptions have half the width; ``widths`` sets the width of rooms by name.
    ``patience`` is how long a call waits for its turn before it is ``Overloaded``. ``unfiltered`` allows running if
    the kernel has no filter of system calls (development on other systems); it is logged once. ``targets`` is the
    table of functions that may run, and ``code`` names those that run a stranger's code: they may import
    ``libraries``, and run only if they are kept from our files, unless ``unconfined`` states that the code is the
    caller's own.
    """

    def __init__(
        self,
        *,
        width: int = 4,
        patience: float = 10.0,
        unfiltered: bool = not sys.platform.startswith("linux"),
        targets: Mapping[str, str] = TARGETS,
        code: frozenset[str] = CODE,
        widths: Mapping[str, int] | None = None,
        libraries: Libraries | None = None,
        unconfined: bool = False,
    ) -> None:
        self._order = {name: place for place, name in enumerate(sorted(targets))}
        self._code = code
        self._patience = patience
        self._width = width
        self._unfiltered = unfiltered
        self._unconfined = unconfined
        self._warned = False
        own = {_DESCRIPTIONS: max(1, width // 2), **(widths or {})}
        self._widths = {room: own.get(room, width) for room in map(_room, targets)}
        self._turns = {room: asyncio.Semaphore(places) for room, places in self._widths.items()}
        self._thread_turns = threading.Semaphore(width)
        self._launcher = Launcher(
            Plan(
                targets=targets,
                code=code,
                libraries=libraries or Libraries(),
                unfiltered=unfiltered,
                unconfined=unconfined,
            )
        )
        self._children_of_callers = IdleChildren(self._start_kept)
        self._shared_children = IdleChildren(self._start_kept, shared=True)

    async def start(self) -> None:
        """Start the fork server. Best called before anything secret is read; otherwise the first call starts it."""
        self.open()

    async def stop(self) -> None:
        """End the fork server and all children; returns when they are gone."""
        await asyncio.to_thread(self.close)

    def open(self) -> None:
        """``start`` for callers without an event loop."""
        self._launcher.open()

    def close(self) -> None:
        """``stop`` for callers without an event loop."""
        self._children_of_callers.end_all()
        self._shared_children.end_all()
        self._launcher.close()

    def barriers(self) -> Barriers:
        """Return the barriers around children with a stranger's code; wait until the fork server has tried them."""
        return self._launcher.barriers()

    def __enter__(self) -> Self:
        self.open()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def known_barriers(self) -> Barriers | None:
        """Return ``barriers`` if the fork server has reported them, else None; never wait."""
        return self._launcher.known

    @property
    def lacking(self) -> str:
        """Return why no stranger's code runs here, as far as is known; empty if it does."""
        return "" if self.known_barriers is None or self._unconfined else self.known_barriers.lacking

    async def call(
        self,
        target: str,
        message: Mapping[str, Any],
        blobs: Sequence[bytes] = (),
        *,
        limits: Limits,
        readable: Sequence[str] = (),
        on_message: OnMessage | None = None,
        patience: float | None = None,
        owner: str | None = None,
        shared_by: str | None = None,
    ) -> tuple[dict[str, Any], list[bytes]]:
        """Run ``target`` with ``message`` and ``blobs`` in a child of its own, within ``limits``.

        ``readable`` names files and folders that the child may read beside our own code. ``on_message`` receives the
        progress messages of the target; ``patience`` is how long this call waits for its turn, if not the default.
        ``owner`` names the caller on whose behalf the call is made: the child may then be one that has served only
        this caller before (``node.cage.pool``). ``shared_by`` names all that the target can reveal to its caller: the
        child may then be one that has served other callers, but only with the same name. A cancelled call ends its
        child.

        Raises the errors of the target (by code, among the remote faults), ``Overloaded`` if a limit was hit or no
        child became free in time, ``TooLarge`` for an answer beyond ``limits.answer``, ``NotConfined`` for a
        stranger's code if it cannot be kept from our files, else ``LocalFault``.
        """
        if target in self._code:
            self._require_barriers(
                await asyncio.to_thread(self.barriers) if self._launcher.known is None else self.barriers()
            )
        order = _Order(target, message, blobs, limits, readable, on_message)
        async with self._turn(target, self._patience if patience is None else patience):
            whose = shared_by if owner is None else owner
            if whose is not None and on_message is None and target not in self._code:
                children = self._shared_children if owner is None else self._children_of_callers
                answered = await children.call(Use(whose, target, limits, tuple(readable)), message, blobs)
                if answered is not None:
                    return answered
            for last in (False, True):
                try:
                    return await self._converse(order)
                except ForkServerGone:
                    self._report_lost_server(last=last)
        raise LocalFault("unreachable")

    def call_sync(
        self,
        target: str,
        message: Mapping[str, Any],
        blobs: Sequence[bytes] = (),
        *,
        limits: Limits,
        readable: Sequence[str] = (),
        on_message: OnMessage | None = None,
    ) -> tuple[dict[str, Any], list[bytes]]:
        """``call`` for threads and for callers without an event loop."""
        if target in self._code:
            self._require_barriers(self.barriers())
        order = _Order(target, message, blobs, limits, readable, on_message)
        with self._thread_turn():
            for last in (False, True):
                try:
                    return self._converse_sync(order)
                except ForkServerGone:
                    self._report_lost_server(last=last)
        raise LocalFault("unreachable")

    def _start_kept(self, use: Use) -> socket.socket:
        place = self._order.get(use.target)
        if place is None:
            raise _unknown(use.target)
        limits = within_life(use.limits)
        connection = self._launcher.request_child(place, limits.wall)
        try:
            for piece in frame({"limits": asdict(limits), "readable": list(use.readable), "kept": True}):
                connection.sendall(piece)
        except BaseException:
            connection.close()
            raise
        return connection

    async def _converse(self, order: _Order) -> tuple[dict[str, Any], list[bytes]]:
        loop = asyncio.get_running_loop()
        limits, request = order.limits, order.frames()
        answer = Answer(limits)
        ours = self._hand_over(order)
        try:
            ours.setblocking(False)
            async with asyncio.timeout(limits.wall + _GRACE):
                # A dead child receives no more; the fork server's report about it must still be read.
                with contextlib.suppress(ConnectionError):
                    for piece in request:
                        await loop.sock_sendall(ours, piece)
                while True:
                    data = await _receive(loop, ours)
                    if not data:
                        raise self._cause_of_end(answer, limits)
                    complete = answer.feed(data)
                    order.pass_on(answer)
                    if complete:
                        return self._finish(answer, order.target)
        except TimeoutError:
            raise timed_out(limits) from None
        finally:
            ours.close()

    def _converse_sync(self, order: _Order) -> tuple[dict[str, Any], list[bytes]]:
        limits, request = order.limits, order.frames()
        answer = Answer(limits)
        deadline = time.monotonic() + limits.wall + _GRACE
        with self._hand_over(order) as ours:
            try:
                ours.settimeout(limits.wall + _GRACE)
                with contextlib.suppress(ConnectionError):
                    for piece in request:
                        ours.sendall(piece)
                while True:
                    ours.settimeout(max(0.001, deadline - time.monotonic()))
                    data = _received_sync(ours)
                    if not data:
                        raise self._cause_of_end(answer, limits)
                    complete = answer.feed(data)
                    order.pass_on(answer)
                    if complete:
                        return self._finish(answer, order.target)
            except TimeoutError:
                raise timed_out(limits) from None

    def _require_barriers(self, barriers: Barriers) -> None:
        if barriers.lacking and not self._unconfined:
            raise NotConfined(barriers.lacking, remedy=REMEDY)

    def _finish(self, answer: Answer, target: str) -> tuple[dict[str, Any], list[bytes]]:
        try:
            value, blobs = answer.value()
        except LocalFault as fault:
            trace = str(fault.facts.pop("trace", ""))[-4000:]
            if target in self._code:
                # The code in the cage may have written this: it is not a failure of ours, and raises no alarm.
                _log.info("%s: %r %r", target, fault.detail[:500], trace, extra={"action": "cage-answered"})
                raise LocalFault(fault.detail, remedy=fault.remedy, facts=dict(UNBELIEVED)) from None
            _log.error("%s\n%s", fault.detail[:500], trace, extra={"action": "cage-failed"})
            raise
        if self._unfiltered:
            self._warn_unfiltered()
        return value, blobs

    def _warn_unfiltered(self) -> None:
        # The fork server reports this, never the child that answered.
        known = self._launcher.known
        if not self._warned and known is not None and not known.seccomp:
            self._warned = True
            _log.warning(
                "children run without a filter of system calls: use this for development only",
                extra={"action": "cage-unfiltered"},
            )

    def _cause_of_end(self, answer: Answer, limits: Limits) -> Exception:
        status = answer.status()
        if status is not None:
            return death(status, limits)
        if self._launcher.is_gone():
            return ForkServerGone()
        return Overloaded("no child process could be started", remedy="try again in a moment")

    def _report_lost_server(self, *, last: bool) -> None:
        if last:
            raise LocalFault("the cage has closed: its fork server ended twice")
        _log.error("the fork server ended; starting another", extra={"action": "cage-restarted"})

    @contextlib.asynccontextmanager
    async def _turn(self, target: str, patience: float) -> AsyncIterator[None]:
        room = _room(target)
        turns = self._turns.get(room)
        if turns is None:
            raise _unknown(target)
        try:
            async with asyncio.timeout(patience):
                await turns.acquire()
        except TimeoutError:
            raise _overload_error(self._widths[room], patience) from None
        try:
            yield
        finally:
            turns.release()

    @contextlib.contextmanager
    def _thread_turn(self) -> Iterator[None]:
        if not self._thread_turns.acquire(timeout=self._patience):
            raise _overload_error(self._width, self._patience)
        try:
            yield
        finally:
            self._thread_turns.release()

    def _hand_over(self, order: _Order) -> socket.socket:
        """Start a child for the order; return our end of the connection with it."""
        place = self._order.get(order.target)
        if place is None:
            raise _unknown(order.target)
        return self._launcher.request_child(place, order.limits.wall)


def _room(target: str) -> str:
    return target.rpartition(".")[0]


def _overload_error(width: int, patience: float) -> Overloaded:
    return Overloaded(
        f"this node works on {width} of these at the same time, and none has ended within {patience:g} seconds",
        remedy="try again in a moment",
        facts={"limit": QUEUE},
    )


def _unknown(target: str) -> LocalFault:
    return LocalFault(f"{target} is not in the table of functions that may run in the cage")


async def _receive(loop: asyncio.AbstractEventLoop, connection: socket.socket) -> bytes:
    # If a child died before it read everything, the kernel reports "reset" after the last byte: that is an end.
    try:
        return await loop.sock_recv(connection, _PIECE)
    except ConnectionError:
        return b""


def _received_sync(connection: socket.socket) -> bytes:
    try:
        return connection.recv(_PIECE)
    except ConnectionError:
        return b""

"""The process that forks the children: single-threaded, with a clean environment, without any secret.

It is started before settings and keys are read, and gets, over its control socket, a few bytes for each call (which
target, how long) with one file descriptor (the child's end of a socket pair). The child does the rest alone; the
fork server keeps a copy of that end, to append how the child died, and to notice when the caller closes its end. It
ends a child that exceeds its time: a child may block its own timer. A target's module is imported here at its first
use: an idle node has no cost from it, and the next child finds it loaded.

First it forks a child that runs nothing, confined like those that run a stranger's code, and reports the barriers of
this child to its caller. Later children are not asked: a stranger's code could answer anything."""

from __future__ import annotations

import contextlib
import ctypes
import gc
import importlib
import json
import os
import select
import signal
import socket
import sys
import time
import traceback
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from node.base.errors import HansaError, LocalFault, NotConfined, Overloaded
from node.cage import landlock, libraries, root
from node.cage.barriers import REMEDY, Barriers
from node.cage.confine import Den, be_first_when_memory_is_short, confine, keep_only, on_the_clock
from node.cage.libraries import Libraries
from node.cage.model import ORDER, Limits
from node.cage.reports import Voice, speak_by
from node.cage.supervisor_channels import SupervisorChannels
from node.cage.wire import SMALLER, fault_to_json, frame, out_of_memory, receive_frame, too_large, trailer

_PATIENCE: Final = 30.0
"""Seconds that a new child waits for its orders; its own limits hold from then on."""

_LATE: Final = 2.0
"""Seconds beyond its wall clock after which the fork server ends a child. A child's own clock is exact, unless
blocked."""

_ENDINGS: Final = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)

_ROOT: Final = Path(__file__).resolve().parents[2]


@dataclass(frozen=True, slots=True)
class Plan:
    """The configuration of a fork server: the targets, which of them run a stranger's ``code``, the libraries that
    such code may import; and whether targets run without a filter of system calls, and code without being confined.
    """

    targets: Mapping[str, str]
    code: frozenset[str] = frozenset()
    libraries: Libraries = field(default_factory=Libraries)
    unfiltered: bool = False
    unconfined: bool = False

    def to_json(self) -> str:
        """Return the plan for ``from_json`` in the fork server."""
        return json.dumps(
            {
                "targets": dict(self.targets),
                "code": sorted(self.code),
                "libraries": [list(self.libraries.names), self.libraries.folder],
                "unfiltered": self.unfiltered,
                "unconfined": self.unconfined,
            }
        )

    @classmethod
    def from_json(cls, text: str) -> Plan:
        members = json.loads(text)
        names, folder = members["libraries"]
        return cls(
            targets=members["targets"],
            code=frozenset(members["code"]),
            libraries=Libraries(tuple(names), folder),
            unfiltered=members["unfiltered"],
            unconfined=members["unconfined"],
        )


class ForkServer:
    """Serves one control socket until its other end is closed."""

    def __init__(self, control: socket.socket, plan: Plan) -> None:
        self._control = control
        self._plan = plan
        self._names = sorted(plan.targets)
        self._readable = landlock.readable(_ROOT)
        self._open = libraries.code_access(_ROOT, plan.libraries)
        self._loaded: set[str] = set()
        self._children: dict[int, socket.socket] = {}
        self._deadlines: dict[int, float] = {}
        self._overdue: set[int] = set()
        self._probe = 0
        self._poll = select.poll()
        self._place = root.prepare(ctypes.CDLL(None, use_errno=True), self._open.bound, self._open.subfolders)
        self._supervisor_channels = SupervisorChannels(self._poll, self._open) if self._place is None else None

    def serve(self) -> None:
        """Fork on request, reap, report; return when the parent is gone, after ending all children."""
        wake, waker = socket.socketpair()
        wake.setblocking(False)
        waker.setblocking(False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        for ending in _ENDINGS:
            # A service manager signals the whole group; requests in progress still need their children.
            signal.signal(ending, signal.SIG_IGN)
        signal.set_wakeup_fd(waker.fileno(), warn_on_full_buffer=False)
        self._poll.register(self._control, select.POLLIN)
        self._poll.register(wake, select.POLLIN)
        self._try_out()
        while True:
            places = dict(self._poll.poll(self._pause()))
            # In this order: a number that is freed below may be reused further below.
            for place in places.keys() - {wake.fileno(), self._control.fileno()}:
                if self._supervisor_channels is None or not self._supervisor_channels.attend(place, places[place]):
                    self._abandon(place)
            self._end_overdue()
            if wake.fileno() in places:
                with contextlib.suppress(BlockingIOError):
                    wake.recv(4096)
                self._reap()
            if self._control.fileno() in places and not self._accept():
                self._end_all()
                return

    def _accept(self) -> bool:
        try:
            order, places, _, _ = socket.recv_fds(self._control, ORDER.size, 1)
        except ConnectionError:
            return False
        if len(order) != ORDER.size:
            return False
        if places:
            target, wall = ORDER.unpack(order)
            self._spawn(self._names[target], places[0], wall)
        return True

    def _spawn(self, name: str, place: int, wall: float) -> None:
        module = self._plan.targets[name].partition(":")[0]
        if module not in self._loaded:
            self._loaded.add(module)
            # An import that fails here fails again in the child, which can report the error.
            with contextlib.suppress(Exception):
                importlib.import_module(module)
            gc.collect()
            gc.freeze()
        pid = self._fork(name, place)
        if pid is None:
            os.close(place)
            return
        connection = socket.socket(fileno=place)
        self._children[pid] = connection
        self._deadlines[pid] = time.monotonic() + wall + _LATE
        # No event is requested: the poll always reports that the caller closed its end.
        self._poll.register(connection, 0)

    def _fork(self, name: str | None, place: int) -> int | None:
        """Fork a child for the target ``name``, or, without it, the one that runs nothing. None if that fails."""
        fork_server = os.getpid()
        channel = (
            self._supervisor_channels.channel()
            if self._supervisor_channels is not None and (name is None or self._is_code(name))
            else None
        )
        try:
            pid = os.fork()
        except OSError:
            if channel is not None:
                channel.close()
            return None
        if pid == 0:
            status = os.EX_SOFTWARE
            try:
                signal.set_wakeup_fd(-1)
                for received in (signal.SIGCHLD, *_ENDINGS):
                    signal.signal(received, signal.SIG_DFL)
                be_first_when_memory_is_short()
                descriptor = None if channel is None else channel.theirs
                if name is None:
                    status = self._be_probe(place, descriptor, fork_server)
                else:
                    self._be_child(name, place, descriptor, fork_server)
                    status = os.EX_OK
            finally:
                os._exit(status)
        if channel is not None:
            channel.belongs_to(pid)
        return pid

    def _is_code(self, name: str) -> bool:
        return name in self._plan.code

    def _try_out(self) -> None:
        pid = self._fork(None, self._control.fileno())
        if pid is None:
            self._tell(Barriers())
            return
        self._probe = pid
        self._deadlines[pid] = time.monotonic() + _PATIENCE

    def _tell(self, barriers: Barriers) -> None:
        with contextlib.suppress(ConnectionError):
            self._control.send(bytes([barriers.number]))

    def _be_probe(self, place: int, channel: int | None, fork_server: int) -> int:
        _, channel = keep_only(place, channel)
        barriers = self._confine_code(Limits(wall=_PATIENCE), channel, fork_server)
        # The barriers hold if what is allowed can be read, and nothing else.
        if (barriers.root or barriers.path_supervisor) and not (
            _is_there(self._open.paths[0]) and not _is_there("/proc/self")
        ):
            return Barriers(seccomp=barriers.seccomp).number
        return barriers.number

    def _confine_code(self, limits: Limits, channel: int | None, fork_server: int) -> Barriers:
        den = Den(place=self._place, channel=channel, folder_names=self._open.folder_names)
        # In a separate root folder nothing else remains of the folders that are bound.
        return confine(limits, self._open.paths if self._place is None else self._open.bound, fork_server, den)

    def _be_child(self, name: str, place: int, channel: int | None, fork_server: int) -> None:
        on_the_clock(_PATIENCE)
        number, channel = keep_only(place, channel)
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM, 0, fileno=number)
        order, _ = receive_frame(connection)
        limits = Limits(**order["limits"])
        voice = Voice(connection, limits)
        speak_by(voice)
        if self._is_code(name):
            libraries.narrow(self._open)
            barriers = self._confine_code(limits, channel, fork_server)
        else:
            barriers = confine(limits, (*self._readable, *order["readable"]), fork_server)
        if order.get("kept"):
            voice.tell({"ready": True})
        while True:
            try:
                answer = self._answer(name, connection, limits, barriers)
            except EOFError:
                return
            voice.answer(answer)
            if not order.get("kept"):
                return

    def _answer(self, name: str, connection: socket.socket, limits: Limits, barriers: Barriers) -> list[bytes]:
        """Return the frame that answers the next message. Raises ``EOFError`` if the caller closed the connection."""
        try:
            if not barriers.seccomp and not self._plan.unfiltered:
                raise LocalFault(
                    "this kernel has no filter of system calls (seccomp)",
                    remedy="run on Linux (x86-64 or ARM64) with seccomp, or allow running without it",
                )
            if self._is_code(name) and barriers.lacking and not self._plan.unconfined:
                raise NotConfined(barriers.lacking, remedy=REMEDY)
            message, blobs = receive_frame(connection)
            value, reply_blobs = run(self._plan.targets[name], message, blobs)
            answer = frame({"value": value}, reply_blobs)
            if sum(map(len, answer)) > limits.answer:
                raise too_large(limits)
        except EOFError:
            raise
        except HansaError as fault:
            answer = frame({"fault": fault_to_json(fault)})
        except MemoryError:
            answer = frame({"fault": fault_to_json(out_of_memory(limits))})
        except RecursionError:
            deep = Overloaded("it is nested too deeply", remedy=SMALLER, facts={"limit": "depth"})
            answer = frame({"fault": fault_to_json(deep)})
        except BaseException as error:  # noqa: BLE001 - an engine's panic is no Exception, and must be reported
            broken = LocalFault(f"{name} failed: {type(error).__name__}", facts={"trace": _trace(error)})
            answer = frame({"fault": fault_to_json(broken)})
        return answer

    def _reap(self) -> None:
        while self._children or self._probe:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if not pid:
                return
            self._deadlines.pop(pid, None)
            if self._supervisor_channels is not None:
                self._supervisor_channels.close(pid)
            if pid == self._probe:
                self._probe = 0
                self._tell(Barriers.of(os.waitstatus_to_exitcode(status) if os.WIFEXITED(status) else 0))
                continue
            if pid in self._overdue:
                self._overdue.remove(pid)
                status = signal.SIGALRM
            connection = self._children.pop(pid)
            with contextlib.suppress(KeyError):
                self._poll.unregister(connection)
            # Also of a child that ended well: it may have ended without an answer.
            with contextlib.suppress(OSError):
                # Not by setblocking: that would also change the child's copy of the socket.
                connection.send(trailer(status), socket.MSG_DONTWAIT)
            connection.close()

    def _abandon(self, place: int) -> None:
        for pid, connection in self._children.items():
            if connection.fileno() == place:
                self._poll.unregister(connection)
                os.kill(pid, signal.SIGKILL)
                return

    def _pause(self) -> float | None:
        """Return the milliseconds until the next child is overdue."""
        if not self._deadlines:
            return None
        return max(0.0, min(self._deadlines.values()) - time.monotonic()) * 1000 + 1

    def _end_overdue(self) -> None:
        now = time.monotonic()
        for pid in [pid for pid, moment in self._deadlines.items() if moment <= now]:
            del self._deadlines[pid]
            self._overdue.add(pid)
            os.kill(pid, signal.SIGKILL)

    def _end_all(self) -> None:
        if self._probe:
            os.kill(self._probe, signal.SIGKILL)
            os.waitpid(self._probe, 0)
        for pid in self._children:
            os.kill(pid, signal.SIGKILL)
        for pid, connection in self._children.items():
            os.waitpid(pid, 0)
            connection.close()


def _is_there(path: str) -> bool:
    try:
        os.stat(path)
    except OSError:
        return False
    return True


def run(target: str, message: dict[str, Any], blobs: list[bytes]) -> tuple[dict[str, Any], list[bytes]]:
    """Call the function that ``target`` (``module:function``) names."""
    module, _, function = target.partition(":")
    value, reply_blobs = getattr(importlib.import_module(module), function)(message, blobs)
    return value, reply_blobs


def _trace(error: BaseException) -> str:
    return "".join(traceback.format_exception(error, limit=-6))[-4000:]


def main() -> None:
    """``python -m node.cage.fork_server CONTROL PLAN``: a descriptor's number, and a plan as JSON."""
    control = socket.socket(fileno=int(sys.argv[1]))
    with control:
        ForkServer(control, Plan.from_json(sys.argv[2])).serve()


if __name__ == "__main__":
    main()
    # All children have ended. Libraries that were loaded for them would write about what they leave behind.
    os._exit(0)

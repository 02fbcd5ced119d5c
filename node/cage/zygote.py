"""The process from which children are forked: single-threaded, with a clean environment, knowing no secret.

It is started before settings and keys are read, and gets, over its control socket, one byte for each call (which
target) with one file descriptor (the child's end of a socket pair). The child does the rest alone; the zygote
keeps a copy of that end, to append how the child died, and to notice when the caller lost interest. A target's
module is imported here at its first use: an idle node pays nothing for it, the next child finds it loaded.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import json
import os
import select
import signal
import socket
import sys
import traceback
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from node.base.errors import HansaError, LocalFault, Overloaded
from node.cage import landlock
from node.cage.confine import SECCOMP, confine, keep_only, on_the_clock
from node.cage.model import Limits
from node.cage.telling import Voice, speak_by
from node.cage.wire import SMALLER, fault_to_json, frame, out_of_memory, receive_frame, too_large, trailer

_PATIENCE: Final = 30.0
"""Seconds that a new child waits for its orders; its own limits hold from then on."""

_ENDINGS: Final = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)

_ROOT: Final = Path(__file__).resolve().parents[2]


class Zygote:
    """Serves one control socket until its other end is closed."""

    def __init__(self, control: socket.socket, targets: Mapping[str, str], *, unfiltered: bool) -> None:
        self._control = control
        self._names = sorted(targets)
        self._targets = targets
        self._unfiltered = unfiltered
        self._readable = landlock.readable(_ROOT)
        self._loaded: set[str] = set()
        self._children: dict[int, socket.socket] = {}
        self._poll = select.poll()

    def serve(self) -> None:
        """Fork on request, reap, report; returns when the parent is gone, having ended all children."""
        wake, waker = socket.socketpair()
        wake.setblocking(False)
        waker.setblocking(False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        for ending in _ENDINGS:
            # A service manager tells the whole group; requests that are under way still need their children.
            signal.signal(ending, signal.SIG_IGN)
        signal.set_wakeup_fd(waker.fileno(), warn_on_full_buffer=False)
        self._poll.register(self._control, select.POLLIN)
        self._poll.register(wake, select.POLLIN)
        while True:
            places = {place for place, _ in self._poll.poll()}
            # In this order: a number that is freed below may be given out again further below.
            for place in places - {wake.fileno(), self._control.fileno()}:
                self._abandon(place)
            if wake.fileno() in places:
                with contextlib.suppress(BlockingIOError):
                    wake.recv(4096)
                self._reap()
            if self._control.fileno() in places and not self._accept():
                self._end_all()
                return

    def _accept(self) -> bool:
        try:
            byte, places, _, _ = socket.recv_fds(self._control, 1, 1)
        except ConnectionError:
            return False
        if not byte:
            return False
        if places:
            self._spawn(self._names[byte[0]], places[0])
        return True

    def _spawn(self, name: str, place: int) -> None:
        module = self._targets[name].partition(":")[0]
        if module not in self._loaded:
            self._loaded.add(module)
            # What goes wrong here goes wrong again in the child, which can say so.
            with contextlib.suppress(Exception):
                importlib.import_module(module)
            gc.collect()
            gc.freeze()
        zygote = os.getpid()
        try:
            pid = os.fork()
        except OSError:
            os.close(place)
            return
        if pid == 0:
            status = os.EX_SOFTWARE
            try:
                signal.set_wakeup_fd(-1)
                for received in (signal.SIGCHLD, *_ENDINGS):
                    signal.signal(received, signal.SIG_DFL)
                self._be_child(name, place, zygote)
                status = os.EX_OK
            finally:
                os._exit(status)
        connection = socket.socket(fileno=place)
        self._children[pid] = connection
        # No event is asked for: only that the caller hung up, which is always told.
        self._poll.register(connection, 0)

    def _be_child(self, name: str, place: int, zygote: int) -> None:
        on_the_clock(_PATIENCE)
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM, 0, fileno=keep_only(place))
        order, _ = receive_frame(connection)
        limits = Limits(**order["limits"])
        voice = Voice(connection, limits)
        speak_by(voice)
        bars = confine(limits, (*self._readable, *order["readable"]), zygote)
        try:
            if SECCOMP not in bars and not self._unfiltered:
                raise LocalFault(
                    "this kernel offers no filter of system calls",
                    remedy="run on Linux (x86-64 or ARM64) with seccomp, or allow running without it",
                )
            message, blobs = receive_frame(connection)
            value, given = run(self._targets[name], message, blobs)
            answer = frame({"value": value, "bars": bars}, given)
            if sum(map(len, answer)) > limits.answer:
                raise too_large(limits)
        except HansaError as fault:
            answer = frame({"fault": fault_to_json(fault)})
        except MemoryError:
            answer = frame({"fault": fault_to_json(out_of_memory(limits))})
        except RecursionError:
            deep = Overloaded("it is nested too deeply", remedy=SMALLER, facts={"limit": "depth"})
            answer = frame({"fault": fault_to_json(deep)})
        except BaseException as error:  # noqa: BLE001 - an engine's panic is no Exception, and must be told too
            broken = LocalFault(f"{name} failed: {type(error).__name__}", facts={"trace": _trace(error)})
            answer = frame({"fault": fault_to_json(broken)})
        voice.answer(answer)

    def _reap(self) -> None:
        while self._children:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if not pid:
                return
            connection = self._children.pop(pid)
            with contextlib.suppress(KeyError):
                self._poll.unregister(connection)
            # Of a child that ended well too: it may have done so without an answer.
            with contextlib.suppress(OSError):
                # Not by setblocking: that would change the child's copy of the socket too.
                connection.send(trailer(status), socket.MSG_DONTWAIT)
            connection.close()

    def _abandon(self, place: int) -> None:
        for pid, connection in self._children.items():
            if connection.fileno() == place:
                self._poll.unregister(connection)
                os.kill(pid, signal.SIGKILL)
                return

    def _end_all(self) -> None:
        for pid in self._children:
            os.kill(pid, signal.SIGKILL)
        for pid, connection in self._children.items():
            os.waitpid(pid, 0)
            connection.close()


def run(target: str, message: dict[str, Any], blobs: list[bytes]) -> tuple[dict[str, Any], list[bytes]]:
    """Call the function that ``target`` (``module:function``) names."""
    module, _, function = target.partition(":")
    value, given = getattr(importlib.import_module(module), function)(message, blobs)
    return value, given


def _trace(error: BaseException) -> str:
    return "".join(traceback.format_exception(error, limit=-6))[-4000:]


def main() -> None:
    """``python -m node.cage.zygote CONTROL TARGETS [unfiltered]``: a descriptor's number, the table as JSON."""
    control = socket.socket(fileno=int(sys.argv[1]))
    with control:
        Zygote(control, json.loads(sys.argv[2]), unfiltered="unfiltered" in sys.argv[3:]).serve()


if __name__ == "__main__":
    main()

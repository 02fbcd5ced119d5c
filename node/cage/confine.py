"""How a child gives up everything but its one socket and a little memory, in the order that works.

Limits first, then capabilities, then what may be read, and the filter of system calls last, because it
forbids the rest. None of this can be undone by the child.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import resource
import signal
import struct
import sys
from collections.abc import Sequence
from typing import Final

from node.cage import landlock, seccomp
from node.cage.model import Limits

_PR_SET_PDEATHSIG: Final = 1
_CAPABILITY_VERSION_3: Final = 0x20080522
_CAPSET: Final = {"x86_64": 126, "aarch64": 91}

_CONNECTION: Final = 3

SECCOMP: Final = "seccomp"
LANDLOCK: Final = "landlock"


def keep_only(connection: int) -> int:
    """Close every file but ``connection``, which becomes number 3; the standard streams lead nowhere.

    An engine that panics writes what it was reading to standard error: that must not reach our log.
    """
    nowhere = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(nowhere, stream)
    if connection != _CONNECTION:
        os.dup2(connection, _CONNECTION)
    os.closerange(_CONNECTION + 1, 1 << 20)
    return _CONNECTION


def on_the_clock(seconds: float) -> None:
    """Let the kernel end this process after ``seconds``, whatever it is doing then."""
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.setitimer(signal.ITIMER_REAL, seconds)


def confine(limits: Limits, paths: Sequence[str], parent: int) -> list[str]:
    """Apply all bars that this system has; returns the names of those that depend on the kernel.

    ``paths`` may be read; ``parent`` is the process whose death is ours too.
    """
    on_the_clock(limits.wall)
    _be_first_when_memory_is_short()
    _limit(resource.RLIMIT_CORE, 0)
    _limit(resource.RLIMIT_FSIZE, 0)
    # The soft limit ends the child by a signal of its own kind, so that the caller learns which limit it was.
    _limit(resource.RLIMIT_CPU, limits.cpu, limits.cpu + 1)
    _limit(resource.RLIMIT_AS, limits.memory)
    # No RLIMIT_NPROC: it counts all processes of the user, and threads; the filter forbids processes.
    libc = ctypes.CDLL(None, use_errno=True)
    if not sys.platform.startswith("linux"):
        return []
    libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        os._exit(0)
    _drop_capabilities(libc)
    bars = []
    if landlock.install(libc, paths):
        bars.append(LANDLOCK)
    if seccomp.install(libc, os.getpid()):
        bars.append(SECCOMP)
    return bars


def _limit(which: int, soft: int, hard: int | None = None) -> None:
    # macOS refuses some of these; what it takes, it takes.
    with contextlib.suppress(ValueError, OSError):
        _, given = resource.getrlimit(which)
        ceiling = soft if hard is None else hard
        if given != resource.RLIM_INFINITY:
            ceiling = min(ceiling, given)
        resource.setrlimit(which, (min(soft, ceiling), ceiling))


def _be_first_when_memory_is_short() -> None:
    with contextlib.suppress(OSError):
        place = os.open("/proc/self/oom_score_adj", os.O_WRONLY)
        try:
            os.write(place, b"1000")
        finally:
            os.close(place)


def _drop_capabilities(libc: ctypes.CDLL) -> None:
    number = _CAPSET.get(os.uname().machine)
    if number is not None:
        header = struct.pack("=Ii", _CAPABILITY_VERSION_3, 0)
        libc.syscall(number, header, bytes(24))

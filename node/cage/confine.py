"""The confinement of a child: it gives up everything except one socket and a little memory, in the order that works.

Limits first, then its root, its capabilities and read access, and the filter of system calls last, because it forbids
the other steps. The child can undo none of this.
"""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import os
import resource
import signal
import socket
import struct
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from node.cage import landlock, root, seccomp
from node.cage.barriers import LANDLOCK, PATH_SUPERVISOR, ROOT, SECCOMP, Barriers
from node.cage.model import Limits

_PR_SET_PDEATHSIG: Final = 1
_CAPABILITY_VERSION_3: Final = 0x20080522
_CAPSET: Final = {"x86_64": 126, "aarch64": 91}

_CONNECTION: Final = 3
_CHANNEL: Final = 4


@dataclass(frozen=True, slots=True)
class Den:
    """The needs of the confinement of a child with a stranger's code.

    ``place`` is the root that was made for such children, ``channel`` the descriptor over which the path supervisor
    gets the descriptor on which it answers; in the folders ``folder_names`` only the names may be read."""

    place: str | None = None
    channel: int | None = None
    folder_names: Sequence[str] = ()


def keep_only(connection: int, channel: int | None = None) -> tuple[int, int | None]:
    """Close every file except these, which get small numbers; the standard streams lead nowhere.

    An engine that panics writes the text that it was reading to standard error: this must not reach our log.
    """
    nowhere = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(nowhere, stream)
    # Moved to high numbers first, so that neither overwrites the other.
    descriptors = [
        fcntl.fcntl(descriptor, fcntl.F_DUPFD, 16) for descriptor in (connection, channel) if descriptor is not None
    ]
    for number, descriptor in enumerate(descriptors, _CONNECTION):
        os.dup2(descriptor, number)
    os.closerange(_CONNECTION + len(descriptors), 1 << 20)
    return _CONNECTION, None if channel is None else _CHANNEL


def be_first_when_memory_is_short() -> None:
    """Make the kernel end this process before others; called while there is still a ``/proc``."""
    with contextlib.suppress(OSError):
        place = os.open("/proc/self/oom_score_adj", os.O_WRONLY)
        try:
            os.write(place, b"1000")
        finally:
            os.close(place)


def on_the_clock(seconds: float) -> None:
    """Let the kernel end this process after ``seconds``, whatever it is doing then."""
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.setitimer(signal.ITIMER_REAL, seconds)


def confine(limits: Limits, paths: Sequence[str], parent: int, den: Den | None = None) -> Barriers:
    """Apply all barriers that this system has; return those that depend on the kernel.

    ``paths`` may be read; when the process ``parent`` dies, this one dies too. ``den`` is given for a stranger's
    code.
    """
    on_the_clock(limits.wall)
    _limit(resource.RLIMIT_CORE, 0)
    _limit(resource.RLIMIT_FSIZE, 0)
    # The soft limit ends the child by a signal of its own, so that the caller learns which limit it was.
    _limit(resource.RLIMIT_CPU, limits.cpu, limits.cpu + 1)
    _limit(resource.RLIMIT_AS, limits.memory)
    # No RLIMIT_NPROC: it counts all processes of the user, and threads; the filter forbids processes.
    libc = ctypes.CDLL(None, use_errno=True)
    if not sys.platform.startswith("linux"):
        return Barriers()
    libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        os._exit(0)
    barriers = 0
    if den is not None and den.place is not None and root.enter(den.place):
        barriers |= ROOT
    drop_capabilities(libc)
    if landlock.install(libc, paths, den.folder_names if den is not None else ()):
        barriers |= LANDLOCK
    if den is not None and den.channel is not None and _have_paths_answered(libc, den.channel):
        barriers |= PATH_SUPERVISOR
    if seccomp.install(libc, os.getpid()):
        barriers |= SECCOMP
    return Barriers.of(barriers)


def _have_paths_answered(libc: ctypes.CDLL, channel: int) -> bool:
    with socket.socket(fileno=channel) as supervisor:
        listener = seccomp.install_asking(libc)
        if listener is None:
            return False
        socket.send_fds(supervisor, [b"!"], [listener])
    os.close(listener)
    return True


def _limit(which: int, soft: int, hard: int | None = None) -> None:
    # macOS refuses some of these; those that it accepts apply.
    with contextlib.suppress(ValueError, OSError):
        _, hard_limit = resource.getrlimit(which)
        ceiling = soft if hard is None else hard
        if hard_limit != resource.RLIM_INFINITY:
            ceiling = min(ceiling, hard_limit)
        resource.setrlimit(which, (min(soft, ceiling), ceiling))


def drop_capabilities(libc: ctypes.CDLL) -> None:
    """Give up every capability of this process, for good."""
    number = _CAPSET.get(os.uname().machine)
    if number is not None:
        header = struct.pack("=Ii", _CAPABILITY_VERSION_3, 0)
        libc.syscall(number, header, bytes(24))

"""What a stranger's code might do to look around, to outstay its time and to hold more than it may: each deed that
works is named."""

from __future__ import annotations

import ctypes
import errno
import fcntl
import os
import platform
import resource
import signal
import socket
import threading
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

Answer = tuple[dict[str, Any], list[bytes]]

NUMBERS = {
    "x86_64": {"stat": 4, "lstat": 6, "statx": 332, "statfs": 137, "getxattr": 191, "listxattr": 194, "open": 2}
    | {"access": 21, "readlink": 89, "openat": 257, "chdir": 80, "sendmsg": 46, "prctl": 157, "alarm": 37, "pipe": 22}
    | {"rt_sigaction": 13, "timer_create": 222, "timer_delete": 226, "vmsplice": 278, "faccessat2": 439}
    | {
        "newfstatat": 262,
        "inotify_add_watch": 254,
        "utimensat": 280,
        "readlinkat": 267,
        "truncate": 76,
        "seccomp": 317,
    },
    "aarch64": {"statx": 291, "statfs": 43, "getxattr": 8, "listxattr": 11, "openat": 56, "chdir": 49, "sendmsg": 211}
    | {"prctl": 167, "rt_sigaction": 134, "timer_create": 107, "timer_delete": 111, "vmsplice": 75, "faccessat2": 439}
    | {"newfstatat": 79, "inotify_add_watch": 27, "utimensat": 88, "readlinkat": 78, "truncate": 45, "seccomp": 277},
}[platform.machine()]
HERE = -100
PROC = """
/proc/self/task/1/net/tcp /proc/self/net/tcp /proc/self/mountinfo /proc/self/cgroup /proc/self/mounts /proc/net/tcp
/proc/self/maps /proc/self/environ /proc/self/mountstats /proc/thread-self/mountinfo /proc/thread-self/cgroup
/proc/cpuinfo /proc/version /proc/sys/kernel/hostname /proc/uptime /proc/mounts /proc/1/cmdline /proc/self/ns/mnt
"""

_libc = ctypes.CDLL(None, use_errno=True)


def call(name: str, *arguments: Any) -> int:
    """A call of the system, without libc's help. Raises ``OSError``."""
    if name not in NUMBERS:
        raise OSError(errno.ENOSYS, name)
    done = _libc.syscall(NUMBERS[name], *arguments)
    if done == -1:
        raise OSError(ctypes.get_errno(), name)
    return int(done)


def looks(path: str, folder: int) -> dict[str, Callable[[], Any]]:
    """Ways to learn whether ``path`` exists; ``folder`` is the descriptor of a folder that may be read."""
    name, room = os.fsencode(path), ctypes.create_string_buffer(4096)
    behind = b"../" * 20 + name.lstrip(b"/")
    return {
        "stat": lambda: os.stat(path),
        "lstat": lambda: os.lstat(path),
        "stat itself": lambda: call("stat", name, room),
        "lstat itself": lambda: call("lstat", name, room),
        "newfstatat": lambda: call("newfstatat", HERE, name, room, 0),
        "newfstatat from a folder": lambda: call("newfstatat", folder, behind, room, 0),
        "newfstatat as if empty": lambda: call("newfstatat", HERE, name, room, 0x1000),
        "statx": lambda: call("statx", HERE, name, 0, 0x7FF, room),
        "statx from a folder": lambda: call("statx", folder, behind, 0, 0x7FF, room),
        "access": lambda: _require(os.access(path, os.F_OK)),
        "access itself": lambda: call("access", name, 0),
        "faccessat2": lambda: call("faccessat2", HERE, name, 0, 0),
        "readlink": lambda: os.readlink(path),
        "readlinkat": lambda: call("readlinkat", folder, behind, room, 100),
        "open": lambda: open(path, "rb").close(),
        "open itself": lambda: os.close(call("open", name, 0)),
        "open as a path": lambda: os.close(os.open(path, os.O_PATH)),
        "open as a folder": lambda: os.close(os.open(path, os.O_DIRECTORY)),
        "open from a folder": lambda: os.close(call("openat", folder, behind, 0)),
        "open through a link": lambda: open(f"/proc/self/root{path}", "rb").close(),
        "open to write": lambda: os.close(os.open(path, os.O_WRONLY)),
        "open to make": lambda: os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY)),
        "list": lambda: os.listdir(path),
        "change to": lambda: os.chdir(path),
        "statfs": lambda: call("statfs", name, room),
        "attributes": lambda: call("getxattr", name, b"user.x", room, 10),
        "list of attributes": lambda: call("listxattr", name, room, 10),
        "watch": lambda: call("inotify_add_watch", 3, name, 1),
        "touch": lambda: call("utimensat", HERE, name, 0, 0),
        "truncate": lambda: call("truncate", name, 0),
        "connect": lambda: socket.socket(fileno=os.dup(3)).connect(path),
        "load": lambda: _load(path),
        "beside": lambda: open(f"{path}/../x", "rb").close(),
    }


def look_around(message: dict[str, Any], blobs: list[bytes]) -> Answer:
    """Which of the ways tell a path that ``exists`` from one that does ``not``, and what of ``/proc`` can be read."""
    folder = os.open(os.path.dirname(os.__file__), os.O_RDONLY | os.O_DIRECTORY)
    differences = []
    for exists, absent in message["pairs"]:
        there, not_there = looks(exists, folder), looks(absent, folder)
        differences += [f"{name} of {exists}" for name in there if outcome(there[name]) != outcome(not_there[name])]
    read = [path for path in PROC.split() if outcome(partial(open, path, "rb")) == "done"]
    return {"told": differences, "read": read, "ways": len(there), "own": len(Path(os.__file__).read_text())}, []


def hold_and_stay(message: dict[str, Any], blobs: list[bytes]) -> Answer:
    """Which ways to hold memory beyond the limit, to disarm the clocks and to outlive the fork server are open."""
    room = ctypes.create_string_buffer(4096)
    deeds: dict[str, Callable[[], Any]] = {
        "pipe": os.pipe,
        "pipe itself": lambda: call("pipe", room),
        "pipe2": lambda: os.pipe2(os.O_NONBLOCK),
        "size of a pipe": lambda: fcntl.fcntl(3, 1031, 1 << 20),
        "memory file": lambda: os.memfd_create("x"),
        "splice": lambda: call("vmsplice", 3, room, 1, 0),
        "descriptors on their way": lambda: call("sendmsg", 3, room, 0),
        "interval timer": lambda: signal.setitimer(signal.ITIMER_REAL, 0),
        "alarm": lambda: call("alarm", 0),
        "timer": lambda: call("timer_create", 0, 0, room),
        "timer deleted": lambda: call("timer_delete", 0),
        "alarm ignored": lambda: signal.signal(signal.SIGALRM, signal.SIG_IGN),
        "alarm handled": lambda: signal.signal(signal.SIGALRM, print),
        "processor time ignored": lambda: signal.signal(signal.SIGXCPU, signal.SIG_IGN),
        "action itself": lambda: call("rt_sigaction", 14, room, 0, 8),
        "death of the parent": lambda: call("prctl", 1, 0, 0, 0, 0),
        "death of the parent by libc": lambda: _require(_libc.prctl(1, 0, 0, 0, 0) == 0),
        "traced by all": lambda: call("prctl", 0x59616D61, -1, 0, 0, 0),
        "dumpable": lambda: call("prctl", 4, 1, 0, 0, 0),
        "another filter": lambda: call("prctl", 22, 2, room, 0, 0),
        "another filter itself": lambda: call("seccomp", 1, 8, room),
        "signals of files": lambda: fcntl.fcntl(3, fcntl.F_SETOWN, os.getppid()),
        "kind of that signal": lambda: fcntl.fcntl(3, fcntl.F_SETSIG, 15),
        "lease": lambda: fcntl.fcntl(3, fcntl.F_SETLEASE, fcntl.F_RDLCK),
        "owner by ioctl": lambda: fcntl.ioctl(3, 0x8901, b"\1\0\0\0"),
        "asynchronous by ioctl": lambda: fcntl.ioctl(3, 0x5452, b"\1\0\0\0"),
        "lock": lambda: fcntl.flock(3, fcntl.LOCK_EX),
        "more processor time": lambda: resource.setrlimit(resource.RLIMIT_CPU, (600, 600)),
    }
    return {"done": [name for name, deed in deeds.items() if outcome(deed) == "done"], "tried": len(deeds)}, []


def hold_off_the_clock(message: dict[str, Any], blobs: list[bytes]) -> Answer:
    """A mask of signals lies in memory, where no filter sees it: this much a child can do."""
    signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
    while True:
        time.sleep(0.05)


def ask_without_end(message: dict[str, Any], blobs: list[bytes]) -> Answer:
    """Many threads that do nothing but ask for paths."""

    def ask() -> None:
        while True:
            os.path.exists("/etc/passwd")

    for _ in range(8):
        threading.Thread(target=ask, daemon=True).start()
    ask()
    return {}, []


def forge_an_answer(message: dict[str, Any], blobs: list[bytes]) -> Answer:
    """Write an answer past the one way, with what earlier children told of their barriers."""
    with socket.socket(fileno=os.dup(3)) as connection:
        connection.sendall(bytes.fromhex(message["bytes"]))
        time.sleep(9)
    return {}, []


def outcome(deed: Callable[[], Any]) -> str:
    try:
        deed()
    except (OSError, ValueError, ImportError) as error:
        return f"{type(error).__name__} {getattr(error, 'errno', '')}"
    return "done"


def _require(worked: bool) -> None:
    if not worked:
        raise FileNotFoundError


def _load(path: str) -> None:
    # Its words differ, and would tell: what libc says of a file that it may not open is what it was told.
    try:
        ctypes.CDLL(path)
    except OSError as error:
        raise OSError(errno.ENOENT if "No such file" in str(error) else errno.EACCES, "") from None

"""Take from a fork server what its system offers: the calls fail as on a kernel that does not know them.

``python -m tests.unit.cage.without landlock,unshare CONTROL PLAN`` is a fork server on such a kernel. It is done by a
filter of system calls, so that nothing of ours has to know of it; filters are inherited and add up.
"""

from __future__ import annotations

import ctypes
import errno
import platform
import struct
import subprocess
import sys
from collections.abc import Callable
from typing import Any

from node.cage import fork_server

CALLS: dict[str, dict[str, tuple[int, ...]]] = {
    "landlock": {"x86_64": (444, 445, 446), "aarch64": (444, 445, 446)},
    "unshare": {"x86_64": (272,), "aarch64": (97,)},
    "mount": {"x86_64": (165,), "aarch64": (40,)},
    "answers": {"x86_64": (317,), "aarch64": (277,)},
}
FAULTS = {"landlock": errno.ENOSYS, "unshare": errno.EPERM, "mount": errno.EPERM, "answers": errno.ENOSYS}


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_char_p))


def take_away(names: list[str]) -> None:
    """From this process and all that it starts."""
    steps = [struct.pack("=HBBI", 0x20, 0, 0, 0)]
    for name in names:
        for number in CALLS[name][platform.machine()]:
            steps.append(struct.pack("=HBBI", 0x15, 0, 1, number))
            steps.append(struct.pack("=HBBI", 0x06, 0, 0, 0x00050000 | FAULTS[name]))
    whole = b"".join([*steps, struct.pack("=HBBI", 0x06, 0, 0, 0x7FFF0000)])
    libc = ctypes.CDLL(None, use_errno=True)
    prepared = _Program(len(whole) // 8, whole)
    if libc.prctl(38, 1, 0, 0, 0) or libc.prctl(22, 2, ctypes.byref(prepared), 0, 0):
        raise OSError(ctypes.get_errno(), "no filter can be installed")


def starting_without(*names: str) -> Callable[..., subprocess.Popen[bytes]]:
    """What stands for ``subprocess.Popen`` in the launcher."""
    start = subprocess.Popen

    def popen(words: list[str], **more: Any) -> subprocess.Popen[bytes]:
        if words[1:3] != ["-m", "node.cage.fork_server"]:
            return start(words, **more)
        return start([words[0], "-m", "tests.unit.cage.without", ",".join(names), *words[3:]], **more)

    return popen


if __name__ == "__main__":
    take_away([name for name in sys.argv[1].split(",") if name])
    del sys.argv[1]
    fork_server.main()

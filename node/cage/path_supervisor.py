"""Answers path questions of children that run a stranger's code, if they cannot have a root of their own.

Landlock keeps such a child from reading other files, but not from learning that they exist. So the kernel holds each
of its calls that name a path until the path supervisor has answered it (seccomp user notification, Linux 5.9 and
later): the path supervisor opens readable files and passes the descriptor; all other files do not exist for the
child. The child's memory is read once for each call, and the call is never let through: nothing can change between
check and use."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import platform
import struct
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from node.cage.seccomp import MACHINES

_RECEIVE: Final = 0xC0502100
_SEND: Final = 0xC0182101
_STILL_THERE: Final = 0x40082102
_HAND_OVER: Final = 0x40182103

_ASKED: Final = struct.Struct("=QIIiIQ6Q")
_ANSWER: Final = struct.Struct("=QqiI")
_GIVEN: Final = struct.Struct("=QIIII")

_PAGE: Final = 4096
_LONGEST: Final = 4096
_HERE: Final = 0xFFFFFF9C  # AT_FDCWD, the low half
_EMPTY_PATH: Final = 0x1000
_WRITE_OK: Final = 2
_READING: Final = os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK
_NANO: Final = 10**9


class PathSupervisor:
    """Answers for all children; ``paths`` may be read with all below them, folders in ``folders`` may be listed."""

    def __init__(self, paths: Sequence[str], folders: Sequence[str] = ()) -> None:
        self._paths = {os.path.realpath(path) for path in paths}
        self._folders = {os.path.realpath(path) for path in folders}
        machine = MACHINES.get(platform.machine())
        self._calls = {} if machine is None else machine.asking
        self._deeds: Mapping[str, Callable[[_Request, str], int]] = {
            "open": self._open,
            "stat": self._stat,
            "access": self._access,
            "link": self._link,
        }

    def answer(self, listener: int) -> None:
        """Answer the call that waits at ``listener``. A child that has ended meanwhile is no error."""
        request_bytes = bytearray(_ASKED.size)
        try:
            fcntl.ioctl(listener, _RECEIVE, request_bytes, True)
        except OSError:
            return
        number, pid, _, call, _, _, *arguments = _ASKED.unpack(request_bytes)
        value, error = 0, 0
        try:
            what, at = self._calls[call]
            request = _Request(listener, number, pid, tuple(arguments), at)
            value = self._deeds[what](request, request.path())
        except (OSError, KeyError) as fault:
            error = -(getattr(fault, "errno", None) or errno.ENOENT)
        with contextlib.suppress(OSError):
            fcntl.ioctl(listener, _SEND, bytearray(_ANSWER.pack(number, value, error, 0)), True)

    def _open(self, request: _Request, path: str) -> int:
        real = self._resolve(path)
        return request.hand_over(os.open(real, _READING | (request.flags(1) & os.O_DIRECTORY)))

    def _stat(self, request: _Request, path: str) -> int:
        if not path and request.flags(2) & _EMPTY_PATH:
            status = os.stat(f"/proc/{request.pid}/fd/{request.folder()}")
        else:
            status = os.stat(self._resolve(path))
        request.write(request.argument(1), _LAYOUTS[platform.machine()](status))
        return 0

    def _access(self, request: _Request, path: str) -> int:
        self._resolve(path)
        if request.argument(1) & _WRITE_OK:
            raise OSError(errno.EROFS, path)
        return 0

    def _link(self, request: _Request, path: str) -> int:
        # A child sees no links: each path is answered as the target of its links.
        self._resolve(path)
        raise OSError(errno.EINVAL, path)

    def _resolve(self, path: str) -> str:
        """Return the target of ``path`` if it may be read. Raises one ``OSError`` for missing and hidden paths."""
        real = os.path.realpath(path) if path else ""
        if real not in self._folders:
            above = real
            while above not in self._paths:
                above, _, piece = above.rpartition("/")
                if not piece:
                    raise OSError(errno.ENOENT, path)
        if not os.path.lexists(real):
            raise OSError(errno.ENOENT, path)
        return real


class _Request:
    """One call of a child, and its memory."""

    def __init__(self, listener: int, number: int, pid: int, arguments: tuple[int, ...], at: bool) -> None:
        self._listener = listener
        self._number = number
        self.pid = pid
        self._arguments = arguments
        self._first = 1 if at else 0

    def argument(self, place: int) -> int:
        """Return the argument ``place`` positions after the path."""
        return self._arguments[self._first + place]

    def flags(self, place: int) -> int:
        return self.argument(place) & 0xFFFFFFFF

    def folder(self) -> int:
        """Return the descriptor before the path."""
        return self._arguments[0] & 0xFFFFFFFF

    def path(self) -> str:
        """Return the requested absolute path; empty if the descriptor itself is meant."""
        text = os.fsdecode(self._text(self.argument(0)))
        if not text or text.startswith("/"):
            return text
        if not self._first or self.folder() == _HERE:
            return f"/{text}"
        return os.path.join(os.readlink(f"/proc/{self.pid}/fd/{self.folder()}"), text)

    def _text(self, address: int) -> bytes:
        text = b""
        with open(f"/proc/{self.pid}/mem", "rb", buffering=0) as memory:
            self._require()
            while len(text) < _LONGEST:
                # Never across the end of a page: the next page may not exist.
                memory.seek(address + len(text))
                piece = memory.read(_PAGE - (address + len(text)) % _PAGE)
                before, end, _ = piece.partition(b"\0")
                text += before
                if end:
                    return text
                if not piece:
                    raise OSError(errno.EFAULT, "no text there")
        raise OSError(errno.ENAMETOOLONG, "no path is as long")

    def write(self, address: int, data: bytes) -> None:
        with open(f"/proc/{self.pid}/mem", "r+b", buffering=0) as memory:
            self._require()
            memory.seek(address)
            memory.write(data)

    def hand_over(self, descriptor: int) -> int:
        """Pass ``descriptor`` to the child and close it here; return its number in the child."""
        try:
            reply = bytearray(_GIVEN.pack(self._number, 0, descriptor, 0, os.O_CLOEXEC))
            return int(fcntl.ioctl(self._listener, _HAND_OVER, reply, True))
        finally:
            os.close(descriptor)

    def _require(self) -> None:
        # The process id may have been reused: the opened files are the child's only if it still waits.
        fcntl.ioctl(self._listener, _STILL_THERE, struct.pack("=Q", self._number))


def _times(status: os.stat_result) -> tuple[int, ...]:
    moments = (status.st_atime_ns, status.st_mtime_ns, status.st_ctime_ns)
    return tuple(part for moment in moments for part in divmod(moment, _NANO))


def _on_x86_64(status: os.stat_result) -> bytes:
    """Return ``struct stat`` as the kernel of x86-64 writes it."""
    return struct.pack(
        "=QQQIIIIQqqq6q3q",
        *(
            status.st_dev,
            status.st_ino,
            status.st_nlink,
            status.st_mode,
            status.st_uid,
            status.st_gid,
            0,
            status.st_rdev,
        ),
        *(status.st_size, status.st_blksize, status.st_blocks, *_times(status), 0, 0, 0),
    )


def _on_aarch64(status: os.stat_result) -> bytes:
    """Return ``struct stat`` as the kernel of AArch64 writes it."""
    return struct.pack(
        "=QQIIIIQQqiiq6q2I",
        *(
            status.st_dev,
            status.st_ino,
            status.st_mode,
            status.st_nlink,
            status.st_uid,
            status.st_gid,
            status.st_rdev,
            0,
        ),
        *(status.st_size, status.st_blksize, 0, status.st_blocks, *_times(status), 0, 0),
    )


_LAYOUTS: Final[Mapping[str, Callable[[os.stat_result], bytes]]] = {
    "x86_64": _on_x86_64,
    "aarch64": _on_aarch64,
}

"""A separate root for children that run a stranger's code: it contains only what they may read.

In its own user namespace and mount namespace, if the system allows them (Linux 3.8 and later), the fork server makes
an empty file system once and binds the readable paths of such children into it, read-only. A child changes its root
to it before it gives up the right to do so: after that no path shows whether something is behind it, and there is no
``/proc``."""

from __future__ import annotations

import ctypes
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

_NEW_NAMESPACES: Final = 0x10000000 | 0x00020000  # user, mount

_READ_ONLY: Final = 1
_NO_SETUID: Final = 2
_NO_DEVICES: Final = 4
_NO_PROGRAMS: Final = 8
_REMOUNT: Final = 32
_BIND: Final = 4096
_WITH_ALL_BELOW: Final = 16384
_FOLLOWING: Final = 1 << 19  # MS_SLAVE

_KEPT: Final = 0b1111 | 1024 | 2048 | (1 << 21)  # what a mount has and may not lose: no setuid …, access times
_BARE: Final = b"size=256k,nr_inodes=4k,mode=755"
_PLACES: Final = ("/dev/mqueue", "/sys/fs", "/dev/shm", "/mnt")  # noqa: S108 - nothing is written there
"""Folders that no child needs. The root is mounted over one of them."""


def prepare(libc: ctypes.CDLL, paths: Sequence[str], empty_paths: Sequence[str] = ()) -> str | None:
    """Make a root with ``paths`` and without the content of ``empty_paths``; return its place, or None if the system
    does not allow it. This process, which must have only one thread, then lives in its own namespaces."""
    # Some systems allow the namespaces and then nothing in them. There is no way back: another process tries first.
    pid = os.fork()
    if pid == 0:
        worked = False
        try:
            worked = _mount_root(libc, paths, empty_paths) is not None
        finally:
            os._exit(0 if worked else 1)
    _, status = os.waitpid(pid, 0)
    return _mount_root(libc, paths, empty_paths) if status == 0 else None


def _mount_root(libc: ctypes.CDLL, paths: Sequence[str], empty_paths: Sequence[str]) -> str | None:
    if not sys.platform.startswith("linux"):
        return None
    user, group = os.getuid(), os.getgid()
    place = next((candidate for candidate in _PLACES if Path(candidate).is_dir()), None)
    if place is None or libc.unshare(_NEW_NAMESPACES) != 0:
        return None
    try:
        # Groups are given up first, otherwise the kernel accepts no map of them.
        for name, text in (("setgroups", "deny"), ("uid_map", f"{user} {user} 1"), ("gid_map", f"{group} {group} 1")):
            _write(f"/proc/self/{name}", text)
        # What is unmounted outside is also unmounted here.
        _mount(libc, "none", "/", "", _FOLLOWING | _WITH_ALL_BELOW)
        _mount(libc, "none", place, "tmpfs", _NO_SETUID | _NO_DEVICES | _NO_PROGRAMS, _BARE)
        for path in paths:
            _bind(libc, path, place + path)
        for path in empty_paths:
            if Path(place + path).is_dir():
                _mount(libc, "none", place + path, "tmpfs", _READ_ONLY | _NO_SETUID | _NO_DEVICES, _BARE)
        _mount(libc, "", place, "", _BIND | _REMOUNT | _READ_ONLY | _NO_SETUID | _NO_DEVICES | _NO_PROGRAMS)
    except OSError:
        return None
    return place


def enter(place: str) -> bool:
    """Change the root of this process, which has no open folder, to ``place``; return False without the right."""
    try:
        os.chroot(place)
        os.chdir("/")
    except OSError:
        return False
    return True


def _bind(libc: ctypes.CDLL, path: str, target: str) -> None:
    if Path(path).is_dir():
        Path(target).mkdir(mode=0o755, parents=True, exist_ok=True)
    elif not Path(target).exists():
        Path(target).parent.mkdir(mode=0o755, parents=True, exist_ok=True)
        Path(target).touch(mode=0o444)
    _mount(libc, path, target, "", _BIND | _WITH_ALL_BELOW)
    flags = os.statvfs(target).f_flag & _KEPT
    _mount(libc, "", target, "", _BIND | _REMOUNT | _READ_ONLY | flags)


def _mount(libc: ctypes.CDLL, source: str, target: str, kind: str, flags: int, options: bytes | None = None) -> None:
    done = libc.mount(os.fsencode(source), os.fsencode(target), kind.encode() or None, ctypes.c_ulong(flags), options)
    if done != 0:
        raise OSError(ctypes.get_errno(), f"{target} cannot be mounted")


def _write(path: str, text: str) -> None:
    place = os.open(path, os.O_WRONLY)
    try:
        os.write(place, text.encode("ascii"))
    finally:
        os.close(place)

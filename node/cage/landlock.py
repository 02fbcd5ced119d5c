"""Landlock: which files a child may read, if the kernel offers it (Linux 5.13 and later).

The filter of ``seccomp`` already keeps a child from changing anything. Landlock keeps it from *reading* files that it
does not need, above all the keys and the token in the data folder: only the interpreter, the libraries and our own
packages are open to it, and the files that a call names.
"""

from __future__ import annotations

import ctypes
import os
import struct
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

_CREATE_RULESET: Final = 444
_ADD_RULE: Final = 445
_RESTRICT_SELF: Final = 446
_ASK_VERSION: Final = 1
_PATH_BENEATH: Final = 1
_PR_SET_NO_NEW_PRIVS: Final = 38

_READ_FILE: Final = 1 << 2
_READ_DIR: Final = 1 << 3
_EXECUTE: Final = 1 << 0
_WRITE: Final = 1 << 1 | 1 << 4 | 1 << 5 | 1 << 7 | 1 << 8 | 1 << 14
"""Write and truncate files; make and remove files and folders."""
_OF_FILES: Final = _EXECUTE | 1 << 1 | _READ_FILE | 1 << 14
# All rights on files that each version of the interface knows, from execute (bit 0) on.
_RIGHTS_BITS: Final = {1: 13, 2: 14, 3: 15, 4: 15}
_RIGHTS_BITS_SINCE_5: Final = 16
_TCP: Final = 0b11  # bind, connect; since version 4
_SCOPES: Final = 0b11  # abstract sockets, signals; since version 6

_OUR_FOLDERS: Final = ("node", "federation", "shapes", "ontologies", "policies")
_SYSTEM: Final = (
    *("/usr", "/lib", "/lib64", "/etc/ld.so.cache", "/etc/localtime"),
    *("/dev/null", "/dev/urandom", "/proc/self/fd", "/proc/self/status", "/sys/devices/system/cpu"),
)
"""Of a child's own entry in ``/proc`` only its files and limits: ``net``, ``mountinfo`` and ``cgroup`` reveal the
machine around it."""


def readable(root: Path) -> tuple[str, ...]:
    """Return the paths that every child may read: the interpreter, the libraries, and our packages below ``root``."""
    paths = [*_SYSTEM, sys.prefix, sys.base_prefix, sys.exec_prefix]
    # A checkout may have a data folder beside the packages; a folder of installed packages has none.
    installed = root.name in ("site-packages", "dist-packages")
    paths += [entry for entry in sys.path if entry and (installed or Path(entry) != root)]
    paths += [str(root / folder) for folder in _OUR_FOLDERS]
    return tuple(dict.fromkeys(path for path in paths if Path(path).exists()))


def version(libc: ctypes.CDLL) -> int:
    """Return the version of the kernel's Landlock interface; 0 if the kernel has none."""
    if not sys.platform.startswith("linux"):
        return 0
    return max(0, int(libc.syscall(_CREATE_RULESET, None, ctypes.c_size_t(0), ctypes.c_uint32(_ASK_VERSION))))


def install(libc: ctypes.CDLL, paths: Iterable[str], folders: Iterable[str] = ()) -> bool:
    """Restrict this process to reading below ``paths`` and names in ``folders``; return False without Landlock."""
    rights = [(path, _READ_FILE | _READ_DIR) for path in paths]
    return _install(libc, [*rights, *((path, _READ_DIR) for path in folders)])


def install_for_programs(libc: ctypes.CDLL, paths: Iterable[str], writable: Iterable[str]) -> bool:
    """Restrict this process to reading and running what is below ``paths``, and to writing below ``writable``; return
    False without Landlock."""
    rights = [(path, _EXECUTE | _READ_FILE | _READ_DIR) for path in paths]
    return _install(libc, [*rights, *((path, _READ_FILE | _READ_DIR | _WRITE) for path in writable)])


def _install(libc: ctypes.CDLL, rights: Iterable[tuple[str, int]]) -> bool:
    abi = version(libc)
    if not abi:
        return False
    rules = _ruleset(libc, abi)
    if rules < 0:
        return False
    all_rights = (1 << _RIGHTS_BITS.get(abi, _RIGHTS_BITS_SINCE_5)) - 1
    try:
        for path, right in rights:
            _allow(libc, rules, path, right & all_rights)
        if libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0:
            return False
        return bool(libc.syscall(_RESTRICT_SELF, ctypes.c_int(rules), ctypes.c_uint32(0)) == 0)
    finally:
        os.close(rules)


def _ruleset(libc: ctypes.CDLL, abi: int) -> int:
    members: Sequence[int] = [(1 << _RIGHTS_BITS.get(abi, _RIGHTS_BITS_SINCE_5)) - 1]
    if abi >= 4:
        members = [*members, _TCP]
    if abi >= 6:
        members = [*members, _SCOPES]
    attributes = struct.pack(f"={len(members)}Q", *members)
    return int(libc.syscall(_CREATE_RULESET, attributes, ctypes.c_size_t(len(attributes)), ctypes.c_uint32(0)))


def _allow(libc: ctypes.CDLL, rules: int, path: str, rights_below: int) -> None:
    try:
        place = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except FileNotFoundError:
        return
    try:
        rights = rights_below if Path(path).is_dir() else rights_below & _OF_FILES
        rule = struct.pack("=Qi", rights, place)
        libc.syscall(_ADD_RULE, ctypes.c_int(rules), ctypes.c_int(_PATH_BENEATH), rule, ctypes.c_uint32(0))
    finally:
        os.close(place)

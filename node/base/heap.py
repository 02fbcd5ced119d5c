"""The memory that this process has from the system: how much of it the allocator keeps without need.

Threads of the node take memory for a request and free it, in any order and in any thread. The allocator (that of
glibc) has an arena for each of many threads, and keeps what is freed in them: after an import of 10,000 records, 266
of the 365 MB in its arenas were free. Two arenas are enough here, large blocks go back to the system at once, and
free memory is given back now and then.

The pieces of a file that passes through the node, of up to a megabyte each, are not large here: memory that comes
back from the system is filled with zeros page by page, and a gigabyte of such pieces cost two seconds of processor
time for that alone.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
from pathlib import Path
from typing import Final

_ARENA_MAX: Final = -8
"""``M_ARENA_MAX`` of ``mallopt(3)``."""
_MMAP_THRESHOLD: Final = -3
"""``M_MMAP_THRESHOLD``: setting it also stops the allocator from raising it."""
_TRIM_THRESHOLD: Final = -1
"""``M_TRIM_THRESHOLD``."""
ARENAS: Final = 2
LARGE: Final = 2 << 20
"""Bytes of a block that is no part of an arena."""
KEPT: Final = 8 << 20
"""Free bytes at the end of an arena that are kept for the next pieces."""
GROWTH: Final = 16 << 20
"""Bytes by which the process has to grow before free memory is given back again."""
_STATM: Final = Path("/proc/self/statm")


def limit_arenas() -> None:
    """Let the allocator use few arenas, and none for large blocks. To be called before threads are started; other
    allocators have no such settings."""
    with contextlib.suppress(AttributeError, OSError):
        library = ctypes.CDLL(None)
        library.mallopt(_ARENA_MAX, ARENAS)
        library.mallopt(_MMAP_THRESHOLD, LARGE)
        library.mallopt(_TRIM_THRESHOLD, KEPT)


def give_back() -> None:
    """Give free memory back to the system."""
    with contextlib.suppress(AttributeError, OSError):
        ctypes.CDLL(None).malloc_trim(0)


class FreeMemory:
    """Gives free memory back when the process has grown. ``settle`` is to be called now and then."""

    def __init__(self) -> None:
        self._size = resident()

    def settle(self) -> bool:
        """Give free memory back if the process has grown by ``GROWTH`` since the last time; return whether it did."""
        size = resident()
        if size - self._size < GROWTH:
            self._size = min(self._size, size)
            return False
        give_back()
        self._size = resident()
        return True


def resident() -> int:
    """Return the bytes of memory that the process holds; 0 where the system does not say."""
    try:
        return int(_STATM.read_text("ascii").split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, IndexError, ValueError):
        return 0

"""Files that grow until they are complete, and only then get their name.

The order of the steps survives a power cut: bytes are synced before anything states that they are stored, and a
rename is followed by a sync of its folder. All calls block; call them in a thread.
"""

from __future__ import annotations

import errno
import fcntl
import os
from collections import deque
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Final

from node.base.disk import sync_folder
from node.base.errors import Conflict, LocalFault, NoRoom, NotFound

READ_SIZE: Final = 1024 * 1024
CACHED: Final = 32 * 1024 * 1024
"""Bytes of a file that may stay in the system's cache after they were synced. A larger file passes through: otherwise
it would push out what the node reads all the time, such as its database."""
_PIECES: Final = 64
"""Pieces that are written by one call; the system accepts 1024."""
_FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


class PartFile:
    """A file that one writer at a time extends. Opening it locks it, so two receivers cannot mix their bytes."""

    def __init__(self, path: Path, *, create: bool = True) -> None:
        """Raises ``Conflict`` if another process has it open, ``NotFound`` if it does not exist without
        ``create``."""
        flags = os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW | (os.O_CREAT if create else 0)
        self.path = path
        try:
            self._file = os.open(path, flags, 0o600)
        except FileNotFoundError as error:
            raise NotFound("the file does not exist") from error
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if not _is_at(path, self._file):
                raise BlockingIOError  # Another process removed it between our opening and our lock.
            if create:
                sync_folder(path.parent)
            self.size = os.fstat(self._file).st_size
            self._uncached = 0
        except BlockingIOError as error:
            os.close(self._file)
            raise Conflict("this node is already receiving this file") from error
        except BaseException:
            os.close(self._file)
            raise

    def append(self, data: bytes | bytearray) -> None:
        """Write at the end, without syncing."""
        self.extend([data])

    def extend(self, pieces: Sequence[bytes | bytearray]) -> None:
        """Write ``pieces``, one after the other, at the end, without syncing."""
        views = deque(memoryview(piece) for piece in pieces if piece)
        while views:
            count = os.pwritev(self._file, list(islice(views, _PIECES)), self.size)
            self.size += count
            while count:
                view = views.popleft()
                if count < len(view):
                    views.appendleft(view[count:])
                count -= min(count, len(view))

    def truncate(self, size: int) -> None:
        """Remove everything after the first ``size`` bytes."""
        os.ftruncate(self._file, size)
        self.size = min(self.size, size)
        self._uncached = min(self._uncached, size)

    def sync(self) -> int:
        """Sync the file. Return how many bytes are on the disk: those that were appended before the call."""
        size = self.size
        os.fdatasync(self._file)
        if size > CACHED and hasattr(os, "posix_fadvise"):
            os.posix_fadvise(self._file, self._uncached, size - self._uncached, os.POSIX_FADV_DONTNEED)
            self._uncached = size
        return size

    def pieces(self, start: int = 0) -> Iterator[bytes]:
        """Yield the bytes from ``start`` to the end."""
        while piece := os.pread(self._file, READ_SIZE, start):
            start += len(piece)
            yield piece

    def close(self) -> None:
        """Close the file and release the lock."""
        os.close(self._file)


def _is_at(path: Path, file: int) -> bool:
    try:
        return os.path.samestat(os.stat(path, follow_symlinks=False), os.fstat(file))
    except FileNotFoundError:
        return False


def disk_fault(what: str, error: OSError) -> LocalFault:
    """Return the fault for ``error`` of a disk; ``what`` could not be done. ``NoRoom`` if more free space helps."""
    if error.errno in _FULL:
        return NoRoom(
            f"{what}: the disk of this node is full", remedy="the operator must free disk space; then try again"
        )
    return LocalFault(f"{what}: {error.strerror or error}")


def rename_durably(old: Path, new: Path) -> None:
    """Rename within one file system, and sync the folders of both."""
    os.replace(old, new)
    sync_folder(new.parent)
    if old.parent != new.parent:
        sync_folder(old.parent)

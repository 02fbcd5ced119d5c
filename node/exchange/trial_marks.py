"""Marks of stored bytes that are only a trial: an empty file for each, with the time of the last arrival.

A lock on a file of the folder keeps processes apart: one at a time makes a mark, takes it away, or ends it with its
bytes. Marks that were just made are not ended: a store of the same bytes takes them away once it has named them.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from node.base.disk import sync_folder

_LOCK: Final = "lock"


class TrialMarks:
    """The marks in a folder, which is made for the first trial."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def mark(self, sha256: str, target: Path) -> None:
        """Mark the bytes that are about to be stored at ``target``. Bytes that are there unmarked stay unmarked."""
        if not self._root.is_dir():
            self._root.mkdir(mode=0o700, exist_ok=True)
            sync_folder(self._root.parent)
        with self._lock():
            path = self._root / sha256
            if path.exists() or not target.exists():
                path.touch(mode=0o600)
                sync_folder(self._root)

    def expire(self, sha256: str, target: Path) -> None:
        """Mark the bytes at ``target``, if they are there and have no mark."""
        if not self._root.is_dir():
            self._root.mkdir(mode=0o700, exist_ok=True)
            sync_folder(self._root.parent)
        with self._lock():
            path = self._root / sha256
            if target.exists() and not path.exists():
                path.touch(mode=0o600)
                sync_folder(self._root)

    def renew(self, sha256: str) -> None:
        """Let a mark count from now on, if there is one."""
        path = self._root / sha256
        if _arrival(path) is not None:
            with self._lock():
                if _arrival(path) is not None:
                    os.utime(path)

    def clear(self, sha256: str) -> None:
        """Take the mark away; the bytes stay."""
        if _arrival(self._root / sha256) is not None:
            with self._lock():
                (self._root / sha256).unlink(missing_ok=True)
                sync_folder(self._root)

    def names(self, before: float) -> Sequence[str]:
        """Return the names of marks that are older than ``before``."""
        marks = [path for path in self._root.iterdir() if path.name != _LOCK] if self._root.is_dir() else []
        return sorted(path.name for path in marks if (_arrival(path) or before) < before)

    def end(self, sha256: str, before: float, remove: Callable[[], bool]) -> bool:
        """Call ``remove`` and take the mark away, if it still is there and older than ``before``."""
        if not self._root.is_dir():
            return False
        with self._lock():
            path = self._root / sha256
            arrival = _arrival(path)
            if arrival is None or arrival >= before:
                return False
            removed = remove()
            path.unlink(missing_ok=True)
            return removed

    @contextmanager
    def _lock(self) -> Iterator[None]:
        file = os.open(self._root / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield
        finally:
            os.close(file)


def _arrival(path: Path) -> float | None:
    """Return the time of a mark; None if there is none."""
    try:
        return path.lstat().st_mtime
    except FileNotFoundError:
        return None

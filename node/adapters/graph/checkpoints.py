"""Read-only copies of the store for queries: hard links, made when the store changed, removed when unused."""

from __future__ import annotations

import secrets
import shutil
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path


@dataclass(slots=True, eq=False)
class Copy:
    """One copy of the store, and the number of its readers."""

    path: Path
    generation: int
    readers: int = 0


class Checkpoints:
    """Keeps the newest copy, and older copies for as long as a query reads them."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lock = threading.Lock()
        self._newest: Copy | None = None
        self._count = 0
        self._cleaned = False

    def clean(self) -> None:
        """Remove the copies that a killed process left; done once, by the process that has just opened the store."""
        if not self._cleaned:  # a store that is opened again, perhaps for a copy that is just being made
            self._cleaned = True
            shutil.rmtree(self._folder, ignore_errors=True)

    def acquire(self, generation: int, make: Callable[[Path], None]) -> Copy:
        """Return a copy of the state ``generation``, made by ``make`` if needed; it stays until ``release``."""
        with self._lock:
            if self._newest is None or self._newest.generation != generation:
                self._folder.mkdir(parents=True, exist_ok=True)
                self._count += 1
                # No folder ever has the name of an earlier one: a child that is kept knows its copy by the name.
                path = self._folder / f"{self._count}-{secrets.token_hex(8)}"
                try:
                    make(path)
                except BaseException:
                    shutil.rmtree(path, ignore_errors=True)
                    raise
                self._retire()
                self._newest = Copy(path, generation)
            self._newest.readers += 1
            return self._newest

    def newest(self, generation: int) -> Copy | None:
        """Return the copy of the state ``generation`` if there is one; it stays until ``release``."""
        with self._lock:
            if self._newest is None or self._newest.generation != generation:
                return None
            self._newest.readers += 1
            return self._newest

    def release(self, copy: Copy) -> None:
        with self._lock:
            copy.readers -= 1
            if copy.readers == 0 and copy is not self._newest:
                shutil.rmtree(copy.path, ignore_errors=True)

    def drop(self) -> None:
        """Forget the newest copy: it is deleted when its last reader has ended."""
        with self._lock:
            self._retire()

    def _retire(self) -> None:
        copy, self._newest = self._newest, None
        if copy is not None and copy.readers == 0:
            shutil.rmtree(copy.path, ignore_errors=True)

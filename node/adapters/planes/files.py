"""Assets in a local folder, each under the name of its SHA-256.

``root/ab/cdef…`` holds the asset with the SHA-256 ``abcdef…``; ``root/incoming`` holds assets that are still
arriving. Names are made here from hashes alone, files are opened without following links, and an asset appears under
its name only when all its bytes and the name itself are on the disk.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import re
import stat
import time
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import BinaryIO, Final
from weakref import WeakValueDictionary

from node.base.disk import sync_folder
from node.base.errors import InvalidInput, LocalFault, NotFound, TooLarge
from node.base.ids import new_uuid
from node.exchange.intake import fill
from node.exchange.offloop import off_loop, open_off_loop
from node.exchange.ports import StoredBytes
from node.exchange.spool import READ_SIZE, PartFile, disk_fault, rename_durably
from node.exchange.trial_marks import TrialMarks

_SHA256: Final = re.compile(r"[0-9a-f]{64}")
_ABANDONED_AFTER: Final = 24 * 3600
_READ_FLAGS: Final = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK


class FolderAssets:
    """``AssetStore`` over a folder. Memory use is constant; file work happens in threads."""

    def __init__(self, root: Path) -> None:
        """Make the folder if it is missing, and remove the partial files of an earlier process."""
        self._root = root
        self._incoming = root / "incoming"
        self._incoming.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._trials = TrialMarks(root / "trials")
        self._verified: dict[str, tuple[int, ...]] = {}
        self._checks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        abandoned = time.time() - _ABANDONED_AFTER
        for left in self._incoming.iterdir():
            if left.lstat().st_mtime < abandoned:
                left.unlink(missing_ok=True)

    async def take_in(self, chunks: AsyncIterator[bytes], *, limit: int, trial: bool = False) -> StoredBytes:
        """Store a stream. Raises ``TooLarge`` at the first byte beyond ``limit``, ``NoRoom`` if the disk is full,
        ``LocalFault`` if it fails; errors of the stream pass through. After an error nothing is left behind."""
        try:
            part = await open_off_loop(PartFile, _drop, self._incoming / str(new_uuid()))
            try:
                return await self._fill(part, chunks, limit, trial=trial)
            finally:
                await off_loop(_drop, part)
        except OSError as error:
            raise disk_fault("the asset could not be stored", error) from error

    async def adopt(self, path: Path, *, limit: int) -> StoredBytes:
        """Store a copy of a file of this machine: a copy, since the original may be written to later.

        Raises ``NotFound``, ``InvalidInput`` for links, folders and devices, ``TooLarge``.
        """
        try:
            file = await open_off_loop(os.open, os.close, path, _READ_FLAGS)
        except FileNotFoundError as error:
            raise NotFound(f"the file {path.name} does not exist") from error
        except OSError as error:
            raise InvalidInput(
                f"{path.name} cannot be read: {error.strerror}", remedy="give the file itself, not a link to it"
            ) from error
        try:
            if not stat.S_ISREG(os.fstat(file).st_mode):
                raise InvalidInput(f"{path.name} is not a file")
            return await self.take_in(_pieces(file, 0, None), limit=limit)
        finally:
            os.close(file)

    async def open(self, sha256: str, *, start: int = 0, end: int | None = None) -> AsyncIterator[bytes]:
        """Yield the bytes from ``start`` to before ``end``, in pieces of at most 1 MiB. Raises ``NotFound``."""
        if not self.has(sha256):
            raise NotFound("this node does not have these bytes")
        return self._stream(sha256, start, end)

    async def verify(self, sha256: str) -> StoredBytes:
        """Hash the file again. Raises ``NotFound``, or ``LocalFault`` if the bytes do not match their name."""
        return await off_loop(self._verify, sha256)

    async def check(self, sha256: str) -> StoredBytes:
        """As ``verify``, unless this process has verified or written the same untouched file before."""
        async with self._checks.setdefault(sha256, asyncio.Lock()):  # A second caller need not hash it too.
            checksum = self._verified.get(sha256)
            if checksum is not None:
                try:
                    status = self._path(sha256).lstat()
                except FileNotFoundError as error:
                    raise NotFound("this node does not have these bytes") from error
                if _signature(status) == checksum:
                    return StoredBytes(sha256=sha256, size=status.st_size)
            return await self.verify(sha256)

    def remove(self, sha256: str) -> bool:
        """Delete the bytes; the deletion is on the disk. Return False if they are not here. Raises ``LocalFault``."""
        if not self.has(sha256):
            return False
        path = self._path(sha256)
        try:
            path.unlink(missing_ok=True)
            sync_folder(path.parent)
        except OSError as error:
            raise disk_fault("the bytes could not be deleted", error) from error
        self._verified.pop(sha256, None)
        return True

    def renew(self, sha256: str) -> None:
        self._path(sha256)
        self._trials.renew(sha256)

    def retain(self, sha256: str) -> None:
        self._path(sha256)
        self._trials.clear(sha256)

    def expire(self, sha256: str) -> None:
        self._trials.expire(sha256, self._path(sha256))

    def hold(self, sha256: str) -> bool:
        """Return whether the bytes are here. If they are a trial, they stay as long as one that arrives now."""
        if not _SHA256.fullmatch(sha256):
            return False
        self._trials.renew(sha256)
        return self.has(sha256)

    def trials(self, before: float) -> Sequence[str]:
        return [name for name in self._trials.names(before) if _SHA256.fullmatch(name)]

    def remove_trial(self, sha256: str, before: float) -> bool:
        self._path(sha256)
        return self._trials.end(sha256, before, lambda: self.remove(sha256))

    def has(self, sha256: str) -> bool:
        """Return whether the bytes are here; False also if the text is not a SHA-256 in lower-case hexadecimal."""
        return self.size(sha256) is not None

    def size(self, sha256: str) -> int | None:
        """Return the number of bytes; None if ``has`` is False."""
        try:
            status = self._path(sha256).lstat()
        except (FileNotFoundError, NotFound):
            return None
        return status.st_size if stat.S_ISREG(status.st_mode) else None

    def file(self, sha256: str) -> BinaryIO:
        """Return the bytes as a seekable file, for blocking readers. Raises ``NotFound``, ``LocalFault``."""
        return os.fdopen(self._open(sha256), "rb")

    def place(self, sha256: str) -> Path:
        """Return the path of the bytes, for children that may read this one file. Raises ``NotFound``."""
        if not self.has(sha256):
            raise NotFound("this node does not have these bytes")
        return self._path(sha256)

    def _path(self, sha256: str) -> Path:
        if not _SHA256.fullmatch(sha256):
            raise NotFound("this node does not have these bytes")
        return self._root / sha256[:2] / sha256[2:]

    def _open(self, sha256: str) -> int:
        try:
            return os.open(self._path(sha256), _READ_FLAGS)
        except FileNotFoundError as error:
            raise NotFound("this node does not have these bytes") from error
        except OSError as error:
            raise LocalFault(f"a stored asset cannot be read: {error.strerror}") from error

    async def _fill(self, part: PartFile, chunks: AsyncIterator[bytes], limit: int, *, trial: bool) -> StoredBytes:
        too_large = TooLarge(
            f"it is larger than {limit} bytes",
            remedy="the operator can raise the limit for assets",
            facts={"limit": limit},
        )
        sha256 = await fill(part, chunks, limit=limit, too_large=too_large)
        return await off_loop(self._store, part, sha256, trial)

    def _store(self, part: PartFile, sha256: str, trial: bool) -> StoredBytes:
        """Give the arrived bytes their name, and mark a trial before that; take the mark away for all others."""
        if trial:
            self._trials.mark(sha256, self._path(sha256))
            return self._name(part, sha256)
        self._trials.clear(sha256)
        result = self._name(part, sha256)
        # A trial of the same bytes may have come between.
        self._trials.clear(sha256)
        return result

    def _name(self, part: PartFile, sha256: str) -> StoredBytes:
        """Give the arrived bytes their name.

        If the same bytes have it already, they stay: somebody may be reading them by their path. Bytes that have
        changed on the disk are replaced.
        """
        result = StoredBytes(sha256=sha256, size=part.size)
        target = self._path(sha256)
        part.sync()
        os.chmod(part.path, 0o400)
        if not target.parent.exists():
            target.parent.mkdir(mode=0o700, exist_ok=True)
            sync_folder(self._root)
        if _is_named(part.path, target):
            # They were hashed on arrival. The signature is read only now: a new name changes a file's ``st_ctime``.
            self._verified[sha256] = _signature(target.lstat())
        elif self._is_intact(sha256):
            sync_folder(target.parent)  # Whoever gave the name may not have done so yet.
        else:
            rename_durably(part.path, target)
            self._verified[sha256] = _signature(target.lstat())
        return result

    def _is_intact(self, sha256: str) -> bool:
        """Return whether the stored bytes are those of their name; untouched ones are not hashed again."""
        try:
            if self._verified.get(sha256) != _signature(self._path(sha256).lstat()):
                self._verify(sha256)
        except (LocalFault, NotFound, FileNotFoundError):
            return False
        return True

    def _verify(self, sha256: str) -> StoredBytes:
        file = self._open(sha256)
        with os.fdopen(file, "rb", buffering=0) as handle:
            before = os.fstat(file)
            actual = hashlib.file_digest(handle, "sha256").hexdigest()
        if actual != sha256:
            self._verified.pop(sha256, None)
            raise LocalFault(f"the stored asset {sha256} has changed on the disk: its bytes are {actual} now")
        self._verified[sha256] = _signature(before)
        return StoredBytes(sha256=sha256, size=before.st_size)

    async def _stream(self, sha256: str, start: int, end: int | None) -> AsyncIterator[bytes]:
        file = await open_off_loop(self._open, os.close, sha256)
        try:
            async for piece in _pieces(file, start, end):
                yield piece
        finally:
            os.close(file)


async def _pieces(file: int, start: int, end: int | None) -> AsyncIterator[bytes]:
    at = start
    while end is None or at < end:
        size = READ_SIZE if end is None else min(READ_SIZE, end - at)
        piece = await off_loop(os.pread, file, size, at)
        if not piece:
            return
        at += len(piece)
        yield piece


def _is_named(part: Path, target: Path) -> bool:
    """Move ``part`` to ``target``, and return whether it was done; False if there is a file already."""
    try:
        os.link(part, target)
    except FileExistsError:
        return False
    except OSError:
        # A file system without links: two writers of the same bytes at the same moment replace each other's.
        if target.exists():
            return False
        rename_durably(part, target)
        return True
    part.unlink()
    sync_folder(target.parent)
    return True


def _drop(part: PartFile) -> None:
    part.close()
    part.path.unlink(missing_ok=True)


def _signature(status: os.stat_result) -> tuple[int, ...]:
    """Return values that differ after the file was written to or replaced."""
    return (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)

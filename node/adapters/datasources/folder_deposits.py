"""Files that arrive in a folder: written under a hidden name, synced, and only then named.

Each piece of a path is opened below the one before it, without following links. A deposit that was interrupted
continues after the bytes that are there and right.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import os
import stat
from pathlib import Path
from typing import Final

from node.base.errors import LocalFault, NoRoom
from node.datasources.errors import DataSourceUnreachable, EarlierContent, SinkOccupied, SinkRefuses
from node.datasources.sinks import Parcel, check_place
from node.exchange.offloop import off_loop

_STEP: Final = 8 << 20
_FOLDER: Final = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_DIRECTORY
_FILE: Final = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
_FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT})
_REFUSED: Final = frozenset({errno.EACCES, errno.EPERM, errno.EROFS, errno.EFBIG, errno.ENAMETOOLONG, errno.EINVAL})
_LEADING_OUT: Final = frozenset({errno.ELOOP, errno.ENOTDIR, errno.EISDIR})
_NO_LINKS: Final = frozenset({errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK, errno.EXDEV})


class FolderDeposits:
    """Puts files into a folder, and deletes them there (``node.datasources.sinks.SinkConnection``)."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def deposit(self, parcel: Parcel) -> bool:
        """See ``SinkConnection.deposit``."""
        check_place(parcel.path)
        try:
            place = await off_loop(_Place, self._folder, parcel.path, create=True)
            try:
                return await self._deposit(place, parcel)
            finally:
                await off_loop(place.close)
        except OSError as error:
            raise _fault(error) from error

    async def _deposit(self, place: _Place, parcel: Parcel) -> bool:
        content_hash = await place.sha256()
        if content_hash == parcel.sha256:
            await off_loop(place.discard, parcel.id)
            return False
        if content_hash is not None and content_hash != parcel.replaces:
            raise _occupation(parcel.path, EarlierContent)
        copy = await off_loop(_Copy, place, parcel)
        try:
            while await off_loop(copy.step):
                pass  # A piece at a time, so that a cancellation need not wait long.
            await off_loop(copy.finish)
        finally:
            await off_loop(copy.close)
        await off_loop(place.name, parcel.id, parcel.path, replace=content_hash is not None)
        return True

    async def abandon(self, parcel: Parcel) -> None:
        """See ``SinkConnection.abandon``."""
        try:
            place = await off_loop(_Place, self._folder, parcel.path, create=False)
        except FileNotFoundError:
            return
        except OSError as error:
            raise _fault(error) from error
        try:
            await off_loop(place.discard, parcel.id)
        except OSError as error:
            raise _fault(error) from error
        finally:
            await off_loop(place.close)

    async def remove(self, path: str, sha256: str) -> bool:
        """See ``SinkConnection.remove``."""
        check_place(path)
        try:
            if not await off_loop(self._folder.is_dir):
                raise DataSourceUnreachable("the folder of the data source is not there", remedy="check its disk")
            try:
                place = await off_loop(_Place, self._folder, path, create=False)
            except FileNotFoundError:
                return False
            try:
                content_hash = await place.sha256()
                if content_hash is None:
                    return False
                if content_hash != sha256:
                    raise SinkOccupied(
                        f"{path} was changed since this node sent it", remedy="look at it, and delete it by hand"
                    )
                await off_loop(place.unlink, path)
                return True
            finally:
                await off_loop(place.close)
        except OSError as error:
            raise _fault(error) from error


class _Place:
    """The folder of one file, opened without following links."""

    def __init__(self, root: Path, path: str, *, create: bool) -> None:
        """Raises ``OSError``."""
        *folders, self._name = path.split("/")
        self._hashed: tuple[int, ...] = ()
        self.folder = os.open(root, os.O_RDONLY | os.O_CLOEXEC | os.O_DIRECTORY)
        try:
            for piece in folders:
                self._descend(piece, create=create)
        except BaseException:
            self.close()
            raise

    def _descend(self, piece: str, *, create: bool) -> None:
        try:
            below = os.open(piece, _FOLDER, dir_fd=self.folder)
        except FileNotFoundError:
            if not create:
                raise
            try:
                os.mkdir(piece, 0o755, dir_fd=self.folder)
                os.fsync(self.folder)
            except FileExistsError:
                pass  # Another shipment has made it a moment ago.
            below = os.open(piece, _FOLDER, dir_fd=self.folder)
        os.close(self.folder)
        self.folder = below

    def close(self) -> None:
        os.close(self.folder)

    async def sha256(self) -> str | None:
        """Return the hash of the file at the place; None if there is none. Raises ``SinkOccupied`` for anything but a
        file."""
        file = await off_loop(self._open)
        if file is None:
            return None
        try:
            # Before it is read: what changes while it is read or later is noticed.
            self._hashed = _identity(await off_loop(os.fstat, file))
            digest = hashlib.sha256()
            while piece := await off_loop(os.read, file, _STEP):
                await off_loop(digest.update, piece)
            return digest.hexdigest()
        finally:
            await off_loop(os.close, file)

    def _open(self) -> int | None:
        try:
            file = os.open(self._name, _FILE, dir_fd=self.folder)
        except FileNotFoundError:
            return None
        except OSError as error:
            if error.errno in _LEADING_OUT or error.errno == errno.ENXIO:
                raise _occupation(self._name) from error
            raise
        if not stat.S_ISREG(os.fstat(file).st_mode):
            os.close(file)
            raise _occupation(self._name)
        return file

    def name(self, parcel_id: str, path: str, *, replace: bool) -> None:
        """Give the finished copy its name. Raises ``SinkOccupied`` if a file has come there meanwhile, or if the
        one that was hashed changed."""
        part = part_name(parcel_id)
        folders = {"src_dir_fd": self.folder, "dst_dir_fd": self.folder}
        if replace and self._is_as_hashed(path):
            os.rename(part, self._name, **folders)
        else:
            try:
                os.link(part, self._name, follow_symlinks=False, **folders)
            except FileExistsError as error:
                raise _occupation(path) from error
            except OSError as error:
                if error.errno not in _NO_LINKS:
                    raise
                if self._open() is not None:
                    raise _occupation(path) from error
                os.rename(part, self._name, **folders)
            else:
                os.unlink(part, dir_fd=self.folder)
        os.fsync(self.folder)

    def discard(self, parcel_id: str) -> None:
        """Remove an unfinished copy."""
        try:
            os.unlink(part_name(parcel_id), dir_fd=self.folder)
        except FileNotFoundError:
            return
        os.fsync(self.folder)

    def _is_as_hashed(self, path: str) -> bool:
        """Return whether the file that was hashed is still there, unchanged; False if nothing is. Raises
        ``SinkOccupied`` for anything else."""
        try:
            status = os.stat(self._name, dir_fd=self.folder, follow_symlinks=False)
        except FileNotFoundError:
            return False
        if _identity(status) != self._hashed:
            raise SinkOccupied(
                f"{path} was changed since this node sent it", remedy="look at it, and delete it by hand"
            )
        return True

    def unlink(self, path: str) -> None:
        """Delete the file that was hashed. Raises ``SinkOccupied`` if it changed since."""
        if self._is_as_hashed(path):
            os.unlink(self._name, dir_fd=self.folder)
            os.fsync(self.folder)


class _Copy:
    """A copy that grows. What is there of an earlier attempt is compared with the file, and kept as far as it is
    right."""

    def __init__(self, place: _Place, parcel: Parcel) -> None:
        flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
        self._parcel = parcel
        self._digest = hashlib.sha256()
        self._at = 0
        self._source = os.open(parcel.file, os.O_RDONLY | os.O_CLOEXEC)
        try:
            self._target = os.open(part_name(parcel.id), flags, 0o644, dir_fd=place.folder)
        except BaseException:
            os.close(self._source)
            raise
        try:
            fcntl.flock(self._target, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            self.close()
            raise DataSourceUnreachable("another process of this node is sending the same file") from error
        except OSError:
            self.close()
            raise

    def step(self) -> bool:
        """Copy one piece; return whether there was one."""
        piece = os.pread(self._source, _STEP, self._at)
        if not piece:
            return False
        self._digest.update(piece)
        if os.pread(self._target, len(piece), self._at) != piece:
            view, at = memoryview(piece), self._at
            while view:
                count = os.pwrite(self._target, view, at)
                view, at = view[count:], at + count
        self._at += len(piece)
        return True

    def finish(self) -> None:
        """Sync the copy. Raises ``LocalFault`` if the file is not what was verified."""
        if self._digest.hexdigest() != self._parcel.sha256:
            raise LocalFault("the received file changed while it was sent")
        os.ftruncate(self._target, self._at)
        os.fsync(self._target)

    def close(self) -> None:
        os.close(self._source)
        os.close(self._target)


def _identity(status: os.stat_result) -> tuple[int, ...]:
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns


def part_name(parcel_id: str) -> str:
    """Return the hidden name under which a copy grows."""
    return f".hansa-{parcel_id}.part"


def _occupation(path: str, kind: type[SinkOccupied] = SinkOccupied) -> SinkOccupied:
    return kind(f"there is something else at {path} already", remedy="choose another place, or move what is there")


def _fault(error: OSError) -> Exception:
    """Return the error of a folder in words, without its address."""
    if error.errno in _FULL:
        return NoRoom("the disk of the data source is full", remedy="make room there: this node tries again")
    if error.errno in _LEADING_OUT:
        return SinkRefuses(
            "a folder of this place is a link or a file, which this node does not follow",
            remedy="choose another place",
        )
    if error.errno in _REFUSED:
        return SinkRefuses(
            f"the folder does not let this node write: {os.strerror(error.errno or 0)}",
            remedy="give the user of the node the right to write there, then try again",
        )
    return DataSourceUnreachable(
        f"the folder of the data source cannot be written: {os.strerror(error.errno or 0)}", remedy="check its disk"
    )

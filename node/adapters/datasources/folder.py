"""Folders of this machine as a data source: only those that the operator allows in the settings.

Each piece of a path is opened below the one before it, without following links, so that a name cannot lead out of the
folder, not even if it changes meanwhile.
"""

from __future__ import annotations

import mimetypes
import os
import stat
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

from node.adapters.datasources.folder_deposits import FolderDeposits
from node.base.errors import ForbiddenAddress, InvalidInput, NotFound
from node.datasources.errors import DataSourceChanged, DataSourceUnreachable, NoSuchRange
from node.datasources.model import Scheme, Setup, check_path
from node.datasources.ports import Abilities, DataConnection, Extract, Item, Parameters, Question
from node.datasources.sinks import Note, Parcel
from node.exchange.offloop import off_loop, open_off_loop

_PIECE: Final = 256 * 1024
_DEEPEST: Final = 12
_FOLDER: Final = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_DIRECTORY
_FILE: Final = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK


class FolderConnector:
    """``node.datasources.ports.Connector`` for folders. ``roots`` are the operator's folders, ``own`` is the node's
    data folder, which is never shared."""

    kind = "folder"
    options: tuple[str, ...] = ()

    def __init__(self, roots: Sequence[Path], own: Path) -> None:
        self._roots = tuple(folder.resolve() for folder in roots)
        self._own = own.resolve()

    def check(self, setup: Setup) -> None:
        self._folder(setup)

    def connect(self, setup: Setup) -> DataConnection:
        return FolderConnection(self._folder(setup))

    def _folder(self, setup: Setup) -> Path:
        if setup.credentials.scheme is not Scheme.NONE:
            raise InvalidInput("a folder takes no credentials", remedy="leave them out")
        path = Path(setup.address)
        if not path.is_absolute():
            raise InvalidInput("a folder is named by its whole path", remedy="such as /srv/open-data")
        folder = path.resolve()
        if not any(folder.is_relative_to(place) for place in self._roots):
            raise ForbiddenAddress(
                "the settings of this node do not allow this folder",
                remedy="an operator adds it to data_source_folders in hansa.toml",
            )
        if folder.is_relative_to(self._own) or self._own.is_relative_to(folder):
            raise ForbiddenAddress(
                "the folder holds the node's own data and keys", remedy="move what you share to another folder"
            )
        return folder


class FolderConnection:
    """A connection to a folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._deposits = FolderDeposits(folder)

    @property
    def abilities(self) -> Abilities:
        return Abilities(ranges=True)

    async def items(self, limit: int) -> Sequence[Item]:
        return await off_loop(self._list, limit)

    def is_description(self, item: str, path: str, parameters: Parameters = ()) -> bool:
        del item, path, parameters
        return False

    @asynccontextmanager
    async def read(self, item: str, question: Question) -> AsyncIterator[Extract]:
        if question.path or question.parameters:
            raise InvalidInput("this is a file, which takes no query", remedy="leave out what follows its address")
        if not item or item.endswith("/"):
            raise NotFound("the data source has no file of this name", remedy="hansa source test lists its files")
        check_path(item)
        file = await open_off_loop(self._open, os.close, item)
        try:
            status = os.fstat(file)
            if not stat.S_ISREG(status.st_mode):
                raise NotFound("the data source has no file of this name", remedy="hansa source test lists its files")
            total = status.st_size
            part = None if question.span is None else question.span.within(total)
            if question.span is not None and part is None:
                raise NoSuchRange(f"the file has {total} bytes", remedy="ask for a range within the file")
            start, end = part or (0, total)
            yield Extract(
                media_type=_media_type(item),
                chunks=_pieces(file, start, end, _signature(status)),
                start=start,
                size=end - start,
                total=total,
                is_part=part is not None,
                etag='"{:x}-{:x}-{:x}"'.format(*_signature(status)),
            )
        finally:
            await off_loop(os.close, file)

    async def deposit(self, parcel: Parcel, note: Note) -> bool:
        del note  # What is there is compared with the file: nothing has to be noted.
        return await self._deposits.deposit(parcel)

    @property
    def is_replacing(self) -> bool:
        return True

    async def abandon(self, parcel: Parcel) -> None:
        await self._deposits.abandon(parcel)

    async def remove(self, path: str, sha256: str) -> bool:
        return await self._deposits.remove(path, sha256)

    def _open(self, item: str) -> int:
        try:
            at = os.open(self._folder, _FOLDER)
        except OSError as error:
            raise DataSourceUnreachable(
                "the folder of the data source cannot be read", remedy="its steward checks it: hansa source test"
            ) from error
        *folders, name = item.split("/")
        try:
            for piece in folders:
                below = os.open(piece, _FOLDER, dir_fd=at)
                os.close(at)
                at = below
            return os.open(name, _FILE, dir_fd=at)
        except OSError as error:
            # A link, a folder or something forbidden is not there either, as far as readers are concerned.
            raise NotFound(
                "the data source has no file of this name", remedy="hansa source test lists its files"
            ) from error
        finally:
            os.close(at)

    def _list(self, limit: int) -> Sequence[Item]:
        if not os.access(self._folder, os.R_OK | os.X_OK):
            raise DataSourceUnreachable("the folder of the data source cannot be read", remedy="check its rights")
        items: list[Item] = []
        for place, folders, files in os.walk(self._folder):
            below = Path(place).relative_to(self._folder)
            folders[:] = sorted(name for name in folders if not name.startswith("."))
            if len(below.parts) >= _DEEPEST:
                folders.clear()
            for name in sorted(files):
                path = Path(place) / name
                if name.startswith(".") or path.is_symlink() or not path.is_file():
                    continue
                if len(items) == limit:
                    return items
                inside = (below / name).as_posix()
                items.append(Item(path=inside, media_type=_media_type(name), size=path.stat().st_size))
        return items


def _media_type(name: str) -> str:
    return mimetypes.guess_type(name)[0] or ""


def _signature(status: os.stat_result) -> tuple[int, int, int]:
    return status.st_ino, status.st_size, status.st_mtime_ns


async def _pieces(file: int, start: int, end: int, signature: tuple[int, int, int]) -> AsyncIterator[bytes]:
    """Yield the bytes of the file as it was when it was opened. Raises ``DataSourceChanged``, before the last piece,
    if it has been written to since."""
    at = start
    while at < end:
        piece = await off_loop(os.pread, file, min(_PIECE, end - at), at)
        if not piece or _signature(os.fstat(file)) != signature:
            raise DataSourceChanged("the file was written to while it was read", remedy="read it again")
        at += len(piece)
        yield piece

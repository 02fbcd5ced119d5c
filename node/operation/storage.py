"""The room that a node takes on its disk: by place, by asset, and its backups."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import Any, Final

from anyio.to_thread import run_sync

from node.base.clock import Clock, stamp
from node.base.work import Transaction, UnitOfWork
from node.catalogue.model import Record
from node.catalogue.ports import RecordStore
from node.identity.model import Caller
from node.identity.roles import UseCase, require

LISTED: Final = 50
"""The number of assets on a page."""
MOST_FILES: Final = 200_000
"""The most files of a place that are counted; the size of a place with more is a lower bound."""
_FRESH: Final = timedelta(minutes=1)
_BACKUPS: Final = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Backup:
    """A backup in the node's folder. ``sealed``: it is encrypted."""

    name: str
    size: int
    at: datetime
    sealed: bool

    def to_json(self) -> dict[str, Any]:
        return {"name": self.name, "bytes": self.size, "at": stamp(self.at), "sealed": self.sealed}


@dataclass(frozen=True, slots=True, kw_only=True)
class AssetRoom:
    """An asset of this node, and the bytes of the files of its newest version; ``earlier`` are those that only its
    earlier versions have, as far as they are kept."""

    iri: str
    kind: str
    titles: Mapping[str, str]
    files: int
    size: int
    earlier: int = 0

    def to_json(self) -> dict[str, Any]:
        return {
            "iri": self.iri,
            "kind": self.kind,
            "titles": dict(self.titles),
            "files": self.files,
            "bytes": self.size,
            "earlierBytes": self.earlier,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class StorageView:
    """The use of the disk. ``places`` maps a part of the data folder to its bytes; ``next`` begins the next page of
    assets, empty on the last one."""

    free: int
    places: Mapping[str, int]
    backups: Sequence[Backup]
    assets: Sequence[AssetRoom]
    next: str = ""

    def to_json(self) -> dict[str, Any]:
        return {
            "free": self.free,
            "places": dict(self.places),
            "backups": [backup.to_json() for backup in self.backups],
            "assets": [asset.to_json() for asset in self.assets],
            "next": self.next or None,
        }


class Storage:
    """Reads the use of the disk. The sizes of places are measured at most once a minute."""

    def __init__(
        self, uow: UnitOfWork, records: RecordStore, clock: Clock, *, folder: Path, backups: Path, me: str
    ) -> None:
        self._uow = uow
        self._records = records
        self._clock = clock
        self._folder = folder
        self._backups = backups
        self._me = me
        self._lock = threading.Lock()
        self._places: Mapping[str, int] = {}
        self._measured: datetime | None = None

    async def view(self, by: Caller, *, after: str = "") -> StorageView:
        """Return the use of the disk, with the assets whose IRIs come after ``after``. Raises ``NotAllowed``."""
        require(by, UseCase.READ_OPERATION)
        return await run_sync(self._read, after)

    def _read(self, after: str) -> StorageView:
        with self._uow.read() as tx:
            records = self._records.current(tx, origins=(self._me,), after=after, limit=LISTED + 1)
            assets = [self._room_of(tx, record) for record in records[:LISTED]]
        usage = os.statvfs(self._folder)
        return StorageView(
            free=usage.f_bavail * usage.f_frsize,
            places=self._sizes(),
            backups=list(backups_in(self._backups)),
            assets=assets,
            next=records[LISTED - 1].iri if len(records) > LISTED else "",
        )

    def _room_of(self, tx: Transaction, record: Record) -> AssetRoom:
        earlier: dict[str, int] = {}
        if record.version > 1:
            files = [file for _, files in self._records.kept_files(tx, record.iri) for file in files]
            earlier = {file.sha256: file.size for file in files if file.sha256 and file.source is None}
        for file in record.files:
            earlier.pop(file.sha256, None)
        return AssetRoom(
            iri=record.iri,
            kind=record.kind,
            titles=record.titles,
            files=len(record.files),
            size=sum(file.size or 0 for file in record.files),
            earlier=sum(earlier.values()),
        )

    def _sizes(self) -> Mapping[str, int]:
        with self._lock:
            now = self._clock.now()
            if self._measured is None or not timedelta() <= now - self._measured < _FRESH:
                sizes: dict[str, int] = {}
                for entry in sorted(os.scandir(self._folder), key=lambda entry: entry.name):
                    name = "database" if entry.name.startswith("hansa.sqlite") else entry.name
                    sizes[name] = sizes.get(name, 0) + _size_of(entry)
                self._places, self._measured = dict(sorted(sizes.items(), key=lambda item: -item[1])), now
            return self._places


def newest_backup(folder: Path) -> Backup | None:
    """Return the newest backup in ``folder``."""
    return next(backups_in(folder), None)


def backups_in(folder: Path) -> Iterator[Backup]:
    """Yield the backups in ``folder``, the newest first, at most twenty."""
    if not folder.is_dir():
        return
    backups = [
        Backup(
            name=path.name,
            size=path.stat().st_size,
            at=datetime.fromtimestamp(path.stat().st_mtime, UTC),
            sealed=path.suffix == ".age",
        )
        for path in folder.iterdir()
        if path.is_file() and path.name.endswith((".tar", ".tar.age"))
    ]
    yield from sorted(backups, key=lambda backup: (backup.at, backup.name), reverse=True)[:_BACKUPS]


def _size_of(entry: os.DirEntry[str]) -> int:
    """Return the bytes of a file, or of the files below a folder. A file that goes away meanwhile counts nothing."""
    if not entry.is_dir(follow_symlinks=False):
        return _bytes_of(Path(entry.path))
    paths = (Path(folder) / name for folder, _, names in os.walk(entry.path) for name in names)
    return sum(_bytes_of(path) for path in islice(paths, MOST_FILES))


def _bytes_of(path: Path) -> int:
    try:
        return path.lstat().st_size
    except OSError:
        return 0

"""``hansa backup`` and ``hansa restore``: a node in one file.

The archive holds the database (copied while the node runs), keys, settings, token, the bytes of published assets
and what was received. The views are left out: they follow from the ledger. A restored node has a higher epoch,
which peers see: it may have forgotten what it did after the backup.
"""

from __future__ import annotations

import os
import tarfile
import tempfile
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from node.base.errors import Conflict, InvalidInput, LocalFault
from node.bootstrap.parts import open_stores, places
from node.bootstrap.soundness import HEAD
from node.settings import FILE, load

DATABASE = "hansa.sqlite"
LEFT_OUT = frozenset({"graph", "search", "backups", HEAD, DATABASE, f"{DATABASE}-wal", f"{DATABASE}-shm"})


@dataclass(frozen=True, slots=True)
class Written:
    """A backup that was made."""

    path: Path
    size: int
    entries: int


@dataclass(frozen=True, slots=True)
class Restored:
    """A node that was restored."""

    epoch: int
    entries: int


def write_backup(folder: Path, target: Path | None = None) -> Written:
    """Back up the node in ``folder``, which may be running, into ``target``.

    The file appears under its name only when it is complete. Raises ``InvalidInput`` for a node on PostgreSQL,
    whose database is backed up with its own tools.
    """
    from node.adapters.sql.backup import backup_sqlite

    settings = load(folder)
    if not settings.embedded:
        raise InvalidInput(
            "this node's database is PostgreSQL", remedy="back it up with pg_dump, and the folder as files"
        )
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
    path = target or places(folder).backups / f"hansa-{stamp}.tar"
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    staged = path.with_name(path.name + ".part")
    with tempfile.TemporaryDirectory(dir=path.parent) as scratch:
        copy = Path(scratch) / DATABASE
        backup_sqlite(settings.database, copy)
        # A new file of ours: one that somebody else had put there first would stay readable to them, keys and all.
        staged.unlink(missing_ok=True)
        descriptor = os.open(staged, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_NOFOLLOW, 0o600)
        with os.fdopen(descriptor, "wb") as out, tarfile.open(fileobj=out, mode="w") as archive:
            archive.add(copy, DATABASE)
            for entry in sorted(folder.iterdir()):
                if entry.name not in LEFT_OUT and not entry.name.startswith("."):
                    archive.add(entry, entry.name, filter=_whole_files)
            archive.close()
            out.flush()
            os.fsync(out.fileno())
    entries = _entries(folder)
    staged.rename(path)
    return Written(path=path, size=path.stat().st_size, entries=entries)


def read_backup(archive: Path, folder: Path) -> Restored:
    """Restore ``archive`` into the new folder ``folder`` and raise the epoch.

    Raises ``Conflict`` where the folder holds anything, ``InvalidInput`` for a file that is no backup.
    """
    if folder.exists() and any(folder.iterdir()):
        raise Conflict(f"{folder} is not empty", remedy="restore into a new folder")
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    try:
        with tarfile.open(archive) as opened:
            # The filter refuses names that lead out of the folder, links and devices (PEP 706).
            opened.extractall(folder, filter="data")
    except (tarfile.TarError, OSError) as error:
        raise InvalidInput(f"{archive} cannot be read as a backup: {error}") from error
    if not (folder / FILE).is_file() or not (folder / DATABASE).is_file():
        raise InvalidInput(f"{archive} is not the backup of a node")
    _tighten(folder)
    stores = open_stores(load(folder))
    try:
        with stores.uow.begin() as tx:
            epoch = stores.meta.raise_epoch(tx, stores.ledger.size(tx))
    finally:
        stores.uow.close()
    return Restored(epoch=epoch, entries=_entries(folder))


def _entries(folder: Path) -> int:
    stores = open_stores(load(folder))
    try:
        with stores.uow.read() as tx:
            return stores.ledger.size(tx)
    finally:
        stores.uow.close()


def _tighten(folder: Path) -> None:
    """Keys and database are nobody else's business, whatever the archive's modes were."""
    for path in (folder / "keys", folder / "token", folder / FILE, folder / DATABASE):
        for one in (path, *(path.rglob("*") if path.is_dir() else ())):
            if one.exists():
                one.chmod(0o700 if one.is_dir() else 0o600)


def _whole_files(member: tarfile.TarInfo) -> tarfile.TarInfo | None:
    """Leave out what is still being written; it would not be whole."""
    if member.name.endswith(".part"):
        return None
    if not (member.isfile() or member.isdir()):
        raise LocalFault(f"{member.name} in the data folder is neither a file nor a folder")
    return member

"""``hansa backup`` and ``hansa restore``: a node in one file.

The archive has the database (copied while the node runs), keys, settings, token, the bytes of published assets
and received files. The views are left out: they are rebuilt from the ledger. A restored node has a higher epoch,
which shows peers that it may have lost what it did after the backup.
"""

from __future__ import annotations

import io
import os
import shutil
import tarfile
import tempfile
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO, cast

from node.adapters.chain_snapshot import NAME as CHAINS
from node.adapters.signed_head import HEAD
from node.base.errors import Conflict, InvalidInput, LocalFault
from node.bootstrap.parts import open_stores, places
from node.exchange.age_header import Unsealable
from node.exchange.age_stream import OpeningFile, SealingFile, is_sealed
from node.exchange.sealkeys import SealIdentity
from node.settings import FILE, load

DATABASE = "hansa.sqlite"
LEFT_OUT = frozenset({"graph", "search", "backups", CHAINS, HEAD, DATABASE, f"{DATABASE}-wal", f"{DATABASE}-shm"})


@dataclass(frozen=True, slots=True)
class WrittenBackup:
    """A backup that was made."""

    path: Path
    size: int
    entries: int


@dataclass(frozen=True, slots=True)
class RestoredNode:
    """A node that was restored."""

    epoch: int
    entries: int


def write_backup(folder: Path, target: Path | None = None, *, recipient: bytes | None = None) -> WrittenBackup:
    """Back up the node in ``folder``, which may be running, into ``target``; seal the file for ``recipient``, a raw
    X25519 key, if there is one.

    The file appears under its name only when it is complete. Raises ``InvalidInput`` for a node on PostgreSQL: its
    database is backed up with the tools of PostgreSQL.
    """
    from node.adapters.sql.backup import backup_sqlite

    settings = load(folder)
    if not settings.is_embedded:
        raise InvalidInput(
            "this node's database is PostgreSQL", remedy="back it up with pg_dump, and the folder as files"
        )
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
    path = target or places(folder).backups / f"hansa-{stamp}.tar{'.age' if recipient else ''}"
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    temporary = path.with_name(path.name + ".part")
    # The copy of the database is not encrypted: it is made inside the node's own folder, whatever the target is.
    places(folder).backups.mkdir(exist_ok=True, mode=0o700)
    with tempfile.TemporaryDirectory(dir=places(folder).backups) as scratch:
        copy = Path(scratch) / DATABASE
        backup_sqlite(settings.database, copy)
        # A new file: a file that another user had put there would stay readable to that user, with the keys in it.
        temporary.unlink(missing_ok=True)
        descriptor = os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_NOFOLLOW, 0o600)
        with os.fdopen(descriptor, "wb") as out:
            if recipient is None:
                _pack(folder, copy, out)
            else:
                sealing = SealingFile(out, recipient)
                try:
                    _pack(folder, copy, sealing)
                except BaseException:
                    sealing.abandon()
                    raise
                sealing.close()
            out.flush()
            os.fsync(out.fileno())
    entries = _entries(folder)
    temporary.rename(path)
    return WrittenBackup(path=path, size=path.stat().st_size, entries=entries)


def _pack(folder: Path, copy: Path, out: io.RawIOBase | BinaryIO) -> None:
    """Write the tar file, from the beginning to the end."""
    with tarfile.open(fileobj=cast("BinaryIO", out), mode="w|") as archive:
        archive.add(copy, DATABASE)
        for entry in sorted(folder.iterdir()):
            if entry.name not in LEFT_OUT and not entry.name.startswith("."):
                archive.add(entry, entry.name, filter=_whole_files)


def read_backup(archive: Path, folder: Path, *, identity: SealIdentity | None = None) -> RestoredNode:
    """Restore ``archive`` into the new folder ``folder`` and raise the epoch; ``identity`` opens a sealed one.

    Unpacked files are removed again if the archive is cut off, changed, or sealed for another key. Raises
    ``Conflict`` if the folder is not empty, ``InvalidInput`` if the file is not a backup.
    """
    if folder.exists() and any(folder.iterdir()):
        raise Conflict(f"{folder} is not empty", remedy="restore into a new folder")
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    try:
        with archive.open("rb") as file:
            _unpack(file, folder, identity)
    except (tarfile.TarError, OSError, EOFError, Unsealable) as error:
        for one in folder.iterdir():
            shutil.rmtree(one) if one.is_dir() else one.unlink()
        why = error.detail if isinstance(error, Unsealable) else str(error)
        raise InvalidInput(f"{archive} cannot be read as a backup: {why}", remedy="try an earlier backup") from error
    if not (folder / FILE).is_file() or not (folder / DATABASE).is_file():
        raise InvalidInput(f"{archive} is not the backup of a node", remedy="give a file that hansa backup wrote")
    _tighten(folder)
    stores = open_stores(load(folder))
    try:
        with stores.uow.begin() as tx:
            epoch = stores.meta.raise_epoch(tx, stores.ledger.size(tx))
    finally:
        stores.uow.close()
    return RestoredNode(epoch=epoch, entries=_entries(folder))


def _unpack(file: BinaryIO, folder: Path, identity: SealIdentity | None) -> None:
    sealed = is_sealed(file.read(256))
    file.seek(0)
    if sealed and identity is None:
        raise InvalidInput(
            "the backup is encrypted for an age key",
            remedy="name the file with that key: hansa restore -i IDENTITY …",
        )
    source: Any = OpeningFile(file, identity) if sealed and identity is not None else file
    with tarfile.open(fileobj=source, mode="r|") as opened:
        # The filter refuses names that lead out of the folder, links and devices (PEP 706).
        opened.extractall(folder, filter="data")
    # A tar file states its own end, but only the end of the sealed file shows whether that file is complete.
    while sealed and source.read(1 << 20):
        pass


def _entries(folder: Path) -> int:
    stores = open_stores(load(folder))
    try:
        with stores.uow.read() as tx:
            return stores.ledger.size(tx)
    finally:
        stores.uow.close()


def _tighten(folder: Path) -> None:
    """Make keys and database private, whatever modes the archive has."""
    for path in (folder / "keys", folder / "token", folder / FILE, folder / DATABASE):
        for one in (path, *(path.rglob("*") if path.is_dir() else ())):
            if one.exists():
                one.chmod(0o700 if one.is_dir() else 0o600)


def _whole_files(member: tarfile.TarInfo) -> tarfile.TarInfo | None:
    """Leave out files that are still being written, because they would not be complete."""
    if member.name.endswith(".part"):
        return None
    if not (member.isfile() or member.isdir()):
        raise LocalFault(
            f"{member.name} in the data folder is neither a file nor a folder",
            remedy="move it out of the data folder",
        )
    return member

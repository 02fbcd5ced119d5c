"""The snapshot of the feed's chains in a file of the data folder: a start reads it instead of the whole ledger."""

from __future__ import annotations

import contextlib
import logging
import os
from pathlib import Path
from typing import Final

from node.base.work import UnitOfWork
from node.catalogue.feed.content import ChainContent
from node.catalogue.feed.snapshot import SnapshotKey, content_of, key_of, lines_of
from node.ledger import merkle
from node.ledger.ports import LedgerStore
from node.ledger.usecases import reader

NAME: Final = "chains"

log = logging.getLogger("hansa.views")


class ChainSnapshot:
    """Implements ``node.catalogue.feed.snapshot.Snapshots``: the file ``chains`` in ``folder``.

    Not synced, and never needed: a file that is missing, damaged, or not of this ledger is not read.
    """

    def __init__(self, folder: Path, *, me: str, epoch: int, uow: UnitOfWork, ledger: LedgerStore) -> None:
        self._path = folder / NAME
        self._me = me
        self._epoch = epoch
        self._uow = uow
        self._ledger = ledger

    def newest(self) -> ChainContent | None:
        try:
            with self._path.open("r", encoding="ascii") as file:
                key = key_of(file.readline())
                if key != self._key(key.position):
                    log.info("the snapshot of the feed is of another state of the ledger, which is read instead")
                    return None
                return content_of(key, file)
        except FileNotFoundError:
            return None
        except (OSError, ValueError, KeyError, TypeError) as error:
            log.warning("the snapshot of the feed cannot be read, the ledger is read instead: %s", error)
            return None

    def store(self, content: ChainContent) -> None:
        key = self._key(content.position)
        if key is None:
            return
        temporary = self._path.with_name(f".{NAME}.{os.getpid()}")
        try:
            with temporary.open("w", encoding="ascii") as file:
                file.writelines(f"{line}\n" for line in lines_of(key, content))
            temporary.replace(self._path)
        except OSError as error:
            log.warning("the snapshot of the feed cannot be written, the next start reads the ledger: %s", error)
            with contextlib.suppress(OSError):
                temporary.unlink(missing_ok=True)

    def _key(self, position: int) -> SnapshotKey | None:
        """Return the key of the first ``position`` entries of the ledger; None if it has fewer."""
        with self._uow.read() as tx:
            if self._ledger.size(tx) < position:
                return None
            root = merkle.root_hash(position, reader(self._ledger, tx)).hex()
        return SnapshotKey(me=self._me, epoch=self._epoch, position=position, root=root)

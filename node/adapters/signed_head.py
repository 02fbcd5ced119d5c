"""Checks at the start, before any answer, that the database is the one that this node left behind.

Beside the database lies the newest ledger checkpoint that the node has signed (``signed-head`` in the data folder). A
database that was set back to an earlier state, or has lost the end of its log, contains less than that, or something
else. To continue with it would sign another history under the same numbers: anybody who has seen the first history
could prove that this node rewrites its ledger. The file is written after the commit that it describes, and not
synced: after a power cut it may be older than the database, never newer.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from node.adapters.sql.ledger import SqlLedgerStore
from node.adapters.sql.node_state import SqlMetaStore
from node.adapters.sql.work import SqlUnitOfWork
from node.base.clock import SystemClock
from node.base.errors import InvalidInput, LocalFault
from node.base.plaintext import word
from node.ledger import merkle
from node.ledger.checkpoints import LogKey, open_checkpoint
from node.ledger.model import Checkpoint
from node.ledger.usecases import reader

HEAD: Final = "signed-head"

log = logging.getLogger("hansa.soundness")


class SignedHead:
    """The newest signed checkpoint, in a file of the data folder."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / HEAD

    def keep(self, checkpoint: Checkpoint) -> None:
        """Put ``checkpoint`` in place of an older one."""
        staged = self.path.with_name(f".{HEAD}.{os.getpid()}")
        staged.write_text(checkpoint.note, "utf-8")
        staged.replace(self.path)

    def read(self, keys: Sequence[LogKey]) -> Checkpoint | None:
        """Return the stored head; None where no head is stored that this node signed."""
        try:
            note = self.path.read_text("utf-8")
        except FileNotFoundError:
            return None
        except (OSError, ValueError) as error:
            log.warning("the signed head cannot be read: %s", error)
            return None
        try:
            return open_checkpoint(note, keys, at=SystemClock().now(), origin=keys[0].name)
        except InvalidInput as error:
            # Torn by a power cut, or of another time: it proves nothing, and the next commit writes it anew.
            log.warning("the signed head is not valid: %s", error.detail)
            return None

    def forget(self) -> None:
        """Remove the file, to continue with the present content of the database."""
        self.path.unlink(missing_ok=True)


def require_newest(folder: Path, uow: SqlUnitOfWork, ledger: SqlLedgerStore, keys: Sequence[LogKey]) -> None:
    """Compare the ledger with the signed head. Raises ``LocalFault`` if it has fewer entries, or other content."""
    head = SignedHead(folder).read(keys)
    if head is None:
        return
    with uow.read() as tx:
        size = ledger.size(tx)
        same = size >= head.size and merkle.root_hash(head.size, reader(ledger, tx)) == head.root
    if same:
        return
    uow.close()  # A repair replaces this file with another.
    facts = {"signed": head.size, "held": size}
    remedy = (
        "put the newest database back, its -wal file with it; where there is none, hansa accept-loss "
        f"{word(folder)} goes on with this one, and peers are told"
    )
    if size < head.size:
        raise LocalFault(
            f"the ledger in the database holds {size} entries, and this node has signed {head.size}: "
            "the database is an older copy or has lost its last entries",
            remedy=remedy,
            facts=facts,
        )
    raise LocalFault(
        f"the first {head.size} entries of the ledger are not those that this node has signed: "
        "it is another database, or an old copy that was written to",
        remedy=remedy,
        facts=facts,
    )


def accept_loss(folder: Path, uow: SqlUnitOfWork, ledger: SqlLedgerStore, meta: SqlMetaStore) -> int:
    """Continue with a database that has lost signed entries; return the new epoch, which shows the loss to peers."""
    with uow.begin() as tx:
        epoch = meta.raise_epoch(tx, ledger.size(tx))
    SignedHead(folder).forget()
    return epoch

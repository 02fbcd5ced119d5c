"""A ledger in memory with everything that works on it."""

from __future__ import annotations

from datetime import UTC, datetime

from node.ledger.checkpoints import open_checkpoint
from node.ledger.model import Checkpoint, Entry, EntryKind
from node.ledger.usecases import LedgerWriter, Prover, Sequencer
from tests.fakes.clock import FixedClock
from tests.fakes.stores.ledger import MemoryLedgerStore, log_signer
from tests.fakes.stores.work import MemoryUnitOfWork

NOW = datetime(2026, 11, 20, 9, 30, tzinfo=UTC)
ORIGIN = "ghent.example"


class Ledger:
    """Writes, numbers, proves; its clock stands at ``NOW``."""

    def __init__(self) -> None:
        self.uow = MemoryUnitOfWork()
        self.store = MemoryLedgerStore()
        self.clock = FixedClock(NOW)
        self.signer = log_signer(ORIGIN)
        self.append = LedgerWriter(self.store, self.clock)
        self.sequencer = Sequencer(self.uow, self.store, self.signer, self.clock, ORIGIN)
        self.prover = Prover(self.uow, self.store)

    def write(self, count: int = 1) -> list[Entry]:
        with self.uow.begin() as tx:
            return [
                self.append(tx, EntryKind.RECORD, f"urn:{number}", "anna", {"n": number, "é": None}, NOW)
                for number in range(count)
            ]

    def opened(self, size: int | None = None) -> Checkpoint:
        return open_checkpoint(self.prover.checkpoint(size).note, [self.signer.key], at=NOW, origin=ORIGIN)

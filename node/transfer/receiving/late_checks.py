"""Check of large received files against their schemas, in the background, when their reception is done.

A file that is too large for a check on arrival is marked as waiting, and a task of the outbox checks it to its last
row. The task is queued in the transaction that ends the reception, so none is lost. It changes nothing but the marks.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from node.base.clock import Clock
from node.base.delivery import OutboxWriter
from node.base.work import Transaction, UnitOfWork
from node.exchange.manifest import read_kept
from node.transfer.model import Reception
from node.transfer.ports import ReceptionStore
from node.transfer.receiving.data_checks import FACT, LATER, DataCheck

log = logging.getLogger("hansa.reception")

LATE_CHECK_TOPIC: Final = "check data"
ROWS: Final = 100_000_000
"""Rows of a file that is checked in the background; its time is limited too."""


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueLateCheck:
    """Queues the check of a reception that is done, if one is waiting."""

    outbox_writer: OutboxWriter
    clock: Clock

    def __call__(self, tx: Transaction, reception: Reception) -> None:
        """Queue the task in the transaction that ends the reception."""
        if _is_waiting(reception):
            self.outbox_writer.deliver(
                tx,
                topic=LATE_CHECK_TOPIC,
                lane="data checks",
                subject=reception.transfer,
                body=b"",
                due=self.clock.now(),
                headers={"message": "check of received data"},
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class LateCheck:
    """Checks one received file, and writes the result over the mark. ``folder`` has the received files."""

    work: UnitOfWork
    receptions: ReceptionStore
    check: DataCheck
    folder: Path

    def __call__(self, transfer: str) -> None:
        """Check the data of ``transfer``, unless nothing of it is waiting, or its file was deleted. It blocks, and
        raises nothing for what a file can be."""
        reception = self._find(transfer)
        if reception is None or not _is_waiting(reception) or not reception.path or not reception.manifest:
            return
        path = self.folder / reception.path
        if not path.is_file():
            return
        checks = self.check(read_kept(reception.manifest), path).get(FACT, [])
        with self.work.begin() as tx:
            newest = self.receptions.get(tx, transfer)
            # Meanwhile the file may have been deleted, or received again.
            if newest is not None and newest.path == reception.path and _is_waiting(newest):
                self.receptions.put(tx, replace(newest, facts={**(newest.facts or {}), FACT: checks}))

    def _find(self, transfer: str) -> Reception | None:
        with self.work.read() as tx:
            return self.receptions.get(tx, transfer)


def _is_waiting(reception: Reception) -> bool:
    return any(check.get("obstacle") == LATER for check in (reception.facts or {}).get(FACT, ()))

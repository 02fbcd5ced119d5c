"""Find the deletions that are due: from the agreements, the receipts under them, and the confirmations."""

from __future__ import annotations

from datetime import datetime, timedelta

from node.base.clock import Clock, stamp
from node.base.jsons import read_object
from node.base.work import Transaction, UnitOfWork
from node.dialogue.process import Role
from node.ledger.model import EntryKind
from node.ledger.ports import LedgerStore
from node.negotiation.model import Agreement
from node.negotiation.ports import AgreementStore
from node.transfer.deletion.model import DeletionStore, Due, deletion_rule, time_allowed
from node.transfer.deletion.receipts import Receipts


class DeletionDuties:
    """Reads the state of deletions, for both sides of an agreement."""

    def __init__(
        self,
        *,
        uow: UnitOfWork,
        store: DeletionStore,
        agreements: AgreementStore,
        receipts: Receipts,
        ledger: LedgerStore,
        clock: Clock,
        me: str,
    ) -> None:
        self._uow = uow
        self._store = store
        self._agreements = agreements
        self._receipts = receipts
        self._ledger = ledger
        self._clock = clock
        self._me = me

    def of(self, agreement: Agreement) -> Due | None:
        """Return the state of the deletion under ``agreement``; None if it requires no deletion."""
        if deletion_rule(agreement.body) is None:
            return None
        with self._uow.read() as tx:
            return self.read(tx, agreement)

    def all(self) -> list[Due]:
        """Return the states for all agreements that require deletion: overdue ones first, then by due date."""
        with self._uow.read() as tx:
            duties = [
                self.read(tx, agreement)
                for agreement in self._agreements.walk(tx)
                if agreement.finalized is not None and deletion_rule(agreement.body) is not None
            ]
        return sorted(duties, key=lambda duty: (not duty.overdue, stamp(duty.due) if duty.due else "9"))

    def read(self, tx: Transaction, agreement: Agreement) -> Due:
        """Return the same as ``of``, within a transaction, for an agreement that requires deletion."""
        rule = deletion_rule(agreement.body)
        within = time_allowed(rule) if rule is not None else None
        deletion = self._store.get(tx, agreement.id)
        receipts = self._arrival_times(tx, agreement)
        since = [at for at in receipts if deletion is None or at > deletion.at]
        start = min(since, default=None)
        due = _after(start, within[1]) if start is not None and within is not None else None
        return Due(
            agreement=agreement.id,
            dataset=agreement.dataset,
            peer=agreement.provider if agreement.role == Role.CONSUMER else agreement.consumer,
            role=str(agreement.role),
            within=within[0] if within else "",
            received=start,
            due=due,
            overdue=due is not None and due < self._clock.now(),
            confirmation=deletion,
        )

    def _arrival_times(self, tx: Transaction, agreement: Agreement) -> list[datetime]:
        if agreement.provider != self._me:
            return [reception.at for reception in self._receipts.under(tx, agreement) if reception.state == "done"]
        entries = self._ledger.history(tx, agreement.id, EntryKind.ACCESS)
        return [entry.at for entry in entries if read_object(entry.body).get("outcome") in ("delivered", "completed")]


def _after(arrival: datetime, within: timedelta) -> datetime | None:
    try:
        return arrival + within
    except OverflowError:
        return None  # The date is after the end of the calendar: never due.

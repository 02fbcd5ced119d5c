"""Copies at data sources when an agreement asks for deletion: this node deletes those that it sent.

The confirmation to the provider covers all copies, so it waits until each of these is deleted, by the node or by a
person.
"""

from __future__ import annotations

from dataclasses import replace

from node.base.clock import Clock
from node.base.errors import Conflict, HansaError
from node.base.plaintext import word
from node.base.turns import in_turn
from node.base.work import Transaction, UnitOfWork
from node.datasources.sinks import is_sha256
from node.exchange.offloop import off_loop
from node.identity.model import Caller
from node.identity.roles import UseCase, require
from node.ledger.model import EntryKind
from node.ledger.ports import Append
from node.transfer.deletion.confirm import ConfirmDeletion
from node.transfer.deletion.model import Due
from node.transfer.shipments.dispatch import SinkOf
from node.transfer.shipments.model import Shipment, ShipmentState, ShipmentStore, leftover_of


class CopiesAtSinks:
    """The copies that a confirmation of deletion covers (``node.transfer.deletion.confirm.Copies``)."""

    def __init__(self, store: ShipmentStore, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    def settle(self, tx: Transaction, agreement_id: str) -> None:
        """Cancel what is not sent yet under an agreement, and its orders. Raises ``Conflict`` if a copy may be at a
        data source, or is on its way there."""
        shipments = self._store.under(tx, agreement_id, lock=True)
        for shipment in shipments:
            if shipment.state is ShipmentState.SENDING:
                raise Conflict(
                    f"the data are being sent to {shipment.source}", remedy="wait for its end: hansa shipment list"
                )
            if shipment.may_lie_there:
                raise _remains(shipment, "a copy is still there")
        for shipment in shipments:
            if shipment.is_under_way:
                reason = "the data were deleted before they were sent"
                failed = replace(shipment, state=ShipmentState.FAILED, reason=reason, changed=self._clock.now())
                self._store.put(tx, failed)
        for order in self._store.orders(tx, agreement_id):
            self._store.drop_order(tx, order.id)


class DeleteEverywhere:
    """Deletes the copies that this node sent to data sources, then what it received, and confirms it."""

    def __init__(
        self,
        uow: UnitOfWork,
        store: ShipmentStore,
        *,
        sinks: SinkOf,
        confirm: ConfirmDeletion,
        append: Append,
        clock: Clock,
    ) -> None:
        self._uow = uow
        self._store = store
        self._sinks = sinks
        self._confirm = confirm
        self._append = append
        self._clock = clock

    async def __call__(self, agreement_id: str, by: Caller) -> tuple[Due, list[Shipment]]:
        """Delete and confirm; return the state of the deletion, and the copies that are no longer at data sources.

        Raises the errors of ``ConfirmDeletion``, and ``Conflict`` naming a copy that cannot be deleted: then nothing
        is confirmed, and what was received is still here.
        """
        require(by, UseCase.CONFIRM_DELETION)
        await off_loop(self._confirm.require_duty, agreement_id)
        for shipment in await off_loop(self._copies, agreement_id):
            if not shipment.is_under_way or shipment.state is ShipmentState.QUEUED:
                await self._remove(shipment, by)
        due = await off_loop(self._confirm, agreement_id, by)
        return due, await off_loop(self._list_removed, agreement_id)

    async def _remove(self, shipment: Shipment, by: Caller) -> None:
        try:
            source, sink = await off_loop(self._sinks.sink, shipment.source)
            if source.address != shipment.address:
                raise Conflict(f"{shipment.source} has another address than when the data were sent")
            await sink.abandon(leftover_of(shipment))
            if sink.is_replacing and await off_loop(self._record_if_shared, shipment, by):
                return
            was_there = is_sha256(shipment.sha256) and await sink.remove(shipment.path, shipment.sha256)
        except HansaError as error:
            raise _remains(shipment, error.detail) from error
        reason = "deleted by this node" if was_there else "it was not there any more"
        await off_loop(self._record, shipment, by, reason)

    def _record_if_shared(self, shipment: Shipment, by: Caller) -> bool:
        """Record the end of a copy that stays under another agreement; return whether there is such a one. Of two
        that end at the same time, the second is told that the copy is no longer shared."""

        def write() -> bool:
            with self._uow.begin() as tx:
                rows = self._store.at_place(tx, shipment.source, shipment.path, lock=True)
                if not any(_shares(other, shipment) for other in rows):
                    return False
                self._write(tx, shipment, by, "the same file stays there under another agreement")
                return True

        return in_turn(write)

    def _record(self, shipment: Shipment, by: Caller, reason: str) -> None:
        def write() -> None:
            with self._uow.begin() as tx:
                self._write(tx, shipment, by, reason)

        in_turn(write)

    def _write(self, tx: Transaction, shipment: Shipment, by: Caller, reason: str) -> None:
        """Record a removal, unless the shipment went on meanwhile: then its address stays, and the confirmation is
        refused."""
        if self._store.get(tx, shipment.id, lock=True) != shipment:
            return
        update = replace(
            shipment,
            state=ShipmentState.REMOVED,
            reason=reason,
            remedy="",
            address="",
            progress={},
            changed=self._clock.now(),
        )
        self._store.put(tx, update)
        body = {"event": "shipment-removed", "source": update.source, "place": update.path}
        self._append(tx, EntryKind.AGREEMENT, update.agreement, by.name, {**body, "result": reason})

    def _copies(self, agreement_id: str) -> list[Shipment]:
        with self._uow.read() as tx:
            return [shipment for shipment in self._store.under(tx, agreement_id) if shipment.may_lie_there]

    def _list_removed(self, agreement_id: str) -> list[Shipment]:
        with self._uow.read() as tx:
            shipments = self._store.under(tx, agreement_id)
        return [shipment for shipment in shipments if shipment.state is ShipmentState.REMOVED]


def _shares(other: Shipment, shipment: Shipment) -> bool:
    """Return whether the copy of ``shipment`` is also that of ``other``, under another agreement."""
    is_there = other.agreement != shipment.agreement and other.state is ShipmentState.SENT
    return is_there and (other.sha256, other.address) == (shipment.sha256, shipment.address)


def _remains(shipment: Shipment, reason: str) -> Conflict:
    return Conflict(
        f"the copy {shipment.path} at {shipment.source} is not deleted: {reason}",
        remedy=f"try again, or delete it by hand and then say so: hansa shipment removed {word(shipment.id)}",
    )

"""Send received files to data sources: now, or everything that arrives under an agreement."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final, Protocol

from node.base.clock import Clock
from node.base.errors import Conflict, NotFound
from node.base.turns import taken_in_turn
from node.base.work import Transaction, UnitOfWork
from node.datasources.model import DataSource
from node.datasources.sinks import ENTITIES, TABLES, check_entities, check_table
from node.dialogue.process import Role
from node.identity.model import Caller
from node.identity.roles import UseCase, allowed, require
from node.ledger.model import EntryKind
from node.ledger.ports import Append
from node.negotiation.model import Agreement
from node.negotiation.ports import AgreementStore
from node.transfer.ports import ReceptionStore, TransferStore
from node.transfer.shipments.model import (
    Shipment,
    ShipmentOrder,
    ShipmentState,
    ShipmentStore,
    check_pattern,
    identify,
)
from node.transfer.shipments.queue import ShipmentQueue, is_verified

MOST_ORDERS: Final = 200
MOST_LISTED: Final = 200


class Sinks(Protocol):
    """The data sources that take data (``node.datasources.register.DataSources``)."""

    def sinks(self) -> Sequence[DataSource]: ...


class Shipments:
    """The shipments of this node, and the orders for more. Synchronous: call it in a thread."""

    def __init__(
        self,
        *,
        uow: UnitOfWork,
        store: ShipmentStore,
        transfers: TransferStore,
        receptions: ReceptionStore,
        agreements: AgreementStore,
        sinks: Sinks,
        queue: ShipmentQueue,
        append: Append,
        clock: Clock,
        folder: Path,
    ) -> None:
        """``folder`` is that of received files."""
        self._uow = uow
        self._store = store
        self._transfers = transfers
        self._receptions = receptions
        self._agreements = agreements
        self._sinks = sinks
        self._queue = queue
        self._append = append
        self._clock = clock
        self._folder = folder

    def sinks(self, by: Caller) -> Sequence[DataSource]:
        """Return the data sources to which received data may be sent. Raises ``NotAllowed``."""
        require(by, UseCase.RECEIVE)
        return self._sinks.sinks()

    @taken_in_turn
    def send(self, pid: str, source: str, by: Caller, *, place: str = "") -> Shipment:
        """Queue the file that the transfer ``pid`` brought for a data source; return its shipment. The same content
        for the same place is the same shipment, also if it was sent before.

        Raises ``NotAllowed``, ``NotFound``, ``InvalidInput`` for a place that cannot be one, and ``Conflict`` if the
        file is not complete, was not verified, or its agreement is not in force.
        """
        require(by, UseCase.RECEIVE)
        pattern = self._check_place(source, place)
        with self._uow.begin() as tx:
            reception = self._receptions.get(tx, pid)
            agreement = self._agreement_of(tx, pid)
            if reception is None or reception.state != "done" or not reception.path:
                raise Conflict("the file has not arrived yet", remedy="wait until the transfer is completed")
            if not is_verified(reception):
                raise Conflict(
                    "nobody signed what this file has to be, so this node sends it nowhere by itself",
                    remedy="download it and look at it first: hansa get",
                )
            if not (self._folder / reception.path).is_file():
                raise Conflict("the received file was deleted", remedy="get the asset again")
            return self._queue.add(tx, reception, agreement, source, pattern, by.name)

    @taken_in_turn
    def again(self, shipment_id: str, by: Caller) -> Shipment:
        """Try a shipment again that failed, or check that a sent one is still there and send it if it is not.
        Raises ``NotAllowed``, ``NotFound``, ``Conflict``."""
        require(by, UseCase.RECEIVE)
        with self._uow.begin() as tx:
            shipment = self._require(tx, shipment_id, lock=True)
            self._require_in_force(tx, shipment.agreement)
            if shipment.state is ShipmentState.REPLACED:
                raise Conflict("a later version is at its place", remedy="send it to another place")
            if not shipment.sha256:
                raise Conflict("there is nothing to send", remedy="download the file and look at it first")
            return shipment if shipment.is_under_way else self._queue.begin(tx, shipment, by.name)

    @taken_in_turn
    def note_removal(self, shipment_id: str, by: Caller) -> Shipment:
        """Record that a person deleted the copy at the data source by hand. Raises ``NotAllowed``, ``NotFound``, and
        ``Conflict`` while it is under way."""
        require(by, UseCase.CONFIRM_DELETION)
        with self._uow.begin() as tx:
            shipment = self._require(tx, shipment_id, lock=True)
            if shipment.is_under_way:
                raise Conflict("the shipment is under way", remedy="wait for its end: hansa shipment list")
            update = replace(
                shipment,
                state=ShipmentState.REMOVED,
                reason=f"{by.name} says that the copy was deleted by hand",
                remedy="",
                address="",
                changed=self._clock.now(),
            )
            self._store.put(tx, update)
            self._queue.note(tx, update, by.name, "shipment-removed-by-hand")
            return update

    def shipment(self, shipment_id: str, by: Caller) -> Shipment:
        """Return one. Raises ``NotAllowed``, ``NotFound``."""
        require(by, UseCase.RECEIVE)
        with self._uow.read() as tx:
            return self._require(tx, shipment_id)

    def newest(self, by: Caller, limit: int = MOST_LISTED, *, offset: int = 0) -> Sequence[Shipment]:
        """Return the newest shipments. Raises ``NotAllowed``."""
        require(by, UseCase.RECEIVE)
        with self._uow.read() as tx:
            return self._store.newest(tx, min(limit, MOST_LISTED), offset=offset)

    def of_transfer(self, pid: str, by: Caller) -> Sequence[Shipment]:
        """Return the shipments of a received file. Raises ``NotAllowed``."""
        require(by, UseCase.RECEIVE)
        with self._uow.read() as tx:
            return self._store.of_transfer(tx, pid)

    def copies(self, agreement_id: str, by: Caller) -> Sequence[Shipment]:
        """Return the shipments under an agreement whose copies may be at data sources; none for a caller who may not
        receive data, since their names tell about the inside of the city."""
        if not allowed(by, UseCase.RECEIVE):
            return ()
        with self._uow.read() as tx:
            return [shipment for shipment in self._store.under(tx, agreement_id) if shipment.may_lie_there]

    @taken_in_turn
    def order(self, agreement_id: str, source: str, by: Caller, *, place: str = "") -> ShipmentOrder:
        """Have everything that arrives under an agreement from now on sent to a data source. Raises ``NotAllowed``,
        ``NotFound``, ``InvalidInput``, ``Conflict``."""
        require(by, UseCase.RECEIVE)
        pattern = self._check_place(source, place)
        with self._uow.begin() as tx:
            self._require_in_force(tx, agreement_id)
            orders = self._store.orders(tx)
            order = ShipmentOrder(
                id=identify(agreement_id, source, pattern),
                agreement=agreement_id,
                source=source,
                pattern=pattern,
                by=by.name,
                at=self._clock.now(),
            )
            known = next((known for known in orders if known.id == order.id), None)
            if known is not None:
                return known
            if len(orders) >= MOST_ORDERS:
                raise Conflict(
                    f"this node has {MOST_ORDERS} orders already", remedy="stop one: hansa shipment orders"
                )
            self._store.put_order(tx, order)
            body = {"event": "shipment-order", "source": source, "place": pattern}
            self._append(tx, EntryKind.AGREEMENT, agreement_id, by.name, body)
            return order

    def orders(self, by: Caller, agreement_id: str | None = None) -> Sequence[ShipmentOrder]:
        """Return the orders. Raises ``NotAllowed``."""
        require(by, UseCase.RECEIVE)
        with self._uow.read() as tx:
            return self._store.orders(tx, agreement_id)

    @taken_in_turn
    def stop(self, order_id: str, by: Caller) -> None:
        """End an order; what was sent stays. Raises ``NotAllowed``, ``NotFound``."""
        require(by, UseCase.RECEIVE)
        with self._uow.begin() as tx:
            order = next((order for order in self._store.orders(tx) if order.id == order_id), None)
            if order is None:
                raise NotFound("there is no such order", remedy="for all orders, see hansa shipment orders")
            self._store.drop_order(tx, order_id)
            body = {"event": "shipment-order-stopped", "source": order.source, "place": order.pattern}
            self._append(tx, EntryKind.AGREEMENT, order.agreement, by.name, body)

    def _agreement_of(self, tx: Transaction, pid: str) -> Agreement:
        transfer = self._transfers.get(tx, pid)
        if transfer is None or transfer.role is not Role.CONSUMER:
            raise NotFound("there is no such transfer to this node", remedy="see hansa transfer list")
        return self._require_in_force(tx, transfer.agreement)

    def _require_in_force(self, tx: Transaction, agreement_id: str) -> Agreement:
        agreement = self._agreements.get(tx, agreement_id)
        if agreement is None or agreement.finalized is None or agreement.role != Role.CONSUMER:
            raise NotFound(
                "this node receives nothing under such an agreement", remedy="for all, see hansa agreement list"
            )
        if not agreement.in_force:
            raise Conflict("the agreement is not in force", remedy="ask for the asset again: hansa get")
        return agreement

    def _check_place(self, name: str, place: str) -> str:
        """Return the pattern of a place at a data source. Raises ``NotFound``, ``InvalidInput``."""
        sources = self._sinks.sinks()
        names = [source.name for source in sources]
        if name not in names:
            raise NotFound(
                f"no data may be sent to {name[:80]}",
                remedy=f"choose one of: {', '.join(names)}"
                if names
                else "a steward allows it: hansa source add NAME KIND ADDRESS --sink",
            )
        kind = next(source.kind for source in sources if source.name == name)
        if kind in TABLES:
            check_table(place.replace("{version}", "1"))
        elif kind in ENTITIES:
            check_entities(place.replace("{version}", "1"))
        return check_pattern(place)

    def _require(self, tx: Transaction, shipment_id: str, *, lock: bool = False) -> Shipment:
        shipment = self._store.get(tx, shipment_id, lock=lock)
        if shipment is None:
            raise NotFound("there is no such shipment", remedy="for all shipments, see hansa shipment list")
        return shipment

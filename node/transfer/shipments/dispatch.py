"""Carry out a shipment: check the received file once more, and give it to the sink.

The state says "sending" only while an attempt runs. A crash leaves that state and what the sink noted; the task is
then leased again, and the next attempt continues there. What a sink refuses is not tried again; what it cannot take
now is.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final, Protocol

from node.base.clock import Clock
from node.base.errors import Conflict, HansaError, LocalFault, NotFound, PeerUnreachable
from node.base.work import Transaction, UnitOfWork
from node.datasources.errors import DataSourceRefuses, EarlierContent
from node.datasources.model import DataSource
from node.datasources.sinks import Parcel, SinkConnection
from node.exchange.offloop import off_loop
from node.ledger.model import EntryKind
from node.ledger.ports import Append
from node.negotiation.ports import AgreementStore
from node.transfer.ports import ReceptionStore
from node.transfer.shipments.model import Shipment, ShipmentState, ShipmentStore, leftover_of

log = logging.getLogger("hansa.shipments")

_PIECE: Final = 8 << 20
_FOREIGN: Final = "somebody else had put the same content there: this node neither replaces nor deletes it"


class SinkOf(Protocol):
    """Opens sinks (``node.datasources.register.DataSources``)."""

    def sink(self, name: str) -> tuple[DataSource, SinkConnection]: ...


@dataclass(slots=True)
class _Attempt:
    """An attempt to send. ``number`` is that of the row. ``is_first``: before it, nothing of the shipment was at the
    sink. ``has_sent``: the sink was given the file, so a copy may be there whatever it answers."""

    sink: SinkConnection | None = None
    address: str = ""
    number: int = 0
    is_first: bool = False
    has_sent: bool = False

    @property
    def replaces(self) -> bool:
        return self.sink is not None and self.sink.is_replacing

    def decides(self, shipment: Shipment) -> bool:
        """Return whether this attempt may say how the shipment went. While a later one runs, it may not: an attempt
        that stalled loses its lease, and may fail when its successor has nearly sent all."""
        return shipment.is_under_way and self.number in (0, shipment.attempts)


class SendShipment:
    """Sends shipments. ``folder`` is that of received files."""

    def __init__(
        self,
        uow: UnitOfWork,
        store: ShipmentStore,
        *,
        receptions: ReceptionStore,
        agreements: AgreementStore,
        sinks: SinkOf,
        append: Append,
        clock: Clock,
        folder: Path,
    ) -> None:
        self._uow = uow
        self._store = store
        self._receptions = receptions
        self._agreements = agreements
        self._sinks = sinks
        self._append = append
        self._clock = clock
        self._folder = folder

    async def __call__(self, shipment_id: str, *, is_last: bool = False) -> None:
        """Send a shipment that is under way; do nothing for others. ``is_last``: no further attempt follows.

        Raises ``PeerUnreachable`` and ``LocalFault`` if a later attempt makes sense. Every other end is recorded.
        """
        shipment = await off_loop(self._current, shipment_id)
        if shipment is None or not shipment.is_under_way:
            return
        attempt = _Attempt()
        try:
            source, sink = await off_loop(self._sinks.sink, shipment.source)
            attempt.sink, attempt.address = sink, source.address
            parcel = await off_loop(self._start, shipment_id, attempt)
            if parcel is None:
                await self._clear(shipment_id, attempt)
                return
            await _check(parcel)
            attempt.has_sent = True
            is_new = await sink.deposit(parcel, _Progress(self, shipment_id))
        except DataSourceRefuses as refusal:
            await self._fail(shipment_id, refusal, attempt)
        except (PeerUnreachable, LocalFault) as error:
            if is_last:
                await self._fail(shipment_id, error, attempt)
                return
            await off_loop(self._wait, shipment_id, error, attempt)
            raise
        except EarlierContent as occupation:
            attempt.has_sent = False
            await self._fail(shipment_id, occupation, attempt)
        except HansaError as refusal:
            await self._fail(shipment_id, refusal, attempt)
        else:
            await off_loop(self._conclude, shipment_id, attempt, is_new)

    def _current(self, shipment_id: str) -> Shipment | None:
        with self._uow.read() as tx:
            return self._store.get(tx, shipment_id)

    def _start(self, shipment_id: str, attempt: _Attempt) -> Parcel | None:
        address = attempt.address
        with self._uow.begin() as tx:
            shipment, others = self._lock_place(tx, shipment_id)
            if shipment is None or not shipment.is_under_way:
                return None
            if shipment.address not in ("", address):
                raise Conflict(
                    f"{shipment.source} has another address than when the data were sent",
                    remedy="its steward gives the earlier address, or somebody deletes the copy there by hand",
                )
            agreement = self._agreements.get(tx, shipment.agreement)
            if agreement is None or not agreement.in_force:
                raise Conflict("the agreement has ended meanwhile", remedy="ask for the asset again: hansa get")
            reception = self._receptions.get(tx, shipment.transfer)
            if reception is None or not reception.path:
                raise NotFound("the received file is gone", remedy="get the asset again: hansa get")
            if attempt.replaces and any(_is_later(other, shipment, address) for other in others):
                outcome = replace(
                    shipment,
                    state=ShipmentState.REPLACED,
                    reason="a later version is at its place",
                    remedy="",
                    changed=self._clock.now(),
                )
                self._store.put(tx, outcome)
                return None
            if any(_goes_first(other, shipment) for other in others):
                raise LocalFault("another file is on its way to the same place")
            sending = replace(
                shipment,
                state=ShipmentState.SENDING,
                attempts=shipment.attempts + 1,
                address=address,
                progress=shipment.progress if address == shipment.address else {},
                changed=self._clock.now(),
            )
            self._store.put(tx, sending)
            attempt.number, attempt.is_first = sending.attempts, not shipment.address
            return Parcel(
                id=sending.id,
                file=self._folder / reception.path,
                path=sending.path,
                size=sending.size,
                sha256=sending.sha256,
                media_type=reception.media_type,
                replaces=_replaceable(others, sending),
                progress=sending.progress,
                origin=sending.transfer,
            )

    def _lock_place(self, tx: Transaction, shipment_id: str) -> tuple[Shipment | None, list[Shipment]]:
        """Lock all shipments for the place of a shipment; return this one, and the others."""
        shipment = self._store.get(tx, shipment_id)
        if shipment is None:
            return None, []
        rows = {row.id: row for row in self._store.at_place(tx, shipment.source, shipment.path, lock=True)}
        return rows.pop(shipment_id, None), list(rows.values())

    def note(self, shipment_id: str, progress: Mapping[str, Any]) -> None:
        """Store how far the upload of a shipment is."""
        with self._uow.begin() as tx:
            shipment = self._store.get(tx, shipment_id, lock=True)
            if shipment is not None and shipment.is_under_way:
                self._store.put(tx, replace(shipment, progress=dict(progress), changed=self._clock.now()))

    def _wait(self, shipment_id: str, error: HansaError, attempt: _Attempt) -> None:
        with self._uow.begin() as tx:
            shipment = self._store.get(tx, shipment_id, lock=True)
            if shipment is not None and attempt.decides(shipment):
                waiting = replace(
                    shipment,
                    state=ShipmentState.QUEUED,
                    reason=error.detail,
                    remedy=error.remedy,
                    changed=self._clock.now(),
                )
                self._store.put(tx, waiting)

    async def _clear(self, shipment_id: str, attempt: _Attempt) -> None:
        """Remove what is left of a shipment that was replaced before it was complete."""
        shipment = await off_loop(self._current, shipment_id)
        if shipment is None or shipment.state is not ShipmentState.REPLACED or not shipment.address:
            return
        if await self._abandon(shipment, attempt):
            await off_loop(self._forget_address, shipment)

    async def _abandon(self, shipment: Shipment, attempt: _Attempt) -> bool:
        """Remove what is left of an upload; return whether none of its parts can be at the sink any more."""
        if not shipment.address:
            return True
        if attempt.sink is None or attempt.address != shipment.address:
            return False
        try:
            await attempt.sink.abandon(leftover_of(shipment))
        except HansaError as fault:
            log.warning("parts of a shipment may be left: %s", fault.detail, extra={"shipment": shipment.id})
            return False
        return True

    def _forget_address(self, shipment: Shipment) -> None:
        with self._uow.begin() as tx:
            if self._store.get(tx, shipment.id, lock=True) == shipment:
                self._store.put(tx, replace(shipment, address="", progress={}, changed=self._clock.now()))

    async def _fail(self, shipment_id: str, error: HansaError, attempt: _Attempt) -> None:
        """Record that the shipment failed. The address stays unless it is certain that no byte was sent there."""
        log.warning("a shipment failed: %s", error.detail, extra={"shipment": shipment_id})
        shipment = await off_loop(self._current, shipment_id)
        if shipment is None or not attempt.decides(shipment):
            return
        is_nowhere = attempt.is_first and not attempt.has_sent
        is_clean = is_nowhere or await self._abandon(shipment, attempt)
        await off_loop(self._write_failure, shipment_id, error, attempt, is_nowhere, is_clean)

    def _write_failure(
        self, shipment_id: str, error: HansaError, attempt: _Attempt, is_nowhere: bool, is_clean: bool
    ) -> None:
        with self._uow.begin() as tx:
            shipment = self._store.get(tx, shipment_id, lock=True)
            if shipment is None or not attempt.decides(shipment):
                return
            failure = replace(
                shipment,
                state=ShipmentState.FAILED,
                reason=error.detail,
                remedy=error.remedy,
                address="" if is_nowhere else shipment.address,
                progress={} if is_clean else shipment.progress,
                changed=self._clock.now(),
            )
            self._store.put(tx, failure)
            self._note(tx, failure, "shipment-failed", reason=error.detail)

    def _conclude(self, shipment_id: str, attempt: _Attempt, is_new: bool) -> None:
        with self._uow.begin() as tx:
            shipment, others = self._lock_place(tx, shipment_id)
            if shipment is None or not shipment.is_under_way:
                return
            now = self._clock.now()
            for other in others if attempt.replaces else ():
                if _is_superseded(other, shipment):
                    self._store.put(tx, replace(other, state=ShipmentState.REPLACED, address="", changed=now))
            is_first = attempt.is_first and attempt.number == shipment.attempts
            is_foreign = not is_new and is_first and not any(_has_same(other, shipment) for other in others)
            outcome = replace(
                shipment,
                state=ShipmentState.SENT,
                reason="" if is_new else _FOREIGN if is_foreign else "the same content was there already",
                remedy="",
                address="" if is_foreign else shipment.address,
                progress={},
                changed=now,
            )
            self._store.put(tx, outcome)
            self._note(tx, outcome, "shipment-sent")

    def _note(self, tx: Transaction, shipment: Shipment, event: str, **facts: str) -> None:
        body = {"event": event, "source": shipment.source, "place": shipment.path, "sha256": shipment.sha256}
        self._append(tx, EntryKind.AGREEMENT, shipment.agreement, shipment.by, {**body, **facts})


class _Progress:
    """Notes the progress of one shipment (``node.datasources.sinks.Note``)."""

    def __init__(self, send: SendShipment, shipment_id: str) -> None:
        self._send = send
        self._id = shipment_id

    async def __call__(self, progress: Mapping[str, Any]) -> None:
        await off_loop(self._send.note, self._id, progress)


def _is_later(other: Shipment, shipment: Shipment, address: str) -> bool:
    """Return whether ``other`` has brought a later version of the same asset to the place."""
    is_there = other.state is ShipmentState.SENT and other.address == address
    if not is_there or other.dataset != shipment.dataset or other.sha256 == shipment.sha256:
        return False
    if other.version and shipment.version and other.version != shipment.version:
        return other.version > shipment.version
    return other.at > shipment.at


def _replaceable(others: Sequence[Shipment], shipment: Shipment) -> str:
    """Return the hash of the content that this node sent to the place, of the same asset; "" if there is none."""
    return next(
        (
            other.sha256
            for other in others
            if other.dataset == shipment.dataset
            and other.state is ShipmentState.SENT
            and other.address == shipment.address
        ),
        "",
    )


def _has_same(other: Shipment, shipment: Shipment) -> bool:
    """Return whether ``other`` may have brought the same content to the place."""
    return (other.sha256, other.address) == (shipment.sha256, shipment.address)


def _is_superseded(other: Shipment, shipment: Shipment) -> bool:
    """Return whether ``shipment`` has taken the place of ``other``, another content of the same asset."""
    was_there = other.state is ShipmentState.SENT and other.address == shipment.address
    return was_there and other.dataset == shipment.dataset and other.sha256 != shipment.sha256


def _goes_first(other: Shipment, shipment: Shipment) -> bool:
    """Return whether ``shipment`` waits for the end of ``other``. Of two that a crash left, the earlier is first."""
    if other.state is not ShipmentState.SENDING:
        return False
    return shipment.state is not ShipmentState.SENDING or (other.at, other.id) < (shipment.at, shipment.id)


async def _check(parcel: Parcel) -> None:
    """Raise unless the file is still what was verified when it arrived."""
    digest = hashlib.sha256()
    try:
        with await off_loop(parcel.file.open, "rb") as file:
            while piece := await off_loop(file.read, _PIECE):
                await off_loop(digest.update, piece)
    except FileNotFoundError as error:
        raise NotFound("the received file was deleted", remedy="get the asset again: hansa get") from error
    except OSError as error:
        raise LocalFault(f"the received file cannot be read: {error.strerror}") from error
    if digest.hexdigest() != parcel.sha256:
        raise Conflict(
            "the received file is no longer what was verified when it arrived",
            remedy="get the asset again: hansa get",
        )

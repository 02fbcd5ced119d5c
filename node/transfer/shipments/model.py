"""A shipment, an order for shipments, and their store."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Any, Final, Protocol

from node.base.errors import InvalidInput
from node.base.work import Transaction
from node.datasources.sinks import Parcel, check_place

TOPIC: Final = "shipment"


class ShipmentState(StrEnum):
    """The states of a shipment."""

    QUEUED = "queued"
    SENDING = "sending"
    SENT = "sent"
    FAILED = "failed"
    REPLACED = "replaced"
    REMOVED = "removed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Shipment:
    """A received file for a place at a data source.

    ``reason`` says why the last attempt failed, or how the copy was removed; ``remedy`` what a person can do.
    ``address`` is that of the data source while a copy may be there; it is shown to nobody. ``progress`` is what the
    sink noted about an unfinished upload. ``version`` is that of the asset, as its provider signed it; 0 in rows
    of before this column.
    """

    id: str
    transfer: str
    agreement: str
    dataset: str
    source: str
    path: str
    sha256: str
    size: int
    state: ShipmentState
    by: str
    at: datetime
    changed: datetime
    reason: str = ""
    remedy: str = ""
    attempts: int = 0
    address: str = ""
    progress: Mapping[str, Any] = field(default_factory=dict)
    version: int = 0

    @property
    def is_under_way(self) -> bool:
        return self.state in (ShipmentState.QUEUED, ShipmentState.SENDING)

    @property
    def may_lie_there(self) -> bool:
        """Return whether a copy may be at the data source."""
        return bool(self.address)


@dataclass(frozen=True, slots=True, kw_only=True)
class ShipmentOrder:
    """The wish to send everything that arrives under an agreement to a data source. ``pattern`` is the place, in
    which ``{name}`` and ``{version}`` stand for those of the file."""

    id: str
    agreement: str
    source: str
    pattern: str
    by: str
    at: datetime


class ShipmentStore(Protocol):
    """Shipments and orders."""

    def put(self, tx: Transaction, shipment: Shipment) -> None:
        """Store it; the one with the same id is replaced."""

    def get(self, tx: Transaction, shipment_id: str, *, lock: bool = False) -> Shipment | None: ...

    def newest(self, tx: Transaction, limit: int, *, offset: int = 0) -> Sequence[Shipment]:
        """Return shipments, the newest first."""

    def of_transfer(self, tx: Transaction, transfer: str) -> Sequence[Shipment]:
        """Return the shipments of the file that a transfer brought, the newest first."""

    def under(self, tx: Transaction, agreement: str, *, lock: bool = False) -> Sequence[Shipment]:
        """Return the shipments under an agreement, the newest first."""

    def at_place(self, tx: Transaction, source: str, path: str, *, lock: bool = False) -> Sequence[Shipment]:
        """Return the shipments for one place, the newest first."""

    def put_order(self, tx: Transaction, order: ShipmentOrder) -> None: ...

    def orders(self, tx: Transaction, agreement: str | None = None) -> Sequence[ShipmentOrder]:
        """Return the orders, those of one agreement if it is given; the newest first."""

    def drop_order(self, tx: Transaction, order_id: str) -> None: ...


def identify(*parts: str) -> str:
    """Return the id of the shipment, or order, that these parts describe: the same parts are the same one."""
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:24]


def leftover_of(shipment: Shipment) -> Parcel:
    """Return what ``SinkConnection.abandon`` has to know of a shipment that will not continue."""
    return Parcel(
        id=shipment.id,
        file=Path(),
        path=shipment.path,
        size=shipment.size,
        sha256=shipment.sha256,
        progress=shipment.progress,
        origin=shipment.transfer,
    )


def check_pattern(pattern: str) -> str:
    """Return a place for files with placeholders, complete. Raises ``InvalidInput``."""
    whole = f"{pattern}{{name}}" if not pattern or pattern.endswith("/") else pattern
    fill(whole, name="name", version=1)
    return whole


def fill(pattern: str, *, name: str, version: int) -> str:
    """Return the place of a file. Raises ``InvalidInput`` if the pattern leads out of the data source."""
    path = pattern.replace("{version}", str(version)).replace("{name}", name)
    if "{" in pattern.replace("{version}", "").replace("{name}", ""):
        raise InvalidInput(
            "there is no such placeholder in a place", remedy="use {name} and {version}: received/{version}/{name}"
        )
    return check_place(path)

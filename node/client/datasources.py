"""Data sources, from the caller's side."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from node.client.calls import C_co, Call, CallGroup, document, endpoint, nothing

PATH = "/api/sources"
SHIPMENTS = "/api/shipments"


class DataSourceCalls(CallGroup[C_co]):
    """The data sources of one node. All methods raise ``Refusal`` if the node refuses, ``PeerUnreachable``."""

    @endpoint
    def all(self) -> Call[dict[str, Any]]:
        """Return all data sources, and the kinds that the node can read."""
        return document("GET", PATH)

    @endpoint
    def add(
        self,
        /,
        name: str,
        kind: str,
        address: str,
        *,
        options: Mapping[str, str] | None = None,
        credentials: Mapping[str, str] | None = None,
    ) -> Call[dict[str, Any]]:
        """Register a data source, or replace it. ``credentials`` has scheme, name and secret."""
        body = {"kind": kind, "address": address, "options": dict(options or {})}
        if credentials is not None:
            body["credentials"] = dict(credentials)
        return document("PUT", _path(name), json=body)

    @endpoint
    def source(self, name: str) -> Call[dict[str, Any]]:
        """Return a data source."""
        return document("GET", _path(name))

    @endpoint
    def test(self, name: str, *, item: str = "", language: str = "en") -> Call[dict[str, Any]]:
        """Try a data source; return what works, and what the node could offer from it."""
        params = {"item": item, "language": language}
        return document("POST", f"{_path(name)}/test", params=params, timeout=120.0)

    @endpoint
    def remove(self, name: str) -> Call[None]:
        """Forget a data source."""
        return nothing("DELETE", _path(name))


class ShipmentCalls(CallGroup[C_co]):
    """Received files that the node sends to its data sources. All methods raise ``Refusal`` if the node refuses,
    ``PeerUnreachable``."""

    @endpoint
    def all(self, *, limit: int = 100, offset: int = 0) -> Call[dict[str, Any]]:
        """Return the ``shipments``, the newest first, the ``orders``, and the ``sources`` that take data."""
        return document("GET", SHIPMENTS, params={"limit": limit, "offset": offset})

    @endpoint
    def send(self, transfer: str, source: str, *, place: str = "") -> Call[dict[str, Any]]:
        """Send the file that a transfer brought to a data source; return its shipment."""
        return document("POST", SHIPMENTS, json={"transfer": transfer, "source": source, "place": place})

    @endpoint
    def shipment(self, shipment_id: str) -> Call[dict[str, Any]]:
        """Return a shipment."""
        return document("GET", f"{SHIPMENTS}/{quote(shipment_id, safe='')}")

    @endpoint
    def retry(self, shipment_id: str) -> Call[dict[str, Any]]:
        """Try a shipment again."""
        return document("POST", f"{SHIPMENTS}/{quote(shipment_id, safe='')}/retry")

    @endpoint
    def state_removal(self, shipment_id: str) -> Call[dict[str, Any]]:
        """State that the caller deleted the copy by hand."""
        return document("POST", f"{SHIPMENTS}/{quote(shipment_id, safe='')}/removed")

    @endpoint
    def order(self, agreement: str, source: str, *, place: str = "") -> Call[dict[str, Any]]:
        """Have everything that arrives under an agreement sent to a data source; return the order."""
        return document(
            "POST", f"{SHIPMENTS}/orders", json={"agreement": agreement, "source": source, "place": place}
        )

    @endpoint
    def stop(self, order_id: str) -> Call[None]:
        """End an order."""
        return nothing("DELETE", f"{SHIPMENTS}/orders/{quote(order_id, safe='')}")


def _path(name: str) -> str:
    return f"{PATH}/{quote(name, safe='')}"

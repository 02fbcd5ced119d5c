"""Shipments of received files to data sources of the city, and orders for everything that arrives."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Annotated, Any

from anyio.to_thread import run_sync
from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, ConfigDict, Field

from node.base.clock import stamp
from node.identity.model import Caller
from node.transfer.shipments.model import Shipment, ShipmentOrder
from node.transfer.shipments.usecases import MOST_LISTED, Shipments
from node.web.api_router import PlacedApiRouter
from node.web.caller_checks import knowing

Person = Callable[[Request], Awaitable[Caller]]
_Place = Annotated[
    str,
    Field(
        max_length=1024,
        description="Where to: folders and a file name. `{name}` and `{version}` stand for those of the "
        "file; without a file name, its own is used.",
    ),
]


class NewShipment(BaseModel):
    """A received file, and the data source that it goes to."""

    model_config = ConfigDict(extra="forbid")

    transfer: str = Field(max_length=2048, description="The transfer that brought the file.")
    source: str = Field(max_length=63)
    place: _Place = ""


class NewOrder(BaseModel):
    """Everything that arrives under an agreement goes to a data source."""

    model_config = ConfigDict(extra="forbid")

    agreement: str = Field(max_length=2048)
    source: str = Field(max_length=63)
    place: _Place = ""


def router(*, person: Person, shipments: Shipments) -> APIRouter:
    """Return the routes."""
    api = PlacedApiRouter(prefix="/api/shipments", tags=["exchange"], route_class=knowing(person))

    @api.get(
        "",
        summary="Received files that were sent to data sources, the newest first; the orders; where data may be sent",
    )
    async def list_shipments(
        request: Request,
        limit: Annotated[int, Query(ge=1, le=MOST_LISTED)] = 100,
        offset: Annotated[int, Query(ge=0, le=1_000_000)] = 0,
    ) -> Any:
        caller = await person(request)
        newest = await run_sync(lambda: shipments.newest(caller, limit, offset=offset))
        return {
            "shipments": [shipment_json(shipment) for shipment in newest],
            "orders": [order_json(order) for order in await run_sync(shipments.orders, caller)],
            "sources": [
                {"name": source.name, "kind": source.kind} for source in await run_sync(shipments.sinks, caller)
            ],
        }

    @api.post(
        "",
        status_code=202,
        summary="Send a received and verified file to a data source",
        description="The same content for the same place is the same shipment, also if it was sent before.",
    )
    async def send(request: Request, new: NewShipment) -> Any:
        caller = await person(request)
        return shipment_json(
            await run_sync(lambda: shipments.send(new.transfer, new.source, caller, place=new.place))
        )

    @api.post("/orders", status_code=201, summary="Send everything that arrives under an agreement to a data source")
    async def order(request: Request, new: NewOrder) -> Any:
        caller = await person(request)
        return order_json(await run_sync(lambda: shipments.order(new.agreement, new.source, caller, place=new.place)))

    @api.delete("/orders/{order_id}", status_code=204, summary="End an order; what was sent stays")
    async def stop(request: Request, order_id: str) -> None:
        await run_sync(shipments.stop, order_id, await person(request))

    @api.get("/{shipment_id}", summary="A shipment with its state")
    async def show(request: Request, shipment_id: str) -> Any:
        return shipment_json(await run_sync(shipments.shipment, shipment_id, await person(request)))

    @api.post(
        "/{shipment_id}/retry",
        status_code=202,
        summary="Try a shipment again, or check that the copy is still there and send it if it is not",
    )
    async def retry(request: Request, shipment_id: str) -> Any:
        return shipment_json(await run_sync(shipments.again, shipment_id, await person(request)))

    @api.post(
        "/{shipment_id}/removed",
        summary="State that you deleted the copy at the data source by hand",
        description="For a copy that this node cannot delete itself, before the deletion of the data is confirmed.",
    )
    async def note_removal(request: Request, shipment_id: str) -> Any:
        return shipment_json(await run_sync(shipments.note_removal, shipment_id, await person(request)))

    return api


def shipment_json(shipment: Shipment) -> dict[str, Any]:
    """Return a shipment as JSON, for API and terminal, without the address of its data source."""
    return {
        "id": shipment.id,
        "transfer": shipment.transfer,
        "agreement": shipment.agreement,
        "dataset": shipment.dataset,
        "source": shipment.source,
        "place": shipment.path,
        "sha256": shipment.sha256 or None,
        "size": shipment.size,
        "state": str(shipment.state),
        "reason": shipment.reason,
        "remedy": shipment.remedy,
        "attempts": shipment.attempts,
        "copyThere": shipment.may_lie_there,
        "by": shipment.by,
        "at": stamp(shipment.at),
        "changed": stamp(shipment.changed),
    }


def order_json(order: ShipmentOrder) -> dict[str, Any]:
    """Return an order as JSON."""
    return {
        "id": order.id,
        "agreement": order.agreement,
        "source": order.source,
        "place": order.pattern,
        "by": order.by,
        "at": stamp(order.at),
    }

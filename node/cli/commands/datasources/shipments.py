"""shipment: received files on their way to data sources of the city."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from node.base.plaintext import word
from node.cli.exits import DONE, REFUSED, WAITING
from node.cli.groups import Shorthand
from node.cli.options import Node, connect
from node.cli.output import Mode, emit, line, remark, report_failure, report_success, say, size, suggest

if TYPE_CHECKING:
    from node.client import HansaClient

_Shipment = Annotated[str, typer.Argument(metavar="ID", help="Id of the shipment, as in hansa shipment list.")]
_Source = Annotated[str, typer.Argument(metavar="SOURCE", help="Name of the data source, as in hansa source list.")]
_To = Annotated[
    str,
    typer.Option(
        "--to",
        metavar="PLACE",
        help="Folders and a file name there; {name} and {version} are those of the file. "
        "In a database: schema.table; in a context broker: Type or Type.column.",
    ),
]
_UNDER_WAY: Final = ("queued", "sending")
_PATIENCE: Final = 600.0
_PAUSE: Final = 0.3


def register(app: typer.Typer) -> None:
    verbs = typer.Typer(
        cls=Shorthand,
        help="Send received files to data sources.",
    )
    verbs.command("send")(send)
    verbs.command("list")(list_shipments)
    verbs.command("retry")(retry)
    verbs.command("removed")(state_removal)
    verbs.command("order")(order)
    verbs.command("orders")(list_orders)
    verbs.command("stop")(stop)
    app.add_typer(verbs, name="shipment")


def send(
    asset: Annotated[
        str,
        typer.Argument(metavar="ASSET", help="Address of the asset, or id of the transfer that brought the file."),
    ],
    source: _Source,
    to: _To = "",
    wait: Annotated[bool, typer.Option("--wait/--no-wait", help="Wait until the file is there.")] = True,
    node: Node = None,
) -> int:
    """Send a received and verified file to a data source. There it is visible whole or not at all.

    The same content for the same place is sent once. Exit status 0 if it is there, 1 if it was refused, 4 if it is
    still on its way.
    """
    with connect(node) as client:
        shipment = client.shipments.send(_transfer(client, asset), source, place=to)
        return _tell(_follow(client, shipment) if wait else shipment)


def list_shipments(node: Node = None) -> int:
    """List what was sent, the newest first. Exit status 1 if something failed."""
    with connect(node) as client:
        shipments = client.shipments.all()["shipments"]
    if Mode.json:
        emit(shipments)
    else:
        for shipment in shipments:
            _show(shipment)
        if not shipments:
            say("Nothing was sent to data sources.")
            suggest("hansa shipment send ASSET SOURCE")
    return REFUSED if any(shipment["state"] == "failed" for shipment in shipments) else DONE


def retry(
    shipment_id: _Shipment,
    wait: Annotated[bool, typer.Option("--wait/--no-wait", help="Wait until the file is there.")] = True,
    node: Node = None,
) -> int:
    """Try a shipment again. One that was sent is checked, and sent again if it is not there."""
    with connect(node) as client:
        shipment = client.shipments.retry(shipment_id)
        return _tell(_follow(client, shipment) if wait else shipment)


def state_removal(shipment_id: _Shipment, node: Node = None) -> int:
    """State that you deleted the copy at the data source by hand."""
    with connect(node) as client:
        shipment = client.shipments.state_removal(shipment_id)
    if Mode.json:
        emit(shipment)
    else:
        report_success("recorded", detail=shipment["reason"])
    return DONE


def order(
    asset: Annotated[str, typer.Argument(metavar="ASSET", help="Address of the asset, or id of the agreement.")],
    source: _Source,
    to: _To = "",
    node: Node = None,
) -> int:
    """Send all that arrives from now on to a data source.

    That is every new version that one agreement brings.
    """
    with connect(node) as client:
        receipt = client.shipments.order(_agreement(client, asset), source, place=to)
    if Mode.json:
        emit(receipt)
        return DONE
    report_success(f"what arrives goes to {receipt['source']}", detail=receipt["place"])
    remark(f"to stop: hansa shipment stop {word(receipt['id'])}")
    return DONE


def list_orders(node: Node = None) -> int:
    """List the orders for everything that arrives."""
    with connect(node) as client:
        orders = client.shipments.all()["orders"]
    if Mode.json:
        emit(orders)
        return DONE
    for each in orders:
        say(f"{each['id']}  {each['source']}  {each['place']}")
        line("agreement", each["agreement"])
        line("ordered", f"{each['at'][:10]} by {each['by']}")
    if not orders:
        say("There are no orders.")
        suggest("hansa shipment order ASSET SOURCE")
    return DONE


def stop(
    order_id: Annotated[str, typer.Argument(metavar="ORDER", help="Id of the order, as in hansa shipment orders.")],
    node: Node = None,
) -> int:
    """End an order. What was sent stays where it is."""
    with connect(node) as client:
        client.shipments.stop(order_id)
    if Mode.json:
        emit({"id": order_id, "stopped": True})
    else:
        report_success("stopped", detail="what was sent stays where it is")
    return DONE


def _transfer(client: HansaClient, asset: str) -> str:
    """Return the newest completed transfer that brought ``asset`` here; ``asset`` itself if it is none of these."""
    transfers = (transfer for transfer in client.transfers() if transfer["role"] == "consumer")
    return next((str(each["pid"]) for each in transfers if each["dataset"] == asset and _has_come(each)), asset)


def _has_come(transfer: dict[str, Any]) -> bool:
    return transfer["state"] in ("STARTED", "COMPLETED")


def _agreement(client: HansaClient, asset: str) -> str:
    """Return the newest agreement in force about ``asset``; ``asset`` itself if there is none."""
    agreements = (each for each in client.agreements() if each["role"] == "consumer" and not each["ended"])
    return next((str(each["id"]) for each in agreements if each["dataset"] == asset), asset)


def _follow(client: HansaClient, shipment: dict[str, Any]) -> dict[str, Any]:
    """Return the shipment when it has ended, or waits for a data source that is not there."""
    patience = time.monotonic() + _PATIENCE
    while shipment["state"] in _UNDER_WAY and time.monotonic() < patience:
        if shipment["state"] == "queued" and shipment["attempts"] > 2:
            break
        time.sleep(_PAUSE)
        shipment = client.shipments.shipment(shipment["id"])
    return shipment


def _tell(shipment: dict[str, Any]) -> int:
    if Mode.json:
        emit(shipment)
    elif shipment["state"] == "sent":
        report_success(f"sent to {shipment['source']}", detail=f"{shipment['place']}, {size(shipment['size'])}")
        if shipment["reason"]:
            line("note", shipment["reason"])
    elif shipment["state"] in _UNDER_WAY:
        line(shipment["state"], f"{shipment['source']}  {shipment['place']}")
        if shipment["reason"]:
            line("reason", shipment["reason"])
        remark("the node tries again by itself; to see how it goes: hansa shipment list")
    else:
        report_failure(shipment["reason"] or shipment["state"])
        if shipment["remedy"]:
            suggest(shipment["remedy"])
    return DONE if shipment["state"] == "sent" else WAITING if shipment["state"] in _UNDER_WAY else REFUSED


def _show(shipment: dict[str, Any]) -> None:
    say(f"{shipment['id']}  {shipment['state']}  {shipment['source']}  {shipment['place']}")
    line("asset", shipment["dataset"])
    line("agreement", shipment["agreement"])
    line("size", size(shipment["size"]))
    line("changed", f"{shipment['changed'][:19]}, ordered by {shipment['by']}")
    if shipment["reason"]:
        line("reason", shipment["reason"])
    if shipment["remedy"]:
        line("remedy", shipment["remedy"])

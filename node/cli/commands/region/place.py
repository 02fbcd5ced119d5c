"""place: where this node is, for the maps of members of other nodes."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from node.base.errors import InvalidInput
from node.cli.options import Node, connect
from node.cli.output import Mode, emit, line, remark, report_success, say

group = typer.Typer(no_args_is_help=True, help="The place of this node on maps of members.")


def register(app: typer.Typer) -> None:
    app.add_typer(group, name="place")


@group.command("show")
def show(node: Node = None) -> None:
    """Show the place that this node states."""
    with connect(node) as client:
        place = client.place()["place"]
    if Mode.json:
        emit({"place": place})
    elif place is None:
        say("This node states no place.")
        remark("hansa place set Gent")
    else:
        _show(place)


@group.command("set")
def state(
    name: Annotated[str, typer.Argument(help="Name of the town or the region.")],
    at: Annotated[
        str | None,
        typer.Option(metavar="LONGITUDE,LATITUDE", help="Degrees (WGS 84), for a place that the node does not know."),
    ] = None,
    node: Node = None,
) -> None:
    """State where this node is. Other nodes show it on their maps of members."""
    longitude, latitude = (None, None) if at is None else _degrees(at)
    with connect(node) as client:
        place = client.state_place(name, longitude=longitude, latitude=latitude)["place"]
    if Mode.json:
        emit({"place": place})
    report_success("place stated")
    _show(place)
    remark("other nodes show it when they next read the feed of this node")


@group.command("remove")
def remove(node: Node = None) -> None:
    """State no place any more."""
    with connect(node) as client:
        client.withdraw_place()
    if Mode.json:
        emit({"place": None})
    report_success("this node states no place any more")


def _show(place: dict[str, Any]) -> None:
    line("place", place["name"])
    line("degrees", f"longitude {place['longitude']}, latitude {place['latitude']}")


def _degrees(text: str) -> tuple[float, float]:
    """Return longitude and latitude. Raises ``InvalidInput``."""
    parts = text.split(",")
    try:
        longitude, latitude = (float(part) for part in parts)
    except ValueError as error:
        raise InvalidInput(
            f"{text[:80]} is not a longitude and a latitude", remedy="write both in degrees: --at 3.72,51.05"
        ) from error
    return longitude, latitude

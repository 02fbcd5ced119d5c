"""Options that several verbs share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from node.client import HansaClient

Node = Annotated[
    str | None,
    typer.Option(
        "--node",
        "-n",
        help="The node's folder or address; by default HANSA_NODE, or the node in this folder.",
        show_default=False,
    ),
]
Region = Annotated[bool, typer.Option("--region", help="In the region's catalogue, as this node.")]
Language = Annotated[str, typer.Option("--lang", envvar="HANSA_LANG", help="Language of texts: en, nl, cs, fr, de.")]


def connect(node: str | None) -> HansaClient:
    """Return a client of the requested node. If a node on this machine is just starting, wait for it."""
    from node.cli.output import remark
    from node.client import HansaClient, locate
    from node.client.startup import until_listening

    address = locate(node)
    until_listening(address, on_wait=lambda: remark("waiting for the node to listen …"))
    return HansaClient(address)

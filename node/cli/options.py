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
        help="The node's folder or address; else HANSA_NODE, else the one in this folder.",
        show_default=False,
    ),
]
Region = Annotated[bool, typer.Option("--region", help="In the region's catalogue, as this node.")]
Language = Annotated[str, typer.Option("--lang", envvar="HANSA_LANG", help="Language of texts: en, nl, cs, fr, de.")]


def connect(node: str | None) -> HansaClient:
    """A client of the node that is meant."""
    from node.client import HansaClient, locate

    return HansaClient(locate(node))

"""member: turning participants away, and letting them in again."""

from __future__ import annotations

from typing import Annotated

import typer

from node.cli.options import Node, connect
from node.cli.output import Mode, emit, remark, report_success, say, table

group = typer.Typer(no_args_is_help=True, help="Block participants, and unblock them.")


def register(app: typer.Typer) -> None:
    app.add_typer(group, name="member")


@group.command("block")
def block(
    did: Annotated[str, typer.Argument(help="DID of the participant.")],
    reason: Annotated[str, typer.Option(help="The reason. The other side can read it.")],
    node: Node = None,
) -> None:
    """Block a participant. The node refuses all its requests and suspends its running transfers."""
    with connect(node) as client:
        block = client.block(did, reason)
    if Mode.json:
        emit(block)
    report_success(f"blocked {did}", detail=reason)
    if block["suspended"]:
        remark(f"{block['suspended']} running transfers are suspended")


@group.command("unblock")
def unblock(
    did: Annotated[str, typer.Argument(help="DID of the participant.")],
    node: Node = None,
) -> None:
    """Unblock a participant. Suspended transfers stay suspended until they are resumed."""
    with connect(node) as client:
        ended = client.unblock(did)
    if Mode.json:
        emit(ended)
    report_success(f"no longer blocked: {did}")


@group.command("blocked")
def list_blocked(node: Node = None) -> None:
    """Show the blocked participants, since when, and why."""
    with connect(node) as client:
        blocks = client.blocks()
    if Mode.json:
        emit(blocks)
    elif blocks:
        table([[one["did"], one["at"][:10], one["by"], one["reason"]] for one in blocks], ["did", "since", "by", ""])
    else:
        say("No participants are blocked.")

"""member: turning participants away, and letting them in again."""

from __future__ import annotations

from typing import Annotated

import typer

from node.cli.options import Language, Node, connect
from node.cli.output import Mode, count_of, emit, line, remark, report_success, say, table, words

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


@group.command("show")
def show(
    did: Annotated[str, typer.Argument(help="DID of the participant.")],
    node: Node = None,
    lang: Language = "en",
) -> None:
    """Show the block of a participant, or what one would stop."""
    with connect(node) as client:
        status = client.participant_status(did)
    if Mode.json:
        emit(status)
        return
    block = status["block"]
    line("blocked", f"{block['at'][:10]}  {block['reason']}" if block else "no")
    line("agreements", f"{count_of(len(status['agreements']), 'agreement')} in force with it")
    for known in status["agreements"]:
        line("", f"{words(known['titles'], lang) or known['dataset']}  {known['id']}")
    line("transfers", f"{count_of(status['transfers'], 'transfer')} not ended under them")


@group.command("acceptances")
def show_acceptances(node: Node = None) -> None:
    """Show which member accepted which version of the rulebook."""
    with connect(node) as client:
        status = client.rulebook_acceptances()
    if Mode.json:
        emit(status)
        return
    line("rulebook", f"{status['rulebook'] or 'none published'}  version {status['version'] or '–'}")
    rows = [
        [row["name"], row["holder"], str(row["version"] or "–"), "must accept again" if row["mustAccept"] else ""]
        for row in status["acceptances"]
    ]
    if rows:
        table(rows, ["member", "did", "version", ""])
    else:
        say("No member holds a valid credential.")


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

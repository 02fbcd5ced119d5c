"""negotiation: what is being agreed; accepting an offer, ending, and why one was refused."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from node.cli import processes
from node.cli.groups import Shorthand
from node.cli.options import Language, Node, connect
from node.cli.output import Mode, emit, line, next_step, say, words
from node.cli.yamls import read_conditions

if TYPE_CHECKING:
    from node.client import HansaClient

group = typer.Typer(
    cls=Shorthand,
    help=(
        "What is being agreed: list, show with every message, accept, counter, terminate. "
        "'hansa negotiation ID' shows one; the end of an id will do. 'hansa get' begins one."
    ),
)

_Id = Annotated[str, typer.Argument(help="Id of the negotiation, or its end.", metavar="ID")]


def register(app: typer.Typer) -> None:
    app.add_typer(group, name="negotiation")


@group.command("list")
def list_negotiations(
    state: Annotated[str | None, typer.Option(help="Only those in this state, such as offered.")] = None,
    node: Node = None,
) -> None:
    """Show the negotiations of this node, newest first."""
    with connect(node) as client:
        processes.listed(client.negotiations(), "negotiation", state)


@group.command("show")
def show(negotiation: _Id, node: Node = None, lang: Language = "en") -> None:
    """Show how a negotiation stands, what it waits for or why it ended, and every message."""
    with connect(node) as client:
        one = client.negotiation(_pid(client, negotiation))
    if Mode.json:
        emit(one)
        return
    say(one["pid"])
    processes.told(one, lang)
    if one["waitsFor"] is not None:
        line("decision", words(one["waitsFor"]["summary"], lang))
        next_step(f"hansa decide {one['waitsFor']['id']} --approve     (or --refuse --reason …)")
    processes.timeline(one, lang)


def _pid(client: HansaClient, wanted: str) -> str:
    return processes.chosen(client.negotiations(), wanted, "negotiation")


@group.command("accept")
def accept(negotiation: _Id, node: Node = None) -> int:
    """Accept the offer that the provider has put on the table. It binds this node."""
    with connect(node) as client:
        pid = _pid(client, negotiation)
        client.accept_offer(pid)
        return processes.carried_out(lambda wait: client.negotiation(pid, wait=wait), "accepted")


@group.command("counter")
def counter(
    negotiation: _Id,
    ask: Annotated[
        str, typer.Option(metavar="CONDITIONS", help="The terms: a template, YAML, or a file, as for hansa limits.")
    ],
    node: Node = None,
) -> int:
    """Ask for other terms than those that the provider has put on the table."""
    with connect(node) as client:
        pid = _pid(client, negotiation)
        client.counter_offer(pid, read_conditions(ask))
        return processes.carried_out(lambda wait: client.negotiation(pid, wait=wait), "asked")


@group.command("terminate")
def terminate(
    negotiation: _Id,
    reason: Annotated[str, typer.Option(help="Why: the other side reads it.")] = "",
    node: Node = None,
) -> int:
    """End a negotiation for good."""
    with connect(node) as client:
        pid = _pid(client, negotiation)
        client.terminate_negotiation(pid, reason=reason)
        return processes.carried_out(lambda wait: client.negotiation(pid, wait=wait), "ended")

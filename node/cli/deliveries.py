"""deliveries: what could not be delivered, tried again or given up."""

from __future__ import annotations

from typing import Annotated

import typer

from node.base.errors import InvalidInput
from node.cli.options import Node, connect
from node.cli.output import Mode, done, emit, failed, line, mend, say

DEAD = 1


def register(app: typer.Typer) -> None:
    verbs = typer.Typer(help="What could not be delivered to other nodes.", no_args_is_help=True)
    verbs.command("list")(listed)
    verbs.command("retry")(retry)
    verbs.command("give-up")(give_up)
    app.add_typer(verbs, name="deliveries")


def listed(node: Node = None) -> int:
    """Show what could not be delivered, with the reasons. Exit status 1 where there is any."""
    with connect(node) as client:
        found = client.deliveries()
    if Mode.json:
        emit(found)
        return DEAD if found["dead"] else 0
    line("on the way", str(found["waiting"]))
    if not found["dead"]:
        done("nothing was given up")
        return 0
    for letter in found["dead"]:
        failed(f"{letter['message'] or letter['topic']} to {letter['to']}")
        line("id", letter["id"])
        line("about", letter["about"])
        line("reason", letter["error"] or "unknown")
        line("attempts", str(letter["attempts"]))
    say()
    mend("hansa deliveries retry --all     once the other side can be reached")
    mend("hansa deliveries give-up ID      where it never will be: what waits for it ends")
    return DEAD


def retry(
    letter: Annotated[
        str | None, typer.Argument(metavar="ID", help="Which one, as hansa deliveries list shows it.")
    ] = None,
    every: Annotated[bool, typer.Option("--all", help="Everything that was given up.")] = False,
    node: Node = None,
) -> int:
    """Try again what could not be delivered."""
    if (letter is None) is not every:
        raise InvalidInput("name one delivery, or --all", remedy="hansa deliveries list")
    with connect(node) as client:
        names = [letter] if letter is not None else [one["id"] for one in client.deliveries()["dead"]]
        told = [client.retry(name) for name in names]
    if Mode.json:
        emit(told)
    else:
        done("on the way again", detail=f"{len(told)}")
    return 0


def give_up(
    letter: Annotated[str, typer.Argument(metavar="ID", help="Which one, as hansa deliveries list shows it.")],
    node: Node = None,
) -> int:
    """Never try a delivery again: the negotiation or transfer that waits for it ends."""
    with connect(node) as client:
        told = client.give_up(letter)
    if Mode.json:
        emit(told)
    else:
        done("given up", detail="what waited for it ends")
    return 0

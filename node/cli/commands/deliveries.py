"""deliveries: what could not be delivered, tried again or given up."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from node.base.errors import HansaError, InvalidInput, PeerUnreachable
from node.base.plaintext import word
from node.cli.exits import DONE, REFUSED
from node.cli.groups import Shorthand
from node.cli.options import Node, connect
from node.cli.output import Mode, emit, line, report_failure, report_success, say, suggest

if TYPE_CHECKING:
    from node.client import HansaClient


def register(app: typer.Typer) -> None:
    verbs = typer.Typer(
        cls=Shorthand,
        help="Messages that could not be delivered: list, retry, give-up. 'hansa deliveries' lists.",
    )
    verbs.command("list")(list_deliveries)
    verbs.command("retry")(retry)
    verbs.command("give-up")(give_up)
    app.add_typer(verbs, name="deliveries")


def list_deliveries(node: Node = None) -> int:
    """Show what could not be delivered, with the reasons. The exit status is 1 if there is anything."""
    with connect(node) as client:
        deliveries = client.deliveries()
    if Mode.json:
        emit(deliveries)
        return REFUSED if deliveries["dead"] else DONE
    line("being delivered", str(deliveries["waiting"]))
    if not deliveries["dead"]:
        report_success("no failed deliveries")
        return DONE
    for letter in deliveries["dead"]:
        report_failure(f"{letter['message'] or letter['topic']} to {letter['to']}")
        line("id", letter["id"])
        line("process", letter["about"])
        line("reason", letter["error"] or "unknown")
        line("attempts", str(letter["attempts"]))
    say()
    suggest("hansa deliveries retry --all     when the other side can be reached again")
    suggest("hansa deliveries give-up ID      if it never will be: the process that waits for it ends")
    return REFUSED


def retry(
    letter: Annotated[
        str | None, typer.Argument(metavar="ID", help="Id of the delivery, as in hansa deliveries list.")
    ] = None,
    every: Annotated[bool, typer.Option("--all", help="All deliveries that were given up.")] = False,
    node: Node = None,
) -> int:
    """Send again what could not be delivered. The exit status is 1 if something cannot be sent any more."""
    if (letter is None) is not every:
        raise InvalidInput("name one delivery, or --all", remedy="hansa deliveries list")
    with connect(node) as client:
        answers = [client.retry(letter)] if letter is not None else _retry_all(client)
    under_way = [one for one in answers if "error" not in one]
    if Mode.json:
        emit(answers)
    else:
        report_success("being delivered again", detail=f"{len(under_way)}")
    return DONE if len(under_way) == len(answers) else REFUSED


def _retry_all(client: HansaClient) -> list[dict[str, Any]]:
    """Every dead letter, those beyond the newest too: what is on its way again makes room in the list for older ones.
    One that cannot be sent any more keeps its place there, and hinders no other one."""
    answers: dict[str, dict[str, Any]] = {}
    while fresh := [one["id"] for one in client.deliveries()["dead"] if one["id"] not in answers]:
        for name in fresh:
            try:
                answers[name] = client.retry(name)
            except PeerUnreachable:
                raise  # Of this node itself: it would say the same of every one.
            except HansaError as error:
                answers[name] = {"id": name, "error": error.detail}
                report_failure(f"{name}: {error.detail}")
                suggest(f"hansa deliveries give-up {word(name)}")
    return list(answers.values())


def give_up(
    letter: Annotated[str, typer.Argument(metavar="ID", help="Id of the delivery, as in hansa deliveries list.")],
    node: Node = None,
) -> int:
    """Cancel a delivery. The negotiation or transfer that waits for it ends."""
    with connect(node) as client:
        told = client.give_up(letter)
    if Mode.json:
        emit(told)
    else:
        report_success("given up", detail="the process that waited for it ends")
    return DONE

"""webhook: programs of the city that are told about the node's events."""

from __future__ import annotations

from typing import Annotated, Any, Final

import typer

from node.base.plaintext import word
from node.cli.exits import DONE, REFUSED
from node.cli.groups import Shorthand
from node.cli.options import Node, connect
from node.cli.output import (
    Mode,
    count_of,
    emit,
    line,
    remark,
    report_failure,
    report_success,
    say,
    suggest,
)

_Name = Annotated[str, typer.Argument(metavar="NAME", help="Name of the webhook, as in hansa webhook list.")]
_SHOWN: Final = 20


def register(app: typer.Typer) -> None:
    verbs = typer.Typer(cls=Shorthand, help="Tell programs about events of the node.")
    verbs.command("add")(add)
    verbs.command("list")(list_webhooks)
    verbs.command("kinds")(list_kinds)
    verbs.command("test")(try_webhook)
    verbs.command("show")(show)
    verbs.command("pause")(pause)
    verbs.command("resume")(resume)
    verbs.command("retry")(retry)
    verbs.command("remove")(remove)
    app.add_typer(verbs, name="webhook")


def add(
    name: Annotated[str, typer.Argument(metavar="NAME", help="A name for the webhook: a-z, 0-9 and hyphens.")],
    address: Annotated[
        str,
        typer.Argument(
            metavar="ADDRESS",
            help="Where events are sent: https://…, or broker:SOURCE/TOPIC (Kafka and MQTT; see hansa source list).",
        ),
    ],
    kind: Annotated[
        list[str] | None,
        typer.Option(help="Tell events of this kind only; may be repeated. See hansa webhook kinds."),
    ] = None,
    sign: Annotated[bool, typer.Option("--sign/--no-sign", help="Sign what is sent with a secret.")] = True,
    node: Node = None,
) -> int:
    """Tell a program, or a topic of a broker, about events from now on.

    They are sent as CloudEvents 1.0, and those of lineage as OpenLineage. The secret of their signatures is shown
    once. Then try it with hansa webhook test.
    """
    with connect(node) as client:
        webhook = client.webhooks.add(name, address, kinds=kind or (), sign=sign)
    if Mode.json:
        emit(webhook)
        return DONE
    report_success(
        f"{name} is registered", detail=count_of(len(webhook["kinds"]), "kind of event", "kinds of events")
    )
    if webhook["secret"]:
        line("secret", webhook["secret"])
        remark("keep it where the receiver finds it: it is never shown again")
    remark(f"to try it: hansa webhook test {word(name)}")
    return DONE


def list_webhooks(node: Node = None) -> int:
    """List the webhooks. Exit status 1 if one is paused or has dead letters."""
    with connect(node) as client:
        webhooks = client.webhooks.all()["webhooks"]
    if Mode.json:
        emit(webhooks)
    else:
        for webhook in webhooks:
            _show(webhook)
        if not webhooks:
            say("This node has no webhooks.")
            suggest("hansa webhook add NAME ADDRESS")
    return REFUSED if any(_needs_help(webhook) for webhook in webhooks) else DONE


def list_kinds(node: Node = None) -> int:
    """List the kinds of events."""
    with connect(node) as client:
        kinds = client.webhooks.all()["kinds"]
    if Mode.json:
        emit(kinds)
    else:
        for kind, words in kinds.items():
            line(kind, words)
    return DONE


def try_webhook(name: _Name, node: Node = None) -> int:
    """Send a webhook a test event now, and say what it answered. Exit status 1 if it did not take it."""
    with connect(node) as client:
        trial = client.webhooks.test(name)
    if Mode.json:
        emit(trial)
    elif trial["passed"]:
        report_success(trial["answer"])
    else:
        report_failure(trial["answer"])
        if trial["remedy"]:
            suggest(trial["remedy"])
    return DONE if trial["passed"] else REFUSED


def show(
    name: _Name,
    dead: Annotated[bool, typer.Option("--dead", help="Show dead letters only.")] = False,
    node: Node = None,
) -> int:
    """Show a webhook and the newest events for it, with the last answer. Exit status 1 if it needs help."""
    with connect(node) as client:
        webhook = client.webhooks.webhook(name)
        deliveries = client.webhooks.deliveries(name, state="dead" if dead else "", limit=_SHOWN)
    if Mode.json:
        emit({**webhook, "deliveries": deliveries})
    else:
        _show(webhook)
        line("events", ", ".join(webhook["kinds"]))
        for delivery in deliveries:
            say(f"{delivery['id']}  {delivery['state']}  {delivery['type']}")
            line("about", delivery["subject"])
            line("at", delivery["time"])
            if delivery["answer"]:
                line("answer", f"{delivery['answer']}, {count_of(delivery['attempts'], 'attempt')}")
        if not deliveries:
            say("There are no dead letters." if dead else "Nothing has happened yet that it is told about.")
    return REFUSED if _needs_help(webhook) else DONE


def pause(name: _Name, node: Node = None) -> int:
    """Send a webhook nothing until it is resumed. What happens meanwhile waits."""
    with connect(node) as client:
        webhook = client.webhooks.pause(name)
    if Mode.json:
        emit(webhook)
    else:
        report_success(f"{name} is paused", detail=f"to go on: hansa webhook resume {word(name)}")
    return DONE


def resume(name: _Name, node: Node = None) -> int:
    """Go on where a webhook was paused."""
    with connect(node) as client:
        webhook = client.webhooks.resume(name)
    if Mode.json:
        emit(webhook)
    else:
        report_success(f"{name} goes on", detail="what happened meanwhile is sent now")
    return DONE


def retry(
    name: _Name,
    delivery: Annotated[
        str, typer.Argument(metavar="ID", help="One dead letter, as in hansa webhook show NAME --dead.")
    ] = "",
    node: Node = None,
) -> int:
    """Send dead letters of a webhook again: one, or all of them."""
    with connect(node) as client:
        count = client.webhooks.retry(name, delivery=delivery)["queued"]
    if Mode.json:
        emit({"queued": count})
    else:
        report_success(f"{count_of(count, 'event')} will be sent again" if count else "there are no dead letters")
    return DONE


def remove(name: _Name, node: Node = None) -> int:
    """Forget a webhook, its secret, and the events that wait for it."""
    with connect(node) as client:
        client.webhooks.remove(name)
    if Mode.json:
        emit({"name": name, "removed": True})
    else:
        report_success(f"{name} is no longer a webhook", detail="it is told nothing more")
    return DONE


def _show(webhook: dict[str, Any]) -> None:
    say(f"{webhook['name']}  {webhook['state']}  {webhook['address']}")
    if webhook["reason"]:
        line("reason", webhook["reason"])
    line("events", f"{webhook['waiting']} waiting, {count_of(webhook['deadLetters'], 'dead letter')}")
    line("delivered", webhook["delivered"] or "nothing yet")
    line("signed", "yes" if webhook["signed"] else "no")
    line("registered", f"{webhook['at'][:10]} by {webhook['by']}")


def _needs_help(webhook: dict[str, Any]) -> bool:
    return bool(webhook["state"] == "paused" or webhook["deadLetters"])

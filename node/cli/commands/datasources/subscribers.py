"""stream subscribers, resend, unsubscribe: partners who are told of streams and entities of this node."""

from __future__ import annotations

from typing import Annotated

import typer

from node.base.plaintext import word
from node.cli.commands.processes import tell_why
from node.cli.exits import DONE, REFUSED
from node.cli.options import Language, Node, connect
from node.cli.output import Mode, emit, line, report_failure, report_success, say, suggest

_Key = Annotated[str, typer.Argument(metavar="KEY", help="Key of the subscription: hansa stream subscribers.")]


def add_subscriber_verbs(verbs: typer.Typer) -> None:
    """Add the verbs for subscriptions of partners."""
    verbs.command("subscribers")(list_subscribers)
    verbs.command("resend")(resend)
    verbs.command("unsubscribe")(unsubscribe)


def list_subscribers(node: Node = None, lang: Language = "en") -> int:
    """List the subscriptions of partners, and how far they are.

    Those that ended say why.
    """
    with connect(node) as client:
        views = client.subscribers.all()
    if Mode.json:
        emit(views)
        return DONE
    for view in views:
        say(f"{view['key']}  {view['to']}")
        line("partner", view["partner"])
        line("agreement", view["agreement"])
        failures = f", {view['failures']} attempts failed" if view["failures"] else ""
        line("notifications", f"{view['sent']} sent, {view['entities']} entities{failures}")
        if view["dead"]:
            line("refused", f"{view['dead']}, kept to be sent again: hansa stream resend {word(view['key'])}")
        line("status", view["state"])
        if view["error"]:
            line("reason", view["error"])
            tell_why(view["reasons"], lang)
    if not views:
        say("No partner has subscribed.")
    return DONE


def resend(key: _Key, node: Node = None) -> int:
    """Send notifications again that their receiver refused.

    They are made anew out of the data that are still kept.
    """
    with connect(node) as client:
        report = client.subscribers.resend(key)
    if Mode.json:
        emit(report)
    elif report["reason"]:
        report_failure(f"{report['sent']} sent, {report['left']} left: {report['reason']}")
        suggest("ask the partner why its receiver refuses them")
    else:
        report_success(f"{report['sent']} sent", detail=f"{report['left']} left" if report["left"] else "")
    return REFUSED if report["reason"] else DONE


def unsubscribe(key: _Key, node: Node = None) -> int:
    """End the subscription of a partner. What it has received stays there."""
    with connect(node) as client:
        client.subscribers.end(key)
    if Mode.json:
        emit({"key": key, "ended": True})
    else:
        report_success("the subscription has ended")
    return DONE

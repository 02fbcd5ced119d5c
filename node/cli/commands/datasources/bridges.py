"""stream bridge, bridges, unbridge: streams of partners that go on to brokers of this city."""

from __future__ import annotations

import time
from typing import Annotated, Any, Final

import typer

from node.base.plaintext import word
from node.cli.commands.datasources.live import agreement_of
from node.cli.commands.datasources.subscribers import add_subscriber_verbs
from node.cli.commands.processes import tell_why
from node.cli.exits import DONE, REFUSED
from node.cli.options import Language, Node, connect
from node.cli.output import Mode, emit, line, remark, report_failure, report_success, say, suggest

_PATIENCE: Final = 20.0
_PAUSE: Final = 0.3


def add_bridge_verbs(verbs: typer.Typer) -> None:
    """Add the verbs for bridges, and for the subscriptions of partners."""
    verbs.command("bridge")(bridge)
    verbs.command("bridges")(list_bridges)
    verbs.command("unbridge")(unbridge)
    add_subscriber_verbs(verbs)


def bridge(
    asset: Annotated[str, typer.Argument(metavar="IRI", help="Address of the asset, or id of the agreement.")],
    to: Annotated[
        str, typer.Argument(metavar="broker:SOURCE/TOPIC", help="Data source of the kind kafka or mqtt, and a topic.")
    ],
    key: Annotated[
        str, typer.Option(help="The member whose value is the key of a message in Kafka.", show_default=False)
    ] = "",
    start: Annotated[
        str, typer.Option("--from", help="Begin at this time, such as 2026-11-22T08:00:00Z.", show_default=False)
    ] = "",
    file: Annotated[str, typer.Option(help="The stream, if the agreement has several.", show_default=False)] = "",
    node: Node = None,
    lang: Language = "en",
) -> int:
    """Pass a partner's stream on to a topic of your broker.

    Each observation becomes a message, at least once. The node keeps the place on disk, and goes on after a restart.
    It needs an agreement: hansa get IRI --agree-only. A bridge that ended goes on where it was.
    """
    with connect(node) as client:
        view = client.bridges.begin(agreement_of(client, asset), to, key=key, start=start, file=file)
        patience = time.monotonic() + _PATIENCE
        while view["state"] == "starting" and time.monotonic() < patience:
            time.sleep(_PAUSE)
            view = next((each for each in client.bridges.all() if each["id"] == view["id"]), view)
    if Mode.json:
        emit(view)
        return REFUSED if view["state"] == "ended" else DONE
    if view["state"] == "ended":
        _show_end(view, lang)
        return REFUSED
    if view["error"]:
        report_success(f"the stream will go to {to}", detail="it is tried again")
        line("not connected", view["error"])
        if view["remedy"]:
            suggest(view["remedy"])
    else:
        report_success(f"the stream goes to {to}")
    remark(f"to end it: hansa stream unbridge {word(view['id'])}")
    return DONE


def list_bridges(node: Node = None, lang: Language = "en") -> int:
    """List the bridges, how far they are, and why they ended."""
    with connect(node) as client:
        views = client.bridges.all()
    if Mode.json:
        emit(views)
        return DONE
    for view in views:
        say(f"{view['id']}  {view['to']}")
        line("agreement", view["agreement"])
        refusals = f", {view['refused']} refused by the broker" if view["refused"] else ""
        gaps = f", {view['gaps']} times some were missed" if view["gaps"] else ""
        line("observations", f"{view['sent']} sent{refusals}{gaps}")
        if view["state"] == "ended":
            _show_end(view, lang)
        elif view["connectedSince"]:
            line("connected", f"since {view['connectedSince'][:19]}Z")
        elif view["error"]:
            line("not connected", f"{view['errorAt'][:19]}Z: {view['error']}")
            if view["remedy"]:
                suggest(view["remedy"])
        else:
            line("connected", "not yet")
    if not views:
        say("There are no bridges.")
        suggest("hansa stream bridge IRI broker:SOURCE/TOPIC")
    return DONE


def unbridge(
    bridge_id: Annotated[str, typer.Argument(metavar="ID", help="Id of the bridge, as in hansa stream bridges.")],
    node: Node = None,
) -> int:
    """End a bridge, and forget how far it was. What the broker has stays there."""
    with connect(node) as client:
        client.bridges.end(bridge_id)
    if Mode.json:
        emit({"id": bridge_id, "ended": True})
    else:
        report_success("the bridge has ended", detail="what the broker has stays there")
    return DONE


def _show_end(view: dict[str, Any], lang: str) -> None:
    report_failure(f"the bridge has ended: {view['error']}")
    tell_why(view["reasons"], lang)
    if view["remedy"]:
        suggest(view["remedy"])

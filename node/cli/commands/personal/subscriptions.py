"""subscription: assets and searches that a person wants to hear about."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from node.base.errors import InvalidInput
from node.base.plaintext import word
from node.cli.groups import Shorthand
from node.cli.options import Node, connect
from node.cli.output import Mode, emit, line, remark, report_success, say, suggest

_WORDS = {"changed": "version {version}", "withdrawn": "withdrawn", "appeared": "new"}


def register(app: typer.Typer) -> None:
    verbs = typer.Typer(cls=Shorthand, help="Hear of changes and new assets: list, add, search …")
    verbs.command("list")(list_subscriptions)
    verbs.command("add")(add)
    verbs.command("search")(search)
    verbs.command("seen")(mark_seen)
    verbs.command("remove")(remove)
    verbs.command("feed")(feed)
    verbs.command("mail")(mail)
    app.add_typer(verbs, name="subscription")


def list_subscriptions(node: Node = None) -> None:
    """Show your subscriptions, with what is new in each."""
    with connect(node) as client:
        known = client.subscriptions.all()
    if Mode.json:
        emit(known)
        return
    if not known["subscriptions"]:
        say("You have no subscriptions yet.")
        suggest("hansa subscription add IRI, or hansa subscription search WORDS")
        return
    for entry in known["subscriptions"]:
        say(_name(entry))
        line("id", entry["id"])
        for item in entry["news"]:
            text = _WORDS[item["news"]].format_map(item)
            line(text, f"{item['title']} · {item['at'][:10]} · {item['iri']}")
        if entry["more"]:
            line("", "and more")
    if any(entry["news"] for entry in known["subscriptions"]):
        remark("when you have seen them: hansa subscription seen")


def add(
    iri: Annotated[str, typer.Argument(help="Address of the asset.")],
    node: Node = None,
) -> None:
    """Subscribe to the changes of an asset.

    They are its new versions, and its withdrawal.
    """
    with connect(node) as client:
        answer = client.subscriptions.add_asset(iri)
    _report(answer, "you hear of each change of this asset")


def search(
    terms: Annotated[list[str] | None, typer.Argument(metavar="WORDS", help="Words to search for.")] = None,
    kind: Annotated[list[str] | None, typer.Option(help="Kind of asset, such as dataset.")] = None,
    theme: Annotated[list[str] | None, typer.Option(help="EU data theme, such as TRAN.")] = None,
    publisher: Annotated[list[str] | None, typer.Option(help="DID of a publisher.")] = None,
    file_format: Annotated[list[str] | None, typer.Option("--format", help="EU file type, such as CSV.")] = None,
    since: Annotated[str | None, typer.Option("--from", help="Data about this time or later.")] = None,
    until: Annotated[str | None, typer.Option("--to", help="Data about this time or earlier.")] = None,
    bbox: Annotated[str | None, typer.Option(help="Area: west,south,east,north in degrees.")] = None,
    name: Annotated[str, typer.Option(help="A name for the search.")] = "",
    node: Node = None,
) -> None:
    """Subscribe to new assets that match a search of hansa find."""
    text = " ".join(terms or ())
    single = {"q": text, "from": since, "to": until, "bbox": bbox}
    many = {"kind": kind, "theme": theme, "publisher": publisher, "format": file_format}
    criteria = {key: [value] for key, value in single.items() if value}
    criteria |= {key: values for key, values in many.items() if values}
    if not criteria:
        raise InvalidInput("the search is empty", remedy="give words or a filter: hansa subscription search bicycle")
    with connect(node) as client:
        answer = client.subscriptions.add_search(criteria, name=name)
    _report(answer, "you hear of new assets that match")


def mark_seen(
    subscription: Annotated[
        str, typer.Argument(metavar="ID", help="Only this subscription, as in hansa subscription list.")
    ] = "",
    node: Node = None,
) -> None:
    """Mark what is new as seen."""
    with connect(node) as client:
        client.subscriptions.mark_seen(client.subscriptions.all()["mark"], subscription_id=subscription)
    if Mode.json:
        emit({"seen": True})
    report_success("marked as seen")


def remove(
    subscription: Annotated[str, typer.Argument(metavar="ID", help="As in hansa subscription list.")],
    node: Node = None,
) -> None:
    """End a subscription."""
    with connect(node) as client:
        client.subscriptions.remove(subscription)
    if Mode.json:
        emit({"removed": subscription})
    report_success("the subscription has ended")


def feed(
    end: Annotated[bool, typer.Option("--end", help="End the feed: its address no longer answers.")] = False,
    node: Node = None,
) -> None:
    """Make a private feed (Atom) of your news. Its address is a secret, and a former address ends."""
    with connect(node) as client:
        if end:
            client.subscriptions.end_feed()
            answer: dict[str, Any] = {"url": None}
        else:
            answer = client.subscriptions.make_feed()
    if Mode.json:
        emit(answer)
    elif end:
        report_success("the feed has ended")
    else:
        report_success("feed made")
        line("address", answer["url"])
        remark("keep it like a password: it is not shown again")


def mail(
    address: Annotated[str, typer.Argument(help="Your e-mail address.")] = "",
    end: Annotated[bool, typer.Option("--end", help="End the e-mails.")] = False,
    node: Node = None,
) -> None:
    """Get your news by e-mail, at most once a day."""
    if bool(address) == end:
        raise InvalidInput("give an address, or --end", remedy="hansa subscription mail eva@ghent.example")
    with connect(node) as client:
        if end:
            client.subscriptions.end_mail()
            answer: dict[str, Any] = {"address": None}
        else:
            answer = client.subscriptions.set_mail(address)
    if Mode.json:
        emit(answer)
    elif end:
        report_success("the e-mails have ended")
    else:
        report_success(f"an e-mail was sent to {address}", detail="open its link to confirm the address")


def _report(answer: dict[str, Any], text: str) -> None:
    if Mode.json:
        emit(answer)
    report_success(text)
    remark(f"to end it: hansa subscription remove {word(answer['id'])}")


def _name(entry: dict[str, Any]) -> str:
    return str(entry.get("title") or entry.get("name") or entry.get("iri"))

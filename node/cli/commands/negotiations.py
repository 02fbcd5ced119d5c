"""negotiation: lists negotiations, accepts an offer, ends one, and shows why one was refused."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from node.base.plaintext import word
from node.cli.commands import processes
from node.cli.commands.processes import Id, ProcessViews, Reason
from node.cli.groups import Shorthand
from node.cli.options import Language, Node
from node.cli.output import line, next_step, remark, words
from node.cli.yamls import read_conditions

if TYPE_CHECKING:
    from node.client import HansaClient

_PATIENCE = 8.0
"""Seconds in which an agreement usually is final, once its terms are settled."""

group = typer.Typer(
    cls=Shorthand,
    help=(
        "Negotiations: list, show, accept, counter, terminate. "
        "'hansa negotiation ID' shows one; the end of an id is enough. 'hansa get' starts one."
    ),
)


def _waiting(negotiation: dict[str, Any], lang: str) -> None:
    if negotiation["waitsFor"] is not None:
        line("decision", words(negotiation["waitsFor"]["summary"], lang))
        processes.beside(negotiation["waitsFor"])


def _decide(negotiation: dict[str, Any]) -> str | None:
    asked = negotiation["waitsFor"]
    return None if asked is None else f"hansa decide {word(asked['id'])} --approve     (or --refuse --reason …)"


NEGOTIATION = ProcessViews(
    "negotiation",
    every=lambda client, state: client.negotiations(state=state),
    read=lambda client, pid, wait: client.negotiation(pid, wait=wait),
    more=_waiting,
    now=_decide,
)


def register(app: typer.Typer) -> None:
    processes.add_views(group, NEGOTIATION)
    group.command("accept")(accept)
    group.command("counter")(counter)
    group.command("terminate")(terminate)
    app.add_typer(group, name="negotiation")


def accept(negotiation: Id, node: Node = None, lang: Language = "en") -> int:
    """Accept the provider's last offer. It binds this node."""
    return processes.steer(
        NEGOTIATION,
        negotiation,
        node,
        lambda client, pid: client.accept_offer(pid),
        "accepted",
        lang,
        then=tell_outcome,
    )


def counter(
    negotiation: Id,
    ask: Annotated[
        str, typer.Option(metavar="CONDITIONS", help="The terms: a template, YAML, or a file, as for hansa limits.")
    ],
    node: Node = None,
    lang: Language = "en",
) -> int:
    """Ask for other terms than those of the provider's last offer."""
    conditions = read_conditions(ask)
    return processes.steer(
        NEGOTIATION,
        negotiation,
        node,
        lambda client, pid: client.counter_offer(pid, conditions),
        "asked",
        lang,
        then=tell_outcome,
    )


def terminate(negotiation: Id, reason: Reason = "", node: Node = None, lang: Language = "en") -> int:
    """End a negotiation for good."""
    return processes.steer(
        NEGOTIATION,
        negotiation,
        node,
        lambda client, pid: client.terminate_negotiation(pid, reason=reason),
        "ended",
        lang,
        aim="TERMINATED",
    )


def tell_outcome(client: HansaClient, pid: str, lang: str) -> None:
    """Say what comes next in a negotiation of ours, after a person has accepted its terms or asked for others."""
    negotiation = client.negotiation(pid, wait=_PATIENCE)
    if negotiation["state"] == "FINALIZED":
        line("agreement", f"{negotiation['agreementId']}  signed by both")
        next_step(f"hansa get {word(negotiation['dataset'])} --agreement {word(negotiation['agreementId'])}")
    elif negotiation["waitsFor"] is not None:
        tell_offer(negotiation, lang)
    else:
        remark(f"{negotiation['status']['text']}; see its status: hansa negotiation {word(pid)}")


def tell_offer(negotiation: dict[str, Any], lang: str) -> None:
    """An offer in other terms than those that were asked for waits for a person here."""
    line("offered", f"this differs from what was requested: {words(negotiation['waitsFor']['summary'], lang)}")
    next_step(f"hansa decide {word(negotiation['waitsFor']['id'])} --approve")
    remark(f"or request other terms: hansa negotiation counter {word(negotiation['pid'])} --ask …")

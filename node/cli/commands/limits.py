"""limits: how far the node goes by itself when somebody asks for other terms than the offered ones."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from node.base.plaintext import word
from node.cli.options import Language, Node, connect
from node.cli.output import Mode, done, emit, line, remark, say
from node.cli.yamls import read_conditions

_Conditions = Annotated[
    str | None,
    typer.Option(
        metavar="CONDITIONS",
        help="The most open terms: a template (members), YAML ('{template: members, until: 2027-12-31}'), or a file.",
    ),
]


def register(app: typer.Typer) -> None:
    app.command("limits")(limits)


def limits(
    iri: Annotated[str, typer.Argument(help="Address of an asset of this node.")],
    give: _Conditions = None,
    clear: Annotated[bool, typer.Option("--clear", help="Agree only to what equals the offer.")] = False,
    node: Node = None,
    lang: Language = "en",
) -> None:
    """Show or set how far the node goes by itself when terms are negotiated.

    Whoever asks for terms within them gets an agreement at once. Whoever asks for more is offered what both allow,
    and told why not more.
    """
    if give is not None and clear:
        raise typer.BadParameter("--give and --clear contradict each other")
    with connect(node) as client:
        if clear:
            client.clear_limits(iri)
            done("cleared", detail="only what equals the offer is agreed to")
            found: dict[str, Any] = {"dataset": iri, "terms": None}
        elif give is not None:
            found = client.set_limits(iri, read_conditions(give))
        else:
            found = client.limits(iri)
    if Mode.json:
        emit(found)
    elif not clear:
        _show(found, lang)


def _show(found: dict[str, Any], lang: str) -> None:
    if found["terms"] is None:
        say(f"By itself this node agrees to {found['dataset']} only on the terms of its offer.")
        remark(f"to go further: hansa limits {word(found['dataset'])} --give CONDITIONS")
        return
    if found["inForce"]:
        say(f"By itself this node agrees to {found['dataset']} on terms within:")
    else:
        say(
            f"By itself this node agrees to {found['dataset']} only on the terms of its offer. Not in force any more:"
        )
    for sentence in found["sentences"].get(lang, found["sentences"]["en"]):
        line("", f"· {sentence}")
    line("set by", f"{found['by']}  {found['at'][:10]}")
    if not found["inForce"]:
        remark("they were set beside other conditions than the asset has now;")
        remark(f"to set them again: hansa limits {word(found['dataset'])} --give CONDITIONS")

"""limits: which other terms than the offered ones the node accepts by itself."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from node.base.plaintext import word
from node.cli.options import Language, Node, connect
from node.cli.output import Mode, emit, line, remark, report_success, say
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
    clear: Annotated[
        bool, typer.Option("--clear", help="Remove the limits: agree only to the terms of the offer.")
    ] = False,
    node: Node = None,
    lang: Language = "en",
) -> None:
    """Show or set which terms the node accepts automatically.

    A participant that asks for terms within them gets an agreement at once. One that asks for more is offered what
    both allow, with the reason.
    """
    if give is not None and clear:
        raise typer.BadParameter("--give and --clear cannot be combined")
    with connect(node) as client:
        if clear:
            client.clear_limits(iri)
            report_success("cleared", detail="only the offer itself is accepted automatically")
            terms: dict[str, Any] = {"dataset": iri, "terms": None}
        elif give is not None:
            terms = client.set_limits(iri, read_conditions(give))
        else:
            terms = client.limits(iri)
    if Mode.json:
        emit(terms)
    elif not clear:
        _show(terms, lang)


def _show(limits: dict[str, Any], lang: str) -> None:
    if limits["terms"] is None:
        say(f"This node automatically accepts only the terms of its offer for {limits['dataset']}.")
        remark(f"to go further: hansa limits {word(limits['dataset'])} --give CONDITIONS")
        return
    if limits["inForce"]:
        say(f"This node automatically accepts terms for {limits['dataset']} within:")
    else:
        say(
            f"This node automatically accepts only the terms of its offer for {limits['dataset']}. "
            "No longer in force:"
        )
    for sentence in limits["sentences"].get(lang, limits["sentences"]["en"]):
        line("", f"· {sentence}")
    line("set by", f"{limits['by']}  {limits['at'][:10]}")
    if not limits["inForce"]:
        remark("they were set for other conditions than the asset has now;")
        remark(f"to set them again: hansa limits {word(limits['dataset'])} --give CONDITIONS")

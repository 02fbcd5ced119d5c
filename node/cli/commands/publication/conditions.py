"""conditions: what conditions mean in words and as ODRL, before anybody publishes them."""

from __future__ import annotations

from typing import Annotated

import typer

from node.cli.options import Language, Node, connect
from node.cli.output import Mode, emit, findings, line, say
from node.cli.yamls import read_conditions


def register(app: typer.Typer) -> None:
    app.command("conditions")(conditions)


def conditions(
    text: Annotated[
        str,
        typer.Argument(
            metavar="CONDITIONS",
            help="A template (members), YAML ('{template: members, until: 2027-12-31}'), or a file, also with ODRL.",
        ),
    ],
    odrl: Annotated[
        bool, typer.Option("--odrl", help="Print them as ODRL, to change them and write them in place of a template.")
    ] = False,
    node: Node = None,
    lang: Language = "en",
) -> None:
    """Show what conditions mean, and their contradictions.

    Nothing is saved. The exit code is 1 if an asset cannot be published under them.
    """
    with connect(node) as client:
        report = client.check_conditions(read_conditions(text))
    if odrl:
        emit(report["odrl"])
    elif Mode.json:
        emit(report)
    else:
        sentences = report["sentences"].get(lang, report["sentences"]["en"])
        for sentence in sentences:
            line("conditions", f"· {sentence}")
        if not sentences:
            say("Nothing is offered under these conditions.")
        findings([finding for finding in report["findings"] if finding["severity"] != "info"], {})
    if not report["usable"]:
        raise typer.Exit(1)

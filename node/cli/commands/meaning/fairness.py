"""fairness: show the FAIR points of an ontology, and what to correct first."""

from __future__ import annotations

from typing import Annotated

import typer

from node.cli.options import Language, Node, connect
from node.cli.output import Mode, emit, line, say

_NO_LANGUAGE = "und"


def register(app: typer.Typer) -> None:
    app.command("fairness")(fairness)


def fairness(
    ontology: Annotated[str, typer.Argument(help="The address of an ontology; ontology/NAME is one of your node.")],
    node: Node = None,
    lang: Language = "en",
) -> None:
    """Show how well an ontology is described, in FAIR points.

    What is missing comes with what to do, the most points first.
    """
    with connect(node) as client:
        report = client.fairness(ontology, language=lang)
    if Mode.json:
        emit(report)
        return
    say(f"{report['points']} of {report['most']} points   version {report['version']}")
    line("points", ", ".join(f"{key} {part['points']}/{part['most']}" for key, part in report["byLetter"].items()))
    for row in report["languages"]:
        name = "no language" if row["language"] == _NO_LANGUAGE else row["language"]
        counts = f"{row['labels']} labels, {row['definitions']} definitions of {row['terms']} terms"
        line("documented", f"{name}  {row['percent']} %   {counts}")
    criteria = {criterion["key"]: criterion for criterion in report["criteria"]}
    for key in report["first"]:
        criterion = criteria[key]
        line(
            "correct", f"{criterion['title']}  {criterion['points']} of {criterion['most']}, {criterion['principle']}"
        )
        line("", criterion["remedy"])
    for pitfall in report["pitfalls"]:
        line("pitfall", pitfall["text"])
        line("", pitfall["remedy"])
    for row in report["languages"]:
        if row["language"] != _NO_LANGUAGE:
            for gap in row["first"]:
                line(f"in {row['language']}", f"{gap['label']}: no {' and no '.join(gap['lacks'])}   {gap['iri']}")

"""reason: check with a reasoner whether an ontology contradicts itself."""

from __future__ import annotations

from typing import Annotated

import typer

from node.cli.definitions import show_imports
from node.cli.exits import DONE, REFUSED
from node.cli.options import Language, Node, connect
from node.cli.output import Mode, emit, line, report_failure, report_success, say

_SOUND = "consistent"
_WRONG = ("inconsistent", "empty-classes")


def register(app: typer.Typer) -> None:
    app.command("reason")(reason)


def reason(
    ontology: Annotated[str, typer.Argument(help="The address of an ontology; ontology/NAME is one of your node.")],
    imports: Annotated[
        bool, typer.Option("--imports/--no-imports", help="Read the ontologies that it imports too.")
    ] = True,
    node: Node = None,
    lang: Language = "en",
) -> int:
    """Check whether an ontology contradicts itself.

    HermiT (OWL 2 DL) classifies it, names the classes that nothing can be a member of, and says why. It needs Java.
    """
    with connect(node) as client:
        answer = client.reason(ontology, imports=imports, language=lang)
    if Mode.json:
        emit(answer)
    elif answer["verdict"] == _SOUND:
        report_success(answer["text"])
    elif answer["verdict"] in _WRONG:
        report_failure(answer["text"])
    else:
        say(answer["text"])
    show_imports(answer.get("imports", ()), lang)
    for sentence in answer.get("because", ()):
        line("because", sentence)
    for term in answer["empty"]:
        say(f"{term['label']}   {term['class']}")
        for sentence in term.get("because", ()):
            line("because", sentence)
    for pair in answer["below"]:
        line("follows", f"{pair['label']} → {pair['aboveLabel']}")
    return DONE if answer["verdict"] not in _WRONG else REFUSED

"""eligibility: which participants could get an asset now, and what the others lack."""

from __future__ import annotations

from typing import Annotated, Any, Final

import typer

from node.cli.options import Language, Node, connect
from node.cli.output import Mode, count_of, emit, line, remark, say, size, words
from node.cli.yamls import read_conditions

_OUTCOMES: Final = {
    "yes": "yes",
    "approval": "after approval",
    "no": "no",
    "unknown": "unknown: an issuer does not answer",
    "unseen": "no: it does not see the asset",
    "blocked": "no: it is blocked here",
}


def register(app: typer.Typer) -> None:
    app.command("eligibility")(eligibility)


def eligibility(
    iri: Annotated[str, typer.Argument(help="Address of an asset of this node.")],
    conditions: Annotated[
        str | None,
        typer.Option(
            metavar="CONDITIONS",
            help="Try these conditions instead: a template (members), YAML, or a file. Nothing is changed.",
        ),
    ] = None,
    node: Node = None,
    lang: Language = "en",
) -> None:
    """Show who could get an asset now.

    It names the known participants, says what each of them lacks, and shows what they would get.
    """
    with connect(node) as client:
        report = client.eligibility(iri, None if conditions is None else read_conditions(conditions))
    if Mode.json:
        emit(report)
        return
    for participant in report["participants"]:
        _show(participant, lang)
    if not report["participants"]:
        say("This node knows no other participants yet.")
    if report["omitted"]:
        remark(f"{count_of(report['omitted'], 'more participant')} not judged")
    gets = report["gets"]
    for sentence in gets["sentences"].get(lang, gets["sentences"]["en"]):
        line("conditions", f"· {sentence}")
    for file in gets["files"]:
        line("gets", f"{file['name']}  {size(file['size'])}{'  sealed' if gets['sealed'] else ''}")


def _show(participant: dict[str, Any], lang: str) -> None:
    line(participant["name"], _OUTCOMES.get(participant["outcome"], participant["outcome"]))
    for reason in participant["missing"]:
        line("", f"lacks: {words(reason['text'], lang)}")
    if participant["outcome"] == "no" and not participant["credentialsKnown"]:
        line("", "it has shown no credentials to this node yet")

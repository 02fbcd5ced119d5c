"""align: draft which terms of two ontologies mean the same, and publish those that a person confirmed."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from node.base.errors import InvalidInput
from node.base.plaintext import word
from node.cli.options import Language, Node, connect
from node.cli.output import Mode, count_of, emit, line, next_step, remark, report_success, say


def register(app: typer.Typer) -> None:
    app.command("align")(align)


def align(
    source: Annotated[str, typer.Argument(help="An ontology; or, with --publish, a table of SSSOM (TSV).")],
    target: Annotated[str, typer.Argument(help="The other ontology; without it, shows what the first states.")] = "",
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Write a table of SSSOM (TSV).")] = None,
    publish: Annotated[bool, typer.Option("--publish", help="Publish the table after you corrected it.")] = False,
    name: Annotated[str, typer.Option("--id", help="With --publish: the last part of its address.")] = "",
    title: Annotated[str, typer.Option(help="With --publish: its title.")] = "",
    node: Node = None,
    lang: Language = "en",
) -> None:
    """Align the terms of two ontologies.

    Drafts pairs by labels and structure. Delete the rows that are wrong, then publish the table.
    """
    if publish:
        _publish(Path(source), name, title, node)
        return
    if output is not None and output.exists():
        raise InvalidInput(f"{output} exists", remedy="name another file with --output")
    with connect(node) as client:
        draft = client.draft_alignment(source, target, language=lang)
        table = client.draft_alignment_table(source, target) if output is not None and draft["mappings"] else b""
    if output is not None and table:
        output.write_bytes(table)
    if Mode.json:
        emit(draft)
        return
    for pair in draft["mappings"]:
        say(f"{pair['subjectLabel']}   {pair['predicate']}   {pair['objectLabel']}   ({pair['confidence']})")
        line("", f"{pair['subject']} {pair['object']}", style="cyan")
    if not draft["mappings"]:
        say("No terms have a label or name in common." if target else "This ontology states no mappings.")
    elif output is None:
        remark("--output FILE.sssom.tsv writes the table")
    else:
        report_success(f"{output} written", detail=count_of(len(draft["mappings"]), "mapping"))
        next_step(f"hansa align {word(output)} --publish --id NAME --title TITLE")


def _publish(path: Path, name: str, title: str, node: str | None) -> None:
    if not path.is_file():
        raise InvalidInput(f"{path} is not a file", remedy="name a table of SSSOM, such as roads.sssom.tsv")
    if not name or not title:
        raise InvalidInput("an id and a title are needed", remedy="add --id NAME --title TITLE")
    with connect(node) as client:
        publication = client.publish_alignment(path, name=name, title=title)
    if Mode.json:
        emit(publication)
        return
    report_success("alignment published", detail=publication["iri"])

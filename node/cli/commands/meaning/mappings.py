"""mapping: draft the transformation between two schemas, datasets or models, and show why."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from node.base.errors import InvalidInput
from node.base.plaintext import word
from node.cli.options import Language, Node, connect
from node.cli.output import Mode, emit, line, next_step, remark, report_success, say, words


def register(app: typer.Typer) -> None:
    app.command("mapping")(mapping)


def mapping(
    source: Annotated[str, typer.Argument(help="The schema, dataset or model whose rows there are.")],
    target: Annotated[str, typer.Argument(help="The schema, dataset or model that needs rows.")],
    columns: Annotated[
        list[str] | None, typer.Option("--column", help="FIELD:COLUMN chooses a column; FIELD: leaves a field out.")
    ] = None,
    source_role: Annotated[str, typer.Option("--from-role", help="The output of a model.")] = "",
    target_role: Annotated[str, typer.Option("--to-role", help="The input of a model.")] = "",
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Write the description of a transformation (YAML).")
    ] = None,
    node: Node = None,
    lang: Language = "en",
) -> None:
    """Draft a mapping between two assets.

    Shows what fills each field and why, what nothing fills, and the chains of transformations that exist.
    """
    if output is not None and output.exists():
        raise InvalidInput(f"{output} exists", remedy="name another file with --output")
    with connect(node) as client:
        draft = client.draft_mapping(
            source, target, source_role=source_role, target_role=target_role, columns=columns or (), language=lang
        )
    if output is not None and draft["definition"]:
        output.write_text(_description(draft), "utf-8")
    if Mode.json:
        emit(draft)
        return
    _show(draft)
    for number, chain in enumerate(draft["chains"], 1):
        steps = (words(step["titles"], lang) or step["transformation"] for step in chain["steps"])
        say(f"chain {number}: {' → '.join(steps)}")
        for step in chain["steps"]:
            line("", step["transformation"], style="cyan")
            for loss in step["losses"]:
                line("", loss["text"])
        addresses = [word(step["transformation"]) for step in chain["steps"]]
        remark(" ".join(["to try it: hansa transform", *addresses, "--input ROWS.csv"]))
    if not draft["definition"]:
        say("Nothing could be mapped. Link the fields to terms, or choose columns with --column.")
    elif output is None:
        remark("--output FILE.yaml writes the transformation")
    else:
        report_success(f"{output} written", detail="a draft of the transformation")
        next_step(f"hansa transform {word(output)} --input ROWS.csv")


def _show(draft: Mapping[str, Any]) -> None:
    for column in draft["columns"]:
        rule = column.get("rule", {})
        origin = f"is always {rule['constant']}" if "constant" in rule else f"from {rule.get('rename', '')}"
        demand = ", required" if column["required"] else ""
        say(
            f"{column['name']}   ({origin}, {column['certainty']})"
            if rule
            else f"{column['name']}   (not filled{demand})"
        )
        for reason in column["reasons"]:
            line("", reason["text"])
    for note in draft["notes"]:
        say(note["text"])
    if draft["unread"]:
        line("not read", ", ".join(draft["unread"]))


def _description(draft: Mapping[str, Any]) -> str:
    """Return the draft of a description as YAML: its definition, and the fields that a person fills in."""
    import yaml

    fields = {
        "kind": "transformation",
        "id": "",
        "title": "",
        "description": "",
        "version": "1",
        "language": "column mapping",
        "from": draft["from"],
        "to": draft["to"],
    }
    head = yaml.safe_dump(fields, sort_keys=False, allow_unicode=True)
    gaps = "".join(f"# nothing fills {gap}\n" for gap in draft["gaps"])
    definition = yaml.safe_dump({"definition": draft["definition"]}, sort_keys=False, allow_unicode=True)
    return f"{head}{gaps}{definition}"

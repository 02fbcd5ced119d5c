"""layer: what-if changes to a dataset, kept apart from the data."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from node.base.errors import InvalidInput
from node.base.plaintext import word
from node.cli.bindings import whole_layer
from node.cli.options import Node, connect
from node.cli.output import Mode, emit, line, next_step, report_success, say, table
from node.cli.run_progress import short
from node.cli.yamls import read_description


def register(app: typer.Typer) -> None:
    group = typer.Typer(no_args_is_help=True, help="Change layers: what you would change in a dataset, and why.")
    group.command("save")(save)
    group.command("list")(list_layers)
    group.command("show")(show)
    app.add_typer(group, name="layer")


def save(
    file: Annotated[Path, typer.Argument(help="The layer: target, title, reason, operations (YAML or JSON).")],
    node: Node = None,
) -> None:
    """Save a change layer. The data itself does not change."""
    if not file.is_file():
        raise InvalidInput(f"there is no file {file}", remedy="give a layer: target, title, reason, operations")
    body, _ = read_description(file)
    with connect(node) as client:
        layer = client.scenarios.save_layer(body)
    if Mode.json:
        emit(layer)
        return
    changes = len(layer["operations"])
    report_success(
        layer["title"], detail=f"{changes} change{'' if changes == 1 else 's'} to version {layer['version']}"
    )
    line("layer", layer["id"])
    next_step(f"hansa run start SCENARIO --layer {word(short(layer['id']))}")


def list_layers(
    target: Annotated[str | None, typer.Argument(help="Only of this dataset.")] = None, node: Node = None
) -> None:
    """Change layers."""
    with connect(node) as client:
        layers = client.scenarios.layers(target)
    if Mode.json:
        emit(layers)
        return
    if not layers:
        say("No change layers.")
        next_step("hansa layer save FILE.yaml")
        return
    table(
        [
            (short(one["id"]), one["title"], str(len(one["operations"])), one["author"], one["reason"])
            for one in layers
        ],
        ("layer", "title", "changes", "author", "reason"),
    )


def show(
    name: Annotated[str, typer.Argument(help="Id of the layer, as in hansa layer list.")],
    version: Annotated[int | None, typer.Option(help="How it fits this version of its dataset.")] = None,
    node: Node = None,
) -> int:
    """Show a layer: each change, and what would be in conflict."""
    with connect(node) as client:
        layer = client.scenarios.layer(whole_layer(client, name), version=version)
    if Mode.json:
        emit(layer)
    else:
        say(layer["title"])
        line("of", f"{layer['target']} version {layer['version']}, {layer['file']}")
        line("by", f"{layer['author']}: {layer['reason']}")
        for operation in layer["operations"]:
            line(operation["op"], "  ".join((operation["id"], *_changes(operation))))
        for conflict in layer["conflicts"]:
            line("conflict", conflict["sentence"], style="red")
    return 1 if layer["conflicts"] else 0


def _changes(operation: Mapping[str, Any]) -> Iterator[str]:
    """Return the effect of one operation on a row, member by member."""
    before = operation.get("before") or {}
    for name, value in (operation.get("set") or {}).items():
        if isinstance(value, Mapping):
            yield f"{name} × {value.get('factor')}"
        else:
            yield f"{name}: {f'{before[name]} → ' if name in before else ''}{value}"
    for name in operation.get("unset") or ():
        yield f"{name}: none"
    if operation.get("geometry"):
        yield "another geometry"

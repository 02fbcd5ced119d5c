"""template: the templates of conditions that a region offers to its members."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from node.base.errors import InvalidInput
from node.cli.options import Language, Node, connect
from node.cli.output import Mode, count_of, emit, line, report_success, say, words
from node.cli.yamls import read_description

group = typer.Typer(no_args_is_help=True, help="Offer conditions to the members of your region.")


def register(app: typer.Typer) -> None:
    app.add_typer(group, name="template")


@group.command("list")
def list_(node: Node = None, lang: Language = "en") -> None:
    """Show the templates that the region offers. Use one with conditions: {template: region-NAME}."""
    with connect(node) as client:
        offer = client.region_templates()
    if Mode.json:
        emit(offer)
        return
    if not offer["templates"]:
        say("The region offers no templates." if offer["region"] else "This node belongs to no region.")
        return
    line("region", f"{offer['name']}  {offer['region']}  list version {offer['version']}")
    for template in offer["templates"]:
        line(template["id"], words(template["label"], lang))
        if template["explanation"]:
            line("", words(template["explanation"], lang))


@group.command("publish")
def publish(
    file: Annotated[Path, typer.Argument(help="YAML with name, label, explanation and conditions.")],
    follows: Annotated[int | None, typer.Option(help="Version of the list that you have seen.", min=0)] = None,
    node: Node = None,
) -> None:
    """Offer a template to your members. It replaces the one of the same name."""
    fields, _ = read_description(file)
    name, template = _template(fields)
    with connect(node) as client:
        offer = client.publish_region_template(name, template, follows=follows)
    _report(offer, f"region-{name}", "offered")


@group.command("withdraw")
def withdraw(
    name: Annotated[str, typer.Argument(help="Name of the template.")],
    follows: Annotated[int | None, typer.Option(help="Version of the list that you have seen.", min=0)] = None,
    node: Node = None,
) -> None:
    """Offer a template no more. Offers that were made with it stay."""
    with connect(node) as client:
        offer = client.withdraw_region_template(name.removeprefix("region-"), follows=follows)
    _report(offer, name, "withdrawn")


def _template(fields: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """Return the name and the other members of a template. Raises ``InvalidInput`` for a file without a name."""
    name = fields.pop("name", "")
    if not isinstance(name, str) or not name:
        raise InvalidInput("the template has no name", remedy="write name: mobility-two-years")
    for member in ("label", "explanation"):
        if isinstance(fields.get(member), str):
            fields[member] = {"en": fields[member]}
    return name, fields


def _report(offer: dict[str, Any], name: str, what: str) -> None:
    if Mode.json:
        emit(offer)
        return
    report_success(f"{name} {what}", detail=f"list version {offer['version']}")
    say(f"members see {count_of(len(offer['templates']), 'template')} in a minute")

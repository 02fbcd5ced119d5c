"""thesaurus: thesauri such as EuroVoc, whose labels widen the searches of a node."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated

import typer

from node.base.errors import InvalidInput, NotFound
from node.cli.groups import Shorthand
from node.cli.options import Node
from node.cli.output import Mode, emit, line, report_success, table

group = typer.Typer(
    cls=Shorthand,
    help="Thesauri whose labels widen searches: list, add, remove.",
    no_args_is_help=False,
)

_NAME = re.compile(r"[a-z0-9][a-z0-9.-]{0,59}")


def register(app: typer.Typer) -> None:
    app.add_typer(group, name="thesaurus")


@group.command("list")
def list_(node: Node = None) -> None:
    """List the thesauri, with the number of their labels."""
    from node.catalogue.search.thesauri import read, thesaurus_files

    thesauri = [(name, read(file)) for name, file in thesaurus_files(_folder(node)).items()]
    counts = [(name, item, len(item.table.rows), len(item.table.keys)) for name, item in thesauri]
    if Mode.json:
        emit(
            {
                "thesauri": [
                    {"name": name, "iri": item.iri, "title": item.title, "terms": terms, "labels": labels}
                    for name, item, terms, labels in counts
                ]
            }
        )
        return
    table(
        [(name, item.title, str(terms), str(labels)) for name, item, terms, labels in counts],
        ("name", "title", "terms", "labels"),
    )


@group.command("add")
def add(
    name: Annotated[str, typer.Argument(help="Name for the thesaurus, such as eurovoc.")],
    files: Annotated[list[Path], typer.Argument(help="Its files in SKOS: .rdf, .ttl, .nt, .xml, .jsonld.")],
    languages: Annotated[
        str, typer.Option("--languages", help="Only labels in these languages, such as en,nl,fr. Default: all.")
    ] = "",
    node: Node = None,
) -> None:
    """Add a thesaurus, or replace it. A running node uses it from the next search on."""
    from node.adapters.search.stems import stem_phrase
    from node.catalogue.search.thesauri import compile_thesaurus, write
    from node.semantics.documents import GRAPH_FILES

    folder = _folder(node)
    if not _NAME.fullmatch(name):
        raise InvalidInput(f"{name!r} cannot name a thesaurus", remedy="use small letters, digits, dots and hyphens")
    for file in files:
        if file.suffix.lower() not in GRAPH_FILES or not file.is_file():
            raise InvalidInput(f"{file} is not a file of SKOS", remedy=f"supported: {', '.join(GRAPH_FILES)}")
    only = {language.strip().lower() for language in languages.split(",") if language.strip()}
    thesaurus = compile_thesaurus(files, name, only, stem_phrase)
    write(thesaurus, folder, name)
    terms, labels = len(thesaurus.table.rows), len(thesaurus.table.keys)
    if Mode.json:
        emit({"name": name, "iri": thesaurus.iri, "title": thesaurus.title, "terms": terms, "labels": labels})
    report_success(
        name, detail=f"{terms} {'term' if terms == 1 else 'terms'}, {labels} {'label' if labels == 1 else 'labels'}"
    )
    line("title", thesaurus.title)


@group.command("remove")
def remove(
    name: Annotated[str, typer.Argument(help="Name of the thesaurus.")],
    node: Node = None,
) -> None:
    """Remove a thesaurus: searches are no longer widened by its labels."""
    from node.catalogue.search.thesauri import thesaurus_files

    files = thesaurus_files(_folder(node))
    if name not in files:
        raise NotFound(f"there is no thesaurus {name!r}", remedy=f"the thesauri are: {', '.join(files) or 'none'}")
    files[name].unlink()
    report_success(name, detail="removed")


def _folder(node: str | None) -> Path:
    from node.client import locate

    folder = locate(node).folder
    if folder is None:
        raise InvalidInput("name the node's folder: its thesauri are on its own machine", remedy="--node FOLDER")
    return folder

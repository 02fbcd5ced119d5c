"""schema: show the fields of a schema in any language, convert it, and draft one."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Final
from urllib.parse import quote

import typer

from node.base.errors import InvalidInput
from node.base.plaintext import word
from node.cage.cage import Cage
from node.cli.drafts import profile_file
from node.cli.options import Language, Node, connect
from node.cli.output import Mode, emit, exact, line, remark, report_success, say, table
from node.semantics.schemas.languages.field_table import MOST
from node.semantics.schemas.languages.names import LANGUAGES, MAX_BYTES, WRITTEN
from node.texts.languages import pick

VERDICTS: Final[Mapping[str, str]] = {
    "": "not compared with the version before",
    "first": "the first version",
    "same": "the same fields as the version before",
    "full": "fully compatible with the version before",
    "backward": "backward compatible: reads data of the version before",
    "forward": "forward compatible: programs for the version before can read it",
    "none": "not compatible with the version before",
}

Part = Annotated[str, typer.Option(help="The message, shape, component, table or record that is meant.")]
Output = Annotated[Path | None, typer.Option("--output", "-o", help="File to write; by default it is printed.")]


def register(app: typer.Typer) -> None:
    group = typer.Typer(no_args_is_help=True, help="Show, convert and draft schemas, in any language.")
    group.command("show")(show)
    group.command("convert")(convert)
    group.command("draft")(draft)
    group.command("registry")(registry)
    app.add_typer(group, name="schema")


def show(
    schema: Annotated[str, typer.Argument(help="A file, or the address of a schema; schema/NAME of your node.")],
    part: Part = "",
    node: Node = None,
    lang: Language = "en",
) -> None:
    """Show the fields of a schema as one table.

    Each has its name, type, unit, term and constraints.
    Reads JSON Schema, Table Schema, CSVW, SHACL, Avro, Protocol Buffers, XML Schema, NGSI-LD data models and OpenAPI.
    """
    reading = _read(schema, part, "", node, lang)
    if Mode.json:
        emit(reading)
        return
    say(f"{reading['name']}: {LANGUAGES.get(reading['language'], reading['language'])}")
    if len(reading["parts"]) > 1:
        line("read", reading["part"])
        line("also there", ", ".join(name for name in reading["parts"] if name != reading["part"]))
    table([_cells(field) for field in reading["fields"]], ["field", "type", "unit", "term", "constraints"])
    if len(reading["fields"]) == MOST:
        remark(f"the first {MOST} fields are shown")
    _show_losses(reading)


def convert(
    schema: Annotated[str, typer.Argument(help="A file, or the address of a schema; schema/NAME of your node.")],
    to: Annotated[str, typer.Option("--to", help=f"The language: {', '.join(WRITTEN)}.")],
    output: Output = None,
    part: Part = "",
    node: Node = None,
    lang: Language = "en",
) -> None:
    """Convert a schema into another language, and list what is lost.

    What the other language cannot say is left out and named.
    """
    if to not in WRITTEN:
        raise InvalidInput(f"schemas are not written as {to}", remedy=f"choose one of: {', '.join(WRITTEN)}")
    if output is not None and output.exists():
        raise InvalidInput(f"{output} exists", remedy="name another file with --output")
    reading = _read(schema, part, to, node, lang)
    if output is not None:
        output.write_text(reading["schema"], "utf-8")
    if Mode.json:
        emit(reading)
        return
    if output is None:
        exact(reading["schema"].encode())
    else:
        report_success(f"{output} written", detail=f"{LANGUAGES[to]}, from {LANGUAGES[reading['language']]}")
    _show_losses(reading)


def draft(
    source: Annotated[
        str, typer.Argument(help="A data file; or the address of a dataset, a model, or a class of an ontology.")
    ],
    output: Output = None,
    node: Node = None,
    lang: Language = "en",
) -> None:
    """Draft a schema from data, a model or a class.

    The data are a file or a dataset.
    A data file is read on this machine. The draft is a JSON Schema with units and terms as far as they are known.
    """
    if output is not None and output.exists():
        raise InvalidInput(f"{output} exists", remedy="name another file with --output")
    path = Path(source)
    if path.is_file():
        definition = _of_file(path)
    else:
        with connect(node) as client:
            definition = client.draft_schema(source, language=lang)["definition"]
    text = json.dumps(definition, indent=2, ensure_ascii=False) + "\n"
    if output is not None:
        output.write_text(text, "utf-8")
    if Mode.json:
        emit({"definition": definition})
    elif output is None:
        exact(text.encode())
    else:
        report_success(f"{output} written", detail=f"{len(definition['properties'])} fields, a draft")
        say(f"Next: look at it: hansa schema show {word(output)}")


def registry(
    schema: Annotated[
        str, typer.Argument(help="A schema: its name in the registry or its address; by default all.")
    ] = "",
    search: Annotated[str, typer.Option(help="Only schemas with this text in name or title.")] = "",
    node: Node = None,
    lang: Language = "en",
) -> None:
    """Show the schemas as a schema registry does.

    With a name, it shows the versions of that schema.
    Each version has its number, its verdict against the one before, and the references in it. Kafka clients read the
    same at the address that is shown.
    """
    with connect(node) as client:
        address = f"{client.node()['url']}/registry"
        if not schema:
            _show_subjects(client.schema_subjects(search), address)
            return
        history = client.schema_versions(schema)
    if Mode.json:
        emit(history | {"address": address})
        return
    say(f"{history['subject']}: {history['schemaType']}, {pick(history['titles'], lang)[0]}")
    line("address", f"{address}/subjects/{quote(history['subject'], safe='')}/versions/latest")
    ending = "is refused" if history["onBreakingChange"] == "refuse" else "is published with a warning"
    line("level", f"BACKWARD; a version that breaks data {ending}")
    for version in history["versions"]:
        say(f"version {version['version']}   id {version['id']}   {VERDICTS[version['verdict']]}")
        for change in version["changes"]:
            line("breaking" if change["breaking"] else "change", pick(change["text"], lang)[0])
        if version["moreChanges"]:
            line("more", str(version["moreChanges"]))
        if version["references"]:
            line("refers to", ", ".join(version["references"]))
    if history["olderVersions"]:
        remark(f"{history['olderVersions']} older versions are not shown")


def _show_subjects(subjects: Sequence[Mapping[str, Any]], address: str) -> None:
    if Mode.json:
        emit({"address": address, "subjects": subjects})
        return
    line("address", address)
    rows = [[item["subject"], item["schemaType"], str(item["version"])] for item in subjects]
    table(rows, ["schema", "type", "version"])
    remark("programs only read here: publish a new version with hansa publish")


def _of_file(path: Path) -> dict[str, Any]:
    from node.semantics.schemas.drafts import of_columns

    tables = [item for item in profile_file(path).tables if item.columns]
    if not tables:
        raise InvalidInput(f"{path} has no table", remedy="name a table, such as counts.csv")
    if len(tables) > 1:
        remark(f"{path.name} has {len(tables)} tables: this is {tables[0].name or 'the first'}")
    return of_columns(
        {
            "name": column.name,
            "type": column.type,
            "unit": column.unit,
            "description": column.meaning,
            "required": not column.empty,
        }
        for column in tables[0].columns
    )


def _read(schema: str, part: str, to: str, node: str | None, lang: str) -> dict[str, Any]:
    from node.catalogue.drafts.schema_documents import read_here

    path = Path(schema)
    if not path.is_file():
        with connect(node) as client:
            return client.schema_fields(schema, part=part, to=to, language=lang)
    if path.stat().st_size > MAX_BYTES:
        raise InvalidInput(f"{path} has more than {MAX_BYTES >> 20} MB", remedy="divide the schema")
    with Cage(width=1) as cage:
        return read_here(cage, path.name, path.read_bytes(), part=part, to=to).to_json(lang)


def _cells(field: Mapping[str, Any]) -> list[str]:
    name = f"{field['name']}{' *' if field['required'] else ''}"
    constraints = ", ".join(field.get("constraints", ()))
    return [name, field["type"], field.get("unit", ""), field.get("term", ""), constraints]


def _show_losses(reading: Mapping[str, Any]) -> None:
    for loss in reading["losses"]:
        remark(loss["text"])
    if "schema" in reading and not reading["losses"]:
        remark("nothing is lost")
    elif "schema" not in reading:
        remark("* is required")

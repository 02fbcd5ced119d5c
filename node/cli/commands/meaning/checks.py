"""check: compare a data file with a schema, row by row, on this machine."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from node.base.errors import InvalidInput
from node.base.jsons import read_object
from node.cage.cage import Cage
from node.catalogue.nquads import iri_term
from node.cli.exits import REFUSED
from node.cli.options import Language, Node, connect
from node.cli.output import Mode, count_of, emit, remark, report_failure, report_success, say
from node.semantics.schemas.file_check import FileCheck
from node.semantics.schemas.languages.names import MAX_BYTES
from node.vocab.namespaces import HANSA


def register(app: typer.Typer) -> None:
    app.command("check")(check)


def check(
    file: Annotated[Path, typer.Argument(help="The data: a table (CSV, TSV), or rows of JSON or GeoJSON.")],
    schema: Annotated[
        str, typer.Option(help="Address of a schema; schema/NAME is one of your node. Or a file with a schema.")
    ],
    most: Annotated[int, typer.Option("--show", min=1, max=1000, help="The most breaches to show.")] = 20,
    part: Annotated[str, typer.Option(help="The message, shape, component or table of a schema in a file.")] = "",
    node: Node = None,
    lang: Language = "en",
) -> int:
    """Check a data file against a schema, to its last row.

    The file is read on this machine, in a process that can reach nothing else. The exit status is 1 if a row does not
    fit.
    """
    if not file.is_file():
        raise InvalidInput(f"{file} is not a file", remedy="name a data file, such as counts.csv")
    with Cage(width=1) as cage:
        definition = _definition(schema, node, part, cage)
        report = FileCheck(cage)(file, definition, limit=most)
    if Mode.json:
        emit({"file": str(file), "schema": schema, **report.to_json(lang)})
        return REFUSED if report.count else 0
    if report.count:
        counts = f"{count_of(report.count, 'value')} in {count_of(report.rows, 'row')}"
        report_failure(f"{file.name} does not fit the schema: {counts}")
        for breach in report.breaches:
            say(f"  {breach.words(lang)}")
        if report.count > len(report.breaches):
            remark(f"{report.count - len(report.breaches)} more: --show shows more")
    else:
        fits = "the rules that were compared" if report.patterns_left_out or report.rules_left_out else "the schema"
        report_success(f"{file.name} fits {fits}", detail=count_of(report.rows, "row"))
    if not report.whole:
        remark(f"only the first {report.rows} rows were compared: split the file to check the rest")
    for pattern in report.patterns_left_out:
        remark(f"not compared with a pattern that takes too long or cannot be read: {pattern[:80]}")
    if report.rules_left_out:
        remark(f"not compared with these rules, or not to the end: {'; '.join(report.rules_left_out)}")
    return REFUSED if report.count else 0


def _definition(schema: str, node: str | None, part: str, cage: Cage) -> Mapping[str, Any]:
    from node.catalogue.drafts.schema_documents import read_here

    path = Path(schema)
    if path.is_file():
        if path.stat().st_size > MAX_BYTES:
            raise InvalidInput(f"{path} is too large for a schema", remedy="name a file with a schema")
        return read_here(cage, path.name, path.read_bytes(), part=part).rows
    with connect(node) as client:
        record = client.record(schema)
        subject = iri_term(record["iri"])
        query = (
            f"SELECT ?definition WHERE {{ {{ {subject} <{HANSA}jsonSchema> ?definition BIND(0 AS ?rank) }} UNION "
            f"{{ {subject} <{HANSA}definition> ?definition BIND(1 AS ?rank) }} }} ORDER BY ?rank LIMIT 1"
        )
        rows = json.loads(client.sparql(query))["results"]["bindings"]
    if record["kind"] != "schema" or not rows:
        raise InvalidInput(
            f"{schema} has no schema that data can be checked against",
            remedy="name a schema with a definition: hansa find --kind schema",
        )
    return read_object(rows[0]["definition"]["value"], max_depth=64)

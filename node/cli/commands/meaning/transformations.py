"""transform: carry out transformations on a file of rows, before they are published or as they were."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import quote

import typer

from node.base.errors import InvalidInput
from node.cli.options import Node, connect
from node.cli.output import Mode, count_of, emit, remark, report_success, save, say, table
from node.cli.yamls import read_description

_SHOWN = 20
_MOST = 4 << 20
_MOST_HERE = 64 << 20
_ENDS = (".csv", ".json", ".geojson")
_RDF_ENDS = (".ttl", ".nt", ".nq", ".jsonld")


def register(app: typer.Typer) -> None:
    app.command("transform")(transform)


def transform(
    what: Annotated[
        list[str],
        typer.Argument(
            help="Descriptions (YAML) on this machine, or addresses of transformations; several: a chain."
        ),
    ],
    sample: Annotated[
        Path,
        typer.Option("--input", help="Rows: CSV, JSON, GeoJSON; for RML XML, Parquet; at most 4 MB at a node."),
    ],
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            help="All rows, to a .csv, .json or .geojson; statements, to .ttl, .nt, .nq or .jsonld.",
        ),
    ] = None,
    node: Node = None,
) -> None:
    """Carry out transformations on a sample; show both sides.

    Descriptions on this machine are tried here, in the cage; those in the catalogue at the node, which keeps nothing.
    With --output, all rows are written, and beside them a file .prov.jsonld that says (in PROV) which rows and
    transformations they come from.
    """
    if not sample.is_file():
        raise InvalidInput(f"{sample} is not a file", remedy="name a file with rows, such as counts.csv")
    paths = [Path(name) for name in what]
    local = all(path.is_file() for path in paths)
    most = _MOST_HERE if local else _MOST
    if sample.stat().st_size > most:
        raise InvalidInput(f"{sample} has more than {most >> 20} MB", remedy="give fewer rows")
    if output is not None and output.suffix.casefold() not in (*_ENDS, *_RDF_ENDS):
        ends = ", ".join((*_ENDS, *_RDF_ENDS))
        raise InvalidInput(f"{output} has another end than {ends}", remedy="name a file such as rows.csv")
    if local:
        answer = carry_out_here(paths, sample, whole=output is not None)
    else:
        with connect(node) as client:
            answer = client.try_transformation(what, sample, whole=output is not None)
    if output is not None:
        write_rows(answer, output)
    if Mode.json:
        emit(answer)
        return
    _show("input", answer["input"])
    for step in answer.get("steps", ())[:-1]:
        _show(f"after {step['transformation']}", step["output"])
    _show("output", answer["output"])
    if not answer["repeatable"]:
        remark("the same rows gave another result the second time: this transformation is not deterministic")


def carry_out_here(paths: Sequence[Path], sample: Path, *, whole: bool) -> dict[str, Any]:
    """Return what the transformations described at ``paths`` make of ``sample``, as the API does: in a cage of this
    process."""
    from node.cage.cage import Cage
    from node.scenarios.transformations.transformer import Transformer
    from node.scenarios.transformations.trial import check_length, try_rows

    check_length([str(path) for path in paths])
    cards = [_card(read_description(path)[0], path) for path in paths]
    with Cage(width=1) as cage:
        before, results, repeatable = try_rows(Transformer(cage), cards, sample.read_bytes(), sample.name)
    steps = [
        {"transformation": str(path), "output": after.to_json(whole=whole and after is results[-1])}
        for path, after in zip(paths, results, strict=True)
    ]
    return {
        "file": sample.name,
        "input": before.to_json(),
        **steps[-1],
        "repeatable": repeatable,
        **({"steps": steps} if len(steps) > 1 else {}),
    }


def write_rows(answer: dict[str, Any], output: Path) -> None:
    """Write all rows of the output, and their provenance beside them; leave the first rows in ``answer``."""
    from node.scenarios.tables import rows as tables
    from node.scenarios.transformations.provenance import provenance

    rows = answer["output"]["rows"]
    forms = {".csv": tables.canonical_csv, ".json": tables.canonical_json, ".geojson": tables.canonical_geojson}
    end = output.suffix.casefold()
    body = _rdf(answer, end) if end in _RDF_ENDS else forms[end](rows)
    save(output, body)
    source = {"name": answer["file"], "sha256": answer["input"]["sha256"]}
    steps = [{**step, "output": step["output"]["sha256"]} for step in answer.get("steps") or [answer]]
    statements = provenance(source, steps, output.name, hashlib.sha256(body).hexdigest())
    beside = output.with_name(f"{output.name}.prov.jsonld")
    save(beside, json.dumps(statements, indent=2, ensure_ascii=False).encode() + b"\n")
    answer["output"]["rows"] = rows[:_SHOWN]
    if statements_of(answer) is not None:
        lines = str(answer["output"]["statements"]["nquads"]).splitlines(keepends=True)
        answer["output"]["statements"]["nquads"] = "".join(lines[:_SHOWN])
    answer |= {"written": str(output), "provenance": str(beside)}
    report_success(f"{output} written", detail=f"where its rows come from: {beside.name}")


def statements_of(answer: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Return the statements of the output; None if the last transformation makes rows only."""
    statements: Mapping[str, Any] | None = answer["output"].get("statements")
    return statements


def _rdf(answer: Mapping[str, Any], end: str) -> bytes:
    from node.semantics.documents import MEDIA_TYPES, N_QUADS, quads, serialise

    statements = statements_of(answer)
    if statements is None:
        raise InvalidInput("the last transformation makes rows, not statements of RDF", remedy="write .csv or .json")
    nquads = str(statements["nquads"]).encode()
    media_type = next(name for name, syntax in MEDIA_TYPES.items() if end in syntax.suffixes)
    if media_type != N_QUADS and any(hasattr(quad.graph_name, "value") for quad in quads(nquads)):
        raise InvalidInput("the statements are in named graphs", remedy="write them to a file .nq")
    return serialise(nquads, media_type)


def _card(fields: Mapping[str, Any], path: Path) -> Any:
    from node.scenarios.model import Transformation
    from node.semantics.codelists.lookup import NOTATIONS

    definition = fields.get("definition") or fields.get("query") or fields.get("mapping")
    if not definition:
        raise InvalidInput(f"{path} has no definition", remedy="write definition: and the mapping or the query")
    language = str(fields.get("language") or fields.get("notation") or "")
    code = NOTATIONS.find(language)
    return Transformation(
        iri=str(path),
        version=0,
        titles={},
        language=language if code is None else code.code,
        definition=definition,
        sources=_addresses(fields.get("from")),
        targets=_addresses(fields.get("to")),
    )


def _addresses(value: Any) -> tuple[str, ...]:
    """Return the addresses of schemas; a short one, such as ``schema/flow``, becomes any absolute address."""
    texts = map(str, value) if isinstance(value, list) else (str(value),) if value else ()
    return tuple(text if ":" in text else f"urn:{quote(text, safe='')}" for text in texts)


def _show(side: str, part: Mapping[str, Any]) -> None:
    rows = part["rows"][:_SHOWN]
    if "statements" in part:
        resources = f"about {count_of(part['count'], 'resource')}"
        say(f"{side}: {count_of(part['statements']['count'], 'statement')} {resources}")
        for line in str(part["statements"]["nquads"]).splitlines()[:_SHOWN]:
            say(line)
        if part["statements"]["count"] > _SHOWN:
            remark(f"the first {_SHOWN} are shown")
        remark(f"sha256 {part['statements']['sha256']}")
        remark(f"as rows: sha256 {part['sha256']}")
        return
    say(f"{side}: {count_of(part['count'], 'row')}")
    if rows:
        table([[_text(row.get(column)) for column in part["columns"]] for row in rows], part["columns"])
    if part["count"] > len(rows):
        remark(f"the first {len(rows)} are shown")
    remark(f"sha256 {part['sha256']}")


def _text(value: Any) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)

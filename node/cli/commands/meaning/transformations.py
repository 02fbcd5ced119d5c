"""transform: carry out transformations on a file of rows, before they are published or as they were."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import quote

import typer

from node.base.errors import InvalidInput
from node.cli.options import Node, connect
from node.cli.output import Mode, emit, remark, say, table
from node.cli.yamls import read_description

_SHOWN = 20
_MOST = 4 << 20


def register(app: typer.Typer) -> None:
    app.command("transform")(transform)


def transform(
    what: Annotated[
        list[str],
        typer.Argument(
            help="Descriptions (YAML) on this machine, or addresses of transformations; several: a chain."
        ),
    ],
    sample: Annotated[Path, typer.Option("--input", help="Rows, as CSV, JSON or GeoJSON, at most 4 MB.")],
    node: Node = None,
) -> None:
    """Carry out a transformation on a sample, or several, one after the other; show both sides.

    Descriptions on this machine are tried here, in the cage; those in the catalogue at the node. Nothing is kept.
    """
    if not sample.is_file():
        raise InvalidInput(f"{sample} is not a file", remedy="name a file with rows, such as counts.csv")
    if sample.stat().st_size > _MOST:
        raise InvalidInput(f"{sample} has more than 4 MB", remedy="give fewer rows")
    paths = [Path(name) for name in what]
    if all(path.is_file() for path in paths):
        answer = _here(paths, sample)
    else:
        with connect(node) as client:
            answer = client.try_transformation(what, sample)
    if Mode.json:
        emit(answer)
        return
    _show("input", answer["input"])
    for step in answer.get("steps", ())[:-1]:
        _show(f"after {step['transformation']}", step["output"])
    _show("output", answer["output"])
    if not answer["repeatable"]:
        remark("the same rows gave another result the second time: this transformation is not deterministic")


def _here(paths: Sequence[Path], sample: Path) -> dict[str, Any]:
    from node.cage.cage import Cage
    from node.scenarios.transformations.transformer import Transformer
    from node.scenarios.transformations.trial import check_length, try_rows

    check_length([str(path) for path in paths])
    cards = [_card(read_description(path)[0], path) for path in paths]
    with Cage(width=1) as cage:
        before, results, repeatable = try_rows(Transformer(cage), cards, sample.read_bytes(), sample.name)
    steps = [
        {"transformation": str(path), "output": after.to_json()} for path, after in zip(paths, results, strict=True)
    ]
    return {
        "file": sample.name,
        "input": before.to_json(),
        **steps[-1],
        "repeatable": repeatable,
        **({"steps": steps} if len(steps) > 1 else {}),
    }


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
    say(f"{side}: {part['count']} row{'' if part['count'] == 1 else 's'}")
    if rows:
        table([[_text(row.get(column)) for column in part["columns"]] for row in rows], part["columns"])
    if part["count"] > len(rows):
        remark(f"the first {len(rows)} are shown")
    remark(f"sha256 {part['sha256']}")


def _text(value: Any) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)

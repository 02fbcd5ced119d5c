"""transform: carry out a transformation on a file of rows, before it is published or as it was."""

from __future__ import annotations

import json
from collections.abc import Mapping
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
        str, typer.Argument(help="A description (YAML) on this machine; or the address of a transformation.")
    ],
    sample: Annotated[Path, typer.Option("--input", help="Rows, as CSV, JSON or GeoJSON, at most 4 MB.")],
    node: Node = None,
) -> None:
    """Carry out a transformation on a sample; show both sides.

    A description on this machine is tried here, in the cage; one in the catalogue at the node. Nothing is kept.
    """
    if not sample.is_file():
        raise InvalidInput(f"{sample} is not a file", remedy="name a file with rows, such as counts.csv")
    if sample.stat().st_size > _MOST:
        raise InvalidInput(f"{sample} has more than 4 MB", remedy="give fewer rows")
    path = Path(what)
    if path.is_file():
        answer = _here(path, sample)
    else:
        with connect(node) as client:
            answer = client.try_transformation(what, sample)
    if Mode.json:
        emit(answer)
        return
    for side in ("input", "output"):
        _show(side, answer[side])
    if not answer["repeatable"]:
        remark("the same rows gave another result the second time: this transformation is not deterministic")


def _here(path: Path, sample: Path) -> dict[str, Any]:
    from node.cage.cage import Cage
    from node.scenarios.transformations.transformer import Transformer
    from node.scenarios.transformations.trial import try_rows

    fields, _ = read_description(path)
    card = _card(fields, path)
    with Cage(width=1) as cage:
        before, after, repeatable = try_rows(Transformer(cage), card, sample.read_bytes(), sample.name)
    return {
        "transformation": str(path),
        "file": sample.name,
        "input": before.to_json(),
        "output": after.to_json(),
        "repeatable": repeatable,
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

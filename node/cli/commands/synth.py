"""synth: a stand-in for data that may not be seen, made on this machine."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from node.base.errors import InvalidInput
from node.base.plaintext import word
from node.cli.output import Mode, emit, line, next_step, remark, report_success, save
from node.cli.yamls import read_description

_MEDIA = {".csv": "text/csv", ".geojson": "application/geo+json"}
MOST_BYTES = 200_000_000


def register(app: typer.Typer) -> None:
    app.command("synth")(synth)


def synth(
    file: Annotated[Path, typer.Argument(help="The data: a .csv or .geojson file.")],
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="File to write; by default FILE-stand-in next to the data.")
    ] = None,
    rows: Annotated[
        int | None, typer.Option(help="How many rows to make; by default as many as the data has.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Seed: the same data and seed give the same stand-in.")] = 1,
) -> None:
    """Make synthetic data. Its rows have the same columns, types and patterns as a file, and none of them is real."""
    from node.scenarios.synthetic.files import csv_of, description_of, geojson_of
    from node.scenarios.synthetic.tables import stand_in
    from node.scenarios.tables.rows import read_rows

    media_type = _MEDIA.get(file.suffix.lower())
    if media_type is None:
        raise InvalidInput(f"{file} is neither .csv nor .geojson", remedy="save the data as .csv or .geojson")
    if not file.is_file():
        raise InvalidInput(f"{file} is not a file", remedy="check its path and name")
    if file.stat().st_size > MOST_BYTES:
        raise InvalidInput(f"{file} is larger than {MOST_BYTES // 1_000_000} MB", remedy="make it from a part of it")
    target = out or file.with_name(f"{file.stem}-stand-in{file.suffix}")
    description = target.with_suffix(".yaml")
    for one in (target, description):
        if one.exists():
            raise InvalidInput(f"{one} already exists", remedy="choose another file with --out")
    sample = stand_in(read_rows(file.read_bytes(), media_type), count=rows, seed=seed)
    save(target, (geojson_of(sample) if media_type == _MEDIA[".geojson"] else csv_of(sample)).encode())
    beside = file.with_suffix(".yaml")
    fields = read_description(beside)[0] if beside.is_file() else {}
    title = file.stem.replace("-", " ").replace("_", " ").capitalize()
    draft = description_of(sample, file=target.name, title=f"{title}: synthetic stand-in", beside=fields)
    save(description, draft.encode())
    if Mode.json:
        emit(
            {
                "file": str(target),
                "description": str(description),
                "rows": len(sample.rows),
                "leftOut": sample.left_out,
                "seed": seed,
                "columns": [{"name": name, "kept": str(sample.kinds[name])} for name in sample.columns],
            }
        )
        return
    report_success(f"{target} written", detail=f"{len(sample.rows)} rows, seed {seed}")
    report_success(f"{description} written", detail="a draft of the description")
    for name in sample.columns:
        folded = sample.rare_values.get(name)
        line(name, f"{sample.kinds[name]}{f', {folded} rare values folded' if folded else ''}")
    if sample.left_out:
        remark(f"{sample.left_out} rows were left out: they would have been copies of real rows")
    remark("This does not prove anonymity: have your privacy officer read it first.")
    next_step(f"hansa publish {word(description)}")

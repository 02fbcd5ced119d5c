"""Stand-ins in files: CSV or GeoJSON like the data, and the draft of a description that marks it as a stand-in."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from node.base.plaintext import word
from node.scenarios.model import GEOMETRY
from node.scenarios.synthetic.marginals import RARE, ColumnType
from node.scenarios.synthetic.tables import StandIn

ENGLISH: Final = "en"
"""The language of the texts that this module writes, whatever language the node or the data have."""

NOTE: Final = (
    "Synthetic stand-in, made from the quantiles, frequencies and rank correlations of the data. Kept: columns, "
    "types, patterns of names, frequent categories, the spread of figures, the period and the extent, roughly. Not "
    f"kept: rows, names, categories of fewer than {RARE} rows, extreme figures, geometries, relations between files. "
    "This is no proof of anonymity: have somebody who answers for privacy read it before it is published. Its "
    "figures are for no decision."
)

_COPIED: Final = ("theme", "keywords", "contact", "spatial", "language", "crs", "resolution", "license")
"""Fields of the data's own description that apply to the stand-in as well."""


def csv_of(stand_in: StandIn) -> str:
    """Return the rows as CSV, columns in the order of the data; geometries and other objects as JSON."""
    sheet = io.StringIO(newline="")
    writer = csv.writer(sheet, lineterminator="\n")
    writer.writerow(stand_in.columns)
    for row in stand_in.rows:
        writer.writerow([_cell(row.get(name)) for name in stand_in.columns])
    return sheet.getvalue()


def geojson_of(stand_in: StandIn) -> str:
    """Return the rows as a GeoJSON FeatureCollection (RFC 7946); a column ``id`` is the id of the features."""
    features: list[dict[str, Any]] = []
    for row in stand_in.rows:
        feature: dict[str, Any] = {"type": "Feature"}
        if row.get("id") is not None:
            feature["id"] = row["id"]
        feature["geometry"] = row.get(GEOMETRY)
        feature["properties"] = {name: row.get(name) for name in stand_in.columns if name not in (GEOMETRY, "id")}
        features.append(feature)
    lines = ",\n".join(json.dumps(one, ensure_ascii=False, allow_nan=False) for one in features)
    return f'{{"type": "FeatureCollection", "features": [\n{lines}\n]}}\n'


def description_of(stand_in: StandIn, *, file: str, title: str, beside: Mapping[str, Any]) -> str:
    """Return a draft (YAML) for ``hansa publish``. ``beside`` are the fields of the data's own description, if there
    is one; fields that it cannot know are left to a person."""
    lines = [
        f"# A stand-in, drawn with seed {stand_in.seed}: {len(stand_in.rows)} rows that nobody measured. "
        "Read it before you",
        f"# publish it: hansa publish {word(Path(file).with_suffix('.yaml'))}",
        "kind: dataset",
        f"title: {_yaml({ENGLISH: title})}",
        f"description: {_yaml({ENGLISH: f'{NOTE} {_describe_preserved(stand_in)}'})}",
        f"provenance: {_yaml({ENGLISH: f'Made by hansa synth, seed {stand_in.seed}.'})}",
    ]
    members = {name: beside[name] for name in _COPIED if beside.get(name)}
    lines += [f"{name}: {_yaml(value)}" for name, value in members.items()]
    if "theme" not in members:
        lines.append("theme:                  # an EU data theme: TRAN, ENVI, GOVE, HEAL …")
    if "contact" not in members:
        lines.append("contact:                # {name: Mobility department, email: mobility@example.org}")
    if "license" not in members:
        lines.append("license: CC-BY-4.0      # others cannot lawfully use the data without one")
    lines += ["conditions: open        # or: members, members-ask, …", "files:", f"  - path: {_yaml(file)}"]
    return "\n".join(lines) + "\n"


def _describe_preserved(stand_in: StandIn) -> str:
    """Return what was kept, column by column."""
    words = {
        ColumnType.NUMBERS: "spread of its figures",
        ColumnType.LEVELS: "frequencies of its values",
        ColumnType.TIMES: "period and step",
        ColumnType.NAMES: "pattern of its names only",
        ColumnType.GEOMETRY: "extent and density, roughly",
        ColumnType.NOTHING: "nothing",
    }
    parts = []
    for name in stand_in.columns:
        folded = stand_in.rare_values.get(name)
        rare = f", {folded} rare folded" if folded else ""
        parts.append(f"{name} ({words[stand_in.kinds[name]]}{rare})")
    return "Columns: " + "; ".join(parts) + "."


def _cell(value: Any) -> Any:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return json.dumps(value) if isinstance(value, dict | list) else value


def _yaml(value: Any) -> str:
    # Every JSON value is one of YAML too.
    return json.dumps(value, ensure_ascii=False)

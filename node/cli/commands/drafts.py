"""draft: from a data file to the draft of its description."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from node.base.errors import InvalidInput
from node.cli.drafts import write_draft


def register(app: typer.Typer) -> None:
    app.command("draft")(draft)


def draft(
    file: Annotated[
        Path,
        typer.Argument(
            help="The data: CSV, Parquet, XLSX, GeoJSON, GeoPackage, Shapefile (zip), NetCDF, GTFS, CityJSON or "
            "3D Tiles (tileset.json, zip)."
        ),
    ],
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="File to write; by default FILE.yaml next to the data.")
    ] = None,
) -> None:
    """Draft the description of a data file from its content.

    The draft has the columns with type, unit and range, the place, the period, and a question about personal data.
    Nothing leaves this machine. Complete the draft, then publish it.
    """
    if not file.is_file():
        raise InvalidInput(f"{file} is not a file", remedy="name a data file, such as counts.csv")
    write_draft(file, out or file.with_suffix(".yaml"))

"""The process that converts a file; it gives up network and files before it reads the data.

``python -m node.adapters.profiles.conversions.process FOLDER``: reads ``request.json`` in the folder, and writes the
new file there, with ``report.json`` about it. A part of the data is made before anything is written: what is left out
is in no file of the folder.
"""

from __future__ import annotations

import json
import platform
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from node.adapters.profiles.concealed_columns import conceal, forms_of
from node.adapters.profiles.conversions.targets import MOMENT, Losses, write_csv, write_features, write_parquet
from node.adapters.profiles.data_files import (
    SourceTable,
    attempts,
    of_stream,
    open_source,
    require_way,
    warp_layer,
    with_points,
)
from node.adapters.profiles.relations import close_access, connect, engine_errors, quote_name, sql_text
from node.adapters.profiles.sql_check import first_line
from node.adapters.profiles.table_queries import part_of
from node.base.errors import HansaError, InvalidInput, TooLarge
from node.cage.programs import give_up
from node.semantics.conversions import ENDINGS, RESULT

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

_MIDDLE: Final = "middle.gpkg"
_LAYER: Final = "data"
_DATASETS: Final = ("geojson", "geopackage")
_ASIDE: Final = 64 << 10
_MEASURES: Final = ("/proc/self/cgroup", "/sys/fs/cgroup")
"""Places in which the engine reads how much memory there is."""


def convert(request: dict[str, Any], folder: Path) -> dict[str, Any]:
    """Make the file that ``request`` asks for in ``folder``; return the report. Raises ``InvalidInput`` for data of
    which it cannot be made, ``TooLarge`` beyond the limits."""
    import duckdb
    import pyogrio

    pyogrio.set_gdal_config_options({"OGR_CURRENT_DATE": MOMENT, "OGR_SQLITE_JOURNAL": "MEMORY"})
    path, name, form = Path(request["path"]), str(request["name"]), str(request["format"])
    target = folder / f"{RESULT}{ENDINGS[form]}"
    ways = attempts(path, name)
    for attempt in range(ways):
        losses = Losses()
        try:
            facts = _attempt(request, folder, target, attempt, losses)
        except (duckdb.OutOfMemoryException, MemoryError) as error:
            raise TooLarge("the conversion needs more memory than there is for one", remedy=_LESS) from error
        except engine_errors() as error:
            _require_room(folder, int(request["most_bytes"]), error)
            if attempt == ways - 1:
                detail = first_line(error).replace(str(path), name).replace(str(folder), "")
                raise InvalidInput(f"the file cannot be converted: {detail[:300]}", remedy=_AS_IT_IS) from error
            _clear(folder)
            continue
        except InvalidInput as error:
            _require_room(folder, int(request["most_bytes"]), error)
            # Where a node keeps its files is not for others to know.
            detail = error.detail.replace(str(path), name).replace(f"{folder}/", "")
            raise InvalidInput(detail, remedy=error.remedy) from error
        return {
            **facts,
            "losses": losses.to_json(),
            "tools": {
                "duckdb": duckdb.__version__,
                "gdal": pyogrio.__gdal_version_string__,
                "python": platform.python_version(),
            },
        }
    raise InvalidInput("the file cannot be read", remedy=_AS_IT_IS)


_LESS: Final = "get the file as it is"
_AS_IT_IS: Final = "get the file as it is, or ask the publisher"


def _attempt(request: dict[str, Any], folder: Path, target: Path, attempt: int, losses: Losses) -> dict[str, Any]:
    path, name, form, crs = Path(request["path"]), request["name"], request["format"], request["crs"]
    system = "EPSG:4326" if form == "geojson" else crs
    engine = _engine(path, folder)
    with open_source(engine, path, name, attempt=attempt, crs=system, stated_crs=request["stated_crs"]) as source:
        losses.take(source.losses)
        table = _part(source, request)
        if form in _DATASETS or crs:
            table = with_points(table)
        if crs and not table.geometry:
            raise InvalidInput("the file has no geometry, so its coordinates cannot be changed", remedy=_AS_IT_IS)
        if not system or not table.geometry or table.crs == system:
            return _write(engine, table, target, form, losses)
        if not table.crs:
            raise InvalidInput(
                "the coordinate reference system of the file is not known, so its coordinates cannot be changed",
                remedy="ask the publisher to state it: crs: EPSG:31370",
            )
        middle = folder / _MIDDLE
        losses.add("reprojected", table.crs, system)
        write_features(engine, table, middle, "geopackage", _LAYER, losses)
        layer = warp_layer(str(middle), _LAYER, table.crs, system)
    return _second_pass(layer, system, folder, target, form, losses)


def _second_pass(layer: str, crs: str, folder: Path, target: Path, form: str, losses: Losses) -> dict[str, Any]:
    """Write the target from a layer whose coordinates GDAL changes on the way."""
    import pyogrio

    from node.adapters.profiles.layers import reading

    require_way(layer, crs)
    engine = _engine(folder / _MIDDLE, folder)
    with reading("GeoPackage"), pyogrio.raw.open_arrow(layer, layer=_LAYER, use_pyarrow=False) as (_, stream):
        facts = _write(engine, of_stream(engine, stream, crs), target, form, losses)
    (folder / _MIDDLE).unlink()
    return facts


def _write(engine: DuckDBPyConnection, table: SourceTable, target: Path, form: str, losses: Losses) -> dict[str, Any]:
    if form == "csv":
        rows = write_csv(engine, table, target, losses)
    elif form == "parquet":
        rows = write_parquet(engine, table, target, losses)
    else:
        rows = write_features(engine, table, target, form, _LAYER, losses)
    return {"rows": rows, "crs": table.crs if table.geometry else "", "geometry": bool(table.geometry)}


def _part(table: SourceTable, request: dict[str, Any]) -> SourceTable:
    """Return the part of the data that the consumer may have. Raises ``InvalidInput`` if the file lacks a column that
    the part is about: then nothing is given."""
    columns, conditions = part_of(request, table.types)
    where = f" WHERE {' AND '.join(conditions)}" if conditions else ""
    forms, group = forms_of(request, table.types)
    if len(columns) == len(table.types) and not (where or forms or group):
        return table
    statement = f"SELECT {', '.join(map(quote_name, columns))} FROM {table.relation}{where}"  # noqa: S608
    if forms or group is not None:
        rows = f"SELECT * FROM {table.relation}{where}"  # noqa: S608 - names are quoted, values literals
        statement = conceal(rows, columns, table.types, forms, group)
    geometry = table.geometry if table.geometry in columns and table.geometry not in forms else ""
    return SourceTable(
        relation=f"({statement})",
        types={column: "VARCHAR" if column in forms else table.types[column] for column in columns},
        geometry=geometry,
        crs=table.crs if geometry else "",
        losses=table.losses,
    )


def _engine(path: Path, folder: Path) -> DuckDBPyConnection:
    engine = connect(memory="500MB", spill=folder / "spill")
    engine.execute("SET TimeZone = 'UTC'")
    engine.execute(f"SET allowed_paths = [{sql_text(str(path))}]")
    engine.execute(f"SET allowed_directories = [{sql_text(str(folder))}]")
    close_access(engine)
    return engine


def _require_room(folder: Path, most: int, error: Exception) -> None:
    """Raise ``TooLarge`` if a file of the folder has met its limit: the engines only say that they cannot write."""
    if any(file.stat().st_size > most - _ASIDE for file in folder.rglob("*") if file.is_file()):
        raise TooLarge(
            f"the converted file would have more than {most >> 20} MB", remedy="get the file as it is"
        ) from error


def _clear(folder: Path) -> None:
    for file in folder.glob(f"{RESULT}.*"):
        file.unlink()
    (folder / _MIDDLE).unlink(missing_ok=True)


def main(folder: Path) -> None:
    """Answer the request in ``folder``."""
    request = json.loads((folder / "request.json").read_bytes())
    give_up(
        folder,
        [request["path"], *_MEASURES],
        seconds=int(request["seconds"]),
        file_size=int(request["most_bytes"]),
        space=int(request["memory"]),
    )
    try:
        report = convert(request, folder)
    except HansaError as error:
        report = {"refusal": {"code": error.code, "detail": error.detail, "remedy": error.remedy}}
    (folder / "report.json").write_text(json.dumps(report), "utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))

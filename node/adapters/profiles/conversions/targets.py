"""The file that a conversion makes: the columns as the new format has them, and what this loses."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from node.adapters.profiles.data_files import DEGREES, SourceTable
from node.adapters.profiles.layers import reading
from node.adapters.profiles.relations import quote_name, sql_text
from node.base.errors import InvalidInput
from node.semantics.conversions import ConversionLoss

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

MOMENT: Final = "1970-01-01T00:00:00.000Z"
"""The time that a GeoPackage says it was changed: always the same one, so that the same data are the same bytes."""
_PLAIN: Final = frozenset({"BOOLEAN", "SMALLINT", "INTEGER", "BIGINT", "FLOAT", "DOUBLE", "VARCHAR", "DATE"})
_SMALL: Final = {"TINYINT": "SMALLINT", "UTINYINT": "SMALLINT", "USMALLINT": "INTEGER", "UINTEGER": "BIGINT"}
_WIDE: Final = ("HUGEINT", "UHUGEINT", "UBIGINT", "DECIMAL")
_NESTED: Final = ("STRUCT", "MAP", "UNION", "JSON", "VARIANT")
_DRIVERS: Final = {"geojson": "GeoJSON", "geopackage": "GPKG"}


class Losses:
    """The losses of a conversion, each kind once with all columns that it is about."""

    def __init__(self) -> None:
        self._about: dict[str, dict[str, None]] = {}

    def add(self, code: str, *about: str) -> None:
        self._about.setdefault(code, {}).update(dict.fromkeys(about))

    def take(self, losses: Sequence[ConversionLoss]) -> None:
        for loss in losses:
            self.add(loss.code, *loss.about)

    def to_json(self) -> list[dict[str, Any]]:
        """Return them in the order in which they were found, each about forty columns at most."""
        return [ConversionLoss(code, tuple(about)[:40]).to_json() for code, about in self._about.items()]


def write_csv(engine: DuckDBPyConnection, table: SourceTable, target: Path, losses: Losses) -> int:
    """Write a table of text in UTF-8 (RFC 4180); return how many rows it has."""
    cells = []
    for column, kind in table.types.items():
        name = quote_name(column)
        if column == table.geometry:
            cells.append(f"ST_AsText({name}) AS {name}")
            losses.add("geometry-text", column)
            if table.crs:
                losses.add("crs-unstated", table.crs)
        elif kind == "BLOB":
            cells.append(f"base64({name}) AS {name}")
            losses.add("bytes-text", column)
        elif _is_nested(kind):
            cells.append(f"to_json({name}) AS {name}")
            losses.add("nested-text", column)
        else:
            cells.append(name)
        if kind != "VARCHAR" and column != table.geometry:
            losses.add("types", column)
    return _copy(engine, table, cells, target, "FORMAT csv, HEADER true")


def write_parquet(engine: DuckDBPyConnection, table: SourceTable, target: Path, losses: Losses) -> int:
    """Write a Parquet file, with geometries as GeoParquet has them; return how many rows it has."""
    cells = []
    for column, kind in table.types.items():
        name = quote_name(column)
        if column == table.geometry and table.crs and "('" not in kind:
            crs = "OGC:CRS84" if table.crs == DEGREES else table.crs
            cells.append(f"ST_SetCRS({name}, {sql_text(crs)}) AS {name}")
            continue
        if column == table.geometry and not table.crs:
            losses.add("crs-unknown")
        cells.append(name)
    return _copy(engine, table, cells, target, "FORMAT parquet, COMPRESSION zstd")


def write_features(
    engine: DuckDBPyConnection, table: SourceTable, target: Path, form: str, layer: str, losses: Losses
) -> int:
    """Write GeoJSON or a GeoPackage; return how many features it has. Raises ``InvalidInput`` if GeoJSON is wanted
    and there is no geometry, or its coordinate reference system is not known."""
    import pyogrio

    if form == "geojson":
        _require_degrees(table)
        losses.add("rounded")
    if form == "geopackage" and table.geometry and not table.crs:
        losses.add("crs-unknown")
    geometry = _free_name("geom", table.types, table.geometry)
    cells = [_feature_cell(column, kind, losses) for column, kind in table.types.items() if column != table.geometry]
    if table.geometry:
        cells.append(f"ST_AsWKB({quote_name(table.geometry)}) AS {quote_name(geometry)}")
    relation = engine.sql(f"SELECT {', '.join(cells)} FROM {table.relation}")  # noqa: S608 - names are quoted
    layer_options = {"RFC7946": "YES", "WRITE_NAME": "NO"}
    if form == "geopackage":
        layer_options = {"FID": _free_name("fid", table.types, "")}
    with reading(_DRIVERS[form]):
        pyogrio.raw.write_arrow(
            relation,
            str(target),
            layer=layer,
            driver=_DRIVERS[form],
            geometry_name=geometry if table.geometry else None,
            geometry_type="Unknown" if table.geometry else None,
            crs=table.crs or None,
            layer_options=layer_options,
        )
        return int(pyogrio.read_info(str(target), force_feature_count=True)["features"])


def _require_degrees(table: SourceTable) -> None:
    if not table.geometry:
        raise InvalidInput(
            "the file has no geometry, and no two columns with longitude and latitude: GeoJSON cannot be made of it",
            remedy="get it as csv or parquet",
        )
    if table.crs != DEGREES:
        raise InvalidInput(
            "the coordinate reference system of the file is not known, and GeoJSON has WGS 84 only",
            remedy="ask the publisher to state it: crs: EPSG:31370",
        )


def _copy(engine: DuckDBPyConnection, table: SourceTable, cells: Sequence[str], target: Path, options: str) -> int:
    statement = f"SELECT {', '.join(cells)} FROM {table.relation}"  # noqa: S608 - names are quoted
    row = engine.execute(f"COPY ({statement}) TO {sql_text(str(target))} ({options})").fetchone()
    return int(row[0]) if row else 0


def _feature_cell(column: str, kind: str, losses: Losses) -> str:
    """Return the expression for a property, in a type that GDAL has."""
    name = quote_name(column)
    stem = kind.partition("(")[0]
    if kind in _PLAIN or kind.startswith("TIMESTAMP WITH"):
        return name
    if kind in _SMALL:
        return f"CAST({name} AS {_SMALL[kind]}) AS {name}"
    if stem in _WIDE and not kind.endswith("]"):
        losses.add("numbers", column)
        return f"CAST({name} AS DOUBLE) AS {name}"
    if kind.startswith("TIMESTAMP") and not kind.endswith("]"):
        # A time without a zone would become one of UTC.
        losses.add("times-text", column)
        return f"replace(CAST({name} AS VARCHAR), ' ', 'T') AS {name}"
    if _is_nested(kind):
        losses.add("nested-text", column)
        return f"CAST(to_json({name}) AS VARCHAR) AS {name}"
    if kind == "BLOB":
        losses.add("bytes-text", column)
        return f"base64({name}) AS {name}"
    losses.add("other-text", column)
    return f"CAST({name} AS VARCHAR) AS {name}"


def _is_nested(kind: str) -> bool:
    return kind.endswith("]") or kind.partition("(")[0] in _NESTED


def _free_name(name: str, types: Mapping[str, str], own: str) -> str:
    """Return ``name``, with a number if a column other than ``own`` has it, whatever its letters' case."""
    taken = {column.casefold() for column in types if column != own}
    candidate, number = name, 2
    while candidate in taken:
        candidate, number = f"{name}_{number}", number + 1
    return candidate

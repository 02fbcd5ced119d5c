"""A data file as a relation of the engine: tables by DuckDB, layers and sheets by GDAL, as a stream."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from node.adapters.profiles.layers import reading, source_of_geojson, source_of_geopackage
from node.adapters.profiles.relations import Source, quote_name
from node.adapters.profiles.table_loads import whole_sources
from node.base.errors import InvalidInput
from node.semantics import sheets
from node.semantics.codelists.lookup import fold
from node.semantics.conversions import ConversionLoss
from node.semantics.profiles.places import EAST, NORTH

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

DEGREES: Final = "EPSG:4326"
LINES: Final = "table"
"""The kind of tables of text and of Parquet."""
_WITH_HEIGHTS: Final = "EPSG:4979"
_HEAD: Final = 4096
_GEOMETRIES: Final = frozenset({"geometry", "geom", "thegeom", "wkt", "shape", "wkbgeometry"})
_NUMBERS: Final = ("DOUBLE", "FLOAT", "DECIMAL", "INTEGER", "BIGINT", "SMALLINT", "TINYINT")
_VIEW: Final = "source_of_conversion"
_NAMELESS: Final = "wkb_geometry"


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceTable:
    """The data of a file: ``relation`` in SQL, the types of its columns, the name and system of the geometry (empty:
    none, or unknown), and what was lost by reading it."""

    relation: str
    types: dict[str, str]
    geometry: str = ""
    crs: str = ""
    losses: tuple[ConversionLoss, ...] = ()


def kind_of(path: Path) -> str:
    """Return ``table`` for text and Parquet, or the name by which GDAL knows the format of the file."""
    with path.open("rb") as file:
        head = file.read(_HEAD)
    text = head.lstrip(b"\xef\xbb\xbf").lstrip()
    match sheets.what_it_is(head):
        case "sqlite":
            return "GeoPackage"
        case "zip":
            return "XLSX"
        case _:
            return "GeoJSON" if text[:1] in (b"{", b"[") else LINES


def attempts(path: Path, name: str) -> int:
    """Return how many ways there are to read a file; each forgives more than the one before."""
    return len(whole_sources(path, name)) if kind_of(path) == LINES else 1


@contextmanager
def open_source(
    engine: DuckDBPyConnection, path: Path, name: str, *, attempt: int, crs: str, stated_crs: str
) -> Iterator[SourceTable]:
    """Open a file for one pass over its data. ``crs`` is the system in which the data are wanted, if GDAL can bring
    them there on the way (empty: as they are); ``stated_crs`` is what the description says. Raises ``InvalidInput``.
    """
    kind = kind_of(path)
    if kind == LINES:
        yield _table(engine, whole_sources(path, name), attempt, stated_crs)
        return
    with reading(kind), _layer(engine, _dataset(path, kind), kind, crs, stated_crs) as table:
        yield table


def _table(engine: DuckDBPyConnection, ways: list[Source], attempt: int, stated_crs: str) -> SourceTable:
    source = ways[attempt]
    relation = source.to_literals()
    types = _types(engine, relation)
    losses = [ConversionLoss("source-text")] if len(ways) > 1 and attempt == len(ways) - 1 else []
    return with_geometry(engine, relation, types, stated_crs, losses)


def with_geometry(
    engine: DuckDBPyConnection,
    relation: str,
    types: dict[str, str],
    stated_crs: str,
    losses: Sequence[ConversionLoss] = (),
) -> SourceTable:
    """Return a relation as a table with a geometry, if a column holds one, also as text (WKT). ``stated_crs`` is the
    system of geometries that name none."""
    geometry = next((column for column, kind in types.items() if kind.startswith("GEOMETRY")), "")
    if geometry:
        crs = _crs_of(types[geometry]) or stated_crs
        return SourceTable(relation=relation, types=types, geometry=geometry, crs=crs)
    texts = [column for column, kind in types.items() if kind == "VARCHAR" and _plain(column) in _GEOMETRIES]
    if texts and _holds_geometries(engine, relation, texts[0]):
        cell = quote_name(texts[0])
        columns = ", ".join(f"CAST({cell} AS GEOMETRY) AS {cell}" if c == texts[0] else quote_name(c) for c in types)
        types[texts[0]] = "GEOMETRY"
        return SourceTable(
            relation=f"(SELECT {columns} FROM {relation})",  # noqa: S608 - names are quoted
            types=types,
            geometry=texts[0],
            crs=stated_crs,
            losses=tuple(losses),
        )
    return SourceTable(relation=relation, types=types, losses=tuple(losses))


def with_points(table: SourceTable) -> SourceTable:
    """Return a table without geometry as one with points in degrees, if two of its columns are longitude and
    latitude; the columns stay."""
    if table.geometry:
        return table
    numbers = [column for column, kind in table.types.items() if kind.startswith(_NUMBERS)]
    east = next((column for column in numbers if _plain(column) in EAST), "")
    north = next((column for column in numbers if _plain(column) in NORTH), "")
    if not east or not north:
        return table
    name = next(n for n in ("geometry", "geom", "geometry of row") if n not in table.types)
    x, y = (f"CAST({quote_name(column)} AS DOUBLE)" for column in (east, north))
    fits = f"abs({x}) <= 180 AND abs({y}) <= 90"
    point = f"CASE WHEN {fits} THEN CAST('POINT (' || {x} || ' ' || {y} || ')' AS GEOMETRY) END"
    relation = f"(SELECT *, {point} AS {quote_name(name)} FROM {table.relation})"  # noqa: S608 - quoted
    return SourceTable(
        relation=relation,
        types={**table.types, name: "GEOMETRY"},
        geometry=name,
        crs=DEGREES,
        losses=table.losses,
    )


def _holds_geometries(engine: DuckDBPyConnection, relation: str, column: str) -> bool:
    cell = quote_name(column)
    query = f"SELECT count({cell}), count(TRY_CAST({cell} AS GEOMETRY)) FROM {relation}"  # noqa: S608 - quoted
    values, geometries = engine.execute(query).fetchone() or (0, 0)
    return bool(values) and values == geometries


def _dataset(path: Path, kind: str) -> str:
    if kind == "GeoPackage":
        return source_of_geopackage(path)
    return source_of_geojson(path) if kind == "GeoJSON" else f"{kind}:{path}"


@contextmanager
def _layer(engine: DuckDBPyConnection, dataset: str, kind: str, crs: str, stated_crs: str) -> Iterator[SourceTable]:
    import pyogrio

    layers = [str(name) for name, _ in pyogrio.list_layers(dataset)]
    if len(layers) != 1:
        raise InvalidInput(
            f"the file has {len(layers)} layers or sheets, and only a file with one can be converted",
            remedy="get it as it is",
        )
    own = pyogrio.read_info(dataset, layer=layers[0])
    system = str(own["crs"] or "") or stated_crs
    if kind == "GeoJSON" and system in (_WITH_HEIGHTS, "OGC:CRS84"):
        system = DEGREES  # RFC 7946, 4: the heights are those of the geometries.
    losses = [ConversionLoss("fids")] if kind == "GeoPackage" and own.get("fid_column") else []
    target, layer = dataset, layers[0]
    if own["geometry_type"] and crs and system and crs != system:
        target = warp_layer(dataset, layer, system, crs)
        require_way(target, crs)
        losses.append(ConversionLoss("reprojected", (system, crs)))
        system = crs
    with pyogrio.raw.open_arrow(target, layer=layer, use_pyarrow=False) as (_, stream):
        yield replace(of_stream(engine, stream, system), losses=tuple(losses))


def require_way(layer: str, target: str) -> None:
    """Raise ``InvalidInput`` if the coordinates of a layer cannot be brought to ``target``."""
    import pyogrio

    try:
        pyogrio.read_info(layer)
    except (pyogrio.errors.DataSourceError, pyogrio.errors.DataLayerError, IndexError) as error:
        raise InvalidInput(
            f"the coordinates cannot be brought to {target}: it, or the system of the file, is not known here",
            remedy="ask for another coordinate reference system",
        ) from error


def of_stream(engine: DuckDBPyConnection, stream: Any, crs: str) -> SourceTable:
    """Return the data of a stream of GDAL, which can be read once. ``crs`` is that of its geometries."""
    relation = engine.from_arrow(stream)
    types = {str(column): str(type_) for column, type_ in zip(relation.columns, relation.types, strict=True)}
    # What GDAL calls JSON may be any text, where the values of a column are of several kinds.
    texts = [
        f"CAST({quote_name(c)} AS VARCHAR) AS {quote_name(c)}" if t == "JSON" else quote_name(c)
        for c, t in types.items()
    ]
    relation.project(", ".join(texts)).create_view(_VIEW)
    types = {column: "VARCHAR" if type_ == "JSON" else type_ for column, type_ in types.items()}
    geometry = next((column for column, type_ in types.items() if type_.startswith("GEOMETRY")), "")
    if geometry != _NAMELESS or "geometry" in {column.casefold() for column in types}:
        return SourceTable(relation=_VIEW, types=types, geometry=geometry, crs=crs if geometry else "")
    # GDAL's name for a geometry that has none in the file.
    cells = [f"{quote_name(c)} AS geometry" if c == geometry else quote_name(c) for c in types]
    names = {"geometry" if column == geometry else column: type_ for column, type_ in types.items()}
    relation_text = f"(SELECT {', '.join(cells)} FROM {_VIEW})"  # noqa: S608 - names are quoted
    return SourceTable(relation=relation_text, types=names, geometry="geometry", crs=crs)


def warp_layer(dataset: str, layer: str, crs: str, target: str) -> str:
    """Return a layer of ``dataset`` with its coordinates in ``target``, as GDAL calls it."""
    from xml.sax.saxutils import escape, quoteattr

    return (
        f"<OGRVRTDataSource><OGRVRTWarpedLayer><OGRVRTLayer name={quoteattr(layer)}>"
        f'<SrcDataSource relativeToVRT="0">{escape(dataset)}</SrcDataSource></OGRVRTLayer>'
        f"<SrcSRS>{escape(crs)}</SrcSRS><TargetSRS>{escape(target)}</TargetSRS></OGRVRTWarpedLayer>"
        "</OGRVRTDataSource>"
    )


def _types(engine: DuckDBPyConnection, relation: str) -> dict[str, str]:
    rows = engine.execute(f"DESCRIBE SELECT * FROM {relation}").fetchall()  # noqa: S608 - ours
    return {str(row[0]): str(row[1]) for row in rows}


def _crs_of(kind: str) -> str:
    """Return the system that the type of a geometry names; empty if it names none by a number of EPSG."""
    import json

    text = kind.partition("('")[2].rpartition("')")[0].replace("''", "'")
    if not text:
        return ""
    try:
        name: Any = json.loads(text)
        authority = name["id"]
        text = f"{authority['authority']}:{authority['code']}"
    except (ValueError, KeyError, TypeError):
        pass
    return DEGREES if text in ("OGC:CRS84", "CRS84", DEGREES) else (text if text.startswith("EPSG:") else "")


def _plain(column: str) -> str:
    return "".join(c for c in fold(column) if c.isalpha())

"""The function for features of a map that runs in the cage: geometries in degrees, with the cells of their rows.

Layers are read by GDAL, which brings their coordinates into degrees; tables of text and Parquet by DuckDB, if two of
their columns are longitude and latitude, or one is a geometry in degrees.
"""

from __future__ import annotations

import json
import math
import warnings
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final

from node.adapters.profiles.data_files import (
    DEGREES,
    LINES,
    attempts,
    kind_of,
    open_source,
    require_way,
    warp_layer,
    with_points,
)
from node.adapters.profiles.geometries import GeometryReader, NoGeometry
from node.adapters.profiles.layers import reading, source_of_geojson, source_of_geopackage
from node.adapters.profiles.relations import engine_errors, open_engine, quote_name
from node.base.errors import InvalidInput

LONGEST: Final = 300
"""Characters of a cell."""
MOST_COLUMNS: Final = 40
_WITH_HEIGHTS: Final = ("EPSG:4979", "OGC:CRS84")
_NUMBERS: Final = ("int", "uint", "float", "INT", "DOUBLE", "FLOAT", "DECIMAL")
_MOMENTS: Final = ("datetime", "DATE", "TIMESTAMP")
_DOWNLOAD: Final = "download the file, and open it in another program"


def read(message: dict[str, Any], _blobs: list[bytes]) -> tuple[dict[str, Any], list[bytes]]:
    """Target ``tables.features``: features of the file at ``path``, which was called ``name``.

    ``box`` is west, south, east, north in degrees, or None; ``most`` and ``positions`` bound the answer. Raises
    ``InvalidInput`` for a file that has no places, and for places in an unknown coordinate reference system.
    """
    path, name = Path(message["path"]), str(message["name"])
    kind = kind_of(path)
    if kind == "XLSX":
        raise InvalidInput("a workbook has no map", remedy="save its sheet as CSV")
    try:
        if kind == LINES:
            return _table(path, name, message)
        return _layer(path, kind, message)
    except InvalidInput as error:
        # Where a node keeps its files is not for others to know.
        raise InvalidInput(error.detail.replace(str(path), name), remedy=error.remedy or _DOWNLOAD) from error


def _layer(path: Path, kind: str, message: dict[str, Any]) -> tuple[dict[str, Any], list[bytes]]:
    dataset = source_of_geopackage(path) if kind == "GeoPackage" else source_of_geojson(path)
    with reading(kind):
        import pyogrio

        layers = [str(name) for name, shape in pyogrio.list_layers(dataset) if shape]
        if not layers:
            raise InvalidInput("the file has no geometry, so it has no map")
        own = pyogrio.read_info(dataset, layer=layers[0])
        crs = str(own["crs"] or "")
        if crs in _WITH_HEIGHTS:
            crs = DEGREES  # RFC 7946, 4: the heights are those of the geometries.
        if not crs:
            raise _unknown_system()
        source = dataset
        if crs != DEGREES:
            source = warp_layer(dataset, layers[0], crs, DEGREES)
            _require_degrees(source)
        facts = pyogrio.read_info(source, layer=layers[0], force_feature_count=True)
        names = [str(name) for name in facts["fields"]][:MOST_COLUMNS]
        kinds = [str(type_) for type_ in facts["dtypes"]][:MOST_COLUMNS]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            _, _, shapes, cells = pyogrio.raw.read(
                source,
                layer=layers[0],
                columns=names,
                bbox=tuple(message["box"]) if message["box"] else None,
                max_features=int(message["most"]),
                datetime_as_string=True,
            )
    rows: Iterable[tuple[Any, ...]] = zip(*cells, strict=True) if cells else (() for _ in shapes)
    return _answer(zip(shapes, rows, strict=True), names, kinds, int(facts["features"]), message)


def _require_degrees(source: str) -> None:
    try:
        require_way(source, DEGREES)
    except InvalidInput as error:
        raise _unknown_system() from error


def _unknown_system() -> InvalidInput:
    return InvalidInput(
        "the coordinate reference system of the file is not known, so it has no map",
        remedy="ask the publisher to state it in the file",
    )


def _table(path: Path, name: str, message: dict[str, Any]) -> tuple[dict[str, Any], list[bytes]]:
    cause: Exception | None = None
    for attempt in range(attempts(path, name)):
        try:
            with (
                open_engine(path) as engine,
                open_source(engine, path, name, attempt=attempt, crs=DEGREES, stated_crs=DEGREES) as source,
            ):
                table = with_points(source)
                if not table.geometry:
                    raise InvalidInput("no columns of the table are longitude and latitude, so it has no map")
                if table.crs != DEGREES:
                    raise InvalidInput(f"the places of the table are in {table.crs}, and only degrees are drawn")
                names = [column for column in table.types if column != table.geometry][:MOST_COLUMNS]
                shape = quote_name(table.geometry)
                cells = ", ".join([f"CAST({shape} AS BLOB)", *map(quote_name, names)])
                rows_in_all = engine.execute(f"SELECT count({shape}) FROM {table.relation}").fetchone()  # noqa: S608
                query = f"SELECT {cells} FROM {table.relation} WHERE {shape} IS NOT NULL"  # noqa: S608 - quoted
                rows = engine.execute(query)
                kinds = [table.types[column] for column in names]
                features = ((row[0], row[1:]) for row in _pieces(rows))
                return _answer(features, names, kinds, int((rows_in_all or (0,))[0]), message)
        except engine_errors() as error:
            cause = error
    raise InvalidInput("the table cannot be read") from cause


def _pieces(rows: Any) -> Iterator[tuple[Any, ...]]:
    while piece := rows.fetchmany(1_000):
        yield from piece


def _answer(
    features: Iterable[tuple[Any, Sequence[Any]]],
    names: Sequence[str],
    kinds: Sequence[str],
    total: int,
    message: dict[str, Any],
) -> tuple[dict[str, Any], list[bytes]]:
    geometries, most, box = GeometryReader(int(message["positions"])), int(message["most"]), message["box"]
    texts: list[str] = []
    omissions = 0
    for shape, cells in features:
        if len(texts) >= most or geometries.is_full:
            break
        try:
            geometry = geometries.read(bytes(shape or b""))
        except NoGeometry:
            omissions += 1
            continue
        if box and not _touches(geometry, box):
            continue
        properties = {name: _value(cell) for name, cell in zip(names, cells, strict=True)}
        feature = {"type": "Feature", "id": len(texts), "properties": properties, "geometry": geometry}
        texts.append(json.dumps(feature, ensure_ascii=False, allow_nan=False))
    facts = {
        "columns": [
            [name, kind.startswith(_NUMBERS), kind.startswith(_MOMENTS)]
            for name, kind in zip(names, kinds, strict=True)
        ],
        "shown": len(texts),
        "total": total,
        "skipped": omissions,
    }
    return facts, [f"[{','.join(texts)}]".encode("utf-8", errors="replace")]


def _touches(geometry: dict[str, Any], box: Sequence[float]) -> bool:
    west, south, east, north = box
    xs, ys = zip(*_positions(geometry.get("coordinates") or geometry["geometries"]), strict=True)
    return bool(min(xs) <= east and max(xs) >= west and min(ys) <= north and max(ys) >= south)


def _positions(coordinates: Any) -> Iterator[tuple[float, float]]:
    if isinstance(coordinates, dict):
        yield from _positions(coordinates.get("coordinates") or coordinates["geometries"])
    elif isinstance(coordinates[0], float | int):
        yield coordinates[0], coordinates[1]
    else:
        for part in coordinates:
            yield from _positions(part)


def _value(cell: Any) -> str | float | int | bool | None:
    """Return a cell as a value of JSON that a map can colour by: a number, a truth, a short text."""
    if hasattr(cell, "item"):
        cell = cell.item()
    if cell is None or isinstance(cell, bool):
        return cell
    if isinstance(cell, int):
        return cell if abs(cell) <= 1 << 53 else str(cell)
    if isinstance(cell, float):
        return cell if math.isfinite(cell) else None
    if isinstance(cell, bytes | bytearray):
        return None
    text = str(cell)
    return None if text == "NaT" else text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"

"""Files with places, and spreadsheets, profiled by GDAL: layer by layer, a piece at a time.

The content of a file was looked at before, so GDAL is told which of its drivers reads it: a file that calls itself a
GeoPackage cannot have another driver follow links to other files. The child may read no other file in any case.
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final
from xml.sax.saxutils import escape, quoteattr

from node.adapters.profiles.columns import Collector
from node.base.errors import InvalidInput
from node.semantics.model import BBox
from node.semantics.profiles.model import MAX_COLUMNS, MAX_TABLES, Profile, TableProfile
from node.semantics.profiles.places import around, in_degrees

_PIECE: Final = 10_000
_READ: Final = 200_000
"""Rows of a layer that are read; a draft states it if there are more."""

_DEGREES: Final = "EPSG:4326"
_EXTENT: Final = "extent"


def geopackage(path: Path, _name: str) -> Profile:
    """Return the profile of a GeoPackage. Raises ``InvalidInput`` if it is damaged, or another SQLite database."""
    return profile_layers(source_of_geopackage(path), "GeoPackage")


def source_of_geopackage(path: Path) -> str:
    """Return a GeoPackage as GDAL calls it. Raises ``InvalidInput`` if it is another SQLite database."""
    with path.open("rb") as file:
        mark = file.read(72)[68:72]
    if mark not in (b"GPKG", b"GP10", b"GP11"):
        raise InvalidInput("the file is an SQLite database, but not a GeoPackage", remedy="export its tables as CSV")
    # Through GDAL's own files: SQLite would lock the file, which a child may not do.
    return f"GPKG:/vsisubfile/0_{path.stat().st_size},{path}"


def geojson(path: Path) -> Profile:
    """Return the profile of a GeoJSON document."""
    return profile_layers(source_of_geojson(path), "GeoJSON")


def source_of_geojson(path: Path) -> str:
    """Return a GeoJSON document as GDAL calls it."""
    return f"GeoJSON:{path}"


def spreadsheet(path: Path) -> Profile:
    """Return the profile of an XLSX workbook: each sheet with a header is a table."""
    return profile_layers(f"XLSX:{path}", "XLSX")


def profile_layers(source: str, format_: str) -> Profile:
    """Return the profile of all layers of ``source``, as GDAL calls it."""
    with reading(format_):
        import pyogrio

        names = [str(layer) for layer, _ in pyogrio.list_layers(source)][:MAX_TABLES]
        tables, boxes, systems, shapes, notes = [], [], [], [], []
        for name in names:
            facts = pyogrio.read_info(source, layer=name, force_feature_count=True, force_total_bounds=True)
            tables.append(_table(source, name if len(names) > 1 else "", name, facts))
            if facts["crs"] and facts["total_bounds"] is not None and facts["features"]:
                systems.append(str(facts["crs"]))
                box = _box(source, name, facts)
                boxes += [box] if box else []
            elif facts["geometry_type"]:
                notes.append(f"layer {name} names no coordinate reference system")
            if facts["geometry_type"]:
                shapes.append(str(facts["geometry_type"]))
    moments = [column for table in tables for column in table.columns if _is_moment(column)]
    crs = systems[0] if systems and systems[0].startswith("EPSG:") else ""
    return Profile(
        format=format_,
        tables=tuple(tables),
        bbox=around(boxes),
        crs=crs,
        geometry=", ".join(dict.fromkeys(shapes)),
        begins=min((column.minimum for column in moments), default=""),
        ends=max((column.maximum for column in moments), default=""),
        notes=tuple(notes),
    )


def _is_moment(column: Any) -> bool:
    return column.type in ("date", "datetime") and bool(column.minimum)


def _table(source: str, shown_name: str, layer: str, facts: Any) -> TableProfile:
    import pyogrio

    names = [str(name) for name in facts["fields"]]
    columns = names[:MAX_COLUMNS]
    collectors = [Collector(name) for name in columns]
    read = 0
    while columns and read < _READ:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            _, _, _, cells = pyogrio.raw.read(
                source, layer=layer, columns=columns, read_geometry=False, skip_features=read, max_features=_PIECE
            )
        rows = len(cells[0]) if cells else 0
        for collector, values in zip(collectors, cells, strict=True):
            collector.add(values)
        read += rows
        if rows < _PIECE:
            break
    total = max(int(facts["features"]), read)
    return TableProfile(
        name=shown_name,
        rows=total,
        columns=tuple(collector.profile() for collector in collectors),
        read=read if columns and read < total else None,
        omitted=len(names) - len(columns),
    )


def _box(source: str, layer: str, facts: Any) -> BBox | None:
    """Return the extent of a layer in degrees, as GDAL transforms it."""
    bounds = facts["total_bounds"]
    if facts["crs"] != _DEGREES:
        import pyogrio

        transform = (
            f"<OGRVRTDataSource><OGRVRTWarpedLayer><OGRVRTLayer name={quoteattr(layer)}>"
            f'<SrcDataSource relativeToVRT="0">{escape(source)}</SrcDataSource></OGRVRTLayer>'
            f"<TargetSRS>{_DEGREES}</TargetSRS></OGRVRTWarpedLayer></OGRVRTDataSource>"
        )
        bounds = pyogrio.read_info(transform, force_total_bounds=True)["total_bounds"]
    return None if bounds is None else in_degrees(bounds)


def box_in_degrees(edges: Sequence[float], crs: str) -> BBox | None:
    """Return the extent with these ``edges`` (least x and y, greatest x and y) in the system ``crs`` (``EPSG:31370``)
    in degrees, as GDAL transforms its corners; None if it does not know the system."""
    west, south, east, north = edges
    if crs == _DEGREES:
        return in_degrees(edges)
    corners = {"type": "MultiPoint", "coordinates": [[west, south], [east, south], [east, north], [west, north]]}
    extent = {
        "type": "FeatureCollection",
        "name": _EXTENT,
        "crs": {"type": "name", "properties": {"name": crs.replace("EPSG:", "urn:ogc:def:crs:EPSG::")}},
        "features": [{"type": "Feature", "properties": {}, "geometry": corners}],
    }
    try:
        with reading("GeoJSON"):
            import pyogrio

            source = json.dumps(extent)
            # What GDAL does not know, it takes for degrees.
            is_known = pyogrio.read_info(source)["crs"] == crs
            return _box(source, _EXTENT, {"crs": crs, "total_bounds": edges}) if is_known else None
    except InvalidInput:
        return None


@contextmanager
def reading(format_: str) -> Iterator[None]:
    """Translate the errors of GDAL, and keep its remarks about names of files to itself."""
    import numpy as np
    import pyogrio

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            yield
        except (
            pyogrio.errors.DataSourceError,
            pyogrio.errors.DataLayerError,
            pyogrio.errors.FeatureError,
            pyogrio.errors.CRSError,
            pyogrio.errors.FieldError,
            pyogrio.errors.GeometryError,
            np.exceptions.DTypePromotionError,
            UnicodeDecodeError,
            ValueError,
        ) as error:
            raise InvalidInput(
                f"the {format_} file is damaged or empty: {str(error).partition('; ')[0][:200]}",
                remedy="open it where it was made, and save it again",
            ) from error

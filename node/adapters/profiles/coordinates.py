"""Coordinates in two columns of rows, brought to another coordinate reference system by GDAL, in the cage.

Everything happens in memory: GDAL's own files in memory are read and written, and no grid is fetched.
"""

from __future__ import annotations

import json
import math
import struct
from typing import Any, Final

from node.base.errors import InvalidInput

_FILE: Final = "/vsimem/places.fgb"
_LAYER: Final = "places"
_POINT: Final = struct.Struct("<BIdd")
_BATCH: Final = 200_000


def move(message: dict[str, Any], blobs: list[bytes]) -> tuple[dict[str, Any], list[bytes]]:
    """Target ``transformations.coordinates``: the rows (JSON) of the one blob, with the coordinates in ``columns``
    brought from ``source`` to ``target``, in the columns ``result``, rounded to ``decimals``.

    Raises ``InvalidInput`` for a system that is not known, and for rows without such columns or with coordinates that
    have no place there.
    """
    rows = json.loads(blobs[0])
    first, second = message["columns"]
    points: list[tuple[int, float, float]] = []
    present = {name for row in rows for name in row}
    missing = [name for name in (first, second) if rows and name not in present]
    if missing:
        raise InvalidInput(
            f"the rows have no column {missing[0][:80]}",
            remedy=f"they have {', '.join(sorted(present)[:20])}",
            facts={"member": missing[0]},
        )
    clashes = [name for name in message["result"] if name in present and name not in (first, second)]
    if clashes:
        raise InvalidInput(
            f"the rows have a column {clashes[0][:80]} already", remedy="name other columns under result:"
        )
    for index, row in enumerate(rows):
        if row.get(first) is None or row.get(second) is None:
            continue
        points.append((index, _number(row, first, index), _number(row, second, index)))
    moves: dict[int, tuple[float, float]] = {}
    for start in range(0, max(len(points), 1), _BATCH):
        moves |= _move_points(points[start : start + _BATCH], message["source"], message["target"])
    return {}, [json.dumps([_row(row, moves.get(index), message) for index, row in enumerate(rows)]).encode()]


def _move_points(points: list[tuple[int, float, float]], source: str, target: str) -> dict[int, tuple[float, float]]:
    """Return the places of ``points`` in ``target``, by the number of their row."""
    import numpy
    import pyogrio

    from node.adapters.profiles.data_files import warp_layer

    # A figure that no place has would become one that looks right: each is brought back and compared.
    pyogrio.set_gdal_config_options({"CHECK_WITH_INVERT_PROJ": "YES"})
    # Without rows, one point finds out whether both systems are known.
    shapes = [_POINT.pack(1, 1, east, north) for _, east, north in points] or [_POINT.pack(1, 1, 0.0, 0.0)]
    geometry = numpy.empty(len(shapes), dtype=object)
    geometry[:] = shapes
    try:
        pyogrio.raw.write(
            _FILE,
            geometry,
            [numpy.arange(len(shapes))],
            ["number"],
            layer=_LAYER,
            driver="FlatGeobuf",
            geometry_type="Point",
            crs=source,
            layer_options={"SPATIAL_INDEX": "NO"},
        )
        _, _, places, numbers = pyogrio.raw.read(warp_layer(_FILE, _LAYER, source, target))
    except _faults() as error:
        raise InvalidInput(
            f"coordinates cannot be brought from {source} to {target}: one of them is not known here, or a row has "
            "no place in it",
            remedy="name other systems, or correct the coordinates",
        ) from error
    result: dict[int, tuple[float, float]] = {}
    for place, number in zip(places, numbers[0], strict=True):
        if points and place is not None:
            _, _, east, north = _POINT.unpack(place)
            if math.isfinite(east) and math.isfinite(north):
                result[points[int(number)][0]] = (east, north)
    outside = next((index for index, _, _ in points if index not in result), None)
    if outside is not None:
        raise InvalidInput(
            f"the coordinates of row {outside + 1} have no place in {target}",
            remedy=f"check that they are in {source}, east or longitude first",
            facts={"row": outside + 1},
        )
    return result


def _faults() -> tuple[type[Exception], ...]:
    from pyogrio.errors import CRSError, DataLayerError, DataSourceError, FeatureError, GeometryError

    return CRSError, DataLayerError, DataSourceError, FeatureError, GeometryError, IndexError


def _row(row: dict[str, Any], place: tuple[float, float] | None, message: dict[str, Any]) -> dict[str, Any]:
    rest = {name: value for name, value in row.items() if name not in message["columns"]}
    east, north = (round(figure, message["decimals"]) + 0.0 for figure in place) if place else (None, None)
    return {**rest, message["result"][0]: east, message["result"][1]: north}


def _number(row: dict[str, Any], name: str, index: int) -> float:
    value = row[name]
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise InvalidInput(
            f"row {index + 1}: {name[:80]} is no number",
            remedy="write coordinates like 104000.5, and leave a cell empty where there is none",
            facts={"row": index + 1, "member": name},
        )
    return float(value)

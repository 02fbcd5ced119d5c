"""The place of a NetCDF file: its coordinates (CF §4.1, §4.2), or what its attributes say (ACDD 1.3)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any, Final, Protocol

import numpy as np

from node.semantics.model import BBox
from node.semantics.profiles.places import in_degrees

_NORTH: Final = frozenset({"degrees_north", "degree_north", "degree_N", "degrees_N", "degreeN", "degreesN"})
_EAST: Final = frozenset({"degrees_east", "degree_east", "degree_E", "degrees_E", "degreeE", "degreesE"})
_EDGES: Final = ("geospatial_lon_min", "geospatial_lat_min", "geospatial_lon_max", "geospatial_lat_max")
_CODE: Final = re.compile(r'(?:ID|AUTHORITY)\["EPSG",\s*"?(\d{4,6})"?\]\]?\s*$')
_EPSG: Final = re.compile(r"(?:EPSG:+)?(\d{4,6})", re.IGNORECASE)
_MOST: Final = 5_000_000
"""Coordinates of one variable that are read."""


class HasCoordinates(Protocol):
    """A variable of a file."""

    @property
    def array(self) -> Any: ...

    @property
    def shape(self) -> tuple[int, ...]: ...

    def attribute(self, name: str) -> str: ...


def area(dataset: Any, variables: Sequence[HasCoordinates]) -> tuple[BBox | None, tuple[str, ...]]:
    """Return west, south, east, north in degrees, if the file says so, and notes for a person."""
    norths = _coordinates(variables, "latitude", _NORTH)
    easts = _coordinates(variables, "longitude", _EAST)
    if norths is not None and easts is not None:
        if easts.max() > 180:
            # Many models count longitudes from 0 to 360.
            longitudes = (easts + 180) % 360 - 180
            if longitudes.max() - longitudes.min() > easts.max() - easts.min() + 0.001:
                return None, ("it crosses the 180th meridian: its place is for you to write",)
            easts = longitudes
        box = in_degrees((easts.min(), norths.min(), easts.max(), norths.max()))
        if box:
            return box, ()
    try:
        edges = [float(dataset.getncattr(name)) for name in _EDGES if name in dataset.ncattrs()]
    except (TypeError, ValueError):
        edges = []
    box = in_degrees(edges) if len(edges) == len(_EDGES) and np.isfinite(edges).all() else None
    return box, () if box else ("the file does not say where it is, in degrees",)


def reference_system(dataset: Any) -> str:
    """Return the coordinate reference system that the projection of the file names (CF §5.6): ``EPSG:31370``."""
    for variable in _all_variables(dataset):
        names = variable.ncattrs()
        for name in ("epsg_code", "spatial_epsg"):
            if name in names and (match := _EPSG.fullmatch(str(variable.getncattr(name)).strip())):
                return f"EPSG:{match[1]}"
        for name in ("crs_wkt", "spatial_ref"):
            if name in names and (match := _CODE.search(str(variable.getncattr(name)))):
                return f"EPSG:{match[1]}"
    return ""


def _all_variables(dataset: Any) -> Iterator[Any]:
    groups = [dataset]
    while groups:
        group = groups.pop(0)
        yield from group.variables.values()
        groups += group.groups.values()


def _coordinates(variables: Sequence[HasCoordinates], name: str, units: frozenset[str]) -> Any:
    """Return the numbers of the coordinate called ``name``; None if no variable has them."""
    for variable in variables:
        is_it = variable.attribute("standard_name") == name or variable.attribute("units") in units
        if not is_it or getattr(variable.array.dtype, "kind", "") not in "iuf" or np.prod(variable.shape) > _MOST:
            continue
        numbers = np.ma.asarray(variable.array[...]).compressed().astype(float)
        numbers = numbers[np.isfinite(numbers)]
        if numbers.size:
            return numbers
    return None

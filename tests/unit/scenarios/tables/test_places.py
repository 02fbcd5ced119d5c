"""Coordinate systems and extents."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.base.errors import InvalidInput
from node.scenarios.tables import geometries
from node.scenarios.tables.geometries import BBox, extent
from node.scenarios.tables.places import LAMBERT72, WGS84, convert, convertible, lambert72, normal, share


@pytest.mark.parametrize(
    ("name", "known"),
    [
        ("EPSG:4326", WGS84), ("epsg:4326", WGS84), (" EPSG::31370 ", LAMBERT72), ("31370", LAMBERT72),
        ("urn:ogc:def:crs:EPSG::31370", LAMBERT72), ("urn:ogc:def:crs:EPSG:6.9:4326", WGS84),
        ("http://www.opengis.net/def/crs/EPSG/0/31370", LAMBERT72), ("WGS 84", WGS84), ("WGS84", WGS84),
        ("https://www.opengis.net/def/crs/EPSG/0/4326/", WGS84), ("Belge Lambert 72", LAMBERT72),
        ("http://www.opengis.net/gml/srs/epsg.xml#4326", WGS84), ("OGC:CRS84", WGS84), ("CRS84", WGS84),
        ("urn:ogc:def:crs:OGC:1.3:CRS84", WGS84), ("http://www.opengis.net/def/crs/OGC/1.3/CRS84", WGS84),
        ("EPSG:5514", "EPSG:5514"), ("local grid", "local grid"), ("", ""),
    ],
)  # fmt: skip
def test_names_of_coordinate_systems(name: str, known: str) -> None:
    assert normal(name) == known


def test_which_are_converted() -> None:
    assert convertible("CRS84", WGS84)
    assert convertible("urn:ogc:def:crs:EPSG::31370", WGS84)
    assert not convertible(WGS84, LAMBERT72)
    assert not convertible("EPSG:5514", WGS84)
    with pytest.raises(InvalidInput, match="EPSG:5514 to EPSG:4326"):
        convert({"type": "Point", "coordinates": [0, 0]}, "EPSG:5514")


def test_lambert_72_as_proj_has_it() -> None:
    """Against PROJ with EPSG 15929 (without the grid): equal to a thousandth of a millimetre."""
    assert lambert72(104500, 193900) == pytest.approx((3.719822839, 51.053470703), abs=1e-9)
    line = {"type": "LineString", "coordinates": [[104500, 193900, 12.5], [104510, 193900, 12.5]]}
    moved = convert(line, "EPSG:31370")
    first, second = moved["coordinates"]
    assert first == pytest.approx([3.719822839, 51.053470703, 12.5], abs=1e-9)
    metres = (second[0] - first[0]) * 111_320 * math.cos(math.radians(51.05))
    assert metres == pytest.approx(10, abs=0.05)
    assert convert(line, "EPSG:31370", "EPSG:31370") == line


@pytest.mark.parametrize("place", [(3.7, 51.05), (193900, 1045000), (float("nan"), 0)])
def test_what_is_not_in_belgium_is_refused(place: tuple[float, float]) -> None:
    with pytest.raises(InvalidInput, match="not in the area"):
        lambert72(*place)


@pytest.mark.parametrize(
    ("inner", "outer", "part"),
    [
        ((0, 0, 1, 1), (0, 0, 2, 2), 1), ((0, 0, 2, 2), (0, 0, 1, 1), 0.25), ((0, 0, 1, 1), (2, 2, 3, 3), 0),
        ((0, 0, 0, 0), (0, 0, 1, 1), 1), ((2, 2, 2, 2), (0, 0, 1, 1), 0), ((0, 0, 2, 0), (1, 0, 3, 1), 0.5),
    ],
)  # fmt: skip
def test_how_much_of_one_area_is_in_another(inner: BBox, outer: BBox, part: float) -> None:
    assert share(inner, outer) == part


boxes = st.tuples(st.floats(-180, 179), st.floats(-90, 89), st.floats(0.001, 1), st.floats(0.001, 1)).map(
    lambda box: (box[0], box[1], box[0] + box[2], box[1] + box[3])
)


@given(boxes, boxes)
def test_shares_are_shares(a: BBox, b: BBox) -> None:
    assert 0 <= share(a, b) <= 1
    assert share(a, a) == 1
    assert (share(a, b) > 0) == (share(b, a) > 0)


def test_the_extent_of_rows() -> None:
    point = {"type": "Point", "coordinates": [3.7, 51.0]}
    both = {
        "type": "GeometryCollection",
        "geometries": [
            point,
            {"type": "MultiPolygon", "coordinates": [[[[3.6, 51], [3.6, 51.1], [3.7, 51], [3.6, 51]]]]},
        ],
    }
    assert extent([{"geometry": geometries.check(both)}, {"geometry": None}, {}]) == (3.6, 51, 3.7, 51.1)
    assert extent([{}]) is None
    assert geometries.move(both, lambda x, y: (x + 1, y))["geometries"][0]["coordinates"] == [4.7, 51.0]
    with pytest.raises(InvalidInput, match="no list of geometries"):
        geometries.check({"type": "GeometryCollection"})

"""A look into files of unknown honesty."""

from __future__ import annotations

import json
from typing import Any

import pytest

from node.portal.description.previews import MAX_CELL, MAX_COLUMNS, MAX_ROWS, sketch, table
from tests.fakes.portal.content import SAMPLE_CSV, SEGMENTS


def test_the_first_rows_of_a_table() -> None:
    preview = table(SAMPLE_CSV, "text/csv; charset=utf-8", whole=True)
    assert preview is not None
    assert preview.columns[0] == "refRoadSegment"
    assert len(preview.rows) == MAX_ROWS
    assert preview.numeric == (False, False, False, False, True, True)
    assert preview.more


def test_a_cut_file_shows_whole_rows_only() -> None:
    found = table("a;b\n1;é\n2;ü".encode()[:-1], "text/csv", whole=False)
    assert found is not None
    assert (found.columns, found.rows) == (("a", "b"), (("1", "é"),))


def test_wide_long_and_ragged_tables() -> None:
    head = ",".join(f"c{n}" for n in range(40)) + "\n1\n" + ",".join(["x" * 500] * 50)
    preview = table(head.encode(), "text/csv", whole=True)
    assert preview is not None
    assert len(preview.columns) == MAX_COLUMNS
    assert preview.columns_left_out == 40 - MAX_COLUMNS
    assert all(len(row) == MAX_COLUMNS for row in preview.rows)
    assert max(len(cell) for row in preview.rows for cell in row) == MAX_CELL


@pytest.mark.parametrize(
    ("head", "media_type"),
    [
        (b"", "text/csv"),
        (b"only one line", "text/csv"),
        (b"\n\n", "text/csv"),
        (b"a,b\n\x00,1\n", "text/csv"),
        (b"\xff\xfe\n\xff\n", "text/csv"),
        (b'a,b\n"' + b"x" * 200_000, "text/csv"),
        (b"a,b\n1,2\n", "text/html"),
        (b"PK\x03\x04", "application/zip"),
    ],
)
def test_what_is_no_table_is_not_shown(head: bytes, media_type: str) -> None:
    assert table(head, media_type, whole=True) is None


def test_a_map_is_sketched_with_north_up() -> None:
    drawing = sketch(SEGMENTS, "application/geo+json", whole=True)
    assert drawing is not None
    assert drawing.features == len(drawing.lines) == 32
    assert all(set(path) <= set("ML0123456789. ") for path in drawing.lines)
    two = {"type": "MultiPoint", "coordinates": [[3, 50], [4, 51]]}
    points = sketch(json.dumps(two).encode(), "application/geo+json", whole=True)
    assert points is not None
    (west_x, south_y), (east_x, north_y) = points.points
    assert west_x < east_x
    assert north_y < south_y


@pytest.mark.parametrize(
    ("shape", "counts"),
    [
        ({"type": "Point", "coordinates": [3.7, 51.0, 12]}, (0, 0, 1)),
        ({"type": "MultiLineString", "coordinates": [[[3, 51], [4, 52]], [[3, 50], [4, 51]]]}, (2, 0, 0)),
        ({"type": "Polygon", "coordinates": [[[3, 51], [4, 52], [4, 51], [3, 51]]]}, (0, 1, 0)),
        (
            {"type": "MultiPolygon", "coordinates": [[[[3, 51], [4, 52], [4, 51]]], [[[5, 51], [6, 52], [6, 51]]]]},
            (0, 2, 0),
        ),
        ({"type": "GeometryCollection", "geometries": [{"type": "Point", "coordinates": [3, 51]}]}, (0, 0, 1)),
        ({"type": "Feature", "geometry": {"type": "Point", "coordinates": [3, 51]}, "properties": None}, (0, 0, 1)),
    ],
)
def test_every_kind_of_geometry(shape: dict[str, Any], counts: tuple[int, int, int]) -> None:
    found = sketch(json.dumps(shape).encode(), "application/geo+json", whole=True)
    assert found is not None
    assert (len(found.lines), len(found.areas), len(found.points)) == counts


@pytest.mark.parametrize(
    "document",
    [
        "",
        "[]",
        "{}",
        "null",
        "1",
        '{"type": "FeatureCollection"}',
        '{"type": "FeatureCollection", "features": {}}',
        '{"type": "Feature", "geometry": null}',
        '{"type": "Point", "coordinates": ["a", "b"]}',
        '{"type": "Point", "coordinates": [1]}',
        '{"type": "Point", "coordinates": [1e999, 2]}',
        '{"type": "Point", "coordinates": [104500.1, 193900.2]}',
        '{"type": "Point", "coordinates": {"x": 1}}',
        '{"type": "LineString", "coordinates": 7}',
        '{"type": ["Point"], "coordinates": [1, 2]}',
        "[" * 100_000,
        '{"type": "GeometryCollection", "geometries": [' * 2000 + "]}" * 2000,
    ],
)
def test_what_is_no_map_is_not_drawn(document: str) -> None:
    assert sketch(document.encode(), "application/geo+json", whole=True) is None


def test_half_a_map_or_too_much_of_one_is_not_drawn() -> None:
    assert sketch(SEGMENTS, "application/geo+json", whole=False) is None
    assert sketch(SEGMENTS, "application/json", whole=True) is None
    many = {"type": "MultiPoint", "coordinates": [[3, 51]] * 7000}
    assert sketch(json.dumps(many).encode(), "application/geo+json", whole=True) is None

"""Features of files for maps: GeoJSON, GeoPackage, tables with coordinates; and who gets them."""

from __future__ import annotations

import json
import sqlite3
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import geopandas
import pytest
import shapely

from node.adapters.profiles import features
from node.adapters.profiles.geometries import GeometryReader, NoGeometry
from node.base.errors import InvalidInput
from node.semantics.profiles.features_client import has_places
from tests.nodes import Running, described, running
from tests.unit.portal.page import Page, troubles

ACTS = "<img src=x onerror=alert(1)>"


def document(count: int, **properties: Any) -> bytes:
    points = [
        {
            "type": "Feature",
            "properties": {"name": ACTS, "number": number, "at": f"2026-01-{number % 28 + 1:02}", **properties},
            "geometry": {"type": "Point", "coordinates": [3.7 + number / 1000, 51.05]},
        }
        for number in range(count)
    ]
    return json.dumps({"type": "FeatureCollection", "features": points}).encode()


def read(path: Path, box: list[float] | None = None, most: int = 5000, positions: int = 150_000) -> dict[str, Any]:
    """What the cage answers for ``path``, with the features read."""
    order = {"path": str(path), "name": "shown.name", "box": box, "most": most, "positions": positions}
    facts, blobs = features.read(order, [])
    return {**facts, "features": json.loads(blobs[0])}


def test_geojson_keeps_cells_and_says_which_columns_are_numbers_and_times(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(document(3, flag=True))
    answer = read(path)
    assert answer["columns"][:3] == [["name", False, False], ["number", True, False], ["at", False, True]]
    assert [feature["id"] for feature in answer["features"]] == [0, 1, 2]
    assert answer["features"][1]["properties"]["name"] == ACTS
    assert answer["features"][1]["geometry"] == {"type": "Point", "coordinates": [3.701, 51.05]}
    assert (answer["shown"], answer["total"], answer["skipped"]) == (3, 3, 0)


def test_an_answer_is_bounded_and_a_box_chooses(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(document(50))
    assert [read(path, most=7)[fact] for fact in ("shown", "total")] == [7, 50]
    assert read(path, positions=10)["shown"] == 10
    chosen = read(path, box=[3.71, 51, 3.7151, 52])
    assert [feature["properties"]["number"] for feature in chosen["features"]] == [10, 11, 12, 13, 14, 15]


@pytest.mark.parametrize("number", [31370, 3857])
def test_a_geopackage_in_other_coordinates_is_brought_into_degrees(tmp_path: Path, number: int) -> None:
    frame = geopandas.GeoDataFrame({"a": [1]}, geometry=[shapely.Point(3.7268, 51.0634)], crs="EPSG:4326")
    frame.to_crs(number).to_file(tmp_path / "a.gpkg", driver="GPKG")
    place = read(tmp_path / "a.gpkg")["features"][0]["geometry"]["coordinates"]
    assert place == pytest.approx([3.7268, 51.0634], abs=1e-4)


def test_a_table_has_a_map_if_two_columns_are_coordinates(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_text("station,Breedtegraad,Lengtegraad\nA,51.05,3.7\nB,,\nC,51.06,3.8\n", "utf-8")
    answer = read(path)
    assert [feature["properties"]["station"] for feature in answer["features"]] == ["A", "C"]
    assert (answer["shown"], answer["total"]) == (2, 2)
    assert has_places(("station", "Breedtegraad", "Lengtegraad"))
    assert not has_places(("station", "Breedtegraad"))
    path.write_text("a,b\n1,2\n", "utf-8")
    with pytest.raises(InvalidInput, match="no columns of the table are longitude"):
        read(path)


def test_every_kind_of_geometry_is_read_and_others_are_left_out() -> None:
    texts = (
        "POINT (3 51)",
        "LINESTRING (3 51, 4 52)",
        "POLYGON ((3 51, 4 51, 4 52, 3 51), (3.1 51, 3.2 51, 3.2 51.1, 3.1 51))",
        "MULTIPOINT (3 51, 4 52)",
        "MULTILINESTRING ((3 51, 4 52), (5 51, 6 52))",
        "MULTIPOLYGON (((3 51, 4 51, 4 52, 3 51)))",
        "GEOMETRYCOLLECTION (POINT (3 51), LINESTRING (3 51, 4 52))",
    )
    for text in texts:
        shape = shapely.from_wkt(text)
        expected = json.loads(shapely.to_geojson(shape))
        assert GeometryReader(100).read(shapely.to_wkb(shape)) == expected
        raised = shapely.force_3d(shape, 7.0)
        for flavor in ("iso", "extended"):
            wkb = shapely.to_wkb(
                shapely.set_srid(raised, 4326), flavor=flavor, byte_order=0, include_srid=flavor != "iso"
            )
            assert GeometryReader(100).read(wkb) == expected, (text, flavor)


@pytest.mark.parametrize(
    "wkb",
    [
        b"",
        b"\x01",
        b"\x01\x01\x00\x00\x00",
        shapely.to_wkb(shapely.from_wkt("POINT EMPTY")),
        shapely.to_wkb(shapely.from_wkt("POLYGON EMPTY")),
        shapely.to_wkb(shapely.Point(400, 51)),
        shapely.to_wkb(shapely.Point(float("inf"), 51)),
        struct.pack("<BII", 1, 2, 0xFFFFFFFF),
        struct.pack("<BII", 1, 4, 0xFFFFFFFF),
        struct.pack("<BI", 1, 15),
        struct.pack("<BI", 1, 9001),
        struct.pack("<BII", 1, 7, 1) * 200,
    ],
)
def test_damaged_geometries_are_left_out(wkb: bytes) -> None:
    with pytest.raises(NoGeometry):
        GeometryReader(100).read(wkb)


def test_a_file_without_places_says_why(tmp_path: Path) -> None:
    path = tmp_path / "a.gpkg"
    frame = geopandas.GeoDataFrame({"a": [1]}, geometry=[shapely.Point(3.7, 51)], crs="EPSG:4326")
    frame.to_file(path, driver="GPKG")
    with sqlite3.connect(path) as database:
        database.execute("UPDATE gpkg_geometry_columns SET srs_id = -1")
    for content, words in ((None, "reference system of the file is not known"), (b'{"type":"x"}', "damaged")):
        if content is not None:
            path = tmp_path / "b"
            path.write_bytes(content)
        with pytest.raises(InvalidInput, match=words) as refusal:
            read(path)
        assert str(tmp_path) not in str(refusal.value.detail)
        assert refusal.value.remedy


# through the doors ------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory, sqlite_template: Path) -> Iterator[Running]:
    with running(tmp_path_factory.mktemp("maps") / "gent", template=sqlite_template) as started:
        for slug, is_open, options in (
            ("places", True, {}),
            ("sealed", False, {}),
            ("inside", True, {"audience": "internal"}),
        ):
            path = started.folder / f"{slug}.geojson"
            path.write_bytes(document(9))
            with started.client() as client:
                file = {**client.upload(path), "mediaType": "application/geo+json", "open": is_open}
                client.publish({"fields": described(slug), "files": [file], "conditions": "open", **options})
        yield started


def address(node: Running, slug: str, page: str = "map.geojson", **more: str) -> str:
    return f"/record/{page}?{urlencode({'iri': f'{node.url}/datasets/{slug}', 'file': f'{slug}.geojson', **more})}"


def test_everybody_gets_the_features_of_an_open_file(node: Running) -> None:
    with node.http() as visitor:
        answer = visitor.get(address(node, "places"))
        assert answer.status_code == 200, answer.text
        assert answer.headers["content-type"] == "application/geo+json"
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.json()["facts"]["shown"] == 9
        part = visitor.get(address(node, "places", bbox="3.7025,51,3.7045,52")).json()
        assert [feature["properties"]["number"] for feature in part["features"]] == [3, 4]
        assert visitor.get(address(node, "places", bbox="1,2")).status_code == 400


@pytest.mark.parametrize("slug", ["sealed", "inside", "absent"])
@pytest.mark.parametrize("page", ["map.geojson", "map"])
def test_nobody_else_learns_whether_a_file_is_there(node: Running, slug: str, page: str) -> None:
    with node.http() as visitor:
        assert visitor.get(address(node, slug, page)).status_code == 404


def test_the_page_is_whole_without_scripts_and_a_layer_that_one_may_not_see_is_left_out(node: Running) -> None:
    hidden = f"inside.geojson {node.url}/datasets/inside"
    with node.http() as visitor:
        text = visitor.get(address(node, "places", "map", layer=hidden)).text
        search = visitor.get(address(node, "places", "map", find="places")).text
        page = visitor.get("/datasets/places", headers={"Accept": "text/html"}).text
    assert troubles(Page(text)) == []
    assert "inside.geojson</bdi>" not in text
    assert '<svg class="plate"' in text
    assert "&lt;img src=x onerror=alert(1)&gt;" in text
    assert ACTS not in text
    assert "No dataset that you may see has a map" in search
    assert "/record/map?iri=" in page

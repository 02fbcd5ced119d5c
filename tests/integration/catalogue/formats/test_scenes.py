"""Objects in three dimensions: CityJSON and 3D Tiles as the cage reads them, hostile ones, and who gets them."""

from __future__ import annotations

import io
import json
import math
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

from node.adapters.profiles.scenes.in_cage import read, tile
from node.base.errors import InvalidInput, TooLarge
from tests.fakes.portal.scenes import CORNERS, FACES, tile_set, town
from tests.nodes import Running, described, running
from tests.unit.portal.page import Page, troubles

ACTS = "<img src=x onerror=alert(1)>"


def scene(path: Path, content: Any, most: int = 5_000, corners: int = 400_000) -> dict[str, Any]:
    """What the cage answers for a file with this content."""
    path.write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())
    facts, blobs = read({"path": str(path), "name": "shown.name", "most": most, "corners": corners}, [])
    return {**facts, **json.loads(blobs[0])}


def test_objects_have_their_finest_surfaces_heights_and_attributes(tmp_path: Path) -> None:
    answer = scene(tmp_path / "a", town(3))
    assert (answer["crs"], answer["size"], answer["lods"]) == ("EPSG:7415", [50.0, 10.0, 5.0], ["1", "2.2"])
    assert answer["columns"] == [["storeys", True], ["use", False]]
    first, second, part, whole = answer["objects"]
    assert (first["type"], first["lod"], first["height"]) == ("BridgePart", "2.2", 3.0)
    assert first["properties"] == {"storeys": 1, "use": "housing"}
    assert [len(surface) for surface in second["surfaces"]] == [2, 3, 2, 2, 2, 2], "the roof has a hole"
    assert [answer["kinds"][surface[0]] for surface in second["surfaces"][:2]] == ["GroundSurface", "RoofSurface"]
    assert (part["parent"], whole["surfaces"], whole["height"]) == ("whole", [], 5.0)
    places = [answer["vertices"][at : at + 3] for at in range(0, len(answer["vertices"]), 3)]
    corners = [places[number] for number in first["surfaces"][0][1]]
    assert sorted(corners) == [[-25.0, -5.0, 0.0], [-25.0, 5.0, 0.0], [-15.0, -5.0, 0.0], [-15.0, 5.0, 0.0]]


def test_degrees_become_metres_and_templates_stand_at_their_places(tmp_path: Path) -> None:
    content = {
        "type": "CityJSON",
        "version": "1.1",
        "transform": {"scale": [1e-7, 1e-7, 1], "translate": [3.7, 51.0, 0]},
        "metadata": {"referenceSystem": "https://www.opengis.net/def/crs/EPSG/0/4979"},
        "vertices": [[0, 0, 0], [10_000, 10_000, 10]],
        "geometry-templates": {
            "templates": [{"type": "Solid", "lod": "2", "boundaries": [[[list(face)] for face in FACES]]}],
            "vertices-templates": [list(corner) for corner in CORNERS],
        },
        "CityObjects": {
            "tree": {
                "type": "SolitaryVegetationObject",
                "geometry": [
                    {
                        "type": "GeometryInstance",
                        "template": 0,
                        "boundaries": [1],
                        "transformationMatrix": [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 7, 0, 0, 0, 0, 1],
                    }
                ],
            }
        },
    }
    answer = scene(tmp_path / "a", content)
    assert answer["size"] == [round(0.001 * 111_320 * math.cos(math.radians(51.0005)), 1), 111.3, 10.0]
    assert answer["objects"][0]["height"] == 7.0


@pytest.mark.parametrize(
    "geometry",
    [
        {"type": "Solid", "lod": "2", "boundaries": [[[[99, 1, 2]]]]},
        {"type": "Solid", "lod": "2", "boundaries": [[[[-1, 1, 2]]]]},
        {"type": "Solid", "boundaries": 7},
        {"type": "MultiSurface", "boundaries": [[["a", "b", "c"]]]},
        {"type": "GeometryInstance", "template": 4, "boundaries": [0], "transformationMatrix": [1] * 16},
        {"lod": "2"},
    ],
)
def test_a_fault_hides_its_object_only(tmp_path: Path, geometry: dict[str, Any]) -> None:
    content = town(3)
    content["CityObjects"]["b0"]["geometry"] = [geometry]
    answer = scene(tmp_path / "a", content)
    assert answer["skipped"] == 1
    assert [bool(item["surfaces"]) for item in answer["objects"]] == [False, True, True, False]


def test_an_answer_is_bounded(tmp_path: Path) -> None:
    assert [scene(tmp_path / "a", town(50), most=7)[fact] for fact in ("shown", "total")] == [7, 51]
    assert scene(tmp_path / "a", town(50), corners=100)["shown"] < 7
    many = town(3, **{f"column {number}": "x" * 1_000 for number in range(100)})
    item = scene(tmp_path / "a", many)["objects"][0]
    assert len(item["properties"]) == 40
    assert max(len(str(value)) for value in item["properties"].values()) == 300


@pytest.mark.parametrize(
    "content",
    [
        {"type": "CityJSON", "CityObjects": [1]},
        {"type": "CityJSON", "CityObjects": {}, "vertices": [[1, 2]]},
        {"type": "CityJSON", "CityObjects": {}, "vertices": [["a", "b", "c"]]},
        b'{"type": "CityJSON", "CityObjects": {}, "vertices": [[NaN, 0, 1e999]]}',
        {"asset": {}, "root": []},
        {"asset": {}, "root": {"boundingVolume": {"region": ["a"]}}},
        b"[1, 2]",
        b"PK\x03\x04",
    ],
)
def test_what_is_no_scene_is_refused_in_words(tmp_path: Path, content: Any) -> None:
    with pytest.raises(InvalidInput) as refused:
        scene(tmp_path / "secret-place", content)
    assert refused.value.remedy
    assert str(tmp_path) not in refused.value.detail


def archive(**members: bytes) -> bytes:
    body = io.BytesIO()
    with zipfile.ZipFile(body, "w", zipfile.ZIP_DEFLATED) as packed:
        for name, content in members.items():
            packed.writestr(name.replace("__", "/"), content)
    return body.getvalue()


def test_tiles_have_objects_and_say_which_are_absent(tmp_path: Path) -> None:
    answer = scene(tmp_path / "a", tile_set(6, ACTS))
    assert (answer["total"], answer["tiles"], answer["absent"], answer["root"]) == (6, 1, 0, "tileset.json")
    assert answer["objects"][5] == {
        "id": "5",
        "type": "b3dm",
        "height": 20.0,
        "properties": {"name": f"{ACTS} 5", "height": 20.0},
    }
    assert answer["extent"][:2] == pytest.approx([3.72, 51.05])
    description = {"asset": {"version": "1.1"}, "root": {"content": {"uri": "../../a%20b.glb?v=1"}, "children": [{}]}}
    lone = scene(tmp_path / "a", description)
    assert (lone["tiles"], lone["absent"], lone["objects"]) == (1, 1, [])


def test_a_tile_is_read_up_to_a_limit(tmp_path: Path) -> None:
    broken = json.dumps({"asset": {}, "root": {"content": {"uri": "a.b3dm"}}}).encode()
    for body in (b"", b"b3dm", b"b3dm" + b"\xff" * 40, b"glTF" + b"\xff" * 40):
        answer = scene(tmp_path / "a", archive(**{"tileset.json": broken, "a.b3dm": body}))
        assert answer["objects"] == []
    (tmp_path / "a").write_bytes(archive(**{"tileset.json": broken, "a.b3dm": bytes(30 << 20)}))
    order = {"path": str(tmp_path / "a"), "name": "a", "member": "a.b3dm"}
    with pytest.raises(TooLarge, match="30 MB"):
        tile(order, [])
    (tmp_path / "a").write_bytes(archive(**{"secret.txt": b"x"}))
    with pytest.raises(InvalidInput, match=r"no tileset\.json"):
        tile({**order, "member": "secret.txt"}, [])


# through the doors ------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory, sqlite_template: Path) -> Iterator[Running]:
    with running(tmp_path_factory.mktemp("scenes") / "gent", template=sqlite_template) as started:
        for slug, ending, is_open, options in (
            ("town", "json", True, {}),
            ("tiles", "zip", True, {}),
            ("sealed", "json", False, {}),
            ("inside", "json", True, {"audience": "internal"}),
        ):
            path = started.folder / f"{slug}.{ending}"
            path.write_bytes(json.dumps(town(3, note=ACTS)).encode() if ending == "json" else tile_set())
            with started.client() as client:
                file = {**client.upload(path), "mediaType": f"application/{ending}", "open": is_open}
                client.publish({"fields": described(slug), "files": [file], "conditions": "open", **options})
        yield started


def address(node: Running, file: str, page: str = "3d.json", **more: str) -> str:
    slug = file.partition(".")[0]
    return f"/record/{page}?{urlencode({'iri': f'{node.url}/datasets/{slug}', 'file': file, **more})}"


def test_everybody_gets_the_objects_of_an_open_file(node: Running) -> None:
    with node.http() as visitor:
        answer = visitor.get(address(node, "town.json"))
        assert answer.status_code == 200, answer.text
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.json()["facts"]["shown"] == 4
        assert visitor.get(address(node, "tiles.zip")).json()["facts"]["tiles"] == 1
        assert visitor.get(address(node, "tiles.zip", "3d/tile", member="tiles/a.b3dm")).content[:4] == b"b3dm"
        assert visitor.get(address(node, "tiles.zip", "3d/tile", member="../hansa.toml")).status_code == 404
        assert visitor.get(address(node, "town.json", "3d/tile", member="a")).status_code == 400


@pytest.mark.parametrize("file", ["sealed.json", "inside.json", "absent.json", "town.other"])
@pytest.mark.parametrize("page", ["3d.json", "3d", "3d/tile"])
def test_nobody_else_learns_whether_a_file_is_there(node: Running, file: str, page: str) -> None:
    with node.http() as visitor:
        assert visitor.get(address(node, file, page, member="tileset.json")).status_code == 404


def test_the_page_of_an_asset_leads_to_the_view(node: Running) -> None:
    html = {"Accept": "text/html", "Accept-Language": "en"}
    with node.http() as visitor:
        for slug, file in (("town", "town.json"), ("tiles", "tiles.zip")):
            assert "/record/3d?iri=" in visitor.get(f"/datasets/{slug}", headers=html).text
            text = visitor.get(address(node, file, "3d"), headers=html).text
            assert troubles(Page(text)) == []
            assert ACTS not in text
        assert "/record/3d" not in visitor.get("/datasets/sealed", headers=html).text

"""Views in 3D: the table and the facts without scripts, files that the page asks for, and who may see them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from node.base.errors import InvalidInput
from node.portal.headers import CONTENT_SECURITY_POLICY
from node.portal.map_files import map_files
from node.portal.pages.data.scenes import LISTED
from node.portal.settings import PortalSettings
from node.semantics.profiles.scenes_client import is_scene, may_be_scene
from tests.fakes.portal.node import BASE, FakeNode
from tests.fakes.portal.receipts import DONE
from tests.fakes.portal.scenes import tile_set, town
from tests.unit.portal.conftest import browser
from tests.unit.portal.page import Page, troubles

ROADS = f"{BASE}/datasets/road-network"
VIEW = f"/record/3d?iri={ROADS}&file=town.city.json"
SCRIPTS = ("scenes.mjs", "scene-tiles.mjs", "scene-core.mjs")
ENGLISH = {"Accept-Language": "en"}


@pytest.fixture
def settings(tmp_path: Path) -> PortalSettings:
    for name in SCRIPTS:
        (tmp_path / name).write_text(f"// {name}", "utf-8")
    (tmp_path / "assets.json").write_text("{}", "utf-8")
    return PortalSettings(public_url=BASE, name="Stad Gent", secret=b"s" * 32, maps=map_files(tmp_path))


def facts(text: str) -> dict[str, object]:
    [box] = [element for element in Page(text).elements if "data-scene" in element.attributes]
    return dict(json.loads(box["data-scene"]))


def test_without_the_library_the_page_has_facts_and_a_table() -> None:
    with browser(FakeNode()) as client:
        assert "/record/3d?iri=" in client.get("/datasets/road-network").text
        text = client.get(VIEW, headers=ENGLISH).text
    assert troubles(Page(text)) == []
    assert "scene.js" not in text
    for words in ("CityJSON 2.0", "Building</bdi> 12", "70 × 50 × 14 m", "EPSG:7415", "1, 2.2", "b11", "office"):
        assert words in text, words
    assert "built without the library" in text


def test_the_view_names_files_of_this_node_only(settings: PortalSettings) -> None:
    with browser(FakeNode(), settings) as client:
        answer = client.get(VIEW, headers=ENGLISH)
        assert answer.headers["content-security-policy"] == CONTENT_SECURITY_POLICY
        assert troubles(Page(answer.text)) == []
        view = facts(answer.text)
        for name in ("library", "tileLibrary"):
            assert client.get(str(view[name])).status_code == 200
        objects = client.get(str(view["address"]))
        assert objects.headers["content-type"] == "application/json"
        assert [item["id"] for item in objects.json()["objects"]][:2] == ["b0", "b1"]
        assert "scene.js" not in client.get("/datasets/road-network").text, "no viewer before somebody wants it"


def test_a_half_set_of_files_is_none(settings: PortalSettings) -> None:
    assert settings.maps is not None
    (settings.maps.folder / SCRIPTS[2]).unlink()
    assert not settings.maps.has_scenes
    assert settings.maps.file(SCRIPTS[0]) is None
    with browser(FakeNode(), settings) as client:
        assert "data-scene" not in client.get(VIEW).text


def test_tiles_come_one_by_one_and_nothing_else_of_the_file(settings: PortalSettings) -> None:
    node = FakeNode()
    node.scenes = {"tiles.zip": tile_set()}
    with browser(node, settings) as client:
        text = client.get(VIEW.replace("town.city.json", "tiles.zip"), headers=ENGLISH).text
        assert "objects 5" in text
        address = str(facts(text)["tiles"])
        tile = client.get(f"{address}&member=tiles/a.b3dm")
        assert tile.content[:4] == b"b3dm"
        assert tile.headers["content-security-policy"] == "default-src 'none'; sandbox"
        for member in ("", "tiles/b.b3dm", "../../etc/passwd", "/etc/passwd", "x" * 2000):
            assert client.get(f"{address}&member={member}").status_code == 404


def test_a_file_that_is_no_scene_is_refused_in_words() -> None:
    node = FakeNode()
    for content, words in (
        (b'{"type": "CityJSON"}', "has no CityObjects"),
        (b'{"type": "CityJSON", "CityObjects": {}, "vertices": [1]}', "vertices"),
        (b"{", "begins as JSON"),
        (b'{"a": 1}', "not CityJSON or 3D Tiles"),
        (b"[" * 100_000, "damaged, or too deeply nested"),
        (b"PK\x03\x04broken", "damaged"),
    ):
        node.scenes = {"town.city.json": content}
        with browser(node) as client:
            answer = client.get(VIEW, headers=ENGLISH)
            assert answer.status_code == InvalidInput.status, content
            assert words in answer.text, content[:60]


def test_many_objects_are_a_table_of_the_first() -> None:
    node = FakeNode()
    node.scenes = {"town.city.json": json.dumps(town(120)).encode()}
    with browser(node) as client:
        text = client.get(VIEW, headers=ENGLISH).text
        assert text.count("<tr>") == LISTED + 1
        assert f"The first {LISTED} objects" in text


def test_received_files_have_a_view_for_those_who_may_read_them() -> None:
    with browser(FakeNode()) as stranger:
        for end in ("3d", "3d.json", "3d/tile?member=a"):
            assert stranger.get(f"/received/{DONE}/{end}", follow_redirects=False).status_code == 303
        assert stranger.get("/record/3d").status_code == 404
        assert stranger.get(f"{VIEW}&version=a").status_code == 404


@pytest.mark.parametrize(
    ("name", "media_type", "head", "scene"),
    [
        ("town.city.json", "application/json", None, True),
        ("town.json", "application/json", b'{ "type" : "CityJSON", ', True),
        ("town.json", "application/json", b'{"type": "FeatureCollection"', False),
        ("a.json", "application/json", b'{"asset":{"version":"1.0"},"root":', True),
        ("a.zip", "application/zip", b"PK\x03\x04....tileset.json", True),
        ("a.zip", "application/zip", b"PK\x03\x04....points.shp", False),
        ("a", "application/city+json; version=2.0", None, True),
        ("a.csv", "text/csv", b'"type":"CityJSON"', False),
    ],
)
def test_a_scene_is_known_by_type_name_or_beginning(name: str, media_type: str, head: bytes, scene: bool) -> None:
    assert is_scene(name, media_type, head) is scene
    assert may_be_scene(name, media_type) is not name.endswith(".csv")

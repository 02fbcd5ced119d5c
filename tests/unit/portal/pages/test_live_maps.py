"""Maps that a reader can zoom: which files a page asks for, what they may do, and pages of nodes without them."""

from __future__ import annotations

import json
from gzip import compress
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from node.base.errors import InvalidInput
from node.portal.headers import CONTENT_SECURITY_POLICY, accepts_gzip
from node.portal.map_files import MapFiles, map_files
from node.portal.settings import PortalSettings
from node.settings.checks import CHECKS
from tests.fakes.portal.node import BASE, FakeNode
from tests.fakes.portal.receipts import DONE
from tests.unit.portal.conftest import browser
from tests.unit.portal.page import Page, troubles

ROADS = f"{BASE}/datasets/road-network"
MAP = f"/record/map?iri={ROADS}&file=segments.geojson"


@pytest.fixture
def files(tmp_path: Path) -> MapFiles:
    for name in ("maplibre-gl.mjs", "maplibre-gl-worker.mjs", "pmtiles.mjs"):
        (tmp_path / name).write_text(f"// {name}", "utf-8")
        (tmp_path / f"{name}.gz").write_bytes(compress(name.encode()))
    (tmp_path / "base-map.pmtiles").write_bytes(b"PMTiles\x03" + bytes(range(200)))
    (tmp_path / "LICENCES.txt").write_text("BSD", "utf-8")
    (tmp_path / "assets.json").write_text('{"files": {}, "attribution": "Natural Earth"}', "utf-8")
    return map_files(tmp_path)


@pytest.fixture
def client(files: MapFiles) -> TestClient:
    settings = PortalSettings(public_url=BASE, name="Stad Gent", secret=b"s" * 32, maps=files)
    return browser(FakeNode(), settings)


def facts(text: str) -> dict[str, object]:
    [box] = [element for element in Page(text).elements if "data-map" in element.attributes]
    return dict(json.loads(box["data-map"]))


def test_a_node_without_the_files_draws_its_maps_as_before() -> None:
    with browser(FakeNode()) as client:
        for address in ("/datasets/road-network", MAP):
            text = client.get(address, headers={"Accept-Language": "en"}).text
            assert troubles(Page(text)) == []
            assert "map.js" not in text
            assert "data-map" not in text
            assert "<svg" in text
        assert client.get("/portal/any/map/maplibre-gl.mjs").status_code == 404


def test_a_page_with_a_map_names_files_of_this_node_only(client: TestClient) -> None:
    for address in ("/datasets/road-network", MAP):
        text = client.get(address, headers={"Accept-Language": "en"}).text
        assert troubles(Page(text)) == []
        maps = facts(text)
        for name in ("library", "worker", "archives", "base"):
            assert str(maps[name]).startswith("/portal/")
            assert client.get(str(maps[name])).status_code == 200
        assert maps["attribution"] == "Natural Earth"
        assert "map.js" in text
        assert "<svg" in text, "the drawing stays for readers without scripts"
    assert "map.js" not in client.get("/").text


def test_the_policy_of_pages_is_the_same_and_the_worker_may_load_nothing(client: TestClient) -> None:
    answer = client.get(MAP)
    assert answer.headers["content-security-policy"] == CONTENT_SECURITY_POLICY
    assert "worker-src" not in CONTENT_SECURITY_POLICY, "default-src 'self' lets a worker of this node start"
    worker = client.get(str(facts(answer.text)["worker"]))
    assert worker.headers["content-security-policy"] == "default-src 'none'"
    assert worker.headers["content-type"].startswith("text/javascript")


def test_tiles_are_read_in_ranges_and_scripts_are_sent_compressed(client: TestClient) -> None:
    maps = facts(client.get(MAP).text)
    part = client.get(str(maps["base"]), headers={"Range": "bytes=0-7"})
    assert (part.status_code, part.content) == (206, b"PMTiles\x03")
    assert "immutable" in part.headers["cache-control"]
    packed = client.get(str(maps["library"]), headers={"Accept-Encoding": "identity"})
    assert "content-encoding" not in packed.headers
    assert packed.headers["vary"] == "Accept-Encoding"
    with client.stream("GET", str(maps["library"]), headers={"Accept-Encoding": "gzip"}) as sent:
        assert sent.headers["content-encoding"] == "gzip"
        assert sent.read() == b"maplibre-gl.mjs"
    old = client.get(str(maps["base"]).replace("/portal/", "/portal/0", 1))
    assert old.headers["cache-control"] == "no-cache"
    assert client.get(str(maps["base"]).replace("base-map.pmtiles", "assets.json")).status_code == 404


@pytest.mark.parametrize(
    ("accept", "accepted"),
    [("gzip, br", True), ("br;q=1, GZIP;q=0.5", True), ("", False), ("gzip;q=0", False), ("br", False)],
)
def test_compression_is_asked_for(accept: str, accepted: bool) -> None:
    assert accepts_gzip(accept) is accepted


def test_a_city_has_a_base_map_of_its_own(files: MapFiles, tmp_path: Path) -> None:
    own = tmp_path / "city.pmtiles"
    own.write_bytes(b"PMTiles\x03own")
    chosen = map_files(files.folder, base_map=own, attribution="© OpenStreetMap contributors")
    assert chosen.digest != files.digest, "browsers must not keep the tiles of another map"
    settings = PortalSettings(public_url=BASE, secret=b"s" * 32, maps=chosen)
    with browser(FakeNode(), settings) as client:
        maps = facts(client.get(MAP).text)
        assert client.get(str(maps["base"])).content == b"PMTiles\x03own"
    assert maps["attribution"] == "© OpenStreetMap contributors"
    assert maps["places"] == []
    check = CHECKS["base_map"]
    assert check(own, tmp_path) == own
    own.write_bytes(b"something else")
    for wrong in (own, tmp_path / "absent"):
        with pytest.raises(ValueError, match=r"PMTiles|cannot be read"):
            check(wrong, tmp_path)


def test_layers_come_with_the_address_up_to_a_limit(client: TestClient) -> None:
    other = f"segments.geojson {BASE}/datasets/road-network"
    text = client.get(f"{MAP}&layer={other}", headers={"Accept-Language": "en"}).text
    layers = facts(text)["layers"]
    assert isinstance(layers, list)
    assert len(layers) == 2
    assert len({layer["colour"] for layer in layers}) == 2
    assert "remove" in text
    many = "".join(f"&layer=f{number}.geojson {ROADS}" for number in range(6))
    refused = client.get(MAP + many, headers={"Accept-Language": "en"})
    assert refused.status_code == InvalidInput.status
    assert client.get(f"{MAP}&layer=nothing").status_code == InvalidInput.status


def test_received_files_have_a_map_for_those_who_may_read_them(client: TestClient) -> None:
    node = FakeNode()
    path = f"/received/{DONE}/map"
    with browser(node) as stranger:
        assert stranger.get(path, follow_redirects=False).status_code == 303
        assert stranger.get(f"{path}.geojson", follow_redirects=False).status_code == 303

"""Layers over WFS, WMS and WMTS under contract: MapServer for the first two, a scripted server for tiles.

No server of tiles can be had from the registries (``tests.simulator.tile_server``).
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote, urlencode
from xml.etree import ElementTree

import httpx2
import pytest

from node.client import Refusal
from tests.integration.datasources.live_data import Opened, accesses, open_live, share
from tests.integration.datasources.servers import standing
from tests.live_peers import live
from tests.nodes import Running, running
from tests.simulator.tile_server import PNG, TileServer

BOX = "53.8,10.6,54.0,10.9"
MAP = {
    "service": "WMS",
    "version": "1.3.0",
    "request": "GetMap",
    "layers": "points",
    "styles": "",
    "crs": "EPSG:4326",
}
PICTURE = {**MAP, "bbox": BOX, "width": "200", "height": "100", "format": "image/png"}


@pytest.fixture(scope="module")
def nodes(tmp_path_factory: pytest.TempPathFactory, sqlite_template: Path) -> Iterator[tuple[Running, Running]]:
    home = tmp_path_factory.mktemp("maps")
    with (
        running(home / "city", template=sqlite_template) as city,
        running(home / "partner", template=sqlite_template) as partner,
    ):
        yield city, partner


@pytest.fixture(scope="module")
def mapserver(nodes: tuple[Running, Running]) -> Iterator[str]:
    with live("wfs") as peer:
        with nodes[0].client() as client:
            client.data_sources.add("wfs", "wfs", peer["WFS_URL"])
            client.data_sources.add("wms", "wms", peer["WMS_URL"])
        yield peer["WFS_URL"]


@pytest.fixture(scope="module")
def layer(nodes: tuple[Running, Running], mapserver: str) -> Opened:
    return open_live(nodes[1], share(nodes[0], "wfs", "ms:points", slug="wfs-layer", format="GML"))


@pytest.fixture(scope="module")
def chart(nodes: tuple[Running, Running], mapserver: str) -> Opened:
    return open_live(nodes[1], share(nodes[0], "wms", "points", slug="wms-layer", format="PNG"))


def ask(opened: Opened, parameters: dict[str, str]) -> httpx2.Response:
    return opened.get(f"?{urlencode(parameters, quote_via=quote)}")


def features(opened: Opened, **parameters: str) -> httpx2.Response:
    return ask(opened, {"service": "WFS", "version": "2.0.0", "request": "GetFeature", **parameters})


def values(body: bytes, column: str) -> list[str]:
    space = "{http://mapserver.gis.umn.edu/mapserver}"
    return [element.text or "" for element in ElementTree.fromstring(body).iter(f"{space}{column}")]


def gml_places(body: bytes) -> list[tuple[float, float]]:
    """Latitude and longitude of each feature."""
    elements = ElementTree.fromstring(body).iter("{http://www.opengis.net/gml/3.2}pos")
    pairs = [(element.text or "").split() for element in elements]
    return [(float(pair[0]), float(pair[1])) for pair in pairs]


def test_the_test_of_both_says_in_words_what_could_be_offered(nodes: tuple[Running, Running], mapserver: str) -> None:
    with nodes[0].client() as client:
        for name, item in (("wfs", "ms:points"), ("wms", "points")):
            report = client.data_sources.test(name, item=item)
            assert report["passed"], report
            assert item in [entry["item"] for entry in report["items"]]
            assert [step["step"] for step in report["steps"]] == ["list", "read", "query"]
            assert "bytes" in report["steps"][1]["text"] or "kB" in report["steps"][1]["text"]


READ = """
import sys, pyogrio
if "WFS" not in pyogrio.list_drivers():
    sys.exit(3)
url, token = sys.argv[1:]
pyogrio.set_gdal_config_options({"GDAL_HTTP_AUTH": "BEARER", "GDAL_HTTP_BEARER": token.removeprefix("Bearer ")})
layers = pyogrio.list_layers(f"WFS:{url}")
meta, _, places, fields = pyogrio.raw.read(f"WFS:{url}", layer=layers[0][0])
some = pyogrio.raw.read(f"WFS:{url}", layer=layers[0][0], where="kind = 'berth'", bbox=(10.6, 53.8, 10.68, 53.9))
print(len(layers), layers[0][0], len(places), len(some[2]), sorted(meta["fields"]))
"""


def test_gdal_reads_the_layer_and_nothing_names_the_server(layer: Opened, mapserver: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", READ, layer.endpoint, layer.authorization],
        check=False,
        capture_output=True,
        text=True,
        timeout=120,
    )
    if done.returncode == 3:
        pytest.skip("this GDAL has no driver for WFS")
    assert done.returncode == 0, done.stderr[-2000:]
    direct = httpx2.get(f"{mapserver}?service=WFS&version=2.0.0&request=GetFeature&typenames=ms:points").content
    count = len(values(direct, "name"))
    words = done.stdout.split(" ", 4)
    assert words[:3] == ["1", "ms:points", str(count)], done.stdout
    assert 0 < int(words[3]) < count
    assert all(repr(name) in words[4] for name in ("capacity", "kind", "name", "updated"))
    for answer in (
        layer.get(),
        features(layer, typenames="ms:points", count="2"),
        ask(layer, {"service": "WFS", "request": "DescribeFeatureType", "typenames": "ms:points"}),
        features(layer, outputformat="application/json"),
    ):
        assert answer.status_code == 200, answer.text
        assert mapserver not in answer.text
    assert values(features(layer).content, "name") == values(direct, "name")
    page = ElementTree.fromstring(features(layer, count="2").content)
    assert page.attrib["next"].startswith(f"{layer.endpoint}?")
    following = layer.get(page.attrib["next"].removeprefix(layer.endpoint))
    assert following.status_code == 200, following.text
    assert 0 < len(values(following.content, "id")) < len(values(direct, "id"))


def test_only_reads_of_features_are_uses(nodes: tuple[Running, Running], layer: Opened) -> None:
    before = len(accesses(nodes[0], layer.agreement))
    layer.get("?service=WFS&request=GetCapabilities")
    ask(layer, {"service": "WFS", "version": "2.0.0", "request": "DescribeFeatureType"})
    features(layer, typenames="ms:secret")
    assert len(accesses(nodes[0], layer.agreement)) == before
    features(layer, count="1")
    assert len(accesses(nodes[0], layer.agreement)) == before + 1


@pytest.mark.parametrize(
    ("parameters", "code"),
    [
        ({"typenames": "ms:staff"}, "InvalidParameterValue"),
        ({"typenames": "ms:points,ms:staff"}, "InvalidParameterValue"),
        ({"request": "Transaction"}, "OperationNotSupported"),
        ({"request": "GetPropertyValue", "valuereference": "name"}, "OperationNotSupported"),
        ({"request": "ListStoredQueries"}, "OperationNotSupported"),
        ({"service": "WMS", "request": "GetMap"}, "InvalidParameterValue"),
        ({"version": "1.0.0"}, "VersionNegotiationFailed"),
        ({"storedquery_id": "urn:ogc:def:query:OGC-WFS::GetFeatureById", "id": "staff.1"}, "InvalidParameterValue"),
        ({"resourceid": "staff.1"}, "InvalidParameterValue"),
        ({"cql_filter": "1=1"}, "InvalidParameterValue"),
        ({"map": "/etc/passwd"}, "InvalidParameterValue"),
        ({"count": "many"}, "InvalidParameterValue"),
        ({"filter": "<a><![CDATA["}, "InvalidParameterValue"),
        ({"filter": '<!DOCTYPE f [<!ENTITY e "x">]><Filter>&e;</Filter>'}, "InvalidParameterValue"),
        ({"filter": "<Filter><PropertyIsEqualTo><Function name='env'/></PropertyIsEqualTo></Filter>"}, "Invalid"),
        ({"filter": "<Filter><ResourceId rid='staff.1'/></Filter>"}, "InvalidParameterValue"),
        ({"outputformat": "SHAPE-ZIP"}, "InvalidParameterValue"),
    ],
)
def test_everything_else_is_refused_in_the_form_of_the_standard(
    layer: Opened, parameters: dict[str, str], code: str
) -> None:
    answer = ask(layer, {"service": "WFS", "version": "2.0.0", "request": "GetFeature", **parameters})
    assert answer.status_code == 400, answer.text
    report = ElementTree.fromstring(answer.content)
    (exception,) = report
    assert report.tag.endswith("ExceptionReport")
    assert exception.attrib["exceptionCode"].startswith(code)
    assert exception[0].text
    for method in ("POST", "PUT", "DELETE"):
        refused = layer.get("?service=WFS", method=method)
        assert (refused.status_code, refused.headers["allow"]) == (405, "GET, HEAD")
        assert "GET" in refused.json()["remedy"]


def test_a_part_of_a_layer_is_columns_rows_and_a_box(nodes: tuple[Running, Running], mapserver: str) -> None:
    part = {
        "columns": ["name", "kind", "geometry"],
        "rows": [{"column": "kind", "value": "berth"}],
        "box": [10.6, 53.8, 10.69, 53.9],
    }
    iri = share(
        nodes[0], "wfs", "ms:points", slug="wfs-part", format="GML", conditions={"template": "open", "part": part}
    )
    opened = open_live(nodes[1], iri)
    direct = httpx2.get(f"{mapserver}?service=WFS&version=2.0.0&request=GetFeature&typenames=ms:points").content
    rows = zip(values(direct, "name"), values(direct, "kind"), gml_places(direct), strict=True)
    expected = [
        name
        for name, kind, (north, east) in rows
        if kind == "berth" and 10.6 <= east <= 10.69 and 53.8 <= north <= 53.9
    ]
    assert 0 < len(expected) < values(direct, "kind").count("berth")
    answer = features(opened)
    assert answer.status_code == 200, answer.text
    shown = values(answer.content, "name")
    assert shown == expected
    root = ElementTree.fromstring(answer.content)
    assert root.attrib["numberReturned"] == str(len(shown))
    assert set(values(answer.content, "kind")) == {"berth"}
    assert values(answer.content, "capacity") == values(answer.content, "id") == []
    assert b"points." not in answer.content
    assert b"capacity" not in ask(opened, {"service": "WFS", "request": "DescribeFeatureType"}).content
    for parameters in (
        {"bbox": "53,10,54,11"},
        {"filter": "<Filter/>"},
        {"sortby": "capacity"},
        {"propertyname": "capacity"},
        {"outputformat": "application/json"},
        {"srsname": "EPSG:3857"},
        {"resulttype": "hits"},
    ):
        assert features(opened, **parameters).status_code == 400, parameters
    with pytest.raises(Refusal, match="part"):
        share(nodes[0], "wms", "points", slug="wms-part", conditions={"template": "open", "part": part})


def test_a_map_its_legend_and_facts_come_from_one_layer(chart: Opened, mapserver: str) -> None:
    answer = ask(chart, PICTURE)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "image/png")
    assert answer.content == httpx2.get(mapserver, params=PICTURE).content
    legend = ask(chart, {"service": "WMS", "version": "1.3.0", "request": "GetLegendGraphic", "layer": "points"})
    assert legend.content.startswith(b"\x89PNG")
    place = {**PICTURE, "request": "GetFeatureInfo", "query_layers": "points", "i": "50", "j": "50"}
    facts = ask(chart, {**place, "info_format": "text/plain"})
    assert facts.status_code == 200, facts.text
    document = chart.get()
    layers = [
        element.text for element in ElementTree.fromstring(document.content).iter() if element.tag[-5:] == "}Name"
    ]
    assert layers == ["WMS", "points"]
    assert mapserver not in document.text + facts.text


@pytest.mark.parametrize(
    "change",
    [
        {"layers": "city"},
        {"layers": "points,city"},
        {"layers": ""},
        {"sld": "http://127.0.0.1:9/x.sld"},
        {"sld_body": "<x/>"},
        {"width": "50000"},
        {"crs": "EPSG:1"},
        {"format": "image/svg+xml"},
        {"styles": "other"},
        {"request": "DescribeLayer"},
        {"request": "GetStyles"},
        {"map": "/etc/passwd"},
        {"bbox": ""},
        {"bbox": "a,b"},
    ],
)
def test_other_requests_to_a_map_are_refused_in_its_form(chart: Opened, change: dict[str, str]) -> None:
    answer = ask(chart, {**PICTURE, **change})
    if change == {"layers": ""}:
        assert answer.content == ask(chart, PICTURE).content
        return
    assert answer.status_code == 400, answer.text
    assert ElementTree.fromstring(answer.content).tag.endswith("ServiceExceptionReport")


def test_tiles_come_from_one_layer(nodes: tuple[Running, Running]) -> None:
    server = TileServer()
    with standing(server.app()) as url:
        with nodes[0].client() as client:
            client.data_sources.add("tiles", "wmts", f"{url}/wmts")
            report = client.data_sources.test("tiles", item="aerial")
        assert report["passed"], report
        opened = open_live(nodes[1], share(nodes[0], "tiles", "aerial", slug="tiles", format="PNG"))
        document = opened.get("?service=WMTS&request=GetCapabilities")
        assert b"<ows:Identifier>aerial</ows:Identifier>" in document.content
        assert b"secret" not in document.content
        assert url.encode() not in document.content
        tile = {
            "service": "WMTS",
            "request": "GetTile",
            "version": "1.0.0",
            "tilematrixset": "web",
            "tilematrix": "0",
        }
        tile |= {"tilerow": "1", "tilecol": "0"}
        assert ask(opened, tile).content == PNG + b"aerial/0/1/0"
        facts = ask(opened, {**tile, "request": "GetFeatureInfo", "i": "1", "j": "1"})
        assert facts.json() == {"height": 7, "link": ""}
        for change in ({"layer": "secret-depots"}, {"tilerow": "2"}, {"tilecol": "-1"}, {"tilematrixset": "x"}):
            refused = ask(opened, {**tile, **change})
            assert refused.status_code == 400, refused.text
            assert ElementTree.fromstring(refused.content).tag.endswith("ExceptionReport")

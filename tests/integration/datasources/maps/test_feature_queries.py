"""Features of a stored file under contract: OGC API - Features with filters in CQL2, for curl and GDAL."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import geopandas
import httpx2
import numpy as np
import pyogrio
import pytest
import shapely

from node.cli.exits import DONE
from node.cli.main import run
from node.client import Refusal
from node.web.live.feature_pages import CONFORMS
from tests.integration.datasources.live_data import accesses
from tests.integration.datasources.test_table_queries import Opened, counted_offer, open_table
from tests.integration.exchange.test_layer_questions import share as share_file
from tests.nodes import Running, publish, running

ROWS = b"number,kind,keeper,lon,lat,day\n" + b"".join(
    b"%d,%s,keeper-%d,%.2f,%.2f,2026-01-%02d\n"
    % (n, b"berth" if n % 2 else b"secret-depot", n, 3 + n / 100, 51 + n / 100, n % 28 + 1)
    for n in range(1, 101)
)
PART = {"columns": ["number", "lon", "lat"], "rows": [{"column": "kind", "value": "berth"}]}
ITEMS = "/collections/data/items"


@pytest.fixture(scope="module")
def nodes(tmp_path_factory: pytest.TempPathFactory, sqlite_template: Path) -> Iterator[tuple[Running, Running]]:
    home = tmp_path_factory.mktemp("features")
    with (
        running(home / "city", template=sqlite_template) as city,
        running(home / "partner", template=sqlite_template) as partner,
    ):
        yield city, partner


@pytest.fixture(scope="module")
def whole(nodes: tuple[Running, Running]) -> Opened:
    return open_table(nodes[1], str(publish(nodes[0], "points", data=ROWS)["iri"]))


@pytest.fixture(scope="module")
def part(nodes: tuple[Running, Running]) -> Opened:
    conditions = {"template": "open", "part": PART}
    return open_table(nodes[1], str(publish(nodes[0], "berths", data=ROWS, conditions=conditions)["iri"]))


def get(opened: Opened, path: str = "", *, token: str | None = None, **parameters: Any) -> httpx2.Response:
    """Ask as curl does."""
    address = f"{opened.endpoint}{path}{'?' + urlencode(parameters) if parameters else ''}"
    with httpx2.Client(timeout=60, trust_env=False) as client:
        return client.get(address, headers={"Authorization": token or opened.authorization})


def ids(answer: httpx2.Response) -> list[int]:
    assert answer.status_code == 200, answer.text
    return [feature["id"] for feature in answer.json()["features"]]


def test_the_documents_lead_to_the_features_and_are_no_uses(whole: Opened, nodes: Any) -> None:
    before = len(accesses(nodes[0], whole.agreement))
    landing = get(whole)
    assert landing.headers["content-type"] == "application/json"
    links = {link["rel"]: link["href"] for link in landing.json()["links"]}
    assert links["data"] == f"{whole.endpoint}/collections"
    assert set(get(whole, "/conformance").json()["conformsTo"]) == set(CONFORMS)
    (collection,) = get(whole, "/collections").json()["collections"]
    assert collection == get(whole, "/collections/data").json()
    assert (collection["id"], collection["itemType"], "extent" in collection) == ("data", "feature", False)
    schema = get(whole, "/collections/data/queryables")
    assert schema.headers["content-type"] == "application/schema+json"
    properties = schema.json()["properties"]
    assert {name: facts.get("type") for name, facts in properties.items()} == {
        "number": "integer",
        "kind": "string",
        "keeper": "string",
        "lon": "number",
        "lat": "number",
        "day": "string",
        "geometry": None,
    }
    assert properties["day"]["x-ogc-role"] == "primary-instant"
    assert get(whole, "/api").json()["openapi"].startswith("3.0")
    assert len(accesses(nodes[0], whole.agreement)) == before
    assert get(whole, "/collections/other").status_code == 404


def test_pages_lead_through_all_features_once(whole: Opened, nodes: Any) -> None:
    before = len(accesses(nodes[0], whole.agreement))
    address, seen, pages = f"{ITEMS}?limit=30", [], 0
    while address:
        answer = get(whole, address)
        page = answer.json()
        assert (answer.headers["content-type"], answer.headers["hansa-version"]) == ("application/geo+json", "1")
        assert (page["numberMatched"], page["numberReturned"]) == (100, len(page["features"]))
        seen += ids(answer)
        pages += 1
        following = next((link["href"] for link in page["links"] if link["rel"] == "next"), "")
        address = following.removeprefix(whole.endpoint)
    assert (seen, pages) == (list(range(1, 101)), 4)
    assert len(accesses(nodes[0], whole.agreement)) == before + 4
    one = get(whole, f"{ITEMS}/7").json()
    assert one["geometry"] == {"type": "Point", "coordinates": [3.07, 51.07]}
    assert (one["id"], one["properties"]["kind"]) == (7, "berth")
    assert get(whole, f"{ITEMS}/101").status_code == 404
    assert len(accesses(nodes[0], whole.agreement)) == before + 6


FILTERS: list[tuple[str, list[int]]] = [
    ("kind = 'berth' AND number > 94", [95, 97, 99]),
    ("number BETWEEN 3 AND 5", [3, 4, 5]),
    ("number IN (3, 50) OR number * 2 = 200", [3, 50, 100]),
    ("number NOT IN (1, 2) AND number < 5", [3, 4]),
    ("keeper LIKE 'keeper-9_' AND NOT kind = 'berth'", [90, 92, 94, 96, 98]),
    ("CASEI(keeper) = CASEI('KEEPER-5')", [5]),
    ("kind IS NULL", []),
    ("day = DATE('2026-01-02') AND kind IS NOT NULL", [1, 29, 57, 85]),
    ("T_DURING(day, INTERVAL('2026-01-27', '..')) AND number < 30", [27]),
    ("day > '2026-01-27' AND number < 30", [27]),
    ("day > '2026/01/27' AND day <= '2026-01-28T' AND number < 30", [27]),
    ("T_BEFORE(day, DATE('2026-01-02'))", [28, 56, 84]),
    ("S_INTERSECTS(geometry, BBOX(3.005, 51, 3.035, 52))", [1, 2, 3]),
    ("S_WITHIN(geometry, POLYGON((2 50, 3.025 50, 3.025 52, 2 52, 2 50)))", [1, 2]),
    ("S_DISJOINT(geometry, BBOX(0, 0, 3.985, 90))", [99, 100]),
]


@pytest.mark.parametrize(("filter_", "expected"), FILTERS)
def test_filters_in_cql2(whole: Opened, filter_: str, expected: list[int]) -> None:
    assert ids(get(whole, ITEMS, filter=filter_)) == expected


def test_filters_in_json_and_the_other_parameters(whole: Opened) -> None:
    as_json = {
        "op": "and",
        "args": [
            {"op": "=", "args": [{"property": "kind"}, "berth"]},
            {"op": "<", "args": [{"property": "number"}, 4]},
        ],
    }
    answer = get(whole, ITEMS, **{"filter": json.dumps(as_json), "filter-lang": "cql2-json"})
    assert ids(answer) == [1, 3]
    assert ids(get(whole, ITEMS, bbox="3.005,51,3.025,52")) == [1, 2]
    assert ids(get(whole, ITEMS, datetime="2026-01-27/..", limit=2)) == [26, 27]
    assert ids(get(whole, ITEMS, datetime="2026-01-02T00:00:00Z", limit=1)) == [1]
    assert ids(get(whole, ITEMS, number=5)) == [5]
    assert ids(get(whole, ITEMS, sortby="kind,-number", limit=2)) == [99, 97]
    (feature,) = get(whole, ITEMS, properties="kind", number=5).json()["features"]
    assert feature["properties"] == {"kind": "berth"}
    following = get(whole, ITEMS, filter="kind = 'berth'", limit=2, properties="number").json()["links"][1]
    assert following["rel"] == "next"
    again = get(whole, following["href"].removeprefix(whole.endpoint))
    assert (ids(again), list(again.json()["features"][0]["properties"])) == ([5, 7], ["number"])


BAD: list[tuple[dict[str, Any], str]] = [
    ({"filter": "kind = "}, "cannot be read"),
    ({"filter": "kind = 'a'; DROP TABLE data"}, "cannot be read"),
    ({"filter": "nothing = 1"}, "there is no column"),
    ({"filter": "kind = 5"}, "compares a text with a number"),
    ({"filter": "read_csv('/etc/passwd') = 'x'"}, "there is no function"),
    ({"filter": "kind"}, "is no truth value"),
    ({"filter": "S_INTERSECTS(geometry, POINT(400 51))"}, "not in degrees"),
    ({"filter": "S_INTERSECTS(geometry, POLYGON((0 0, 1 1, 1 0, 0 1, 0 0)))"}, "not valid"),
    ({"filter": "S_INTERSECTS(kind, POINT(4 51))"}, "compares the geometry of the features"),
    ({"filter": "T_AFTER(day, DATE('2026-13-01'))"}, "is no day or moment"),
    ({"filter": "(" * 30 + "number = 1" + ")" * 30}, "more than 12 brackets"),
    ({"filter": "(((number = 1"}, "brackets of the filter do not match"),
    ({"filter": "number = 1 OR " * 400}, "4000 characters"),
    ({"filter": "x", "filter-lang": "ecql"}, "no language"),
    ({"filter": "{", "filter-lang": "cql2-json"}, "cannot be read"),
    ({"filter": '{"op": "=", "args": 5}', "filter-lang": "cql2-json"}, ""),
    ({"bbox": "1,2,3"}, "four numbers"),
    ({"bbox": "1,nan,3,4"}, "no box on Earth"),
    ({"datetime": "yesterday"}, "no day or moment"),
    ({"limit": "0"}, "limit is 1 or more"),
    ({"limit": "many"}, "limit is a number"),
    ({"offset": "-1"}, "offset is a number"),
    ({"crs": "http://www.opengis.net/def/crs/EPSG/0/31370"}, "CRS84"),
    ({"f": "html"}, "GeoJSON"),
    ({"sortby": "-nothing"}, "there is no column"),
    ({"properties": "nothing"}, "there is no column"),
    ({"nothing": "1"}, "there is no column"),
    ({'nothing" = 1 OR 1=1 --': "1"}, "there is no column"),
]


@pytest.mark.parametrize(("parameters", "words"), BAD)
def test_what_cannot_be_asked_is_refused_in_words(whole: Opened, parameters: dict[str, str], words: str) -> None:
    answer = get(whole, ITEMS, **parameters)
    assert answer.status_code == 400, answer.text
    problem = answer.json()
    assert words in problem["detail"]
    assert "/tmp" not in answer.text


def test_of_a_part_there_is_nothing_else(part: Opened) -> None:
    page = get(part, ITEMS, limit=1000).json()
    assert page["numberMatched"] == 50
    assert [feature["id"] for feature in page["features"]] == list(range(1, 51))
    assert all(set(feature["properties"]) == {"number", "lon", "lat"} for feature in page["features"])
    assert set(get(part, "/collections/data/queryables").json()["properties"]) == {"number", "lon", "lat", "geometry"}
    for hidden in ("kind = 'secret-depot'", "keeper IS NOT NULL", "T_AFTER(day, DATE('2026-01-01'))"):
        refusal = get(part, ITEMS, filter=hidden)
        assert refusal.status_code == 400
        assert "secret" not in refusal.text.replace(quote(hidden), "")
    assert ids(get(part, ITEMS, filter="number = 2")) == []


def test_places_are_as_coarse_as_their_columns(nodes: Any) -> None:
    city, partner = nodes
    forms = {"template": "open", "part": {"conceal": {"lon": "grid 0.5", "lat": "grid 0.5", "keeper": "suppress"}}}
    coarse = open_table(partner, str(publish(city, "coarse", data=ROWS, conditions=forms)["iri"]))
    places = {tuple(f["geometry"]["coordinates"]) for f in get(coarse, ITEMS, limit=100).json()["features"]}
    assert places == {(3.0, 51.0), (3.5, 51.5), (4.0, 52.0)}
    exact = get(coarse, ITEMS, filter="S_INTERSECTS(geometry, BBOX(3.065, 51.065, 3.075, 51.075))")
    assert exact.json()["numberMatched"] == 0
    without = {"template": "open", "part": {"columns": ["number", "kind"]}}
    placeless = open_table(partner, str(publish(city, "placeless", data=ROWS, conditions=without)["iri"]))
    refusal = get(placeless, ITEMS)
    assert (refusal.status_code, "no places" in refusal.json()["detail"]) == (400, True)


READ = """
import json, sys, pyogrio
url, token, where, cql = sys.argv[1:]
pyogrio.set_gdal_config_options({"GDAL_HTTP_AUTH": "BEARER", "GDAL_HTTP_BEARER": token.removeprefix("Bearer "),
    "OGR_OAPIF_ALLOW_CQL_TEXT": cql})
layers = pyogrio.list_layers(f"OAPIF:{url}")
meta, _, places, fields = pyogrio.raw.read(f"OAPIF:{url}", layer=layers[0][0], where=where or None)
_, _, boxed, _ = pyogrio.raw.read(f"OAPIF:{url}", layer=layers[0][0], bbox=(3.005, 51, 3.025, 52))
print(json.dumps([[str(l[0]) for l in layers], len(places), sorted(map(str, meta["fields"])), len(boxed)]))
"""


@pytest.mark.skipif("OAPIF" not in pyogrio.list_drivers(), reason="GDAL has no driver for OGC API - Features here")
@pytest.mark.parametrize(
    ("where", "cql", "matches", "asked"),
    [
        ("kind = 'berth' AND number > 50 AND day >= '2026-01-25'", "YES", 4, ["filter=", "berth"]),
        ("kind = 'berth'", "YES", 50, ["filter=", "berth"]),
        ("", "NO", 100, []),
    ],
)
def test_gdal_reads_filters_and_pages(
    whole: Opened, nodes: Any, where: str, cql: str, matches: int, asked: list[str]
) -> None:
    before = len(accesses(nodes[0], whole.agreement))
    command = [sys.executable, "-c", READ, whole.endpoint, whole.authorization, where, cql]
    answer = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert answer.returncode == 0, answer.stderr
    layers, count, fields, boxed = json.loads(answer.stdout)
    assert (layers, count, boxed) == (["data"], matches, 2)
    assert {"number", "kind", "keeper", "day"} <= set(fields)
    questions = [event["asked"] for event in accesses(nodes[0], whole.agreement)[before:]]
    # The driver sends what it can of the condition, if it is told to, and the provider filters.
    assert any(all(word in text for word in asked) for text in questions), json.dumps(questions, indent=1)


def test_layers_in_other_systems_come_in_degrees(nodes: Any, tmp_path: Path) -> None:
    city, partner = nodes
    path = tmp_path / "lambert.gpkg"
    shapes = shapely.to_wkb(shapely.points([[105_000.0, 194_000.0], [150_000.0, 212_000.0]]))
    fields = [np.array(["Ghent", "Antwerp"], dtype=object)]
    pyogrio.raw.write(path, shapes, fields, ["name"], driver="GPKG", geometry_type="Point", crs="EPSG:31370")
    layer = open_table(partner, share_file(city, path.name, path.read_bytes()))
    (ghent,) = get(layer, ITEMS, filter="S_INTERSECTS(geom, BBOX(3.6, 51, 3.8, 51.1))").json()["features"]
    assert ghent["properties"] == {"name": "Ghent"}
    (point,) = geopandas.GeoSeries.from_xy([105_000.0], [194_000.0], crs="EPSG:31370").to_crs("EPSG:4326")
    assert ghent["geometry"]["coordinates"] == pytest.approx([point.x, point.y], abs=0.0001)


def test_uses_are_counted_and_the_end_is_the_end(nodes: Any) -> None:
    city, partner = nodes
    iri = str(publish(city, "few", data=ROWS, conditions={"offer": counted_offer(5)})["iri"])
    few = open_table(partner, iri)
    with ThreadPoolExecutor(16) as crowd:
        statuses = list(crowd.map(lambda _: get(few, ITEMS, limit=1).status_code, range(16)))
    assert statuses.count(200) == 5, statuses
    assert get(few, "/conformance").status_code in (200, 403)


def test_who_has_no_token_gets_nothing(whole: Opened, part: Opened) -> None:
    assert get(whole, ITEMS, token="Bearer wrong").status_code in (401, 404)
    assert get(whole, ITEMS, token=part.authorization).status_code in (401, 404)
    assert get(whole, token="Bearer wrong").status_code in (401, 404)


def test_through_the_own_node(whole: Opened, nodes: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    partner = nodes[1]
    with partner.client() as client:
        page = client.ask_features(
            whole.agreement, "number < 4", choices={"bbox": [3.015, 51, 4, 52], "properties": ["kind"]}
        )
        assert [feature["id"] for feature in page["features"]] == [2, 3]
        with pytest.raises(Refusal, match="there is no column"):
            client.ask_features(whole.agreement, "nothing = 1")
    target = tmp_path / "answer.geojson"
    command = ["query", whole.iri, "kind = 'berth' AND number < 6", "--features", "--node", str(partner.folder)]
    assert run([*command, "-o", str(target)]) == DONE
    assert [feature["id"] for feature in json.loads(target.read_text())["features"]] == [1, 3, 5]
    assert run([*command, "--limit", "2"]) == DONE
    shown = capsys.readouterr().out
    assert "keeper-3" in shown
    assert "keeper-5" not in shown
    assert run(["query", whole.iri, "--features", "--address", "--node", str(partner.folder)]) == DONE
    assert "/collections/data/items" in capsys.readouterr().out

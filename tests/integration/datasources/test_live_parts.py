"""A part of a layer or a table under contract: whatever a partner asks, nothing else comes out."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import psycopg
import pytest

from node.cli.exits import DONE
from node.cli.main import run
from node.client import Refusal
from tests.integration.datasources.live_data import Opened, accesses, open_live, share
from tests.integration.datasources.servers import standing
from tests.live_peers import live
from tests.nodes import Running, running
from tests.simulator.data_servers import FileServer, GisServer

ITEMS = "/collections/points/items"
PART = {"columns": ["number", "kind"], "rows": [{"column": "kind", "value": "berth"}]}


@pytest.fixture(scope="module")
def nodes(tmp_path_factory: pytest.TempPathFactory, sqlite_template: Path) -> Iterator[tuple[Running, Running]]:
    home = tmp_path_factory.mktemp("parts")
    with (
        running(home / "city", template=sqlite_template) as city,
        running(home / "partner", template=sqlite_template) as partner,
    ):
        yield city, partner


@pytest.fixture(scope="module")
def gis(nodes: tuple[Running, Running]) -> Iterator[GisServer]:
    server = GisServer()
    with standing(server.app()) as url:
        with nodes[0].client() as client:
            client.data_sources.add("gis", "features", f"{url}/gis/")
        yield server


def opened(nodes: tuple[Running, Running], slug: str, part: dict[str, Any], source: str = "gis") -> Opened:
    conditions = {"template": "open", "part": part}
    return open_live(nodes[1], share(nodes[0], source, "points", slug=slug, format="GEOJSON", conditions=conditions))


@pytest.fixture(scope="module")
def layer(nodes: tuple[Running, Running], gis: GisServer) -> Opened:
    return opened(nodes, "layer", PART)


def pages(live_layer: Opened, query: str = "") -> list[dict[str, Any]]:
    """All features, page by page."""
    url: str | None = f"{ITEMS}{query}"
    features: list[dict[str, Any]] = []
    while url is not None:
        answer = live_layer.get(url)
        assert answer.status_code == 200, answer.text
        document = answer.json()
        features += document["features"]
        following = next((link["href"] for link in document["links"] if link["rel"] == "next"), None)
        assert following is None or following.startswith(live_layer.endpoint)
        url = following.removeprefix(live_layer.endpoint) if following else None
    return features


def test_every_page_has_the_part_and_nothing_else(layer: Opened, gis: GisServer) -> None:
    features = pages(layer, "?limit=5")
    assert [feature["properties"] for feature in features] == [
        {"number": number, "kind": "berth"} for number in range(1, 25, 2)
    ]
    assert {tuple(feature) for feature in features} == {("type", "geometry", "properties")}
    assert {feature["geometry"] for feature in features} == {None}
    # Columns were not left out by the source, rows were.
    assert gis.requests[-1].query_params["kind"] == "berth"
    assert "numberMatched" not in layer.get(ITEMS).json()


@pytest.mark.parametrize(
    "query",
    [
        "kind=secret-depot",
        "kind=berth&kind=secret-depot",
        "number=2",
        "number=2&limit=1",
        "properties=number&kind=secret-depot",
    ],
)
def test_asking_for_other_rows_finds_nothing(layer: Opened, query: str) -> None:
    page = layer.get(f"{ITEMS}?{query}").json()
    assert page["features"] == []
    assert [link["rel"] for link in page["links"]] == ["self"]


@pytest.mark.parametrize(
    "query",
    [
        "guard=guard-1",
        "Guard=guard-1",
        "properties=guard",
        "properties=number,guard",
        "sortby=guard",
        "sortby=-guard",
        "sortby=number,-day",
        "filter=guard%20LIKE%20'g%25'",
        "FILTER=kind='secret-depot'",
        "filter-lang=cql2-text",
        "cql_filter=1=1",
        "q=guard",
        "ids=2",
        "datetime=2026-01-03",
        "bbox=3.6,51,3.61,51.1",
        "bbox-crs=http://www.opengis.net/def/crs/EPSG/0/3857",
        "crs=http://www.opengis.net/def/crs/EPSG/0/3857",
        "f=html",
        "f=gpkg",
        "token=x&nothing=1",
    ],
)
def test_no_parameter_widens_it_or_speaks_of_what_is_left_out(layer: Opened, gis: GisServer, query: str) -> None:
    before = len(gis.requests)
    answer = layer.get(f"{ITEMS}?{query}")
    assert answer.status_code == 400, answer.text
    assert len(gis.requests) == before
    refusal = answer.json()
    assert "guard" not in refusal["remedy"]
    assert "day" not in refusal["remedy"]
    assert "secret" not in json.dumps(refusal).replace("kind='secret-depot'", "")


def test_one_feature_by_its_id_is_there_only_within_the_part(nodes: Any, gis: GisServer, layer: Opened) -> None:
    absent = {layer.get(f"{ITEMS}/{name}").text for name in ("1", "2", "999")}
    assert len({text.replace("/2", "/").replace("/1", "/").replace("/999", "/") for text in absent}) == 1
    with_ids = opened(nodes, "with-ids", {**PART, "columns": ["id", "number", "geometry"]})
    inside = with_ids.get(f"{ITEMS}/3")
    assert inside.json()["properties"] == {"number": 3}
    assert inside.json()["id"] == 3
    outside, missing = with_ids.get(f"{ITEMS}/2"), with_ids.get(f"{ITEMS}/777")
    assert (outside.status_code, missing.status_code) == (404, 404)
    assert outside.json()["detail"] == missing.json()["detail"]
    assert outside.json()["remedy"] == missing.json()["remedy"]
    assert with_ids.get(f"{ITEMS}/2?kind=secret-depot").status_code == 400
    # The column that the rows are chosen by is itself hidden here.
    assert {tuple(feature["properties"]) for feature in pages(with_ids)} == {("number",)}
    assert with_ids.get(f"{ITEMS}?kind=berth").status_code == 400
    assert "kind" not in with_ids.get(f"{ITEMS}?limit=2").text


def test_descriptions_tell_of_the_part_only(layer: Opened) -> None:
    queryables = layer.get("/collections/points/queryables").json()
    assert queryables["properties"] == {"number": {"type": "string"}, "kind": {"type": "string"}}
    for path in ("", "/collections", "/collections/points", "/conformance"):
        text = layer.get(path).text
        assert "guard" not in text
        assert "extent" not in text
    assert all("features-1" in name for name in layer.get("/conformance").json()["conformsTo"])
    assert layer.get("/collections/points/schema").status_code == 404


def test_a_box_and_a_period_are_kept(nodes: Any, gis: GisServer) -> None:
    boxed = opened(nodes, "boxed", {"box": [3.6035, 50.9, 3.6105, 51.1]})
    assert [feature["id"] for feature in pages(boxed, "?limit=2")] == list(range(4, 11))
    wider = boxed.get(f"{ITEMS}?bbox=-180,-90,180,90&limit=100").json()
    assert [feature["id"] for feature in wider["features"]] == list(range(4, 11))
    assert "numberMatched" not in wider
    assert [one["id"] for one in pages(boxed, "?bbox=3.609,50,4,52")] == [9, 10]
    assert boxed.get(f"{ITEMS}?bbox=10,50,11,52").json()["features"] == []
    assert [one["id"] for one in pages(boxed, "?guard=guard-5")] == [5]
    assert boxed.get(f"{ITEMS}?filter=1=1").status_code == 400
    assert boxed.get(f"{ITEMS}/20").status_code == 404
    extent = boxed.get("/collections/points").json()["extent"]
    assert extent["spatial"]["bbox"] == [[3.6035, 50.9, 3.6105, 51.1]]
    timed = opened(nodes, "timed", {"period": {"column": "day", "from": "2026-01-03", "until": "2026-01-05"}})
    assert [feature["id"] for feature in pages(timed)] == [2, 3, 4]
    for query in ("kind=berth", "bbox=0,0,9,89", "sortby=day", "datetime=.."):
        assert timed.get(f"{ITEMS}?{query}").status_code == 400


def test_a_source_that_gives_more_than_it_was_asked_for_is_checked(nodes: Any) -> None:
    server = GisServer()
    server.matching = lambda _: list(range(server.count))  # type: ignore[method-assign]
    with standing(server.app()) as url:
        with nodes[0].client() as client:
            client.data_sources.add("careless", "features", f"{url}/gis/")
        careless = opened(nodes, "careless", {**PART, "box": [3.6, 50, 3.6055, 52]}, source="careless")
        assert [feature["properties"]["number"] for feature in pages(careless)] == [1, 3, 5]


def test_the_partner_sees_in_words_what_it_gets_and_each_read_is_recorded(
    nodes: Any, layer: Opened, capsys: pytest.CaptureFixture[str]
) -> None:
    city, partner = nodes
    with partner.client() as client:
        shown = client.conditions(layer.iri)
        agreement = client.agreement(layer.agreement)
    assert "“number” and “kind”" in json.dumps(shown, ensure_ascii=False)
    assert "Only rows for which “kind = berth”." in agreement["sentences"]["en"]
    capsys.readouterr()
    assert run(["agreement", layer.agreement, "--node", str(partner.folder)]) == DONE
    assert "“kind = berth”" in capsys.readouterr().out
    layer.get(f"{ITEMS}?limit=7")
    assert run(["agreement", layer.agreement, "--node", str(city.folder)]) == DONE
    assert "items?limit=7" in capsys.readouterr().out
    assert run(["live", layer.iri, "--node", str(partner.folder)]) == DONE
    assert "“number” and “kind”" in capsys.readouterr().out.replace("\n", " ")
    with city.http() as client:
        page = client.get(layer.iri, headers={"Accept": "text/html"}).text
    assert "Only the columns" in page
    layer.get(f"{ITEMS}?limit=1")
    event = accesses(city, layer.agreement)[-1]
    assert event["part"] == {"columns": ["number", "kind"], "rows": ["kind eq berth"]}
    assert "guard" not in json.dumps(event)


def test_a_later_offer_changes_nothing_for_an_agreement(nodes: Any, gis: GisServer) -> None:
    first = opened(nodes, "changing", PART)
    before = pages(first)
    share(nodes[0], "gis", "points", slug="changing", format="GEOJSON", conditions="open")
    assert pages(first) == before
    assert first.get(f"{ITEMS}?guard=guard-1").status_code == 400
    share(
        nodes[0],
        "gis",
        "points",
        slug="changing",
        format="GEOJSON",
        conditions={"template": "open", "part": {"columns": ["day"]}},
    )
    assert pages(first) == before


def test_what_cannot_be_given_in_part_is_not_offered_so(nodes: Any, gis: GisServer) -> None:
    city, _ = nodes
    with standing(FileServer({"files/counts.csv": b"a,b\n1,2\n"}).app()) as url, city.client() as client:
        client.data_sources.add("files", "http", f"{url}/files/")
        with pytest.raises(Refusal) as caught:
            share(city, "files", "counts.csv", slug="a-file", conditions={"template": "open", "part": PART})
    assert "counts.csv" in caught.value.detail
    with pytest.raises(Refusal) as caught:
        share(city, "gis", "points", slug="wrong", conditions={"template": "open", "part": {"colums": ["a"]}})
    assert "columns: [id, kind]" in caught.value.remedy


def test_a_table_gives_its_part_whatever_is_asked(nodes: Any) -> None:
    city, _ = nodes
    with live("postgis") as peer:
        parts = urlsplit(peer["POSTGRES_URL"])
        address = f"postgresql://127.0.0.1:{parts.port}{parts.path}"
        with city.client() as client:
            credentials = {"scheme": "basic", "name": "reader", "secret": "reader-secret"}
            client.data_sources.add("db", "postgis", address, credentials=credentials)
        with psycopg.connect(peer["POSTGRES_URL"]) as direct:
            berths = direct.execute("SELECT id, name FROM points WHERE kind = 'berth' ORDER BY id").fetchall()
            (other,) = direct.execute("SELECT name FROM points WHERE kind <> 'berth' LIMIT 1").fetchone() or ("",)
        table = opened(
            nodes, "table", {"columns": ["id", "name"], "rows": [{"column": "kind", "value": "berth"}]}, source="db"
        )
        headers = table.get("?f=csv&name=x", method="HEAD")
        assert (headers.status_code, "content-length" in headers.headers) == (200, False)
        rows = table.get("?f=csv").text.splitlines()
        assert rows[0] == "id,name"
        assert sorted(rows[1:]) == sorted(f"{number},{name}" for number, name in berths)
        assert table.get(f"?f=csv&name={quote(other)}").text.splitlines() == ["id,name"]
        for query in (
            "columns=kind",
            "columns=id,capacity",
            "kind=berth",
            "capacity=4",
            "bbox=-180,-90,180,90",
            "f=geojson",
            "geom=x",
            "updated=x",
            "order=kind",
            "columns=*",
            'columns=id"%20FROM%20points--',
            "kind)::text%20OR%20(1=1",
        ):
            answer = table.get(f"?{query}&f=csv" if query[0] != "f" else f"?{query}")
            assert answer.status_code == 400, query
            refusal = json.dumps(answer.json()["remedy"])
            assert all(name not in refusal for name in ("kind", "capacity", "geom", "updated"))
        injected = table.get("?f=csv&name=" + quote("x' OR '1'='1"))
        assert injected.text.splitlines() == ["id,name"]
        forms = {
            "columns": ["id", "name", "kind", "geom"],
            "conceal": {"name": "pseudonym", "geom": "grid 0.5", "id": "bins 10"},
            "group": {"size": 2, "columns": ["kind"]},
        }
        concealed = opened(nodes, "concealed", forms, source="db")
        with psycopg.connect(peer["POSTGRES_URL"]) as direct:
            all_rows = direct.execute("SELECT id, name, kind FROM points ORDER BY id").fetchall()
        kinds = [kind for _, _, kind in all_rows]
        expected = sorted((str(number // 10 * 10), kind) for number, _, kind in all_rows if kinds.count(kind) > 1)
        answers = list(csv.DictReader(concealed.get("?f=csv").text.splitlines()))
        assert sorted((row["id"], row["kind"]) for row in answers) == expected
        assert {len(row["name"]) for row in answers} == {32}
        assert all(float(part) * 2 % 1 == 0 for row in answers for part in row["geom"][6:-1].split())
        # What a reader asks by is the form that it gets: the value itself finds nothing, its pseudonym does.
        assert len(concealed.get(f"?f=csv&name={quote(str(all_rows[0][1]))}").text.splitlines()) == 1
        assert len(concealed.get(f"?f=csv&name={answers[0]['name']}").text.splitlines()) == 2
        assert [f["geometry"]["type"] for f in concealed.get("?limit=1").json()["features"]] == ["Point"]
        poisoned = opened(
            nodes,
            "poisoned",
            {
                "rows": [
                    {"column": "kind", "value": "x' OR '1'='1"},
                    {"column": "name", "value": '"; DROP TABLE points'},
                ]
            },
            source="db",
        )
        assert poisoned.get().json()["features"] == []
        numbers = opened(
            nodes,
            "numbers",
            {
                "rows": [{"column": "capacity", "operator": "gteq", "value": "100"}],
                "period": {"column": "updated", "from": "2026-01-01", "until": "2026-12-31"},
                "box": [10.5, 53.8, 10.7, 54.0],
            },
            source="db",
        )
        with psycopg.connect(peer["POSTGRES_URL"]) as direct:
            expected = direct.execute(
                "SELECT id FROM points WHERE capacity >= 100 AND updated >= '2026-01-01' AND updated < '2027-01-01' "
                "AND ST_Intersects(geom, ST_MakeEnvelope(10.5, 53.8, 10.7, 54.0, 4326)) ORDER BY id"
            ).fetchall()
        found = [feature["properties"]["id"] for feature in numbers.get("?bbox=-180,-90,180,90").json()["features"]]
        assert sorted(found) == [number for (number,) in expected]
        assert found
        for slug, row in (
            ("absent", {"column": "gone", "value": "1"}),
            ("unfit", {"column": "capacity", "value": "x"}),
        ):
            broken = opened(nodes, slug, {"rows": [row]}, source="db").get()
            assert (broken.status_code, broken.json()["code"]) == (502, "data-source-unreachable")
            assert "kind" not in broken.text


def test_pygeoapi_gives_its_part_to_an_ordinary_client(nodes: Any) -> None:
    with live("features") as peer:
        with nodes[0].client() as client:
            client.data_sources.add("real", "features", peer["FEATURES_URL"])
        part = {"columns": ["id", "name", "kind", "geometry"], "rows": [{"column": "kind", "value": "berth"}]}
        real = opened(nodes, "real", part, source="real")
        features = pages(real, "?limit=2")
        assert features
        assert {feature["properties"]["kind"] for feature in features} == {"berth"}
        assert all(set(feature["properties"]) == {"id", "name", "kind"} for feature in features)
        assert all(feature["geometry"]["type"] == "Point" for feature in features)
        assert "capacity" not in real.get("/collections/points/queryables").text
        assert real.get(f"{ITEMS}?capacity=4").status_code == 400

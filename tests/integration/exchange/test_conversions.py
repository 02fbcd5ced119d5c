"""Files in another format than their own, between two real nodes: declared, agreed, converted, sent and recorded."""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import duckdb
import pytest

from node.cli.exits import DONE, REFUSED
from node.cli.main import run
from node.client import Refusal
from node.exchange.manifest import read_kept
from tests.integration.datasources.live_data import accesses
from tests.nodes import Company, Running, agree, described, if_ended, revoke, running, until
from tests.portal_browser import post, signed_in
from tests.unit.portal.page import Page, troubles

POINTS = b"""number,place,lat,lon,since,passed
1,Gent,51.05,3.72,2026-01-01T10:00:00,7
2,Brugge,51.2,3.22,2026-01-02T10:00:00,
3,secret depot,51.3,3.3,2026-01-03T10:00:00,30
"""
ALL = ["csv", "parquet", "geojson", "geopackage"]


@pytest.fixture(scope="module")
def nodes(tmp_path_factory: pytest.TempPathFactory, sqlite_template: Path) -> Iterator[tuple[Running, Running]]:
    home = tmp_path_factory.mktemp("conversions")
    with (
        running(home / "city", template=sqlite_template) as city,
        running(home / "partner", template=sqlite_template) as partner,
    ):
        yield city, partner


def share(
    city: Running, slug: str, *, data: bytes = POINTS, name: str = "", conditions: Any = "open", **entry: Any
) -> str:
    """Publish a file that is given in other formats too; the address of the dataset."""
    path = city.folder / (name or f"{slug}.csv")
    path.write_bytes(data)
    file: dict[str, Any] = {
        "name": path.name,
        "mediaType": "text/csv" if path.suffix == ".csv" else "application/octet-stream",
    }
    file |= {"size": len(data), "sha256": hashlib.sha256(data).hexdigest()}
    described_file = {"name": path.name, "formats": ALL, **entry}
    with city.client() as client:
        client.upload(path)
        fields = described(slug, files=[described_file])
        answer = client.publish({"fields": fields, "files": [file], "conditions": conditions})
    return str(answer["iri"])


def get(partner: Running, agreement: str, **wish: Any) -> dict[str, Any]:
    with partner.client() as client:
        pid = client.transfer(agreement, **wish)["pid"]
        return until("the transfer ends", lambda: if_ended(client.transfer_state(pid, wait=5)))


def content(partner: Running, transfer: dict[str, Any], folder: Path) -> Path:
    path = folder / str(transfer["reception"]["name"])
    with partner.client() as client:
        client.save(transfer["pid"], path)
    return path


def agreed(partner: Running, iri: str) -> str:
    return str(agree(partner, iri)["agreementId"])


def manifest(partner: Running, transfer: dict[str, Any], folder: Path) -> Any:
    with partner.client() as client:
        client.save(transfer["pid"], folder / "manifest", part="manifest")
    return read_kept((folder / "manifest").read_text().strip())


def test_each_format_comes_and_says_of_what_it_was_made(nodes: tuple[Running, Running], tmp_path: Path) -> None:
    city, partner = nodes
    agreement = agreed(partner, share(city, "each"))
    expected = {"parquet": "each.parquet", "geojson": "each.geojson", "geopackage": "each.gpkg", "csv": "each.csv"}
    for form, name in expected.items():
        transfer = get(partner, agreement, convert_to=form)
        assert transfer["state"] == "COMPLETED", transfer
        assert transfer["convertedTo"] == form
        assert transfer["reception"]["name"] == name
        path = content(partner, transfer, tmp_path)
        signed = manifest(partner, transfer, tmp_path)
        assert signed.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
        assert signed.conversion["to"] == form
        assert signed.conversion["source"] == {"name": "each.csv", "sha256": hashlib.sha256(POINTS).hexdigest()}
        assert (signed.conversion["rows"], signed.conversion["part"]) == (3, False)
        assert {"duckdb", "gdal"} <= set(signed.conversion["tools"])
        assert transfer["reception"]["facts"]["versionBy"] in ("provider", "description")
    table = duckdb.execute(f"SELECT * FROM read_parquet('{tmp_path / 'each.parquet'}')").fetchall()
    assert [row[0] for row in table] == [1, 2, 3]
    features = json.loads((tmp_path / "each.geojson").read_text())["features"]
    assert features[0]["geometry"] == {"type": "Point", "coordinates": [3.72, 51.05]}
    with sqlite3.connect(tmp_path / "each.gpkg") as database:
        assert database.execute("SELECT srs_id FROM gpkg_geometry_columns").fetchall() == [(4326,)]
    entries = [event["conversion"] for event in accesses(city, agreement) if event["outcome"] == "started"]
    assert {entry["to"] for entry in entries} == set(ALL)


def test_coordinates_come_in_another_system_and_twice_the_same_bytes(
    nodes: tuple[Running, Running], tmp_path: Path
) -> None:
    city, partner = nodes
    agreement = agreed(partner, share(city, "systems", systems=["EPSG:31370"]))
    transfer = get(partner, agreement, convert_to="geopackage", crs="EPSG:31370")
    path = content(partner, transfer, tmp_path)
    with sqlite3.connect(path) as database:
        assert database.execute("SELECT srs_id FROM gpkg_geometry_columns").fetchall() == [(31370,)]
        (west, north) = database.execute("SELECT min_x, max_y FROM gpkg_contents").fetchone()
    assert 60_000 < west < 80_000
    assert 190_000 < north < 230_000
    assert {"code": "reprojected", "about": ["EPSG:4326", "EPSG:31370"]} in transfer["reception"]["facts"][
        "conversion"
    ]["losses"]
    # Made anew, it is the same: another partner, or the same one later, can compare.
    with city.node.parts.stores.uow.begin() as tx:
        for known in city.node.parts.stores.transfer.conversions.since(
            tx, city.node.parts.clock.now().replace(year=2000)
        ):
            city.node.parts.assets.remove(known.sha256)
    again = get(partner, agreement, convert_to="geopackage", crs="EPSG:31370")
    assert again["state"] == "COMPLETED", again
    assert again["reception"]["sha256"] == transfer["reception"]["sha256"]


@pytest.mark.parametrize(
    ("wish", "why"),
    [
        ({"convert_to": "geopackage"}, "as it is or as parquet, and not as geopackage"),
        ({"convert_to": "parquet", "crs": "EPSG:31370"}, "in its own, and not in EPSG:31370"),
    ],
)
def test_what_is_not_offered_is_refused_before_anything_starts(
    nodes: tuple[Running, Running], wish: dict[str, str], why: str
) -> None:
    city, partner = nodes
    slug = "-".join(wish.values()).lower().replace(":", "")
    agreement = agreed(partner, share(city, slug, formats=["parquet"]))
    transfer = get(partner, agreement, **wish)
    assert (transfer["state"], transfer["code"]) == ("TERMINATED", "format-not-offered")
    assert why in str(transfer["reason"])
    assert transfer["reception"] is None


@pytest.mark.parametrize(
    ("wish", "problem"),
    [
        ({"convert_to": "docx"}, "no format that data can be converted to"),
        ({"convert_to": "geojson", "crs": "EPSG:31370"}, "GeoJSON has no coordinates in EPSG:31370"),
        ({"convert_to": "csv", "crs": "Lambert"}, "names no coordinate reference system"),
        ({"crs": "EPSG:31370"}, "needs a format"),
    ],
)
def test_a_wish_that_makes_no_sense_is_refused_at_the_own_node(
    nodes: tuple[Running, Running], wish: dict[str, Any], problem: str
) -> None:
    with nodes[1].client() as client, pytest.raises(Refusal, match=problem) as refusal:
        client.transfer("urn:uuid:none", **wish)
    assert refusal.value.http_status == 400


def test_of_a_part_only_the_part_is_in_the_file(nodes: tuple[Running, Running], tmp_path: Path) -> None:
    city, partner = nodes
    part = {
        "columns": ["number", "place", "passed"],
        "rows": [{"column": "number", "operator": "lt", "value": 3}],
        "conceal": {"place": "pseudonym"},
    }
    iri = share(city, "part", conditions={"template": "open", "part": part})
    agreement = agreed(partner, iri)
    whole = get(partner, agreement)
    assert whole["state"] == "TERMINATED"
    assert "--format csv" in str(whole["reason"])
    for form in ("csv", "parquet"):
        transfer = get(partner, agreement, convert_to=form)
        assert transfer["state"] == "COMPLETED", transfer
        body = content(partner, transfer, tmp_path).read_bytes()
        for left_out in (b"depot", b"Gent", b"51.05", b"since"):
            assert left_out not in body
        assert transfer["reception"]["facts"]["conversion"]["part"] is True
        assert manifest(partner, transfer, tmp_path).conversion["concealed"] == ["place pseudonym"]
    lines = (tmp_path / "part.csv").read_text().splitlines()
    assert lines[0] == "number,place,passed"
    assert len(lines) == 3
    began = [event for event in accesses(city, agreement) if event["outcome"] == "started"]
    (event,) = [event for event in began if event["conversion"]["to"] == "csv"]
    assert event["part"]["columns"] == ["number", "place", "passed"]
    # GeoJSON needs places, and the part has none.
    refused = get(partner, agreement, convert_to="geojson")
    assert refused["state"] == "TERMINATED"
    assert "no geometry" in str(refused["reason"])


def test_a_converted_file_is_sealed_where_the_offer_demands_it_and_ends_with_the_membership(
    cities: Company, tmp_path: Path
) -> None:
    city, partner = cities.cities
    sealed = {"template": "members", "sealed": True}
    agreement = agreed(partner, share(city, "sealed", conditions=sealed))
    transfer = get(partner, agreement, convert_to="parquet")
    assert transfer["state"] == "COMPLETED", transfer
    assert transfer["reception"]["sealed"] is True
    path = content(partner, transfer, tmp_path)
    assert duckdb.execute(f"SELECT count(*) FROM read_parquet('{path}')").fetchall() == [(3,)]
    lines = b"".join(b"%d,place %d,%f,%f\n" % (n, n % 97, 50 + n / 1e6, 3 + n / 1e6) for n in range(300_000))
    agreement = agreed(partner, share(city, "large", conditions=sealed, data=b"number,place,lat,lon\n" + lines))
    with partner.client() as client:
        pid = client.transfer(agreement, convert_to="geojson")["pid"]
        until("it is being converted", lambda: list((city.folder / "conversions").glob("*/*")))
        revoke(cities, partner)
        ended = until("the transfer ends", lambda: if_ended(client.transfer_state(pid, wait=5)))
    assert ended["state"] == "TERMINATED", ended
    assert ended["reception"]["state"] == "failed"
    assert "started" not in [event["outcome"] for event in accesses(city, agreement)]


def test_a_converted_file_is_pushed(nodes: tuple[Running, Running]) -> None:
    city, partner = nodes
    pushed = get(partner, agreed(partner, share(city, "pushed")), format="HttpData-PUSH", convert_to="geojson")
    assert pushed["state"] == "COMPLETED", pushed
    assert pushed["reception"]["name"] == "pushed.geojson"


@pytest.mark.parametrize(
    ("name", "data", "form", "why"),
    [
        ("broken.geojson", b'{"type": "FeatureCollection", "features": [{"type"', "csv", "damaged"),
        ("other.gpkg", b"SQLite format 3\0" + bytes(4096), "csv", "not a GeoPackage"),
        ("empty.parquet", b"PAR1" + bytes(64) + b"PAR1", "csv", "cannot be converted"),
        ("nowhere.csv", b"a,b\n1,2\n", "geojson", "no geometry"),
        ("bomb.xlsx", b"PK\x03\x04" + bytes(2000), "csv", "damaged"),
    ],
)
def test_files_that_cannot_be_converted_end_with_a_reason(
    nodes: tuple[Running, Running], name: str, data: bytes, form: str, why: str
) -> None:
    city, partner = nodes
    agreement = agreed(partner, share(city, name.replace(".", "-"), data=data, name=name))
    transfer = get(partner, agreement, convert_to=form)
    assert transfer["state"] == "TERMINATED", transfer
    assert why in str(transfer["reason"])
    assert str(city.folder) not in str(transfer["reason"])
    assert not list((city.folder / "conversions").iterdir())


def test_a_system_that_nobody_knows_is_refused_by_its_name(nodes: tuple[Running, Running]) -> None:
    city, partner = nodes
    agreement = agreed(partner, share(city, "nowhere-known", systems=["EPSG:99999"]))
    transfer = get(partner, agreement, convert_to="geopackage", crs="EPSG:99999")
    assert transfer["state"] == "TERMINATED"
    assert "cannot be brought" in str(transfer["reason"])
    assert "EPSG:99999" in str(transfer["reason"])


def test_geojson_with_all_kinds_of_values_and_geometries(nodes: tuple[Running, Running], tmp_path: Path) -> None:
    city, partner = nodes
    point: dict[str, Any] = {"type": "Point", "coordinates": [3.7, 51.0]}
    line: dict[str, Any] = {"type": "LineString", "coordinates": [[3.7, 51.0], [3.8, 51.1]]}
    rows: list[tuple[Any, Any]] = [(1, point), ("x", line), (None, None), ({"k": [1]}, point)]
    features = [{"type": "Feature", "properties": {"a": value}, "geometry": place} for value, place in rows]
    data = json.dumps({"type": "FeatureCollection", "features": features}).encode()
    agreement = agreed(partner, share(city, "mixed", data=data, name="mixed.geojson"))
    for form in ("csv", "geopackage"):
        transfer = get(partner, agreement, convert_to=form)
        assert transfer["state"] == "COMPLETED", transfer
        assert transfer["reception"]["facts"]["conversion"]["rows"] == 4
        content(partner, transfer, tmp_path)
    lines = (tmp_path / "mixed.csv").read_text().splitlines()
    assert lines[:2] == ["a,geometry", "1,POINT (3.7 51)"]


def test_from_the_terminal(
    nodes: tuple[Running, Running], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    city, partner = nodes
    iri = share(city, "typed", formats=["parquet", "geopackage"])
    target = tmp_path / "typed.gpkg"
    words = ["get", iri, "--yes", "--node", str(partner.folder)]
    assert run([*words, "--format", "geopackage", "-o", str(target)]) == DONE
    said = "".join(capsys.readouterr())
    assert "typed.csv to geopackage" in said
    assert "Times without a time zone are text in since." in said
    assert target.read_bytes().startswith(b"SQLite format 3")
    assert run([*words, "--format", "geojson"]) == REFUSED
    assert "as it is or as geopackage, parquet, and not as geojson" in "".join(capsys.readouterr())
    assert run([*words, "--crs", "EPSG:4326"]) != DONE
    assert "--format" in capsys.readouterr().err


def test_concealed_columns_are_named_by_terminal_and_page(
    nodes: tuple[Running, Running], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    city, partner = nodes
    part = {"conceal": {"place": "pseudonym", "passed": "bins 5"}, "group": {"size": 2, "columns": ["passed"]}}
    iri = share(city, "concealed", conditions={"template": "open", "part": part})
    target = tmp_path / "concealed.csv"
    command = ["get", iri, "--yes", "--node", str(partner.folder), "--format", "csv", "-o", str(target)]
    assert run(command) == DONE
    output = " ".join("".join(capsys.readouterr()).split())
    columns = "Columns in another form: “place” as pseudonyms, “passed” in steps of 5."
    groups = "Groups of fewer than 2 rows by “passed” are left out."
    assert columns in output
    assert groups in output
    with partner.client() as client:
        (transfer,) = [one["pid"] for one in client.transfers() if one["dataset"] == iri]
    with signed_in(partner) as browser:
        text = Page(browser.get(f"/received/{quote(transfer, safe='')}", headers={"Accept-Language": "en"}).text).text
    assert columns in text
    assert groups in text


def test_from_the_page_of_an_agreement(nodes: tuple[Running, Running]) -> None:
    city, partner = nodes
    agreement = agreed(partner, share(city, "clicked", systems=["EPSG:31370"]))
    path = f"/agreements/{quote(agreement, safe='')}"
    with partner.client() as client:
        client.follow(city.url, wait=30)
    with signed_in(partner) as browser:
        choice = Page(browser.get(path, headers={"Accept-Language": "en"}).text)
        assert {one["value"] for one in choice.all("option")} >= set(ALL)
        assert [one["value"] for one in choice.all("option") if one["value"].startswith("EPSG")] == ["EPSG:31370"]
        answer = post(browser, path, f"{path}/get", format="geopackage", crs="EPSG:31370")
        assert answer.status_code == 303, answer.text
        page = str(answer.headers["location"])
        until("the data are here", lambda: 'id="live"' not in browser.get(page).text)
        shown = Page(browser.get(page, headers={"Accept-Language": "en"}).text)
        assert troubles(shown) == []
        assert "The provider made this file of clicked.csv: geopackage EPSG:31370." in shown.text
        assert "The coordinates were converted from EPSG:4326 to EPSG:31370." in shown.text


def test_the_catalogue_says_what_there_is(nodes: tuple[Running, Running]) -> None:
    city, partner = nodes
    iri = share(city, "shown", formats=["parquet", "geopackage"], systems=["EPSG:31370"])
    with city.http() as http:
        turtle = http.get(iri, headers={"Accept": "text/turtle"}).text
        place = f"{city.dsp}/catalog/datasets/{quote(iri, safe='')}"
        answer = http.get(place, headers=partner.as_participant(city))
        page = Page(http.get(iri, headers={"Accept": "text/html", "Accept-Language": "en"}).text)
    assert "convertedTo" in turtle
    assert "application/vnd.apache.parquet" in turtle
    (file,) = answer.json()["https://w3id.org/hansa/ns#files"]["@value"]
    assert (file["formats"], file["systems"]) == (["geopackage", "parquet"], ["EPSG:31370"])
    assert "shown.csv is also given as GeoPackage, Parquet. Coordinates also in EPSG:31370." in page.text

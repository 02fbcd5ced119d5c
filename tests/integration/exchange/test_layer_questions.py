"""Layers and sheets under contract are asked in SQL like tables, also where the agreement gives a part."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyogrio
import pytest

from node.client import Refusal
from tests.nodes import Running, agree, described, running

PLACES = {
    "type": "FeatureCollection",
    "features": [
        {
            "type": "Feature",
            "properties": {"number": number, "kind": "berth" if number % 2 else "secret depot"},
            "geometry": None
            if number == 3
            else {"type": "Point", "coordinates": [3.7, 51.0]}
            if number % 2
            else {"type": "LineString", "coordinates": [[3.7, 51.0], [3.8, 51.1]]},
        }
        for number in range(1, 6)
    ],
}


@pytest.fixture(scope="module")
def nodes(tmp_path_factory: pytest.TempPathFactory, sqlite_template: Path) -> Iterator[tuple[Running, Running]]:
    home = tmp_path_factory.mktemp("layers")
    with (
        running(home / "city", template=sqlite_template) as city,
        running(home / "partner", template=sqlite_template) as partner,
    ):
        yield city, partner


def sheet(path: Path, driver: str) -> bytes:
    """A file with two columns, written by GDAL."""
    data = [np.array([1, 2, 3]), np.array(["berth", "secret depot", "berth"], dtype=object)]
    fields = ["number", "kind"]
    pyogrio.raw.write(path, None, data, fields, driver=driver, geometry_type=None)
    return path.read_bytes()


def share(city: Running, name: str, data: bytes, conditions: object = "open") -> str:
    path = city.folder / name
    path.write_bytes(data)
    file = {"name": name, "mediaType": "application/octet-stream", "size": len(data)}
    with city.client() as client:
        client.upload(path)
        submission = {
            "fields": described(name.replace(".", "-"), files=[{"name": name}]),
            "files": [{**file, "sha256": hashlib.sha256(data).hexdigest()}],
            "conditions": conditions,
        }
        return str(client.publish(submission)["iri"])


def agreed(partner: Running, iri: str) -> str:
    return str(agree(partner, iri)["agreementId"])


def test_geojson_is_asked_with_its_places_as_text(nodes: tuple[Running, Running]) -> None:
    city, partner = nodes
    agreement = agreed(partner, share(city, "places.geojson", json.dumps(PLACES).encode()))
    with partner.client() as client:
        answer = client.ask(agreement, "SELECT number, geometry FROM data ORDER BY number LIMIT 3")
        assert answer["rows"] == [[1, "POINT (3.7 51)"], [2, "LINESTRING (3.7 51, 3.8 51.1)"], [3, None]]
        with pytest.raises(Refusal, match="provider") as refusal:
            client.ask(agreement, "SELECT * FROM read_csv('/etc/passwd')")
        assert refusal.value.http_status == 400


@pytest.mark.parametrize(("name", "driver"), [("berths.gpkg", "GPKG"), ("berths.xlsx", "XLSX")])
def test_of_a_part_of_a_layer_there_is_nothing_else(
    nodes: tuple[Running, Running], name: str, driver: str, tmp_path: Path
) -> None:
    city, partner = nodes
    data = sheet(tmp_path / name, driver)
    part = {"columns": ["number"], "rows": [{"column": "kind", "value": "berth"}]}
    agreement = agreed(partner, share(city, name, data, {"template": "open", "part": part}))
    with partner.client() as client:
        assert client.ask(agreement, "SELECT * FROM data ORDER BY number")["rows"] == [[1], [3]]
        with pytest.raises(Refusal):
            client.ask(agreement, "SELECT kind FROM data")


def test_a_part_with_columns_that_the_layer_lacks_is_not_published(
    nodes: tuple[Running, Running], tmp_path: Path
) -> None:
    part = {"columns": ["number", "nobody"]}
    data = sheet(tmp_path / "lacking.gpkg", "GPKG")
    with pytest.raises(Refusal) as refusal:
        share(nodes[0], "lacking.gpkg", data, {"template": "open", "part": part})
    assert "nobody" in json.dumps(refusal.value.problem)


def test_a_damaged_layer_is_refused_without_its_place(nodes: tuple[Running, Running]) -> None:
    city, partner = nodes
    agreement = agreed(partner, share(city, "damaged.gpkg", b"SQLite format 3\0" + bytes(4096)))
    with partner.client() as client, pytest.raises(Refusal, match="not a GeoPackage") as refusal:
        client.ask(agreement, "SELECT 1 FROM data")
    assert str(city.folder) not in str(refusal.value)

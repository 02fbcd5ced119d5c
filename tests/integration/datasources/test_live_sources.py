"""Each kind of data source against a real server: pygeoapi, PostgreSQL with PostGIS, versitygw."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx2
import psycopg
import pytest

from node.adapters.datasources.signatures import path_of, sign
from tests.integration.datasources.live_data import open_live, share
from tests.live_peers import live
from tests.nodes import Running, running


@pytest.fixture
def city(tmp_path: Path, sqlite_template: Path) -> Iterator[Running]:
    with running(tmp_path / "city", template=sqlite_template) as node:
        yield node


@pytest.fixture
def pair(city: Running, tmp_path: Path, sqlite_template: Path) -> Iterator[tuple[Running, Running]]:
    with running(tmp_path / "partner", template=sqlite_template) as partner:
        yield city, partner


def tried(city: Running, kind: str, address: str, item: str = "", **more: Any) -> dict[str, Any]:
    with city.client() as client:
        client.data_sources.add("it", kind, address, **more)
        return client.data_sources.test("it", item=item)


def password_of(user: str) -> dict[str, str]:
    """The credentials of a user of the kit."""
    return {"scheme": "basic", "name": user, "secret": f"{user}-secret"}


def test_pygeoapi_shows_its_layers(city: Running) -> None:
    with live("features") as peer:
        report = tried(city, "features", peer["FEATURES_URL"])
    assert report["passed"], report
    assert "points" in [item["item"] for item in report["items"]]


def test_postgis_shows_its_tables_and_a_wrong_password_is_said(city: Running) -> None:
    with live("postgis") as peer:
        parts = urlsplit(peer["POSTGRES_URL"])
        address = f"postgresql://127.0.0.1:{parts.port}{parts.path}"
        report = tried(city, "postgis", address, credentials=password_of("reader"))
        assert report["passed"], report
        kinds = {item["item"]: item["mediaType"] for item in report["items"]}
        assert kinds["points"] == "application/geo+json"
        assert "spatial_ref_sys" not in kinds
        wrong = tried(city, "postgis", address, credentials={**password_of("reader"), "secret": "wrong"})
        assert not wrong["passed"]
        assert "refuses the credentials" in wrong["steps"][0]["text"]


def test_a_bucket_is_read_with_signed_requests(city: Running, tmp_path: Path) -> None:
    with live("s3") as peer:
        endpoint, region = peer["S3_ENDPOINT"], peer["S3_REGION"]
        put(endpoint, region, "a name with ünicode+.csv", b"hour,count\n1,2\n")
        report = tried(city, "s3", f"{endpoint}/city/", credentials=password_of("reader"))
        assert report["passed"], report
        assert [item["item"] for item in report["items"]] == ["a name with ünicode+.csv"]
        assert [step["step"] for step in report["steps"]] == ["list", "read", "range"]
        assert "continues" in report["steps"][-1]["text"]
        wrong = tried(city, "s3", f"{endpoint}/city/", credentials={**password_of("reader"), "secret": "no"})
        assert "refuses the credentials" in wrong["steps"][0]["text"]


def put(endpoint: str, region: str, key: str, body: bytes) -> None:
    """Put an object into the bucket as its writer."""
    url = f"{endpoint}/city/{path_of(key)}"
    sha256 = hashlib.sha256(body).hexdigest()
    now = datetime.now(UTC)
    headers = sign("PUT", url, {}, key="writer", secret="writer-secret", region=region, now=now, sha256=sha256)
    answer = httpx2.put(url, headers=headers, content=body)
    assert answer.status_code == 200, answer.text


READ = """
import sys, pyogrio
if "OAPIF" not in pyogrio.list_drivers():
    sys.exit(3)
url, token = sys.argv[1:]
pyogrio.set_gdal_config_options({"GDAL_HTTP_AUTH": "BEARER", "GDAL_HTTP_BEARER": token.removeprefix("Bearer ")})
layers = pyogrio.list_layers(f"OAPIF:{url}")
meta, _, places, fields = pyogrio.raw.read(f"OAPIF:{url}", layer=layers[0][0])
print(len(layers), len(places), sorted(meta["fields"]))
"""


def test_gdal_reads_a_layer_of_pygeoapi_under_contract(pair: tuple[Running, Running]) -> None:
    city, partner = pair
    with live("features") as peer:
        with city.client() as client:
            client.data_sources.add("gis", "features", peer["FEATURES_URL"])
        opened = open_live(partner, share(city, "gis", "points", slug="layer", format="GEOJSON"))
        direct = httpx2.get(f"{peer['FEATURES_URL']}/collections/points/items?f=json&limit=1000").json()
        command = [sys.executable, "-c", READ, opened.endpoint, opened.authorization]
        done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=120)
        if done.returncode == 3:
            pytest.skip("this GDAL has no driver for OGC API - Features")
        assert done.returncode == 0, done.stderr[-2000:]
        names = sorted(direct["features"][0]["properties"])
        assert done.stdout.split(" ", 2)[:2] == ["1", str(len(direct["features"]))], done.stdout
        assert all(repr(name) in done.stdout for name in names)
        page = opened.get("/collections/points/items?limit=2")
        assert peer["FEATURES_URL"] not in page.text
        assert [feature["id"] for feature in page.json()["features"]] == [
            feature["id"] for feature in direct["features"][:2]
        ]


def test_a_table_of_postgis_is_read_as_geojson_and_csv_with_a_filter(pair: tuple[Running, Running]) -> None:
    city, partner = pair
    with live("postgis") as peer:
        parts = urlsplit(peer["POSTGRES_URL"])
        address = f"postgresql://127.0.0.1:{parts.port}{parts.path}"
        with city.client() as client:
            client.data_sources.add("db", "postgis", address, credentials=password_of("reader"))
        opened = open_live(partner, share(city, "db", "points", slug="points", format="GEOJSON"))
        answer = opened.get()
        assert answer.headers["content-type"] == "application/geo+json"
        features = answer.json()["features"]
        with psycopg.connect(peer["POSTGRES_URL"]) as direct:
            (count,) = direct.execute("SELECT count(*) FROM points").fetchone() or (0,)
        assert len(features) == count > 0
        name, value = next((n, v) for n, v in features[0]["properties"].items() if isinstance(v, str | int))
        some = opened.get(f"?{name}={value}").json()["features"]
        assert features[0] in some
        assert len(opened.get("?limit=1").json()["features"]) == 1
        assert opened.get("?bbox=-180,-90,180,90").json()["features"] == features
        assert opened.get("?bbox=170,80,171,81").json()["features"] == []
        rows = opened.get("?f=csv").text.splitlines()
        assert len(rows) == count + 1
        for bad in ("?nothing=1", "?limit=x", "?bbox=1,2", f"?{name}=1;DROP TABLE points", "?f=exe", "/x"):
            assert opened.get(bad).status_code in (200, 400, 404), bad
        injected = opened.get(f"?{name}=%27%20OR%20%271%27=%271").json()
        assert injected["features"] == []
        assert opened.get().json()["features"] == features


def test_an_object_of_a_bucket_is_read_by_ranges(pair: tuple[Running, Running]) -> None:
    city, partner = pair
    body = b"hour,count\n" + b"7,8\n" * 100_000
    with live("s3") as peer:
        put(peer["S3_ENDPOINT"], peer["S3_REGION"], "open/counts.csv", body)
        with city.client() as client:
            client.data_sources.add(
                "bucket", "s3", f"{peer['S3_ENDPOINT']}/city/open/", credentials=password_of("reader")
            )
        opened = open_live(partner, share(city, "bucket", "counts.csv", slug="object"))
        assert opened.get().content == body
        part = opened.get(headers={"Range": "bytes=100000-100003"})
        assert (part.status_code, part.content) == (206, body[100000:100004])
        assert "x-amz" not in str(part.headers).lower()

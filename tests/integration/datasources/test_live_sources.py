"""Each kind of data source against a real server: pygeoapi, PostgreSQL with PostGIS, versitygw."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx2
import pytest

from node.adapters.datasources.signatures import path_of, sign
from tests.live_peers import live
from tests.nodes import Running, running


@pytest.fixture
def city(tmp_path: Path, sqlite_template: Path) -> Iterator[Running]:
    with running(tmp_path / "city", template=sqlite_template) as node:
        yield node


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

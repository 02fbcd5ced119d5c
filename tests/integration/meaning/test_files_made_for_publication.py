"""Files that ``hansa publish`` makes through transformations before it publishes them."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from node.cli.main import run
from tests.integration.meaning.test_data_checks import described, publish
from tests.nodes import Running

ROWS = "hour,intensity\n7,40\n7,52\n8,3\n"
HOURLY = {"language": "SQL", "definition": "SELECT hour, sum(intensity) AS total FROM data GROUP BY hour"}


def write(folder: Path, name: str, **entry: Any) -> Path:
    (folder / "quarters.csv").write_text(ROWS)
    (folder / "hourly.yaml").write_text(yaml.safe_dump(HOURLY))
    made = {"path": f"{name}.csv", "made_from": "quarters.csv", "made_by": "hourly.yaml"} | entry
    path = folder / f"{name}.description.yaml"
    path.write_text(yaml.safe_dump(described("dataset", name, files=[made], conditions="open")))
    return path


def test_a_file_is_made_published_and_says_of_what(
    city: Running, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write(tmp_path, "made-hours")
    assert run(["publish", str(path), "--node", str(city.folder)]) == 0, capsys.readouterr()
    assert (tmp_path / "made-hours.csv").read_text() == "hour,total\n7,92\n8,3\n"
    graph = json.loads((tmp_path / "made-hours.csv.prov.jsonld").read_text())["@graph"]
    source = hashlib.sha256(ROWS.encode()).hexdigest()
    assert graph[0]["@id"] == f"urn:sha256:{source}"
    with city.client() as client:
        record = client.record(f"{city.url}/datasets/made-hours")
    with city.http(headers={"Accept": "text/turtle"}) as http:
        text = http.get("/datasets/made-hours").text
    assert [file["name"] for file in record["files"]] == ["made-hours.csv"]
    assert f"quarters.csv (sha256:{source})" in text
    assert "hourly.yaml" in text


def test_a_transformation_of_the_catalogue_is_named_with_its_version(city: Running, tmp_path: Path) -> None:
    with city.http(headers={"Authorization": f"Bearer {city.token}"}, timeout=60) as http:
        for name in ("made-from", "made-to"):
            schema = {"type": "object", "properties": {}}
            assert publish(http, described("schema", name, version="1", definition=schema)).status_code == 201
        ends = {"from": "schema/made-from", "to": "schema/made-to"}
        answer = publish(http, described("transformation", "made-hourly", version="1", **ends, **HOURLY))
        assert answer.status_code == 201, answer.text
    path = write(tmp_path, "made-there", made_by=["transformation/made-hourly"])
    assert run(["publish", str(path), "--node", str(city.folder)]) == 0
    with city.http(headers={"Accept": "text/turtle"}) as http:
        assert "transformations/made-hourly (version 1)" in http.get("/datasets/made-there").text


@pytest.mark.parametrize(
    ("entry", "why"),
    [
        ({"made_from": "missing.csv"}, "missing.csv is no file"),
        ({"made_by": []}, "made_by"),
        ({"path": "quarters.csv"}, "would be made of itself"),
        ({"made_by": ["transformation/nothing-such"]}, "there is no such asset"),
    ],
)
def test_what_cannot_be_made_is_not_published(
    city: Running, tmp_path: Path, capsys: pytest.CaptureFixture[str], entry: dict[str, Any], why: str
) -> None:
    path = write(tmp_path, "not-made", **entry)
    assert run(["publish", str(path), "--node", str(city.folder)]) != 0
    assert why in "".join(capsys.readouterr())
    assert (tmp_path / "quarters.csv").read_text() == ROWS
    with city.http() as http:
        assert http.get("/datasets/not-made").status_code == 404

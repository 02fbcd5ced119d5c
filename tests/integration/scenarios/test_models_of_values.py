"""Models of plain values: no table goes in, lists are parameters, and what is required is said."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.models import GRID, publish_model
from tests.nodes import Running, running


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory, sqlite_template: Path) -> Iterator[Running]:
    with running(tmp_path_factory.mktemp("values") / "gent", template=sqlite_template) as node:
        publish_model(node, "grid", code=GRID)
        yield node


@pytest.fixture
def http(node: Running) -> Iterator[httpx2.Client]:
    with node.http(headers=node.person()) as client:
        yield client


def execute(http: httpx2.Client, **inputs: Any) -> httpx2.Response:
    return http.post("/ogc/processes/grid/execution", json={"inputs": inputs})


def test_it_is_published_and_described(http: httpx2.Client) -> None:
    inputs = http.get("/ogc/processes/grid").json()["inputs"]
    assert {name: one["minOccurs"] for name, one in inputs.items()} == {
        "bbox": 1, "cell": 1, "names": 0, "weights": 0, "label": 0, "busy": 0,
    }  # fmt: skip
    numbers = {"type": "number", "minimum": -180, "maximum": 180}
    assert inputs["bbox"]["schema"] == {"type": "array", "items": numbers}
    assert inputs["names"]["schema"] == {"type": "array", "items": {"type": "string"}, "default": ["x"]}
    assert inputs["weights"]["schema"] == {"type": "array", "items": {"type": "number"}, "default": []}
    assert inputs["label"]["schema"] == {"type": "string", "default": "cell"}
    assert inputs["busy"]["schema"] == {"type": "boolean", "default": False}


def test_every_column_has_its_type(http: httpx2.Client) -> None:
    columns = http.get("/ogc/processes/grid").json()["outputs"]["cells"]["schema"]["items"]["properties"]
    assert {name: one["type"] for name, one in columns.items()} == {
        "name": "string", "mode": "string", "area": "number", "count": "integer", "busy": "boolean",
    }  # fmt: skip


def test_it_runs_on_values_alone(http: httpx2.Client) -> None:
    answer = execute(http, bbox=[3.0, 51.0, 4.0, 53.0], cell=100)
    assert answer.json() == [{"name": "x", "mode": "cell", "area": 2.0, "count": 0, "busy": False}]
    answer = execute(http, bbox=[3.0, 51.0, 4.0, 53.0], cell=100, names=["a", "b"], weights=[1])
    assert [(one["name"], one["count"]) for one in answer.json()] == [("a", 1), ("b", 1)]


@pytest.mark.parametrize("crs", [{}, {"crs": "http://www.opengis.net/def/crs/OGC/1.3/CRS84"}])
def test_a_bounding_box_as_the_standard_writes_it(http: httpx2.Client, crs: Any) -> None:
    answer = execute(http, bbox={"bbox": [3.0, 51.0, 4.0, 53.0], **crs}, cell=100)
    assert answer.json()[0]["area"] == 2.0


def test_a_bounding_box_in_other_coordinates_is_refused(http: httpx2.Client) -> None:
    other = {"bbox": [1, 2, 3, 4], "crs": "http://www.opengis.net/def/crs/EPSG/0/31370"}
    refused = execute(http, bbox=other, cell=100)
    assert refused.status_code == 400
    assert "EPSG/0/31370" in refused.json()["detail"]


def test_what_is_required_and_missing_is_named(http: httpx2.Client) -> None:
    refused = execute(http, cell=100)
    assert refused.status_code == 400
    assert "bbox" in refused.json()["detail"]

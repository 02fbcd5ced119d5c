"""Outputs beyond 32 MB: given out in pieces from where they lie, and refused clearly beyond the setting."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.models import publish_model
from tests.nodes import Running, running, until

LOADS = '''
from typing import Annotated, TypedDict
from node.sdk import Decimals, Unit, caveat, model

class Load(TypedDict):
    link: str
    path: str
    hour: Annotated[int, Unit("h")]
    flow: Annotated[float, Unit("1"), Decimals(1)]

class Sum(TypedDict):
    link: str
    flow: Annotated[float, Unit("1"), Decimals(1)]

class Found(TypedDict):
    loads: list[Load]
    sums: list[Sum]

@model(version="1.0.0")
def loads(
    links: Annotated[int, Unit("1")] = 914, width: Annotated[int, Unit("1")] = 1500
) -> Found:
    """Loads of each link and hour."""
    caveat("Made up.", code="made-up")
    rows = [
        {"link": f"{link:05d}", "path": "é\\"}]" + "x" * width, "hour": hour, "flow": link + hour / 10}
        for link in range(links) for hour in range(24)
    ]
    return {"loads": rows, "sums": [{"link": "a", "flow": 1.0}]}
'''
PATIENCE = 90.0


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory, sqlite_template: Path) -> Iterator[Running]:
    with running(tmp_path_factory.mktemp("large") / "gent", template=sqlite_template, model_answer=48 << 20) as node:
        publish_model(node, "loads", code=LOADS)
        yield node


@pytest.fixture
def http(node: Running) -> Iterator[httpx2.Client]:
    with node.http(headers=node.person()) as client:
        yield client


def ended(http: httpx2.Client, body: Any) -> tuple[str, dict[str, Any]]:
    made = http.post("/ogc/processes/loads/execution", json=body, headers={"Prefer": "respond-async"})
    url = made.headers["location"]

    def look() -> dict[str, Any] | None:
        info: dict[str, Any] = http.get(url).json()
        return info if info["status"] in ("successful", "failed") else None

    return url, until("the job ends", look, seconds=PATIENCE)


def test_outputs_of_a_large_network_are_streamed(http: httpx2.Client) -> None:
    url, info = ended(http, {"inputs": {}, "response": "document"})
    assert info["status"] == "successful", info
    received, largest = bytearray(), 0
    with http.stream("GET", f"{url}/results") as answer:
        for chunk in answer.iter_raw():
            received += chunk
            largest = max(largest, len(chunk))
    assert len(received) == int(answer.headers["content-length"]) > 32 << 20
    assert largest <= 1 << 20
    document = json.loads(received)
    assert set(document) == {"loads", "sums", "caveats"}
    assert len(document["loads"]) == 914 * 24
    assert document["loads"][25]["path"].startswith('é"}]x')
    assert document["caveats"][0]["code"] == "made-up"
    assert http.get(f"{url}/results/sums").json() == [{"link": "a", "flow": 1.0}] == document["sums"]
    assert http.get(f"{url}/results/loads").json() == document["loads"]


def test_small_ones_in_each_form(http: httpx2.Client) -> None:
    small = {"links": 1, "width": 1}
    raw = http.post("/ogc/processes/loads/execution", json={"inputs": small})
    assert raw.headers["content-type"].startswith("multipart/related")
    one = http.post("/ogc/processes/loads/execution", json={"inputs": small, "outputs": {"sums": {}}})
    assert one.json() == [{"link": "a", "flow": 1.0}]
    none = http.post("/ogc/processes/loads/execution", json={"inputs": {**small, "links": 0}, "response": "document"})
    assert none.json()["loads"] == []


def test_beyond_the_setting_it_is_said(http: httpx2.Client) -> None:
    _, info = ended(http, {"inputs": {"width": 3000}})
    assert info["status"] == "failed"
    assert "larger than 48 MB" in info["message"]

"""Conversions of units and coordinates, and frames of JSON-LD: published with an example, and tried at each door."""

from __future__ import annotations

import html
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
import yaml

from node.cli.main import run
from tests.integration.meaning.test_data_checks import described, publish
from tests.nodes import Running
from tests.portal_browser import csrf_of, signed_in

QUARTERS = {
    "type": "object",
    "required": ["segment", "flow"],
    "properties": {
        "segment": {"type": "string"},
        "flow": {"type": "number", "x-ogc-unit": "{vehicles}/(15.min)"},
        "x": {"type": "number"},
        "y": {"type": "number"},
    },
}
HOURS = {
    **QUARTERS,
    "properties": {**QUARTERS["properties"], "flow": {"type": "number", "x-ogc-unit": "{vehicles}/h"}},  # type: ignore[dict-item]
}
UNITS = {"flow": {"from": "{vehicles}/(15.min)", "to": "{vehicles}/h"}}
PLACES = {"from": "EPSG:31370", "to": "EPSG:4326", "columns": ["x", "y"], "result": ["lon", "lat"]}
ROW = {"segment": "A", "flow": 30, "x": 104000, "y": 193000}
MOVED = {"segment": "A", "flow": 30, "lon": 3.7128054, "lat": 51.0453415}
SAMPLE = b"segment,flow,x,y\nA,30,104000,193000\n"


def fields(name: str, language: str, definition: Any, **more: Any) -> dict[str, Any]:
    ends = {"from": "schema/quarter-flows", "to": "schema/hour-flows"}
    text = json.dumps(definition)
    return described("transformation", name, version="1", language=language, definition=text, **{**ends, **more})


@pytest.fixture(scope="module")
def http(city: Running) -> Iterator[httpx2.Client]:
    headers = {"Authorization": f"Bearer {city.token}", "Accept-Language": "en"}
    with httpx2.Client(base_url=city.url, headers=headers, timeout=120, trust_env=False) as client:
        for name, definition in (("quarter-flows", QUARTERS), ("hour-flows", HOURS)):
            assert publish(client, described("schema", name, version="1", definition=definition)).status_code == 201
        example = {"input": [ROW], "output": [{**ROW, "flow": 120}]}
        answer = publish(client, fields("to-hours", "unit conversion", UNITS, example=example))
        assert answer.status_code == 201, answer.text
        example = {"input": [ROW], "output": [MOVED]}
        answer = publish(client, fields("to-degrees", "coordinate conversion", PLACES, example=example))
        assert answer.status_code == 201, answer.text
        yield client


@pytest.mark.parametrize(
    ("language", "definition", "more", "why"),
    [
        ("unit conversion", {"flow": {"from": "{vehicles}/h", "to": "s"}}, {}, "cannot be converted"),
        ("unit conversion", {"speed": {"from": "m/s", "to": "km/h"}}, {}, "speed"),
        ("unit conversion", UNITS, {"example": {"input": [ROW], "output": [ROW]}}, "120"),
        ("coordinate conversion", {**PLACES, "to": "EPSG:99999"}, {}, "not known here"),
        ("coordinate conversion", {**PLACES, "from": "https://peer.example/crs"}, {}, "coordinate reference system"),
        ("JSON-LD framing", {"context": "https://peer.example/c", "frame": {}}, {}, "is not loaded"),
        ("JSON-LD framing", {"context": {}}, {}, "has no frame"),
        ("coordinate conversion", PLACES, {"example": {"input": [{**ROW, "x": 1e300}]}}, "place"),
    ],
)
def test_one_that_cannot_work_is_not_published(
    http: httpx2.Client, language: str, definition: Any, more: dict[str, Any], why: str
) -> None:
    answer = publish(http, fields("wrong", language, definition, **more))
    findings = json.dumps(answer.json())
    if why == "speed":  # A schema that is not closed may have more columns: this is a warning.
        assert answer.status_code == 201
    else:
        assert answer.status_code == 422, answer.text
    assert why in findings


@pytest.mark.parametrize(("name", "rows"), [("to-hours", [{**ROW, "flow": 120}]), ("to-degrees", [MOVED])])
def test_each_door_tries_it(
    city: Running, http: httpx2.Client, name: str, rows: list[Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    iri = f"{city.url}/transformations/{name}"
    answer = http.post("/api/transformations/try", params={"transformation": iri, "name": "rows.csv"}, content=SAMPLE)
    assert answer.status_code == 200, answer.text
    assert answer.json()["output"]["rows"] == rows
    assert answer.json()["repeatable"] is True
    (tmp_path / "rows.csv").write_bytes(SAMPLE)
    output = tmp_path / "out.json"
    command = ["transform", iri, "--input", str(tmp_path / "rows.csv"), "--node", str(city.folder)]
    assert run([*command, "-o", str(output)]) == 0
    capsys.readouterr()
    assert json.loads(output.read_text()) == rows
    language, definition = ("unit conversion", UNITS) if name == "to-hours" else ("coordinate conversion", PLACES)
    (tmp_path / "here.yaml").write_text(yaml.safe_dump({"language": language, "definition": definition}))
    assert run(["transform", str(tmp_path / "here.yaml"), "--input", str(tmp_path / "rows.csv")]) == 0
    assert ("120" if name == "to-hours" else "3.7128054") in "".join(capsys.readouterr())


def test_the_page_tries_it(city: Running, http: httpx2.Client) -> None:
    with signed_in(city) as browser:
        place = "/transformation/try"
        form = browser.get(place, params={"iri": f"{city.url}/transformations/to-degrees"})
        assert form.status_code == 200, form.text
        data = {"csrf": csrf_of(form.text), "iri": f"{city.url}/transformations/to-degrees"}
        page = browser.post(place, data=data, files={"file": ("rows.csv", SAMPLE, "text/csv")})
        assert "3.7128054" in html.unescape(page.text), page.text


def test_a_draft_between_schemas_with_other_units_finds_it(city: Running, http: httpx2.Client) -> None:
    ends = {"from": f"{city.url}/schemas/quarter-flows", "to": f"{city.url}/schemas/hour-flows"}
    answer = http.get("/api/transformations/draft", params=ends)
    assert answer.status_code == 200, answer.text
    chains = answer.json()["chains"]
    assert chains[0]["steps"][0] == {
        "transformation": f"{city.url}/transformations/to-hours",
        "titles": chains[0]["steps"][0]["titles"],
        "losses": [],
    }


def test_a_frame_is_published_with_its_example_and_tried(city: Running, http: httpx2.Client) -> None:
    context = {"@vocab": "https://ghent.example/terms#"}
    frame = {"context": context, "frame": {"@context": context, "flow": {}}}
    example = {"input": [ROW], "output": [ROW]}
    answer = publish(http, fields("framed", "JSON-LD framing", frame, example=example))
    assert answer.status_code == 201, answer.text
    trial = http.post(
        "/api/transformations/try", params={"transformation": "transformation/framed"}, json=[ROW, {"other": 1}]
    )
    assert trial.json()["output"]["rows"] == [ROW]
    hostile = [{**ROW, "@context": "http://169.254.169.254/"}]
    refusal = http.post("/api/transformations/try", params={"transformation": "transformation/framed"}, json=hostile)
    assert refusal.status_code == 400
    assert "brings a context of its own" in refusal.text

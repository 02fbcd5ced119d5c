"""Mappings are drafted between two schemas, corrected by a person and published: terminal, API, page."""

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

SPEED = "https://data.example/terms#averageVehicleSpeed"
PLZEN = {
    "type": "object",
    "required": ["usek", "v"],
    "properties": {
        "usek": {"type": "string", "title": "Road segment"},
        "v": {"type": "number", "x-ogc-unit": "m/s", "x-jsonld-id": SPEED},
        "intenzita": {"type": "integer", "x-ogc-unit": "{vehicles}/(15.min)"},
        "poznamka": {"type": "string"},
    },
}
GENT = {
    "type": "object",
    "required": ["segmentId", "speed", "flow"],
    "properties": {
        "segmentId": {"type": "string", "title": "Road segment"},
        "speed": {"type": "number", "x-ogc-unit": "km/h", "x-jsonld-id": SPEED},
        "flow": {"type": "number", "x-ogc-unit": "{vehicles}/h"},
        "status": {"const": "observed"},
        "noise": {"type": "number", "x-ogc-unit": "dB[SPL]"},
    },
}
MIDDLE = {"type": "object", "required": ["segment"], "properties": {"segment": {"type": "string"}}}
DEFINITION = {
    "units": {"v": "m/s", "intenzita": "{vehicles}/(15.min)"},
    "segmentId": {"rename": "usek"},
    "speed": {"rename": "v", "unit": "km/h"},
    "flow": {"rename": "intenzita", "unit": "{vehicles}/h"},
    "status": {"constant": "observed"},
}
SAMPLE = b"usek,v,intenzita,poznamka\nA,10,30,x\n"
OUTPUT = [{"segmentId": "A", "speed": 36.0, "flow": 120.0, "status": "observed"}]


@pytest.fixture(scope="module")
def http(city: Running) -> Iterator[httpx2.Client]:
    headers = {"Authorization": f"Bearer {city.token}", "Accept-Language": "en"}
    with httpx2.Client(base_url=city.url, headers=headers, timeout=120, trust_env=False) as client:
        for name, definition in (("plzen", PLZEN), ("gent", GENT), ("middle", MIDDLE)):
            assert publish(client, described("schema", name, version="1", definition=definition)).status_code == 201
        yield client


def draft(http: httpx2.Client, **params: Any) -> dict[str, Any]:
    answer = http.get("/api/transformations/draft", params={"from": "schema/plzen", "to": "schema/gent", **params})
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def column_of(answer: dict[str, Any], name: str) -> dict[str, Any]:
    return next(column for column in answer["columns"] if column["name"] == name)


def test_the_api_drafts_by_terms_labels_and_units(http: httpx2.Client) -> None:
    answer = draft(http)
    assert answer["definition"] == DEFINITION
    assert answer["covers"] is True
    assert answer["gaps"] == ["noise"]
    assert answer["unread"] == ["poznamka"]
    reasons = {column["name"]: [reason["code"] for reason in column["reasons"]] for column in answer["columns"]}
    assert reasons == {
        "segmentId": ["same-label"],
        "speed": ["same-term", "converted"],
        "flow": ["only-unit", "converted"],
        "status": ["constant"],
        "noise": ["no-match"],
    }
    certainty = {column["name"]: column.get("certainty") for column in answer["columns"]}
    assert certainty["speed"] == "sure"
    assert certainty["flow"] == "doubtful"
    dutch = http.get(
        "/api/transformations/draft",
        params={"from": "schema/plzen", "to": "schema/gent"},
        headers={"Accept-Language": "nl"},
    ).json()
    assert column_of(dutch, "speed")["reasons"][0]["text"] == "Beide betekenen dezelfde term: averageVehicleSpeed."


def test_a_person_chooses_columns_and_leaves_fields_out(http: httpx2.Client) -> None:
    answer = draft(http, column=["flow:", "segmentId:poznamka"])
    assert "flow" not in answer["definition"]
    assert answer["definition"]["segmentId"] == {"rename": "poznamka"}
    assert answer["covers"] is False
    wrong_unit = draft(http, column="speed:intenzita")
    speed = column_of(wrong_unit, "speed")
    assert "rule" not in speed
    assert speed["reasons"][-1]["code"] == "units-differ"
    refusal = http.get(
        "/api/transformations/draft",
        params={"from": "schema/plzen", "to": "schema/gent", "column": "speed:nothing"},
    )
    assert refusal.status_code == 400, refusal.text
    assert "there is no column nothing" in refusal.text
    assert "usek" in refusal.json()["remedy"]


def test_chains_go_over_registered_transformations(http: httpx2.Client) -> None:
    assert draft(http)["chains"] == []
    steps = (
        ("first-step", "plzen", "middle", {"segment": {"rename": "usek"}}),
        (
            "second-step",
            "middle",
            "gent",
            {
                "segmentId": {"rename": "segment"},
                "speed": {"constant": 1, "unit": "km/h"},
                "flow": {"constant": 1, "unit": "{vehicles}/h"},
            },
        ),
        ("direct", "plzen", "gent", {key: value for key, value in DEFINITION.items() if key != "status"}),
    )
    for name, source, target, definition in steps:
        ends = {"from": f"schema/{source}", "to": f"schema/{target}"}
        fields = described(
            "transformation", name, version="1", language="column mapping", definition=definition, **ends
        )
        answer = publish(http, fields)
        assert answer.status_code == 201, answer.text
    chains = draft(http)["chains"]
    names = [[step["transformation"].rpartition("/")[2] for step in chain["steps"]] for chain in chains]
    assert names == [["direct"], ["first-step", "second-step"]]
    assert chains[0]["cost"] < chains[1]["cost"]
    losses = [loss["text"] for loss in chains[1]["steps"][0]["losses"]]
    assert losses == ["Not carried on: intenzita, poznamka, v."]


def test_the_page_is_corrected_and_publishes(city: Running, http: httpx2.Client) -> None:
    iri = f"{city.url}/schemas/plzen"
    with signed_in(city) as browser:
        assert "/transformation/draft?from=" in browser.get("/schemas/plzen").text
        where = {"from": iri, "to": "schema/gent", "column.flow": "-"}
        page = browser.get("/transformation/draft", params=where)
        assert page.status_code == 200, page.text
        assert "Both mean the same term: averageVehicleSpeed." in page.text
        text = html.unescape(
            page.text.partition('<textarea id="definition"')[2].partition(">")[2].partition("</textarea>")[0]
        )
        assert json.loads(text) == {
            key: value if key != "units" else {"v": "m/s"} for key, value in DEFINITION.items() if key != "flow"
        }
        fields = {"csrf": csrf_of(page.text), "from": iri, "to": f"{city.url}/schemas/gent", "title": "To Gent"}
        fields |= {"id": "to-gent", "description": "From Plzeň.", "definition": text}
        refusal = browser.post("/transformation/draft", data=fields)
        assert refusal.status_code == 422
        assert "demands the column flow" in refusal.text
        fields["definition"] = json.dumps(DEFINITION)
        answer = browser.post("/transformation/draft", data=fields)
        assert answer.status_code == 303, answer.text
        forged = browser.post("/transformation/draft", data={**fields, "csrf": "x"})
        assert forged.status_code == 403
        broken = browser.post("/transformation/draft", data={**fields, "definition": "{"})
        assert broken.status_code == 400
    trial = http.post(
        "/api/transformations/try", params={"transformation": "transformation/to-gent"}, content=SAMPLE
    ).json()
    assert trial["output"]["rows"] == OUTPUT
    with httpx2.Client(base_url=city.url, trust_env=False) as stranger:
        assert stranger.get("/transformation/draft", params={"from": iri}).status_code in (303, 401)
        assert stranger.get("/api/transformations/draft", params={"from": iri, "to": iri}).status_code in (401, 403)


def test_the_terminal_writes_a_transformation(
    city: Running,
    http: httpx2.Client,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("HANSA_NODE", str(city.folder))
    target = tmp_path / "to-gent.yaml"
    code = run(["mapping", "schema/plzen", "schema/gent", "--output", str(target)])
    shown = capsys.readouterr()
    assert code == 0, shown.err
    assert "Both mean the same term: averageVehicleSpeed" in shown.out
    description = yaml.safe_load(target.read_text("utf-8"))
    assert description["definition"] == DEFINITION
    assert "# nothing fills noise" in target.read_text("utf-8")
    rows = tmp_path / "rows.csv"
    rows.write_bytes(SAMPLE)
    assert run(["--json", "transform", str(target), "--input", str(rows)]) == 0
    assert json.loads(capsys.readouterr().out)["output"]["rows"] == OUTPUT


@pytest.mark.parametrize("end", ["schema/none", "transformation/direct", ""])
def test_an_end_without_fields_is_refused_in_words(http: httpx2.Client, end: str) -> None:
    answer = http.get("/api/transformations/draft", params={"from": end, "to": "schema/gent"})
    assert answer.status_code in (400, 404), answer.text
    assert answer.json()["remedy"]

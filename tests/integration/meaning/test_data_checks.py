"""Data checked against a schema: when they are published, at the terminal, in the API, and on pages."""

from __future__ import annotations

import html
import json
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx2
import pytest

from node.cli.exits import REFUSED
from node.cli.main import run
from tests.nodes import Running, running
from tests.portal_browser import csrf_of, signed_in

FLOW = {
    "type": "object",
    "required": ["segment"],
    "properties": {
        "segment": {"type": "string", "pattern": "^s[0-9]+$"},
        "intensity": {"type": "integer", "maximum": 900},
    },
}
GOOD = b"segment;intensity\ns1;12\ns2;900\n"
BAD = b"segment;intensity\ns1;12\nx2;901\ns3;many\n"


def described(kind: str, name: str, **more: Any) -> dict[str, Any]:
    fields = {"kind": kind, "id": name, "title": name, "description": "For a test.", "license": "CC-BY-4.0"}
    return {**fields, "contact": {"name": "Mobility", "email": "m@example.org"}, "conditions": "open", **more}


def publish(http: httpx2.Client, fields: dict[str, Any], *files: dict[str, Any], **more: Any) -> httpx2.Response:
    return http.post("/api/records", json={"fields": fields, "files": list(files), **more})


def upload(http: httpx2.Client, name: str, body: bytes) -> dict[str, Any]:
    headers = {"X-File-Name": name, "Content-Type": "text/csv"}
    return dict(http.post("/api/files", content=body, headers=headers).json())


@pytest.fixture(scope="module")
def http(city: Running) -> Iterator[httpx2.Client]:
    headers = {"Authorization": f"Bearer {city.token}"}
    with httpx2.Client(base_url=city.url, headers=headers, timeout=120, trust_env=False) as client:
        for name, more in (("lenient", {}), ("firm", {"wrong_data": "refuse"}), ("hidden", {"audience": "internal"})):
            answer = publish(client, described("schema", name, version="1", definition=FLOW, **more))
            assert answer.status_code == 201, answer.text
        yield client


def test_a_schema_says_whether_wrong_data_are_refused(http: httpx2.Client) -> None:
    bad = upload(http, "bad.csv", BAD)
    marked = publish(http, described("dataset", "marked", conforms_to="schema/lenient"), bad)
    assert marked.status_code == 201, marked.text
    assert any(one["rule"] == "file:breaks-schema" for one in marked.json()["warnings"])
    refused = publish(http, described("dataset", "refused", conforms_to="schema/firm"), bad)
    assert refused.status_code == 422
    messages = [one["message"] for one in refused.json()["findings"] if one["severity"] == "violation"]
    assert any("row 2, segment" in message and "^s[0-9]+$" in message for message in messages), messages
    good = publish(http, described("dataset", "good", conforms_to="schema/firm"), upload(http, "good.csv", GOOD))
    assert good.status_code == 201, good.text


def test_a_setting_says_so_for_schemas_that_do_not(tmp_path: Path, sqlite_template: Path) -> None:
    with running(tmp_path / "strict", template=sqlite_template, wrong_data="refuse") as node:
        headers = {"Authorization": f"Bearer {node.token}"}
        with httpx2.Client(base_url=node.url, headers=headers, timeout=60, trust_env=False) as http:
            for name, more in (("plain", {}), ("mild", {"wrong_data": "warn"})):
                publish(http, described("schema", name, version="1", definition=FLOW, **more))
            bad = upload(http, "bad.csv", BAD)
            codes = [
                publish(http, described("dataset", f"of-{name}", conforms_to=f"schema/{name}"), bad).status_code
                for name in ("plain", "mild")
            ]
    assert codes == [422, 201]


def test_the_api_checks_a_file_and_keeps_nothing(city: Running, http: httpx2.Client) -> None:
    answer = http.post("/api/schemas/check", params={"schema": "schema/lenient"}, content=BAD)
    assert answer.status_code == 200, answer.text
    report = answer.json()
    assert (report["conforms"], report["count"], report["rows"], report["whole"]) == (False, 3, 3, True)
    assert [(one["row"], one["column"], one["what"]) for one in report["breaches"]] == [
        (2, "segment", "pattern"),
        (2, "intensity", "more"),
        (3, "intensity", "number"),
    ]
    good = http.post("/api/schemas/check", params={"schema": "schema/lenient"}, content=GOOD).json()
    assert good["conforms"] is True
    rows = json.dumps([{"segment": "s1"}, {"intensity": 1}]).encode()
    members = http.post("/api/schemas/check", params={"schema": "schema/lenient"}, content=rows).json()
    assert [(one["row"], one["column"], one["what"]) for one in members["breaches"]] == [(2, "segment", "missing")]
    assert list((city.folder).rglob("*.data")) == []


@pytest.mark.parametrize(
    ("schema", "body", "status"),
    [
        ("schema/none", GOOD, 404),
        ("schema/lenient", b"", 400),
        ("schema/lenient", b"%PDF-1.7 x", 400),
        ("schema/lenient", b'[{"segment": "s1"}, ', 400),
        ("schema/lenient", b'[{"a":' + b"[" * 5000, 400),
        ("ontology/none", GOOD, 404),
    ],
)
def test_bad_input_gets_a_clear_error(http: httpx2.Client, schema: str, body: bytes, status: int) -> None:
    answer = http.post("/api/schemas/check", params={"schema": schema}, content=body)
    assert answer.status_code == status, answer.text
    assert answer.json()["remedy"]


def test_strangers_check_nothing(city: Running, http: httpx2.Client) -> None:
    with city.http() as stranger:
        for schema in ("schema/lenient", "schema/hidden", "schema/none"):
            answer = stranger.post("/api/schemas/check", params={"schema": schema}, content=GOOD)
            assert answer.status_code == 401


def test_patterns_that_explode_and_references_to_elsewhere(http: httpx2.Client) -> None:
    schema = {
        "properties": {
            "a": {"type": "string", "pattern": "^(a+)+$"},
            "b": {"$ref": "http://169.254.169.254/latest"},
            "c": {"$ref": "#/properties/c"},
            "d": {"type": "integer"},
        }
    }
    assert publish(http, described("schema", "hostile", version="1", definition=schema)).status_code == 201
    body = b"a,b,c,d\n" + b"\n".join(b"a" * 40 + b"!,x,y,z" for _ in range(100)) + b"\n"
    report = http.post("/api/schemas/check", params={"schema": "schema/hostile"}, content=body).json()
    assert report["untried"] == ["^(a+)+$"]
    assert report["notCompared"] == ["$ref (b, c)"], "nothing is fetched, and that is said"
    assert (report["count"], report["conforms"]) == (100, False), "the rest is checked"


STATION = {
    "oneOf": [
        {"properties": {"kind": {"const": "bus"}}, "required": ["line"]},
        {"properties": {"kind": {"const": "bicycle"}}, "required": ["places"]},
    ],
    "properties": {"tags": {"uniqueItems": True}},
    "patternProperties": {"^x-": {"type": "string"}},
}


def test_rules_that_combine_schemas_reach_api_and_terminal(
    city: Running,
    http: httpx2.Client,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert publish(http, described("schema", "station", version="1", definition=STATION)).status_code == 201
    good, bad = {"kind": "bus", "line": 3, "tags": ["a", "b"]}, {"kind": "bus", "places": 3, "tags": ["a", "a"]}
    body = json.dumps([good, bad, {**good, "x-note": 1}]).encode()
    report = http.post("/api/schemas/check", params={"schema": "schema/station"}, content=body).json()
    texts = [breach["text"] for breach in report["breaches"]]
    assert texts == [
        "row 2, tags: its items 1 and 2 are the same",
        "row 2: fits none of the 2 forms that the schema allows; form 1 is the nearest",
        "row 3, x-note: 1 is not of type string",
    ]
    assert report["notCompared"] == []
    path = tmp_path / "stations.json"
    path.write_bytes(body)
    monkeypatch.setenv("HANSA_NODE", str(city.folder))
    assert run(["check", str(path), "--schema", "schema/station"]) == REFUSED
    printed = capsys.readouterr().out
    assert all(text in printed for text in texts)
    path.write_text(json.dumps([good]))
    assert run(["check", str(path), "--schema", "schema/station"]) == 0
    assert "stations.json fits the schema" in capsys.readouterr().out


def test_sixty_four_callers_at_once_are_answered(http: httpx2.Client) -> None:
    def check(_: int) -> int:
        answer = http.post("/api/schemas/check", params={"schema": "schema/lenient"}, content=BAD)
        assert answer.status_code != 200 or answer.json()["count"] == 3
        return answer.status_code

    with ThreadPoolExecutor(64) as callers:
        codes = Counter(callers.map(check, range(64)))
    assert codes.keys() <= {200, 429, 503}
    assert codes[200] >= 8
    assert http.post("/api/schemas/check", params={"schema": "schema/lenient"}, content=GOOD).json()["conforms"]


def test_the_terminal(
    city: Running,
    http: httpx2.Client,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("HANSA_NODE", str(city.folder))
    path = tmp_path / "counts.csv"
    path.write_bytes(BAD)
    assert run(["check", str(path), "--schema", "schema/lenient"]) == REFUSED
    output = capsys.readouterr()
    assert "counts.csv does not fit the schema: 3 values in 3 rows" in output.err
    assert "row 3, intensity: 'many' is not a number" in output.out
    path.write_bytes(GOOD)
    local = tmp_path / "flow.json"
    local.write_text(json.dumps(FLOW))
    assert run(["check", str(path), "--schema", str(local)]) == 0
    assert "counts.csv fits the schema" in capsys.readouterr().out
    local.write_text(json.dumps({"properties": {"segment": {"type": "string", "format": "hostname"}}}))
    assert run(["check", str(path), "--schema", str(local)]) == 0
    output = capsys.readouterr()
    assert "counts.csv fits the rules that were compared" in output.out
    assert "not compared with these rules, or not to the end: format (segment)" in output.err
    assert run(["--json", "check", str(path), "--schema", "schema/lenient"]) == 0
    assert json.loads(capsys.readouterr().out)["conforms"] is True
    assert run(["check", str(path), "--schema", "dataset/none"]) != 0


def test_the_page(city: Running, http: httpx2.Client) -> None:
    iri = f"{city.url}/schemas/lenient"
    with signed_in(city) as browser:
        assert "/schema/check?iri=" in browser.get("/schemas/lenient").text
        page = browser.get("/schema/check", params={"iri": iri})
        assert page.status_code == 200
        fields = {"csrf": csrf_of(page.text), "iri": iri}
        answer = browser.post("/schema/check", data=fields, files={"file": ("bad <b>.csv", BAD, "text/csv")})
        text = html.unescape(answer.text)
        assert answer.status_code == 200
        assert "3 values do not fit the schema. 3 rows were compared." in text
        assert "row 2, segment" in text
        assert "bad <b>.csv" not in answer.text
        dated = {"properties": {"segment": {"type": "string", "format": "hostname"}}}
        assert publish(http, described("schema", "dated", version="1", definition=dated)).status_code == 201
        of_dates = {**fields, "iri": f"{city.url}/schemas/dated"}
        partly = html.unescape(browser.post("/schema/check", data=of_dates, files={"file": ("a.csv", GOOD)}).text)
        assert "What was compared fits the schema." in partly
        assert "not compared with these rules of the schema: <code>format (segment)</code>" in partly
        empty = browser.post("/schema/check", data=fields, files={"file": ("a.csv", b"", "text/csv")})
        assert empty.status_code == 400
        forged = browser.post("/schema/check", data={"csrf": "x", "iri": iri}, files={"file": ("a.csv", GOOD)})
        assert forged.status_code == 403
    with city.http(headers={"Accept": "text/html"}) as stranger:
        assert "/schema/check?iri=" not in stranger.get("/schemas/lenient").text
        assert stranger.get("/schema/check", params={"iri": iri}).status_code in (303, 401)

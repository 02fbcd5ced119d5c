"""Schemas in other languages than JSON Schema: published, shown, compared, checked against, converted, drafted."""

from __future__ import annotations

import html
import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx2
import pytest

from node.cli.exits import REFUSED
from node.cli.main import run
from tests.integration.meaning.test_data_checks import described, publish
from tests.nodes import Running
from tests.portal_browser import csrf_of, signed_in
from tests.unit.semantics.test_schema_languages import AVRO, SHACL, SPEED, TABLE

ONTOLOGY = f"""@prefix owl: <http://www.w3.org/2002/07/owl#> . @prefix dct: <http://purl.org/dc/terms/> .
@prefix rdfs: <http://www.w3.org/2000/01/rdf-schema#> . @prefix xsd: <http://www.w3.org/2001/XMLSchema#> .
<https://terms.example/> a owl:Ontology ; dct:title "Terms"@en ; dct:description "For a test."@en ;
  dct:license <http://publications.europa.eu/resource/authority/licence/CC_BY_4_0> ; owl:versionInfo "1" .
<https://terms.example/Flow> a owl:Class ; rdfs:label "flow"@en ; rdfs:comment "A flow."@en ;
  rdfs:subClassOf <https://terms.example/Observation> , [ a owl:Restriction ; owl:onProperty <{SPEED}> ;
    owl:minCardinality 1 ] .
<https://terms.example/Observation> a owl:Class ; rdfs:label "observation"@en ; rdfs:comment "One."@en .
<https://terms.example/at> a owl:DatatypeProperty ; rdfs:label "time"@en ; rdfs:comment "When."@en ;
  rdfs:domain <https://terms.example/Observation> ; rdfs:range xsd:dateTime .
<{SPEED}> a owl:DatatypeProperty ; rdfs:label "average vehicle speed"@en ; rdfs:comment "How fast."@en ;
  rdfs:domain <https://terms.example/Flow> ; rdfs:range xsd:decimal ."""
WIDE = {"properties": {f"f{number}": {"type": "string"} for number in range(600)}}
COLUMNS = [{"name": "v", "type": "number", "unit": "km/h", "property": SPEED}]


@pytest.fixture(scope="module")
def http(city: Running) -> Iterator[httpx2.Client]:
    headers = {"Authorization": f"Bearer {city.token}"}
    with httpx2.Client(base_url=city.url, headers=headers, timeout=120, trust_env=False) as client:
        for name, definition in (("shapes", SHACL), ("record", json.dumps(AVRO)), ("table", TABLE)):
            answer = publish(client, described("schema", name, version="1", definition=definition))
            assert answer.status_code == 201, answer.text
        files = [{"name": "a.csv", "url": "https://files.example/a.csv", "tables": [{"columns": COLUMNS}]}]
        for name, more in (("own", {"files": files}), ("by-schema", {"conforms_to": "schema/shapes"})):
            answer = publish(client, described("dataset", name, **more))
            assert answer.status_code == 201, answer.text
        document = {"document": ONTOLOGY, "mediaType": "text/turtle", "conditions": {"template": "open"}}
        contact = {"fields": {"contact": {"name": "Mobility", "email": "m@example.org"}}}
        answer = client.post("/api/records", json={**document, **contact})
        assert answer.status_code == 201, answer.text
        yield client


def test_the_fields_of_a_schema_are_part_of_its_record(city: Running, http: httpx2.Client) -> None:
    query = (
        "SELECT ?name ?unit ?term WHERE { <BASE/schemas/shapes> csvw:column ?c . ?c csvw:name ?name . "
        "OPTIONAL { ?c <http://qudt.org/schema/qudt/ucumCode> ?unit } OPTIONAL { ?c csvw:propertyUrl ?term } } "
        "ORDER BY ?name"
    ).replace("BASE", city.url)
    prefix = "PREFIX csvw: <http://www.w3.org/ns/csvw#> "
    rows = http.get("/sparql", params={"query": prefix + query}).json()["results"]["bindings"]
    assert [row["name"]["value"] for row in rows] == ["day", "segment", "speed"]
    assert rows[2]["unit"]["value"] == "km/h"
    assert rows[2]["term"]["value"] == SPEED


def test_data_and_versions_are_checked_in_any_language(http: httpx2.Client) -> None:
    bad = b"segment,speed,day\ns1,many,2026-01-01\ntoolongasegment,-1,\n"
    report = http.post("/api/schemas/check", params={"schema": "schema/shapes"}, content=bad).json()
    assert {(one["row"], one["column"], one["what"]) for one in report["breaches"]} == {
        (1, "speed", "number"),
        (2, "speed", "less"),
        (2, "segment", "length"),
    }
    narrower = described(
        "schema", "shapes", version="2", definition=SHACL.replace("sh:maxLength 9", "sh:maxLength 5")
    )
    answer = publish(http, narrower, dryRun=True).json()
    assert answer["impact"]["verdict"] == "forward"
    assert [change["subject"] for change in answer["impact"]["changes"]] == ["segment"]


def test_fields_are_found_by_their_meaning(city: Running, http: httpx2.Client) -> None:
    for means in (SPEED, "averageVehicleSpeed", "vehicle speed"):
        fields = http.get("/api/catalogue/fields", params={"means": means}).json()["fields"]
        assert [(field["iri"].rpartition("/")[2], field["field"]) for field in fields] == [
            ("by-schema", "speed"),
            ("own", "v"),
            ("record", "speed"),
            ("shapes", "speed"),
            ("table", "speed"),
        ], means
    assert http.get("/api/catalogue/fields", params={"means": "a> } #"}).json()["fields"] == []
    with city.http() as stranger:
        assert len(stranger.get("/api/catalogue/fields", params={"means": SPEED}).json()["fields"]) == 5


def test_the_api_reads_converts_and_drafts(city: Running, http: httpx2.Client) -> None:
    reading = http.post("/api/schemas/read", params={"to": "avro"}, content=json.dumps(TABLE)).json()
    assert reading["language"] == "table-schema"
    assert json.loads(reading["schema"])["type"] == "record"
    assert {loss["what"] for loss in reading["losses"]} == {"maxLength", "minimum", "optional"}
    of_asset = http.get("/api/schemas/fields", params={"schema": "schema/record", "to": "table-schema"}).json()
    assert [field["name"] for field in json.loads(of_asset["schema"])["fields"]] == ["segment", "speed", "day"]
    assert of_asset["losses"] == []
    of_class = http.get("/api/schemas/draft", params={"from": "https://terms.example/Flow"}).json()["definition"]
    assert of_class["properties"]["averageVehicleSpeed"]["type"] == "number"
    assert of_class["properties"]["at"]["format"] == "date-time"
    assert of_class["required"] == ["averageVehicleSpeed"]
    of_dataset = http.get("/api/schemas/draft", params={"from": "dataset/own"}).json()["definition"]
    assert of_dataset["properties"]["v"]["x-ogc-unit"] == "km/h"
    assert http.get("/api/schemas/draft", params={"from": "https://terms.example/None"}).status_code == 404
    with city.http() as stranger:
        assert stranger.post("/api/schemas/read", content=b"{}").status_code == 401


def test_hostile_schemas_harm_nothing(http: httpx2.Client) -> None:
    large = http.post("/api/schemas/read", content=b" " * (5 << 20))
    assert large.status_code == 413
    bad = [b"{", b"<?xml version='1.0'?><!DOCTYPE x SYSTEM 'file:///etc/passwd'><x/>", b'{"fields":' + b"[" * 5000]
    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda body: http.post("/api/schemas/read", content=body), bad * 8))
    assert {answer.status_code for answer in answers} == {400}
    assert all(answer.json()["remedy"] for answer in answers)
    odd = described("schema", "odd", version="1", definition="This is no schema in any language.")
    published = publish(http, odd)
    assert published.status_code == 201
    assert any(one["rule"] == "field:unread-schema" for one in published.json()["warnings"])


def test_the_terminal_shows_converts_checks_and_drafts(
    city: Running, http: httpx2.Client, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    avro, rows = tmp_path / "flow.avsc", tmp_path / "rows.csv"
    avro.write_text(json.dumps(AVRO))
    rows.write_text("segment,speed,day\ns1,12,2026-01-01\ns2,many,\n")
    assert run(["schema", "show", str(avro)]) == 0
    assert "km/h" in capsys.readouterr().out
    wide = tmp_path / "wide.json"
    wide.write_text(json.dumps(WIDE))
    assert run(["schema", "show", str(wide)]) == 0
    assert "the first 500 fields are shown" in capsys.readouterr().err
    out = tmp_path / "flow.ttl"
    assert run(["schema", "convert", str(avro), "--to", "shacl", "--output", str(out)]) == 0
    assert "sh:NodeShape" in out.read_text()
    assert run(["check", str(rows), "--schema", str(out)]) == REFUSED
    assert "'many' is not a number" in capsys.readouterr().out
    assert run(["schema", "draft", str(rows)]) == 0
    assert '"segment"' in capsys.readouterr().out
    node = ["--node", str(city.folder)]
    assert run(["schema", "show", "schema/shapes", *node]) == 0
    assert "SHACL" in capsys.readouterr().out
    assert run(["check", str(rows), "--schema", "schema/shapes", *node]) == REFUSED
    assert run(["terms", SPEED, "--fields", *node]) == 0
    assert "by-schema" in capsys.readouterr().out


def test_pages_show_fields_convert_and_draft(city: Running, http: httpx2.Client) -> None:
    with signed_in(city) as browser:
        page = html.unescape(browser.get("/schemas/shapes").text)
        assert "SHACL" in page
        assert "km/h" in page
        shown = html.unescape(browser.get("/schema/convert", params={"iri": f"{city.url}/schemas/shapes"}).text)
        assert "length ≤ 9" in shown
        form = browser.get("/schema/convert")
        answer = browser.post(
            "/schema/convert",
            data={"csrf": csrf_of(form.text), "to": "csvw"},
            files={"file": ("flow.avsc", json.dumps(AVRO).encode())},
        )
        assert answer.status_code == 200
        assert "http://www.w3.org/ns/csvw" in html.unescape(answer.text)
        wide = browser.post(
            "/schema/convert",
            data={"csrf": csrf_of(form.text)},
            files={"file": ("wide.json", json.dumps(WIDE).encode())},
        )
        assert "The first 500 are shown." in wide.text
        assert "The first" not in answer.text
        drafted = browser.get("/schema/convert", params={"from": "https://terms.example/Flow"})
        assert "averageVehicleSpeed" in drafted.text
        term = html.unescape(browser.get("/term", params={"iri": SPEED}).text)
        assert "Fields that mean this" in term

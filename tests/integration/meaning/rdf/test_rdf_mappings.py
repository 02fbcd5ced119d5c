"""Mappings in RML and YARRRML: published with an example, tried at each door, a step among others, and refused."""

from __future__ import annotations

import html
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
import yaml
from pyoxigraph import RdfFormat, parse

from node.cli.main import run
from tests.integration.meaning.test_data_checks import described, publish
from tests.nodes import Running
from tests.portal_browser import csrf_of, signed_in

ROWS = {
    "type": "object",
    "required": ["id", "name"],
    "properties": {"id": {"type": "string"}, "name": {"type": "string"}, "flow": {"type": "number"}},
}
YARRRML = {
    "prefixes": {"ex": "https://gent.example/ns#"},
    "mappings": {
        "station": {
            "sources": [["input~csv"]],
            "s": "https://gent.example/station/$(id)",
            "po": [["a", "ex:Station"], ["to:name", "$(name)"], ["ex:flow", "$(flow)", "xsd:decimal"]],
        }
    },
}
RML = """
@prefix rml: <http://w3id.org/rml/> .
<urn:m> rml:logicalSource [ rml:source "input" ; rml:referenceFormulation rml:XPath ; rml:iterator "/s/station" ] ;
  rml:subjectMap [ rml:template "https://gent.example/station/{@id}" ] ;
  rml:predicateObjectMap [ rml:predicate rdfs:label ; rml:objectMap [ rml:reference "name" ] ] .
"""
EXAMPLE = {
    "input": "<s><station id='1'><name>Dampoort</name></station></s>",
    "output": "<https://gent.example/station/1> rdfs:label 'Dampoort' .",
}
CSV = b"id,name,flow\nA 1,Dampoort,12\n"
XML = b"<s><station id='9'><name>Zuid</name></station></s>"


def fields(name: str, language: str, definition: Any, **more: Any) -> dict[str, Any]:
    ends = {"from": "schema/stations-in", "to": "schema/stations-out"}
    text = definition if isinstance(definition, str) else json.dumps(definition)
    return described("transformation", name, version="1", language=language, definition=text, **{**ends, **more})


@pytest.fixture(scope="module")
def http(city: Running) -> Iterator[httpx2.Client]:
    headers = {"Authorization": f"Bearer {city.token}", "Accept-Language": "en"}
    with httpx2.Client(base_url=city.url, headers=headers, timeout=120, trust_env=False) as client:
        for name in ("stations-in", "stations-out"):
            assert publish(client, described("schema", name, version="1", definition=ROWS)).status_code == 201
        resource = {"id": "https://gent.example/station/1", "type": "https://gent.example/ns#Station"}
        rows = [{"id": "1", "name": "A", "flow": 3}]
        example = {"input": rows, "output": [{**resource, "name": "A", "flow": 3.0}]}
        answer = publish(client, fields("stations", "YARRRML", YARRRML, example=example))
        assert answer.status_code == 201, answer.text
        answer = publish(client, fields("labels", "RML", RML, example=EXAMPLE))
        assert answer.status_code == 201, answer.text
        counted = {"from": "schema/stations-out", "to": "schema/stations-in"}
        query = "SELECT name AS id, name, flow * 2 AS flow FROM data"
        answer = publish(client, fields("doubled", "SQL", query, **counted))
        assert answer.status_code == 201, answer.text
        yield client


@pytest.mark.parametrize(
    ("definition", "more", "why"),
    [
        (RML.replace('"input"', '"/etc/passwd"'), {}, "/etc/passwd"),
        (RML.replace('"input"', '"http://169.254.169.254/"'), {}, "nothing else"),
        (RML.replace('"input"', '[ <urn:D2RQ#jdbcDSN> "jdbc:postgresql://db/x" ]'), {}, "jdbc:postgresql"),
        (RML.replace('rml:source "input"', 'rml:source "input" ; rml:query "SELECT 1"'), {}, "query for a database"),
        (RML, {"example": {**EXAMPLE, "output": "<urn:x> rdfs:label 'Dampoort' ."}}, "another output"),
        (RML, {"example": {**EXAMPLE, "input": "<s"}}, "example"),
        (RML, {"example": {"input": 7}}, "example"),
        ("@prefix", {}, "cannot be read"),
    ],
)
def test_one_that_cannot_work_is_not_published(
    http: httpx2.Client, definition: str, more: dict[str, Any], why: str
) -> None:
    answer = publish(http, fields("wrong", "RML", definition, **more))
    assert answer.status_code == 422, answer.text
    assert why in json.dumps(answer.json())


def test_the_api_tries_it(http: httpx2.Client) -> None:
    query = {"transformation": "transformation/stations", "name": "rows.csv"}
    answer = http.post("/api/transformations/try", params=query, content=CSV)
    assert answer.status_code == 200, answer.text
    output = answer.json()["output"]
    assert output["rows"][0]["id"] == "https://gent.example/station/A%201"
    assert output["statements"]["count"] == 3
    assert '"12"^^<http://www.w3.org/2001/XMLSchema#decimal>' in output["statements"]["nquads"]
    again = http.post("/api/transformations/try", params=query, content=CSV).json()["output"]
    assert again["statements"]["sha256"] == output["statements"]["sha256"]


def test_it_is_a_step_of_a_chain(http: httpx2.Client) -> None:
    query = {"transformation": ["transformation/stations", "transformation/doubled"]}
    answer = http.post("/api/transformations/try", params=query, content=CSV)
    assert answer.status_code == 200, answer.text
    assert answer.json()["output"]["rows"] == [{"id": "Dampoort", "name": "Dampoort", "flow": 24}]
    assert "statements" not in answer.json()["output"]
    assert answer.json()["steps"][0]["output"]["statements"]["count"] == 3


def test_a_file_that_it_does_not_read_is_refused_in_words(http: httpx2.Client) -> None:
    answer = http.post("/api/transformations/try", params={"transformation": "transformation/labels"}, content=CSV)
    assert answer.status_code == 422 or answer.status_code == 400, answer.text
    assert "reads XML" in answer.text


def test_the_terminal_writes_statements(
    city: Running, http: httpx2.Client, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "rows.xml").write_bytes(XML)
    iri = f"{city.url}/transformations/labels"
    for name in ("out.ttl", "out.nt", "out.jsonld"):
        command = ["transform", iri, "--input", str(tmp_path / "rows.xml"), "-o", str(tmp_path / name)]
        assert run([*command, "--node", str(city.folder)]) == 0
    said = "".join(capsys.readouterr())
    assert "output: 1 statement about 1 resource" in said
    forms = {"out.ttl": RdfFormat.TURTLE, "out.nt": RdfFormat.N_TRIPLES, "out.jsonld": RdfFormat.JSON_LD}
    for name, form in forms.items():
        (quad,) = parse((tmp_path / name).read_bytes(), format=form)
        assert (quad.subject.value, quad.object.value) == ("https://gent.example/station/9", "Zuid")
    provenance = json.loads((tmp_path / "out.ttl.prov.jsonld").read_text())
    assert iri in json.dumps(provenance)
    (tmp_path / "here.yaml").write_text(yaml.safe_dump({"language": "YARRRML", "definition": YARRRML}))
    (tmp_path / "rows.csv").write_bytes(CSV)
    assert run(["transform", str(tmp_path / "here.yaml"), "--input", str(tmp_path / "rows.csv")]) == 0
    assert "station/A%201" in "".join(capsys.readouterr())
    (tmp_path / "sql.yaml").write_text(yaml.safe_dump({"language": "SQL", "definition": "SELECT id FROM data"}))
    refused = ["transform", str(tmp_path / "sql.yaml"), "--input", str(tmp_path / "rows.csv")]
    assert run([*refused, "-o", str(tmp_path / "no.ttl")]) != 0
    assert not (tmp_path / "no.ttl").exists()


def test_the_page_tries_it(city: Running, http: httpx2.Client) -> None:
    with signed_in(city) as browser:
        iri = f"{city.url}/transformations/labels"
        form = browser.get("/transformation/try", params={"iri": iri})
        data = {"csrf": csrf_of(form.text), "iri": iri}
        page = browser.post("/transformation/try", data=data, files={"file": ("s.xml", XML, "application/xml")})
        text = html.unescape(page.text)
        assert page.status_code == 200, text
        assert 'rdfs:label "Zuid"' in text
        assert "<station id='9'>" in text
        assert "<script>" not in page.text

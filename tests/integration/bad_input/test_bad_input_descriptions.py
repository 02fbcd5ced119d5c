"""Publishing what is broken, too big, of another kind or meant ill: told in words, nothing stored, node alive."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.integration.hostile import naughty, read_problem, small_node, unharmed
from tests.nodes import Running, described

FILE = {"name": "a.csv", "mediaType": "text/csv", "size": 4, "sha256": "0" * 64}


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory, sqlite_template: Path) -> Iterator[Running]:
    with small_node(tmp_path_factory.mktemp("bad"), sqlite_template) as started:
        yield started


@pytest.fixture
def http(node: Running) -> Iterator[httpx2.Client]:
    with unharmed(node) as client:
        yield client


BROKEN = {
    "text/turtle": '<https://x.example/a> a <https://x.example/B> ; <https://x.example/p> "unfinished',
    "application/ld+json": '{"@context": {"dcat": "http://www.w3.org/ns/dcat#"}, "@type": "dcat:Dataset", }',
    "application/n-triples": "<https://x.example/a> <https://x.example/b> .\n",
    "application/n-quads": "<https://x.example/a> <https://x.example/b> <https://x.example/c> <d e> .\n",
    "application/rdf+xml": "<rdf:RDF xmlns:rdf='http://www.w3.org/1999/02/22-rdf-syntax-ns#'><rdf:Description>",
}


@pytest.mark.parametrize("media_type", BROKEN)
def test_broken_rdf_is_refused_with_its_place(http: httpx2.Client, media_type: str) -> None:
    problem = read_problem(
        http.post("/api/records", json={"document": BROKEN[media_type], "mediaType": media_type}), 400, 422
    )
    assert problem["code"] in ("invalid-input", "invalid-description")


BOMBS = {
    "entities": (
        "application/rdf+xml",
        "<?xml version='1.0'?><!DOCTYPE r [<!ENTITY a 'aaaaaaaaaa'>"
        + "".join(f"<!ENTITY {chr(98 + n)} '{f'&{chr(97 + n)};' * 10}'>" for n in range(9))
        + "]><rdf:RDF xmlns:rdf='http://www.w3.org/1999/02/22-rdf-syntax-ns#'>&j;</rdf:RDF>",
    ),
    "an external entity": (
        "application/rdf+xml",
        "<?xml version='1.0'?><!DOCTYPE r [<!ENTITY f SYSTEM 'file:///etc/passwd'>]>"
        "<rdf:RDF xmlns:rdf='http://www.w3.org/1999/02/22-rdf-syntax-ns#'>"
        "<rdf:Description rdf:about='urn:x'><rdf:value>&f;</rdf:value></rdf:Description></rdf:RDF>",
    ),
    "nested JSON-LD": ("application/ld+json", '{"@context":{"a":"urn:a"},"a":' * 4000 + "1" + "}" * 4000),
    "nested brackets": ("text/turtle", "<urn:a> <urn:b> " + "[ <urn:c> " * 60_000 + "1" + " ]" * 60_000 + " ."),
    "a clique of blank nodes": (
        "application/n-triples",
        "".join(f"_:b{a} <urn:p> _:b{b} .\n" for a in range(10) for b in range(10) if a != b),
    ),
}


@pytest.mark.parametrize("name", BOMBS)
def test_bombs_cost_one_request(http: httpx2.Client, name: str) -> None:
    media_type, document = BOMBS[name]
    began = time.monotonic()
    answer = http.post("/api/records", json={"document": document, "mediaType": media_type})
    assert answer.status_code in (400, 413, 422, 503), answer.text[:500]
    read_problem(answer, answer.status_code)
    assert "root:" not in answer.text
    assert time.monotonic() - began < 20


@pytest.mark.parametrize("document", naughty("jsonld_must_be_refused_or_bounded"))
def test_naughty_json_ld(http: httpx2.Client, document: str) -> None:
    read_problem(http.post("/api/records", json={"document": document, "mediaType": "application/ld+json"}), 400, 422)


@pytest.mark.parametrize("document", naughty("turtle_must_fail_or_be_bounded"))
def test_naughty_turtle(http: httpx2.Client, document: str) -> None:
    read_problem(http.post("/api/records", json={"document": document, "mediaType": "text/turtle"}), 400, 422)


@pytest.mark.parametrize(
    "media_type", ["text/html", "application/pdf", "", "nonsense", "text/turtle; charset=utf-16", "*/*", "x" * 300]
)
def test_media_types_that_are_not_read(http: httpx2.Client, media_type: str) -> None:
    read_problem(
        http.post("/api/records", json={"document": "<urn:a> <urn:b> <urn:c> .", "mediaType": media_type}),
        400,
        415,
        422,
    )


@pytest.mark.parametrize("kind", ["spaceship", "", "dataset\0", "../dataset", "<script>"])
def test_unknown_kinds(http: httpx2.Client, kind: str) -> None:
    problem = read_problem(http.post("/api/records", json={"fields": {**described("x"), "kind": kind}}), 400, 422)
    assert "kind" in json.dumps(problem)


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"license": None}, "license"),
        ({"title": ""}, "title"),
        ({"title": None}, "title"),
        ({"contact": {"name": "x", "email": "not an address"}}, "contact"),
        ({"theme": "traffic"}, "theme"),
        ({"issued": "2026-02-30"}, "issued"),
        ({"temporal": {"from": "2026-12-01", "to": "2026-01-01"}}, "temporal"),
        ({"no_such_field": 1}, "no_such_field"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_violations_come_as_a_report(http: httpx2.Client, fields: dict[str, Any], words: str) -> None:
    submission = {"fields": described("x", **fields), "conditions": "open", "files": [FILE], "dryRun": True}
    problem = read_problem(http.post("/api/records", json=submission), 422)
    violations = [one for one in problem["findings"] if one["severity"] == "violation"]
    assert violations
    assert words in json.dumps(violations)
    assert all(one["message"] and one["remedy"] for one in violations)


def test_all_faults_are_told_at_once(http: httpx2.Client) -> None:
    fields = described("x", license=None, theme="traffic", contact={"name": "x", "email": "nobody"})
    problem = read_problem(http.post("/api/records", json={"fields": fields, "files": [FILE], "dryRun": True}), 422)
    assert sum(one["severity"] == "violation" for one in problem["findings"]) >= 3


@pytest.mark.parametrize(
    "conditions",
    [
        "nobody-knows-this",
        {"template": "members", "until": "yesterday"},
        {"permission": []},
        {"permission": [{}]},
        7,
        ["open"],
    ],
    ids=str,
)
def test_conditions_that_cannot_be_understood(http: httpx2.Client, conditions: Any) -> None:
    read_problem(http.post("/api/records", json={"fields": described("x"), "conditions": conditions}), 400, 422)


@pytest.mark.parametrize("media_type", ['text/html"; x=y', "text/<script>", "csv", "text/", "a b/c", 'text/html"/x'])
def test_what_is_no_media_type_is_said_to_be_none(http: httpx2.Client, media_type: str) -> None:
    fields = {"kind": "dataset", "title": "Counts", "description": "Counts.", "license": "CC-BY-4.0"}
    wanted = {"fields": fields, "files": [{**FILE, "mediaType": media_type}], "dryRun": True}
    answer = http.post("/api/records", json=wanted)
    assert answer.status_code == 400, answer.text
    assert "is not a media type" in answer.json()["detail"]
    assert "text/csv" in answer.json()["remedy"]

"""Alignments are drafted, confirmed and published; searches and mappings use them; SSSOM goes in and out."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from node.cli.main import run
from tests.integration.meaning.test_data_checks import described
from tests.integration.meaning.test_data_checks import publish as publish_record
from tests.nodes import Running
from tests.portal_browser import csrf_of, signed_in

HEAD = """@prefix : <{base}/ontologies/{name}#> .
@prefix owl: <http://www.w3.org/2002/07/owl#> .
@prefix rdfs: <http://www.w3.org/2000/01/rdf-schema#> .
@prefix dct: <http://purl.org/dc/terms/> .
@prefix dcat: <http://www.w3.org/ns/dcat#> .
<{base}/ontologies/{name}> a owl:Ontology ; dct:title "{name}"@en ; dct:description "For a test."@en ;
  dcat:version "1" .
"""
CITY = """:Way a owl:Class ; rdfs:label "way"@en, "weg"@nl .
:BikeLane a owl:Class ; rdfs:subClassOf :Way ; rdfs:label "bike lane"@en, "fietspad"@nl .
:speedKmh a owl:DatatypeProperty ; rdfs:label "mean speed"@en .
:Bank a owl:Class ; rdfs:label "bank"@en .
"""
OTHER = """:Weg a owl:Class ; rdfs:label "weg"@nl .
:Fietspad a owl:Class ; rdfs:subClassOf :Weg ; rdfs:label "fietspad"@nl .
:gemiddeldeSnelheid a owl:DatatypeProperty ; rdfs:label "gemiddelde snelheid"@nl .
:Bank a owl:Class ; rdfs:label "zitbank"@nl .
"""


@pytest.fixture(scope="module")
def http(city: Running) -> Iterator[httpx2.Client]:
    headers = {"Authorization": f"Bearer {city.token}", "Accept-Language": "en"}
    with httpx2.Client(base_url=city.url, headers=headers, timeout=120, trust_env=False) as client:
        for name, body in (("city", CITY), ("other", OTHER)):
            document = HEAD.format(base=city.url, name=name) + body
            order = {"kind": "ontology", "document": document, "mediaType": "text/turtle", "conditions": "open"}
            answer = client.post("/api/records", json=order)
            assert answer.status_code == 201, answer.text
        yield client


ENDS = {"from": "ontology/city", "to": "ontology/other"}


def term_names(http: httpx2.Client, word: str) -> list[str]:
    answer = http.get("/api/catalogue/terms", params={"q": word})
    return [term["iri"].rpartition("#")[2] for term in answer.json()["terms"]]


def test_pairs_are_drafted_by_labels_and_structure(http: httpx2.Client) -> None:
    pairs = http.get("/api/ontologies/alignment", params=ENDS).json()["mappings"]
    names = [
        (pair["subject"].rpartition("#")[2], pair["predicate"], pair["object"].rpartition("#")[2]) for pair in pairs
    ]
    assert names == [
        ("BikeLane", "skos:exactMatch", "Fietspad"),
        ("Way", "skos:exactMatch", "Weg"),
        ("Bank", "skos:closeMatch", "Bank"),
    ]
    assert pairs[0]["justification"] == "semapv:StructuralMatching"
    assert pairs[0]["confidence"] > pairs[1]["confidence"] > pairs[2]["confidence"]


def test_a_table_goes_out_is_corrected_and_comes_in(
    city: Running,
    http: httpx2.Client,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert term_names(http, "bike lane") == ["BikeLane"]
    monkeypatch.setenv("HANSA_NODE", str(city.folder))
    table = tmp_path / "city.sssom.tsv"
    assert run(["align", "ontology/city", "--output", str(table)]) == 0
    assert "This ontology states no mappings." in capsys.readouterr().out
    assert not table.exists()
    assert run(["align", "ontology/city", "ontology/other", "--output", str(table)]) == 0
    assert "bike lane   skos:exactMatch   fietspad" in capsys.readouterr().out
    rows = table.read_text("utf-8").splitlines()
    rest = [row for row in rows if "zitbank" not in row]
    assert len(rest) == len(rows) - 1
    last = rest[-1].split("\t")
    speed = [*last]
    speed[0], speed[3] = "ns1:speedKmh", "ns2:gemiddeldeSnelheid"
    table.write_text("\n".join([*rest, "\t".join(speed)]) + "\n", "utf-8")
    assert run(["--json", "align", str(table), "--publish", "--id", "aligned", "--title", "City and other"]) == 0
    assert json.loads(capsys.readouterr().out)["version"] == 1
    # A search finds the terms that are aligned with those that it finds.
    assert set(term_names(http, "bike lane")) == {"BikeLane", "Fietspad"}
    term = http.get("/api/catalogue/term", params={"iri": f"{city.url}/ontologies/city#BikeLane"}).json()
    assert term["alignedWith"] == [f"{city.url}/ontologies/other#Fietspad"]
    again = http.get("/api/ontologies/alignment", params={"from": "ontology/aligned", "format": "sssom"}).text
    assert again.startswith("#curie_map:")
    assert again.count("skos:exactMatch") == 3
    with httpx2.Client(base_url=city.url, trust_env=False) as stranger:
        page = stranger.get("/term", params={"iri": f"{city.url}/ontologies/city#BikeLane"})
        assert "fietspad" in page.text
        assert stranger.get("/api/ontologies/alignment", params=ENDS).status_code in (401, 403)
        assert stranger.post("/api/ontologies/alignment", content=b"x").status_code in (401, 403)


def test_a_mapping_uses_the_alignment(city: Running, http: httpx2.Client) -> None:
    terms = {
        "here": f"{city.url}/ontologies/city#speedKmh",
        "there": f"{city.url}/ontologies/other#gemiddeldeSnelheid",
    }
    for name, term in terms.items():
        definition = {"type": "object", "properties": {f"x{name}": {"type": "number", "x-jsonld-id": term}}}
        assert publish_record(http, described("schema", name, version="1", definition=definition)).status_code == 201
    table = f"subject_id\tpredicate_id\tobject_id\n{terms['here']}\tskos:exactMatch\t{terms['there']}\n"
    pair = http.post("/api/ontologies/alignment", params={"id": "speeds", "title": "Speeds"}, content=table.encode())
    assert pair.status_code == 201, pair.text
    params = {"from": "schema/here", "to": "schema/there"}
    (column,) = http.get("/api/transformations/draft", params=params).json()["columns"]
    assert column["rule"] == {"rename": "xhere"}
    assert [reason["code"] for reason in column["reasons"]] == ["aligned-term"]


def test_a_person_confirms_pairs_on_the_page(city: Running, http: httpx2.Client) -> None:
    with signed_in(city) as browser:
        assert "/ontology/align?from=" in browser.get("/ontologies/city").text
        page = browser.get("/ontology/align", params=ENDS)
        assert page.status_code == 200, page.text
        assert 'name="confirm.1" value="1" checked' in page.text
        fields: dict[str, Any] = {
            "csrf": csrf_of(page.text),
            "title": "Seats",
            "id": "seats",
            "description": "Seats.",
        }
        pair = f"{city.url}/ontologies/city#Bank {city.url}/ontologies/other#Bank"
        nothing = browser.post("/ontology/align", data={**fields, "pair.3": pair, "predicate.3": "exactMatch"})
        assert nothing.status_code == 400
        assert "No pair is confirmed" in nothing.text
        first = f"{city.url}/ontologies/city#BikeLane {city.url}/ontologies/other#Fietspad"
        refused = browser.post(
            "/ontology/align",
            data={**fields, **ENDS, "pair.1": first, "predicate.1": "broadMatch"},
        )
        assert 'name="confirm.1" value="1" checked' not in refused.text, "what was not confirmed stays so"
        assert '<option value="broadMatch" selected>' in refused.text
        fields |= {"pair.3": pair, "predicate.3": "relatedMatch", "confirm.3": "1"}
        assert browser.post("/ontology/align", data={**fields, "csrf": "x"}).status_code == 403
        answer = browser.post("/ontology/align", data=fields)
        assert answer.status_code == 303, answer.text
    mappings = http.get("/api/ontologies/alignment", params={"from": "ontology/seats"}).json()["mappings"]
    assert [(pair["predicate"], pair["objectLabel"]) for pair in mappings] == [("skos:relatedMatch", "zitbank")]


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ("", "no column"),
        ("subject_id\tpredicate_id\tobject_id\n", "has no rows"),
        ("subject_id\tpredicate_id\tobject_id\nhttp://a/b\towl:x\thttp://a/c\n", "is no mapping property"),
        ("subject_id\tpredicate_id\tobject_id\nnot:known\tskos:exactMatch\thttp://a/c\n", "is no address"),
        ("subject_id\tpredicate_id\tobject_id\nhttp://a/> <b\tskos:exactMatch\thttp://a/c\n", "is no address"),
        ("subject_id\tpredicate_id\tobject_id\nhttp://a/b\tskos:exactMatch\n", "is no address"),
    ],
)
def test_a_table_that_cannot_be_used_is_refused(http: httpx2.Client, table: str, words: str) -> None:
    params = {"id": "wrong", "title": "Wrong"}
    answer = http.post("/api/ontologies/alignment", params=params, content=table.encode())
    assert answer.status_code == 400, answer.text
    assert words in answer.json()["detail"]
    assert answer.json()["remedy"]

"""The terms of ontologies: found, browsed and read, at the terminal, in the API and on pages, by those who may."""

from __future__ import annotations

import html
import json
from collections.abc import Iterator
from typing import Any

import httpx2
import pytest

from node.cli.main import run
from tests.integration.meaning.test_data_checks import described
from tests.integration.meaning.test_data_checks import publish as post
from tests.nodes import Running

HEAD = """
@prefix dcat: <http://www.w3.org/ns/dcat#> . @prefix dct: <http://purl.org/dc/terms/> .
@prefix owl: <http://www.w3.org/2002/07/owl#> . @prefix rdfs: <http://www.w3.org/2000/01/rdf-schema#> .
@prefix skos: <http://www.w3.org/2004/02/skos/core#> .
@prefix vcard: <http://www.w3.org/2006/vcard/ns#> . @prefix : <{iri}{mark}> .
<{iri}> a owl:Ontology ; dct:title "{title}"@en ; dct:description "The terms of {title}."@en ;
  dcat:version "1" ; dct:license <http://publications.europa.eu/resource/authority/licence/CC_BY_4_0> ;
  dcat:contactPoint [ a vcard:Kind ; vcard:fn "Roads"@en ; vcard:hasEmail <mailto:r@example.org> ] .
"""
CYCLING = """
:Way a owl:Class ; rdfs:label "way"@en , "weg"@nl ; rdfs:comment "Where people move."@en .
:CyclePath a owl:Class ; rdfs:label "cycle path"@en , "fietspad"@nl ; rdfs:comment "A way for bicycles."@en ;
  rdfs:subClassOf :Way , [ a owl:Restriction ; owl:onProperty :surface ; owl:cardinality 1 ] .
:surface a owl:DatatypeProperty ; rdfs:label "kind of surface"@en , "verharding"@nl ;
  rdfs:comment "What it is made of."@en ;
  rdfs:domain :CyclePath .
:A a owl:Class ; rdfs:label "a"@en ; rdfs:comment "In a circle."@en ; rdfs:subClassOf :B .
:B a owl:Class ; rdfs:label "b"@en ; rdfs:comment "In a circle."@en ; rdfs:subClassOf :A .
"""
SLASHED = ':Fietspad a owl:Class ; rdfs:label "fietspad"@nl ; rdfs:comment "Pad voor fietsers."@nl .'
SECRET = ':Plan a owl:Class ; rdfs:label "fietspad plan"@nl ; rdfs:comment "Geheim."@nl .'


def publish(http: httpx2.Client, url: str, name: str, terms: str, *, mark: str = "#", **more: Any) -> str:
    iri = f"{url}/ontologies/{name}"
    document = HEAD.format(iri=iri, mark=mark, title=name) + terms
    answer = http.post(
        "/api/records", json={"document": document, "mediaType": "text/turtle", "conditions": "open", **more}
    )
    assert answer.status_code == 201, answer.text
    return iri


@pytest.fixture(scope="module")
def http(city: Running) -> Iterator[httpx2.Client]:
    headers = {"Authorization": f"Bearer {city.token}"}
    with httpx2.Client(base_url=city.url, headers=headers, timeout=60, trust_env=False) as client:
        iri = publish(client, city.url, "cycling", CYCLING)
        publish(client, city.url, "slashed", SLASHED, mark="/")
        publish(client, city.url, "secret", SECRET, audience="internal")
        for name, audience in (("one", "public"), ("two", "internal")):
            term = f"{city.url}/ontologies/cycling#CyclePath"
            definition = {"type": "object", "properties": {"x": {}}}
            schema = described("schema", name, version="1", definition=definition, describes=term)
            answer = post(client, schema, audience=audience)
            assert answer.status_code == 201, answer.text
        fields = {
            "kind": "dataset",
            "id": "columns",
            "title": "columns",
            "description": "For a test.",
            "license": "CC-BY-4.0",
            "contact": {"name": "Mobility", "email": "m@example.org"},
            "conditions": "open",
            "files": [
                {
                    "name": "paths.csv",
                    "tables": [{"columns": [{"name": "surface", "property": f"{iri}#surface"}]}],
                }
            ],
        }
        headers = {"X-File-Name": "paths.csv", "Content-Type": "text/csv"}
        file = client.post("/api/files", content=b"surface\nasphalt\n", headers=headers).json()
        answer = client.post("/api/records", json={"fields": fields, "files": [file]})
        assert answer.status_code == 201, answer.text
        yield client


def test_a_word_finds_terms_those_used_most_first(city: Running, http: httpx2.Client) -> None:
    answer = http.get("/api/catalogue/terms", params={"q": "Fietspad"}).json()
    assert [(term["label"], term["uses"]) for term in answer["terms"]] == [
        ("cycle path", 2),
        ("fietspad", 0),
        ("fietspad plan", 0),
    ]
    with city.http() as stranger:
        seen = stranger.get("/api/catalogue/terms", params={"q": "fietspad"}).json()
    assert [(term["label"], term["uses"]) for term in seen["terms"]] == [("cycle path", 1), ("fietspad", 0)]
    assert seen["total"] == 2
    found = http.get("/api/catalogue/terms", params={"q": "bicycles way"}).json()["terms"]
    assert [term["label"] for term in found] == ["cycle path"], "the words of a definition find it too"
    kinds = http.get("/api/catalogue/terms", params={"q": "surface", "kind": "class"}).json()
    assert kinds == {"total": 0, "terms": []}


def test_a_column_that_means_a_term_uses_it(city: Running, http: httpx2.Client) -> None:
    iri = f"{city.url}/ontologies/cycling#surface"
    term = http.get("/api/catalogue/term", params={"iri": iri}).json()
    assert [user["titles"]["en"] for user in term["users"]] == ["columns"]


def test_one_term_as_json_and_to_strangers(city: Running, http: httpx2.Client) -> None:
    iri = f"{city.url}/ontologies/cycling#CyclePath"
    term = http.get("/api/catalogue/term", params={"iri": iri}).json()
    assert term["restrictions"] == ["exactly 1 × kind of surface"], "properties have their labels"
    assert term["properties"] == [f"{city.url}/ontologies/cycling#surface"]
    assert {user["titles"]["en"] for user in term["users"]} == {"one", "two"}
    with city.http() as stranger:
        seen = stranger.get("/api/catalogue/term", params={"iri": iri}).json()
        hidden = stranger.get("/api/catalogue/term", params={"iri": f"{city.url}/ontologies/secret#Plan"})
        absent = stranger.get("/api/catalogue/term", params={"iri": f"{city.url}/ontologies/secret#None"})
        page = stranger.get(
            "/term", params={"iri": f"{city.url}/ontologies/secret#Plan"}, headers={"Accept": "text/html"}
        )
        tree = stranger.get(
            "/terms", params={"ontology": f"{city.url}/ontologies/secret"}, headers={"Accept": "text/html"}
        )
    assert [user["titles"]["en"] for user in seen["users"]] == ["one"]
    assert hidden.status_code == absent.status_code == page.status_code == tree.status_code == 404
    assert hidden.json() == absent.json()


def test_a_term_at_its_own_address(city: Running, http: httpx2.Client) -> None:
    with city.http() as stranger:
        for path in ("/ontologies/slashed/Fietspad", "/ontologies/cycling/CyclePath"):
            page = stranger.get(path, headers={"Accept": "text/html"})
            assert page.status_code == 303
            assert stranger.get(page.headers["location"], headers={"Accept": "text/html"}).status_code == 200
            turtle = stranger.get(path, headers={"Accept": "text/turtle"})
            assert turtle.headers["content-type"].startswith("text/turtle")
            assert "fietspad" in turtle.text
        assert "onProperty" in turtle.text, "with the rule, which is a blank node"
        assert "surface" not in stranger.get("/ontologies/slashed/Fietspad?format=nt").text
        assert stranger.get("/ontologies/secret/Plan").status_code == 404
        assert stranger.get("/ontologies/cycling/Nothing").status_code == 404
        # The addresses that were there before lead where they did.
        assert stranger.get("/ontologies/cycling/timemap").status_code == 200


def test_the_pages(city: Running, http: httpx2.Client) -> None:
    iri = f"{city.url}/ontologies/cycling"
    with city.http(headers={"Accept": "text/html", "Accept-Language": "en"}) as stranger:
        tree = html.unescape(stranger.get("/terms", params={"ontology": iri}).text)
        results = html.unescape(stranger.get("/terms", params={"q": "fietspad"}).text)
        term = html.unescape(stranger.get("/term", params={"iri": f"{iri}#CyclePath"}).text)
        in_dutch = {"Accept-Language": "nl"}
        dutch = html.unescape(stranger.get("/term", params={"iri": f"{iri}#CyclePath"}, headers=in_dutch).text)
        asset = html.unescape(stranger.get("/ontologies/cycling").text)
        too_long = stranger.get("/terms", params={"q": "x" * 300})
    _, _, body = tree.partition('aria-label="Classes of cycling and their properties')
    picture, _, tree = body.partition("</svg>")
    assert picture.index(">way<") < picture.index(">cycle path<") < picture.index(">kind of surface<")
    assert tree.index(">way<") < tree.index(">cycle path<")
    assert 'class="deep-1"' in tree
    assert tree.count(">a<") == 1, "a circle ends where it closes"
    assert "used by 1 asset" in results
    assert "plan" not in results
    assert "exactly 1 × kind of surface" in term
    assert "precies 1 × verharding" in dutch
    assert "fietspad" in term
    assert "/terms?ontology=" in asset
    assert "owl:onProperty" not in asset.partition("<summary>Show as Turtle")[0], "rules are on the page of the term"
    assert too_long.status_code == 400


def test_the_terminal(
    city: Running, http: httpx2.Client, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("HANSA_NODE", str(city.folder))
    assert run(["terms", "fietspad"]) == 0
    assert "cycle path   (class, used by 2 assets)" in capsys.readouterr().out
    assert run(["terms", f"{city.url}/ontologies/cycling#CyclePath"]) == 0
    assert "exactly 1 × kind of surface" in capsys.readouterr().out
    assert run(["--json", "terms", "surface"]) == 0
    assert json.loads(capsys.readouterr().out)["total"] == 1
    assert run(["terms", "no such word"]) == 0
    assert "No term has these words" in capsys.readouterr().out

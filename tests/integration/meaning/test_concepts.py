"""Vocabularies in SKOS: the hierarchy of a scheme, and a concept as the subject of a dataset, found by its name."""

from __future__ import annotations

import html
from collections.abc import Iterator

import httpx2
import pytest

from tests.nodes import Running
from tests.portal_browser import csrf_of, signed_in
from tests.terminal import typed

SCHEME = """
@prefix dcat: <http://www.w3.org/ns/dcat#> . @prefix dct: <http://purl.org/dc/terms/> .
@prefix owl: <http://www.w3.org/2002/07/owl#> . @prefix rdfs: <http://www.w3.org/2000/01/rdf-schema#> .
@prefix skos: <http://www.w3.org/2004/02/skos/core#> . @prefix vcard: <http://www.w3.org/2006/vcard/ns#> .
@prefix : <{iri}#> .
<{iri}> a owl:Ontology , skos:ConceptScheme ; skos:prefLabel "Ways"@en ; skos:definition "Kinds of ways."@en ;
  dcat:version "1" ;
  dct:license <http://publications.europa.eu/resource/authority/licence/CC_BY_4_0> ;
  dcat:contactPoint [ a vcard:Kind ; vcard:fn "Roads"@en ; vcard:hasEmail <mailto:r@example.org> ] ;
  skos:hasTopConcept :way .
:other a skos:ConceptScheme ; skos:prefLabel "Other"@en .
:way a skos:Concept ; skos:prefLabel "way"@en , "weg"@nl ; skos:narrower :cycle , :foot .
:cycle a skos:Concept ; skos:prefLabel "cycle path"@en , "fietspad"@nl ;
  skos:altLabel "cycleway"@en , "rijwielpad"@nl ; skos:hiddenLabel "cicleway"@en ; skos:inScheme <{iri}> .
:foot a skos:Concept ; skos:prefLabel "footpath"@en ; skos:topConceptOf <{iri}> .
:code a rdfs:Datatype ; rdfs:label "code of a way"@en ; rdfs:comment "Two letters."@en .
:twin a skos:Concept ; skos:prefLabel "Twin"@en ; skos:inScheme :other .
:twin2 a skos:Concept ; skos:prefLabel "twin"@nl ; skos:inScheme :other .
"""
NAME = "ways"


@pytest.fixture(scope="module")
def http(city: Running) -> Iterator[httpx2.Client]:
    headers = {"Authorization": f"Bearer {city.token}"}
    with httpx2.Client(base_url=city.url, headers=headers, timeout=60, trust_env=False) as client:
        document = SCHEME.format(iri=f"{city.url}/ontologies/{NAME}")
        answer = client.post("/api/records", json={"document": document, "mediaType": "text/turtle"})
        assert answer.status_code == 201, answer.text
        yield client


def test_a_scheme_shows_the_hierarchy_of_its_concepts(
    city: Running, http: httpx2.Client, capsys: pytest.CaptureFixture[str]
) -> None:
    iri = f"{city.url}/ontologies/{NAME}"
    scheme = http.get("/api/catalogue/term", params={"iri": iri}).json()
    assert [(entry["iri"].partition("#")[2], entry["depth"]) for entry in scheme["hierarchy"]] == [
        ("way", 0), ("cycle", 1), ("foot", 1),
    ]  # fmt: skip
    concept = http.get("/api/catalogue/term", params={"iri": f"{iri}#cycle"}).json()
    assert (concept["wider"], concept["schemes"]) == ([f"{iri}#way"], [iri]), "narrower is read as well as broader"
    with city.http(headers={"Accept": "text/html", "Accept-Language": "en"}) as stranger:
        page = html.unescape(stranger.get("/term", params={"iri": iri}).text)
    assert page.index(">way<") < page.index(">cycle path<")
    assert "Twin" not in page, "it is of another scheme"
    status, shown = typed(city, capsys, "terms", iri)
    assert (status, "  cycle path" in shown) == (0, True), shown


def test_a_concept_is_the_subject_of_a_dataset(city: Running, http: httpx2.Client) -> None:
    concept = f"{city.url}/ontologies/{NAME}#cycle"
    with signed_in(city) as browser:
        start = browser.get("/publish")
        files = {"file": ("paths.csv", b"name,length\na,1\n")}
        begun = browser.post("/publish/file", data={"csrf": csrf_of(start.text)}, files=files)
        address = begun.headers["location"].partition("?")[0]
        form = browser.get(address)
        assert 'data-suggestions="/api/catalogue/terms?kind=concept"' in html.unescape(form.text)
        answers = {"csrf": csrf_of(form.text), "title": "Paths", "description": "Paths.", "license": "CC-BY-4.0",
                   "conditions": "open"}  # fmt: skip
        for word in ("twin", "no such concept"):
            refused = browser.post(address, data={**answers, "subject": word, "do": "preview"})
            assert refused.status_code == 422
            assert 'id="subject-error"' in refused.text, "several concepts have the name, or none"
        answer = browser.post(address, data={**answers, "subject": "Fietspad", "do": "preview"})
        assert answer.status_code == 303, answer.text
        assert f'value="{concept}"' in html.unescape(browser.get(address).text)
        assert "cycle path · fietspad" in html.unescape(browser.get(address).text)
        preview = browser.get(f"{address}/preview")
        fields = {
            "csrf": csrf_of(preview.text),
            "revision": preview.text.partition('name="revision" value="')[2].partition('"')[0],
        }
        published = browser.post(f"{address}/publish", data=fields)
        assert published.status_code == 303, published.text
    view = http.get("/api/catalogue/term", params={"iri": concept}).json()
    assert [user["titles"] for user in view["users"]] == [{"en": "Paths"}], "the page of the concept names its users"
    record = http.get("/datasets/paths", params={"format": "nt"}).text
    assert f"<http://purl.org/dc/terms/subject> <{concept}>" in record


def test_the_suggestions_are_concepts_only(http: httpx2.Client) -> None:
    terms = http.get("/api/catalogue/terms", params={"kind": "concept", "q": "way", "lang": "en"}).json()["terms"]
    assert {term["kind"] for term in terms} == {"concept"}


@pytest.mark.parametrize("word", ["rijwielpad", "Cycleway", "cicleway"])
def test_a_term_is_found_by_its_further_labels(
    city: Running, http: httpx2.Client, capsys: pytest.CaptureFixture[str], word: str
) -> None:
    cycle = f"{city.url}/ontologies/{NAME}#cycle"
    (term,) = http.get("/api/catalogue/terms", params={"q": word}).json()["terms"]
    assert (term["iri"], term["label"]) == (cycle, "cycle path")
    assert term["synonyms"] == {"en": ["cycleway"], "nl": ["rijwielpad"]}, "hidden labels are never shown"
    assert "cycle path" in typed(city, capsys, "terms", word)[1]
    _, shown = typed(city, capsys, "terms", cycle)
    assert "rijwielpad" in shown
    page = http.get("/term", params={"iri": cycle}, headers={"Accept": "text/html"}).text
    assert "rijwielpad" in page
    assert "cicleway" not in page + shown


def test_a_datatype_is_a_term(city: Running, http: httpx2.Client, capsys: pytest.CaptureFixture[str]) -> None:
    (term,) = http.get("/api/catalogue/terms", params={"q": "code of a way", "kind": "datatype"}).json()["terms"]
    assert term["kind"] == "datatype"
    assert "code of a way   (datatype" in typed(city, capsys, "terms", "code of a way", "--kind", "datatype")[1]
    ontology = f"{city.url}/ontologies/{NAME}"
    page = http.get("/terms", params={"ontology": ontology}, headers={"Accept": "text/html"}).text
    assert "Datatypes" in page
    page = http.get("/term", params={"iri": f"{ontology}#code"}, headers={"Accept": "text/html"}).text
    assert ">datatype<" in page

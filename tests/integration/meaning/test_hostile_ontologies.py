"""Ontologies and schemas that are made to harm: refused with clear words, or shown; nothing is fetched, and the node
goes on."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx2
import pytest

from tests.integration.egress_trap import trap
from tests.integration.meaning.test_terms import HEAD, publish
from tests.nodes import Running


@pytest.fixture(scope="module")
def http(city: Running) -> Iterator[httpx2.Client]:
    headers = {"Authorization": f"Bearer {city.token}"}
    with httpx2.Client(base_url=city.url, headers=headers, timeout=120, trust_env=False) as client:
        yield client


def term(name: str, more: str = "") -> str:
    return f':{name} a owl:Class ; rdfs:label "{name}"@en ; rdfs:comment "The {name}."@en {more} .\n'


def submit(http: httpx2.Client, url: str, name: str, terms: str, **more: Any) -> httpx2.Response:
    iri = f"{url}/ontologies/{name}"
    document = HEAD.format(iri=iri, mark="#", title=name) + terms
    return http.post(
        "/api/records", json={"document": document, "mediaType": "text/turtle", "conditions": "open", **more}
    )


def test_imports_in_a_circle_and_from_inside_are_not_fetched(
    city: Running, http: httpx2.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    fetches = trap(city, monkeypatch)
    first, second = (f"{city.url}/ontologies/{name}" for name in ("loop-one", "loop-two"))
    hidden = "http://169.254.169.254/latest/meta-data"
    loop = term("One", f"; rdfs:subClassOf <{second}#Two>") + f"<{first}> owl:imports <{second}> ."
    publish(http, city.url, "loop-one", loop)
    publish(
        http,
        city.url,
        "loop-two",
        term("Two", f"; rdfs:subClassOf <{first}#One>")
        + f"<{second}> owl:imports <{first}>, <{second}>, <{hidden}> .",
    )
    assert http.get("/api/catalogue/term", params={"iri": f"{first}#One"}).json()["wider"] == [f"{second}#Two"]
    assert http.get("/terms", params={"ontology": second}, headers={"Accept": "text/html"}).status_code == 200
    again = submit(http, city.url, "loop-two", term("Two"))
    assert again.status_code == 422
    (change,) = again.json()["impact"]["changes"]
    assert change["what"] == "moved"
    assert fetches == []


def test_an_ontology_that_is_too_large_is_refused_with_its_limit(city: Running, http: httpx2.Client) -> None:
    filling = "".join(f":T{number} a owl:Class .\n" for number in range(900_000))
    answer = submit(http, city.url, "huge", filling)
    assert answer.status_code == 413, answer.text[:300]
    assert "bytes" in answer.json()["detail"]
    assert answer.json()["remedy"]
    assert http.get("/ready").status_code == 200


def test_a_deep_hierarchy_is_laid_out_to_a_limit(city: Running, http: httpx2.Client) -> None:
    deep = term("D0") + "".join(term(f"D{n}", f"; rdfs:subClassOf :D{n - 1}") for n in range(1, 300))
    # Each of these is below all before it: as a tree it would have more entries than there are atoms.
    wide = term("W0") + "".join(
        term(f"W{n}", "; rdfs:subClassOf " + ", ".join(f":W{m}" for m in range(n))) for n in range(1, 40)
    )
    iri = publish(http, city.url, "deep", deep + wide)
    page = http.get("/terms", params={"ontology": iri}, headers={"Accept": "text/html"})
    assert page.status_code == 200
    assert page.text.count('<li class="deep-') <= 1000
    assert "more term" in page.text


@pytest.mark.parametrize(
    "query",
    [
        {"q": ""},
        {"q": "x" * 201},
        {"q": "a", "limit": "0"},
        {"q": "a", "kind": "monster"},
        {"q": "a", "ontology": "x" * 3000},
    ],
)
def test_searches_beyond_the_limits(http: httpx2.Client, query: dict[str, str]) -> None:
    assert http.get("/api/catalogue/terms", params=query).status_code in (400, 422)


@pytest.mark.parametrize("iri", ["", "x", "http://x/> } #", "http://x/\u0000", "javascript:alert(1)", "a" * 3000])
def test_addresses_that_are_none(http: httpx2.Client, iri: str) -> None:
    assert http.get("/api/catalogue/term", params={"iri": iri}).status_code in (400, 404, 422)
    assert http.get("/term", params={"iri": iri}, headers={"Accept": "text/html"}).status_code in (400, 404)
    path = http.get("/ontologies/loop-one/%3Cscript%3E", headers={"Accept": "text/html"})
    assert path.status_code == 404
    assert "<script>" not in path.text.split("<main", 1)[-1]


def test_labels_are_shown_as_text(city: Running, http: httpx2.Client) -> None:
    name = "<img src=x onerror=alert(1)>"
    hostile = (
        f':X a owl:Class ; rdfs:label "{name}"@en ; rdfs:comment "{name}"@en ; owl:sameAs <javascript:alert(1)> .'
    )
    iri = publish(http, city.url, "hostile", hostile)
    for path, query in (("/terms", {"ontology": iri}), ("/terms", {"q": "img"}), ("/term", {"iri": f"{iri}#X"})):
        page = http.get(path, params=query, headers={"Accept": "text/html"}).text
        assert "&lt;img" in page
        assert "<img src=x" not in page
        assert 'href="javascript' not in page

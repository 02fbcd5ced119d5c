"""Pitfalls of ontologies, named before they are published; and the impact of versions that are published together."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx2
import pytest

from tests.integration.meaning.test_terms import HEAD, publish
from tests.nodes import Running

LABEL = 'rdfs:label "{0}"@en ; rdfs:comment "The {0}."@en'
GOOD = "".join(
    f":{name} a {kind} ; {LABEL.format(name)} {more} .\n"
    for name, kind, more in (
        ("Way", "owl:Class", ""),
        ("Path", "owl:Class", "; rdfs:subClassOf :Way"),
        ("Lake", "owl:Class", "; owl:disjointWith :Way"),
        ("length", "owl:DatatypeProperty", "; rdfs:domain :Way ; rdfs:range rdfs:Literal"),
        ("shortLength", "owl:DatatypeProperty", "; rdfs:subPropertyOf :length"),
        ("crosses", "owl:ObjectProperty", "; rdfs:domain [ owl:unionOf ( :Way :Lake ) ] ; rdfs:range :Way"),
        ("note", "owl:AnnotationProperty", ""),
    )
)


@pytest.fixture(scope="module")
def http(city: Running) -> Iterator[httpx2.Client]:
    headers = {"Authorization": f"Bearer {city.token}"}
    with httpx2.Client(base_url=city.url, headers=headers, timeout=60, trust_env=False) as client:
        yield client


def warnings(http: httpx2.Client, url: str, terms: str) -> dict[str, dict[str, Any]]:
    document = HEAD.format(iri=f"{url}/ontologies/pitfalls", mark="#", title="pitfalls") + terms
    order = {"document": document, "mediaType": "text/turtle", "conditions": "open", "dryRun": True}
    answer = http.post("/api/records", json=order)
    assert answer.status_code == 201, answer.text
    cases = {"circle", "empty-class", "no-domain", "no-range"}
    findings = {one["rule"].removeprefix("ontology:"): one for one in answer.json()["warnings"]}
    return {case: finding for case, finding in findings.items() if case in cases}


def test_an_ontology_without_pitfalls_has_none(city: Running, http: httpx2.Client) -> None:
    assert warnings(http, city.url, GOOD) == {}


@pytest.mark.parametrize(
    ("case", "terms", "words"),
    [
        ("circle", f":A a owl:Class ; {LABEL.format('A')} ; rdfs:subClassOf :A .", "below themselves (1): A"),
        (
            "circle",
            f":A a owl:Class ; {LABEL.format('A')} ; rdfs:subClassOf :B . "
            f":B a owl:Class ; {LABEL.format('B')} ; rdfs:subClassOf :A .",
            "below themselves (2): A, B",
        ),
        (
            "empty-class",
            f":Canal a owl:Class ; {LABEL.format('Canal')} ; rdfs:subClassOf :Path , :Lake .",
            "exclude each other (1): Canal",
        ),
        ("no-domain", f":p a owl:ObjectProperty ; {LABEL.format('p')} ; rdfs:range :Way .", "apply to (1): p"),
        ("no-range", f":p a owl:DatatypeProperty ; {LABEL.format('p')} ; rdfs:domain :Way .", "they have (1): p"),
    ],
)
def test_each_pitfall_is_named_with_a_remedy(
    city: Running, http: httpx2.Client, case: str, terms: str, words: str
) -> None:
    findings = warnings(http, city.url, GOOD + terms)
    assert set(findings) == {case}
    assert words in findings[case]["message"]
    assert findings[case]["remedy"]


def test_versions_that_are_published_together_say_what_they_change(city: Running, http: httpx2.Client) -> None:
    iri = publish(http, city.url, "together", GOOD)
    head = HEAD.format(iri=iri, mark="#", title="together")
    more = f"{head}{GOOD}:Lane a owl:Class ; {LABEL.format('Lane')} ."
    less = head + GOOD.replace("; rdfs:subClassOf :Way", "")
    for terms, breaking in ((less, True), (more, False)):
        record = {"document": terms, "mediaType": "text/turtle", "conditions": "open"}
        (result,) = http.post("/api/records/batch", json={"records": [record]}).json()["results"]
        answer = result["problem"] if breaking else result["published"]
        assert answer["impact"]["breaking"] is breaking
        assert answer["impact"]["changes"]

"""FAIR points of an ontology through every door, of ontologies that a caller may see."""

from __future__ import annotations

from collections.abc import Iterator

import httpx2
import pytest

from node.cli.main import run
from tests.integration.meaning.test_terms import CYCLING, publish
from tests.nodes import Running


@pytest.fixture(scope="module")
def http(city: Running) -> Iterator[httpx2.Client]:
    headers = {"Authorization": f"Bearer {city.token}"}
    with httpx2.Client(base_url=city.url, headers=headers, timeout=60, trust_env=False) as client:
        publish(client, city.url, "fair", CYCLING)
        publish(client, city.url, "hidden", CYCLING, audience="internal")
        yield client


def test_the_points_of_an_ontology(city: Running, http: httpx2.Client) -> None:
    iri = f"{city.url}/ontologies/fair"
    with city.http() as stranger:
        report = stranger.get("/api/catalogue/fairness", params={"iri": iri}).json()
        german = stranger.get("/api/catalogue/fairness", params={"iri": iri, "lang": "de"}).json()
    assert report["version"] == 1
    assert report["points"] == sum(criterion["points"] for criterion in report["criteria"]) < 100
    assert report["most"] == sum(criterion["most"] for criterion in report["criteria"]) == 100
    criteria = {criterion["key"]: criterion for criterion in report["criteria"]}
    assert criteria["licence"]["points"] == 6
    assert criteria["public"]["points"] == 12
    assert criteria["alignments"]["points"] == 0
    assert criteria["alignments"]["remedy"]
    lost = [criteria[key]["most"] - criteria[key]["points"] for key in report["first"]]
    assert lost == sorted(lost, reverse=True)
    assert [(row["language"], row["percent"]) for row in report["languages"]] == [("en", 100), ("nl", 30)]
    assert {pitfall["case"] for pitfall in report["pitfalls"]} == {"circle", "no-range"}
    assert german["criteria"][0]["title"] != report["criteria"][0]["title"]


def test_a_new_version_has_points_of_its_own(city: Running, http: httpx2.Client) -> None:
    iri = publish(http, city.url, "improved", ':Way a owl:Class ; rdfs:label "way"@en .')
    before = http.get("/api/catalogue/fairness", params={"iri": iri}).json()
    publish(http, city.url, "improved", ':Way a owl:Class ; rdfs:label "way"@en , "weg"@nl ; rdfs:comment "W."@en .')
    after = http.get("/api/catalogue/fairness", params={"iri": iri}).json()
    assert after["version"] == 2
    assert after["points"] > before["points"]


def test_who_may_not_see_an_ontology_does_not_see_its_points(city: Running, http: httpx2.Client) -> None:
    iri = f"{city.url}/ontologies/hidden"
    own = http.get("/api/catalogue/fairness", params={"iri": iri}).json()
    assert "public" in own["first"]
    with city.http() as stranger:
        hidden = stranger.get("/api/catalogue/fairness", params={"iri": iri})
        absent = stranger.get("/api/catalogue/fairness", params={"iri": f"{city.url}/ontologies/none"})
        page = stranger.get("/ontology/fairness", params={"iri": iri}, headers={"Accept": "text/html"})
    assert hidden.status_code == absent.status_code == page.status_code == 404
    assert hidden.json()["detail"] == absent.json()["detail"]


@pytest.mark.parametrize("iri", ["", "x", "x" * 3000, "http://x/> } #"])
def test_addresses_that_are_none(http: httpx2.Client, iri: str) -> None:
    assert http.get("/api/catalogue/fairness", params={"iri": iri}).status_code in (400, 404, 422)


def test_the_terminal_and_the_page(
    city: Running, http: httpx2.Client, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("HANSA_NODE", str(city.folder))
    monkeypatch.setenv("COLUMNS", "160")
    assert run(["fairness", "ontology/fair"]) == 0
    shown = capsys.readouterr().out
    assert "of 100 points" in shown
    assert "nl  30 %" in shown
    assert "hansa align" in shown
    assert "way: no definition" in shown
    iri = f"{city.url}/ontologies/fair"
    with city.http() as stranger:
        page = stranger.get("/ontology/fairness", params={"iri": iri}, headers={"Accept": "text/html"})
        assert page.status_code == 200
        for words in ("How well is this ontology described?", "Terms are aligned", "30&#x202F;%", "no definition"):
            assert words.replace("&#x202F;", " ") in page.text.replace("\u202f", " "), words
        asset = stranger.get("/ontologies/fair", headers={"Accept": "text/html"}).text
        assert "/ontology/fairness?iri=" in asset

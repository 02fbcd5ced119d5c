"""Queries that also find what follows: for classes above, through every door, never from facts that are hidden."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from functools import partial

import httpx2
import pytest

from node.cli.main import run
from node.worker.views import FollowLedger
from tests.integration.meaning.test_terms import publish
from tests.nodes import Running
from tests.portal_browser import signed_in

NAMES = "http://ways.example/terms#"
CLASSES = f"""
<{NAMES}Way> a owl:Class ; rdfs:label "way"@en ; rdfs:comment "Where people move."@en .
<{NAMES}Path> a owl:Class ; rdfs:label "path"@en ; rdfs:comment "For bicycles."@en ; rdfs:subClassOf <{NAMES}Way> .
<{NAMES}crosses> a owl:ObjectProperty , owl:SymmetricProperty ; rdfs:label "crosses"@en ; rdfs:comment "Meets."@en .
"""
SECRET = f"""
<{NAMES}Path> rdfs:subClassOf <{NAMES}Plan> . <{NAMES}P1> owl:sameAs <{NAMES}Villa> .
<{NAMES}Plan> a owl:Class ; rdfs:label "plan"@en ; rdfs:comment "Not decided."@en .
"""
FACTS = f"<{NAMES}P1> a <{NAMES}Path> ; <{NAMES}crosses> <{NAMES}P2> ."
HIDDEN_FACTS = f"<{NAMES}P9> a <{NAMES}Path> ; <{NAMES}crosses> <{NAMES}P1> ."


@pytest.fixture(scope="module")
def http(city: Running) -> Iterator[httpx2.Client]:
    headers = {"Authorization": f"Bearer {city.token}"}
    with httpx2.Client(base_url=city.url, headers=headers, timeout=60, trust_env=False) as client:
        publish(client, city.url, "ways", CLASSES + FACTS)
        publish(client, city.url, "plans", SECRET + HIDDEN_FACTS, audience="internal")
        yield client


def things(client: httpx2.Client, pattern: str, entailment: str = "rl") -> list[str]:
    answer = client.post(
        "/sparql",
        data={"query": f"SELECT DISTINCT ?x WHERE {{ {pattern} }} ORDER BY ?x", "entailment": entailment},
        headers={"Accept": "application/sparql-results+json"},
    )
    assert answer.status_code == 200, answer.text
    return [row["x"]["value"].removeprefix(NAMES) for row in answer.json()["results"]["bindings"]]


def test_a_query_for_a_class_finds_members_of_the_classes_below(city: Running, http: httpx2.Client) -> None:
    assert things(http, f"?x a <{NAMES}Way>", entailment="") == []
    assert things(http, f"?x a <{NAMES}Way>") == ["P1", "P9", "Villa"]
    with city.http() as stranger:
        assert things(stranger, f"?x a <{NAMES}Way>") == ["P1"]
        assert things(stranger, f"<{NAMES}P2> <{NAMES}crosses> ?x") == ["P1"]


HIDDEN = {
    "a hidden fact under an open class": f"?x a <{NAMES}Way> FILTER(?x != <{NAMES}P1>)",
    "an open fact under a hidden class": f"?x a <{NAMES}Plan>",
    "a hidden name": f"<{NAMES}Villa> ?p ?x",
    "what a hidden name has": f"?x ?p <{NAMES}Villa>",
    "a hidden fact through an open rule": f"<{NAMES}P1> <{NAMES}crosses> ?x FILTER(?x != <{NAMES}P2>)",
    "a hidden hierarchy": f"<{NAMES}Path> rdfs:subClassOf ?x FILTER(?x != <{NAMES}Way>)",
    "any statement about what is hidden": f"?x ?p ?o FILTER(CONTAINS(STR(?o), '{NAMES}P9'))",
    "any graph but one's own": "?x ?p ?o FILTER(CONTAINS(STR(?x), 'urn:hansa'))",
}


@pytest.mark.parametrize("name", HIDDEN)
def test_a_caller_learns_nothing_hidden_by_entailment(city: Running, http: httpx2.Client, name: str) -> None:
    assert things(http, f"?x a <{NAMES}Plan>") == ["P1", "P9", "Villa"], "the node's own people see it"
    with city.http() as stranger:
        assert things(stranger, HIDDEN[name]) == []


@pytest.mark.parametrize(
    ("query", "entailment", "words"),
    [
        ("ASK { ?a ?b ?c }", "owl2dl", "no such entailment"),
        ("ASK { ?a ?b ?c }", "RL", "no such entailment"),
        ("SELECT * { GRAPH ?g { ?a ?b ?c } }", "rl", "reads one graph"),
        ("SELECT * FROM <urn:hansa:all> { ?a ?b ?c }", "rl", "reads one graph"),
        ("SELECT * { GR\\u0041PH ?g { ?a ?b ?c } }", "rl", "reads one graph"),
        ("SELECT * { ?a ?b", "rl", "cannot be read"),
        ("INSERT DATA { <a:b> <a:b> 1 }", "rl", "is an update"),
    ],
)
def test_queries_that_cannot_be_answered_are_refused(city: Running, query: str, entailment: str, words: str) -> None:
    with city.http() as stranger:
        answer = stranger.get("/sparql", params={"query": query, "entailment": entailment})
        assert answer.status_code == 400
        assert words in answer.json()["detail"]
        assert answer.json()["remedy"]


def test_it_works_for_an_earlier_moment(city: Running, http: httpx2.Client) -> None:
    query = f"SELECT ?x WHERE {{ ?x a <{NAMES}Way> }}"
    parameters = {"query": query, "entailment": "rl", "asOf": "2100-01-01"}
    with city.http() as stranger:
        answer = stranger.get("/sparql", params=parameters, headers={"Accept": "text/csv"})
    assert answer.text.split() == ["x", f"{NAMES}P1"]


def test_the_service_description_the_terminal_and_the_page(
    city: Running, http: httpx2.Client, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with city.http() as stranger:
        description = stranger.get("/sparql", headers={"Accept": "text/turtle"}).text
    assert "/sparql?entailment=rl>" in description
    assert "owl-profile/RL" in description
    monkeypatch.setenv("HANSA_NODE", str(city.folder))
    query = f"SELECT ?x WHERE {{ ?x a <{NAMES}Way> }} ORDER BY ?x"
    assert run(["sparql", query, "--entailment", "rl", "--accept", "csv"]) == 0
    assert f"{NAMES}P1" in capsys.readouterr().out
    assert run(["sparql", query, "--accept", "json"]) == 0
    assert json.loads(capsys.readouterr().out)["results"]["bindings"] == []
    with signed_in(city) as browser:
        assert 'name="entailment"' in browser.get("/sparql").text
        page = browser.get("/sparql", params={"query": query, "entailment": "rl"}).text
        assert f"{NAMES}P9" in page
        assert " checked" in page
        assert f"{NAMES}P9" not in browser.get("/sparql", params={"query": query}).text


def test_what_is_missing_or_out_of_date_is_said_at_every_door(
    city: Running, http: httpx2.Client, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("HANSA_NODE", str(city.folder))
    query = f"SELECT ?x WHERE {{ ?x a <{NAMES}Way> }} ORDER BY ?x"
    parameters = {"query": query, "entailment": "rl"}

    def signs() -> list[bool]:
        with city.http(headers={"Accept": "text/csv"}) as stranger:
            header = stranger.get("/sparql", params=parameters).headers.get("hansa-partial")
            earlier = stranger.get("/sparql", params={**parameters, "asOf": "2100-01-01"}).headers
        assert "hansa-partial" not in earlier, "that is read from the ledger"
        with signed_in(city) as browser:
            page = browser.get("/sparql", params=parameters).text
        assert run(["sparql", query, "--entailment", "rl"]) == 0
        return [header == "true", "so results are missing" in page, "results are missing" in capsys.readouterr().err]

    assert signs() == [False, False, False]
    with monkeypatch.context() as patch:
        patch.setattr(FollowLedger, "is_filling", lambda _, view: view == "graph")
        assert signs() == [True, True, True]
    state = {"kept": 1, "outdated": 2, "statements": 9, "drawing": True, "refusals": []}
    pages = ("for 2 of 3 groups of callers are out of date", "drawn again in the background")
    for status, (terminal, health) in (
        (state, pages),
        (state | {"outdated": 0}, ("", "9 statements for 1 group")),
        (state | {"refusals": ["there are too many"]}, ("cannot be drawn: there are too many", "there are too many")),
    ):
        live = replace(city.node.operation.status._live, inferences=partial(dict, status))
        monkeypatch.setattr(city.node.operation.status, "_live", live)
        run(["status"])
        assert terminal in " ".join(capsys.readouterr().err.split())
        with signed_in(city) as browser:
            assert health in browser.get("/operate").text

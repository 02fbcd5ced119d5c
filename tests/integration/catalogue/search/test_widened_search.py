"""A search also looks for other labels of vocabularies that its caller may see: by API, page, terminal and client."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx2
import pytest

from node.cli.main import run
from tests.nodes import Running, Start, described
from tests.nodes import publish as publish_dataset

PATH = "/api/catalogue/search"
HEAD = """
@prefix dcat: <http://www.w3.org/ns/dcat#> . @prefix dct: <http://purl.org/dc/terms/> .
@prefix owl: <http://www.w3.org/2002/07/owl#> . @prefix rdfs: <http://www.w3.org/2000/01/rdf-schema#> .
@prefix skos: <http://www.w3.org/2004/02/skos/core#> .
@prefix vcard: <http://www.w3.org/2006/vcard/ns#> . @prefix : <{iri}#> .
<{iri}> a owl:Ontology ; dct:title "{title}"@en ; dct:description "The terms of {title}."@en ;
  dcat:version "1" ; dct:license <http://publications.europa.eu/resource/authority/licence/CC_BY_4_0> ;
  dcat:contactPoint [ a vcard:Kind ; vcard:fn "Roads"@en ; vcard:hasEmail <mailto:r@example.org> ] .
"""
CYCLING = """
:BikePath a skos:Concept ; skos:prefLabel "bike path"@en , "fietspad"@nl ; skos:altLabel "cycle lane"@en ;
  skos:hiddenLabel "fietspdad"@nl ; skos:definition "A way for bicycles."@en .
:surface a owl:DatatypeProperty ; rdfs:label "fietspad surface"@en , "asphalt"@nl ; rdfs:comment "Surface."@en .
"""
PLANS = ':Plan a owl:Class ; rdfs:label "fietspad"@nl , "velodrome"@en ; rdfs:comment "Secret."@en .'
LATER = ':Lane a owl:Class ; rdfs:label "fietspad"@nl , "greenway"@en ; rdfs:comment "Green."@en .'
NOISE = "\n".join(
    f':N{n} a skos:Concept ; skos:prefLabel "{label}"@en , "fietspad"@nl ; skos:definition "Noise."@en .'
    for n, label in enumerate(("a", "*", "x" * 81, "AND", "OR ( title:x", "' | ! & *"))
)


def ontology(node: Running, name: str, terms: str, **more: Any) -> str:
    iri = f"{node.url}/ontologies/{name}"
    document = HEAD.format(iri=iri, title=name.capitalize()) + terms
    with node.http(headers=node.person()) as http:
        answer = http.post(
            "/api/records", json={"document": document, "mediaType": "text/turtle", "conditions": "open", **more}
        )
    assert answer.status_code in (200, 201), answer.text
    return iri


@pytest.fixture
def node(start: Start, tmp_path: Any) -> Iterator[Running]:
    with start(tmp_path / "node") as node:
        for slug, title in (
            ("lane", "Cycle lanes"),
            ("path", "Fietspad"),
            ("velodrome", "Velodrome"),
            ("tree", "Trees"),
        ):
            publish_dataset(node, slug, data=None, title=title, description="For a test.")
        ontology(node, "cycling", CYCLING)
        yield node


def search(client: httpx2.Client, text: str = "fietspad", **params: Any) -> dict[str, Any]:
    answer = client.get(PATH, params={"q": text, "kind": "dataset", **params})
    assert answer.status_code == 200, answer.text
    page: dict[str, Any] = answer.json()
    return page


def slugs(page: dict[str, Any]) -> list[str]:
    return [hit["iri"].rpartition("/")[2] for hit in page["hits"]]


def labels(page: dict[str, Any]) -> list[str]:
    return [label for widening in page["widened"] for label in widening["labels"]]


def test_the_api_says_by_which_labels_it_searched(node: Running) -> None:
    with node.http() as http:
        page = search(http)
        assert (slugs(page), page["total"], page["facets"]["kind"]) == (["path", "lane"], 2, {"dataset": 2})
        assert page["widened"] == [
            {
                "words": "fietspad",
                "labels": ["bike path", "cycle lane"],
                "ontology": {"iri": f"{node.url}/ontologies/cycling", "title": "Cycling"},
            }
        ]
        narrow = search(http, widen="false")
        assert (slugs(narrow), narrow["total"], narrow["widened"]) == (["path"], 1, [])
        assert slugs(search(http, "FIETSPÁD")) == ["path", "lane"]
        assert labels(search(http, "fietspdad")) == ["bike path", "fietspad", "cycle lane"], (
            "a hidden label leads here"
        )
        assert labels(search(http, "cycle lane")) == ["bike path", "fietspad"]
        assert labels(search(http, "cycle")) == labels(search(http, "asphalt")) == labels(search(http, "")) == []
        assert labels(search(http, "new bike path gent")) == ["fietspad", "cycle lane"]
        assert http.get(PATH, params={"q": "x", "widen": "perhaps"}).status_code == 400
        described_ = http.get("/openapi.json").json()["paths"][PATH]["get"]
    assert "widen" in {parameter["name"] for parameter in described_["parameters"]}


def test_only_what_the_caller_may_see_widens(node: Running) -> None:
    with node.http() as stranger, node.http(headers=node.person()) as person:
        before = stranger.get(PATH, params={"q": "fietspad"}).json()
        iri = ontology(node, "plans", PLANS, audience="internal")
        assert sorted(labels(search(person))) == ["bike path", "cycle lane", "velodrome"]
        assert sorted(slugs(search(person))) == ["lane", "path", "velodrome"]
        assert stranger.get(PATH, params={"q": "fietspad"}).json() == before
        ontology(node, "plans", PLANS, audience="public")
        assert "velodrome" in slugs(search(stranger))
        ontology(node, "plans", PLANS.replace("velodrome", "greenway"), audience="public")
        assert sorted(labels(search(stranger))) == ["bike path", "cycle lane", "greenway"], (
            "those of the newest version"
        )
        ontology(node, "plans", PLANS, audience="internal")
        assert "velodrome" not in slugs(search(stranger))
        with node.client() as client:
            client.withdraw(iri)
            client.withdraw(f"{node.url}/ontologies/cycling")
        assert (slugs(search(person)), search(person)["widened"]) == (["path"], [])


def test_hostile_labels_match_nothing(node: Running) -> None:
    ontology(node, "hostile", NOISE)
    with node.http() as http:
        page = search(http)
        assert slugs(page) == ["path", "lane"]
        assert len(labels(page)) <= 8
        assert not {"a", "*", "x" * 81} & set(labels(page))
        for text in ("*", "a", "x" * 81):
            assert labels(search(http, text)) == []


def test_an_ontology_between_two_pages_neither_adds_nor_repeats(node: Running) -> None:
    publish_dataset(node, "greenway", data=None, title="Greenway", description="For a test.")
    with node.http() as http, node.client() as client:
        first = search(http, sort="published", limit=1)
        assert (slugs(first), first["total"]) == (["lane"], 2)
        iri = ontology(node, "later", LATER)
        second = http.get(first["next"]).json()
        assert (slugs(second), second["total"], second["next"]) == (["path"], 2, None)
        assert labels(second) == ["bike path", "cycle lane"]
        begun = search(http, sort="published", limit=1)
        assert begun["total"] == 3
        client.withdraw(iri)
        rest = http.get(begun["next"]).json()
        assert (slugs(rest), rest["next"], "greenway" in labels(rest)) == (["path"], None, False)
        mixed = http.get(
            PATH, params={"q": "fietspad", "sort": "published", "cursor": begun["cursor"], "widen": "false"}
        )
        assert mixed.status_code == 400
        assert [hit["title"] for hit in client.search_all("fietspad", kind="dataset")] == ["Cycle lanes", "Fietspad"]


def test_the_page_names_the_labels_and_switches_them_off(node: Running) -> None:
    with node.http(headers={"Accept": "text/html"}) as http:
        page = http.get("/search", params={"q": "fietspad", "kind": "dataset"}).text
        text = " ".join(html.unescape(re.sub(r"<[^>]+>", "", page)).split())
        assert "Also searched for: bike path, cycle lane (from the ontology Cycling)" in text
        link = re.search(r'href="([^"]+)">Search only for your own terms', page)
        assert link is not None
        plain = http.get(html.unescape(link[1])).text
        assert "Also searched for" not in plain
        assert "Cycle lanes" not in plain
        assert "Search also for other labels in ontologies" in plain
        dutch = http.get("/search", params={"q": "fietspad", "lang": "nl"}, headers={"Accept-Language": "nl"}).text
        assert "Ook gezocht op:" in dutch
        for path in ("/search.csv", "/search.atom"):
            assert "Cycle lanes" in http.get(path, params={"q": "fietspad"}).text
            assert "Cycle lanes" not in http.get(path, params={"q": "fietspad", "widen": "false"}).text


def test_the_terminal_names_the_labels_and_switches_them_off(
    node: Running, capsys: pytest.CaptureFixture[str]
) -> None:
    own = ["--node", str(node.folder)]
    assert run(["find", "fietspad", "--kind", "dataset", *own]) == 0
    printed = capsys.readouterr()
    assert "also searched for: bike path, cycle lane (from the ontology Cycling)" in printed.out + printed.err
    assert run(["find", "fietspad", "--all", *own]) == 0
    printed = capsys.readouterr()
    assert "also searched for: bike path" in printed.out + printed.err
    assert run(["find", "fietspad", "--no-widen", "--kind", "dataset", *own]) == 0
    printed = capsys.readouterr()
    assert "Cycle lanes" not in printed.out
    assert "also searched" not in printed.out + printed.err
    assert run(["--json", "find", "fietspad", *own]) == 0
    assert json.loads(capsys.readouterr().out)["widened"][0]["labels"] == ["bike path", "cycle lane"]


def test_a_saved_search_is_widened_unless_it_says_otherwise(node: Running) -> None:
    with node.client() as client:
        client.subscriptions.add_search({"q": ["fietspad"]})
        client.subscriptions.add_search({"q": ["fietspad"], "widen": ["false"]})
        client.publish({"fields": described("new", title="Cycle lane, new"), "conditions": "open"})
        counts = [len(view["news"]) for view in client.subscriptions.all()["subscriptions"]]
    assert sorted(counts) == [0, 1]


def test_64_callers_at_once_while_vocabularies_change(node: Running) -> None:
    def look(number: int) -> list[str]:
        with node.http() as http:
            if number % 16 == 0:
                ontology(node, f"more-{number}", LATER)
            return slugs(search(http))

    with ThreadPoolExecutor(64) as pool:
        assert all(names[:2] == ["path", "lane"] for names in pool.map(look, range(64)))

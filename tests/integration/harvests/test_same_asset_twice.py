"""The same asset from two sources: recognised, shown once with both, and never told to those who may see only one."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from node.cli.main import run
from node.client import HansaClient
from node.semantics.harvest.naming import former_address
from tests.nodes import Running, described, running_node

__all__ = ["running_node"]

HEAD = """@prefix dcat: <http://www.w3.org/ns/dcat#> . @prefix dcterms: <http://purl.org/dc/terms/> .
@prefix owl: <http://www.w3.org/2002/07/owl#> . @prefix foaf: <http://xmlns.com/foaf/0.1/> .
"""


@pytest.fixture
def client(running_node: Running) -> Iterator[HansaClient]:
    with running_node.client() as client:
        yield client


def bring_in(client: HansaClient, folder: Path, source: str, body: str, **options: Any) -> list[dict[str, Any]]:
    """Import a catalogue with this title; the lines about its records."""
    path = folder / f"{source}.ttl"
    catalogue = f'<https://{source}.example/> a dcat:Catalog ; dcterms:title "{source}"@en .'
    path.write_text(f"{HEAD}{catalogue}\n{body}", "utf-8")
    lines = client.import_file(path, media_type="text/turtle", source=source, **options)
    return [line for line in lines if line["event"] == "record"]


def noise(iri: str, more: str = "", title: str = "Noise map") -> str:
    return f'<{iri}> a dcat:Dataset ; dcterms:title "{title}"@en ; dcterms:description "Levels."@en {more} .\n'


def sources(hit: dict[str, Any]) -> list[str]:
    return [other["source"] for other in hit["alsoAt"]]


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (noise("https://data.example/noise"), noise("https://data.example/noise", title="Noise levels")),
        (noise("https://a.example/1", "; owl:sameAs <https://b.example/2>"), noise("https://b.example/2/")),
        (
            noise("https://a.example/1", '; dcterms:identifier "https://doi.org/10.1234/AB"'),
            noise("https://b.example/2", '; dcterms:identifier "doi:10.1234/ab"'),
        ),
        (
            noise("https://a.example/1", "; dcat:distribution [ dcat:downloadURL <https://c.example/n.csv> ]"),
            noise("https://b.example/2", "; dcat:distribution [ dcat:accessURL <https://c.example/n.csv> ]"),
        ),
    ],
    ids=["the same IRI", "owl:sameAs", "the same DOI", "title and files"],
)
def test_an_asset_of_two_portals_is_shown_once(
    client: HansaClient, running_node: Running, tmp_path: Path, first: str, second: str
) -> None:
    (first_line,) = bring_in(client, tmp_path, "first", first)
    (second_line,) = bring_in(client, tmp_path, "second", second)
    assert (first_line["outcome"], second_line["outcome"]) == ("new", "new")
    assert first_line["address"] != second_line["address"]
    answer = client.search("noise")
    assert answer["total"] == 1
    (hit,) = answer["hits"]
    assert hit["iri"] == first_line["address"]
    assert sources(hit) == ["second"]
    assert hit["alsoAt"][0]["iri"] == second_line["address"]
    assert sources(client.record(second_line["address"])) == ["first"]
    # A second import changes nothing, at either of them.
    again = [bring_in(client, tmp_path, "first", first), bring_in(client, tmp_path, "second", second)]
    assert [(line["outcome"], line["address"]) for lines in again for line in lines] == [
        ("unchanged", first_line["address"]),
        ("unchanged", second_line["address"]),
    ]
    with running_node.http(headers={"Accept": "text/html"}) as http:
        assert "also at" in http.get("/search", params={"q": "noise"}).text
        for line, other in ((first_line, second_line), (second_line, first_line)):
            page = http.get(line["address"]).text
            assert "also described elsewhere" in page
            assert other["address"].rpartition("/")[2] in page


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (
            noise(
                "https://a.example/1",
                "; foaf:page <https://p.example/all> ; dcat:landingPage <https://p.example/all>",
            ),
            noise(
                "https://b.example/2",
                "; foaf:page <https://p.example/all> ; dcat:landingPage <https://p.example/all>",
            ),
        ),
        (
            noise("https://a.example/1", '; dcterms:identifier "17"'),
            noise("https://b.example/2", '; dcterms:identifier "17"'),
        ),
        (noise("https://a.example/1"), noise("https://b.example/2")),
    ],
    ids=["the same page", "the same number", "the same words only"],
)
def test_assets_that_are_only_alike_stay_two(client: HansaClient, tmp_path: Path, first: str, second: str) -> None:
    bring_in(client, tmp_path, "first", first)
    bring_in(client, tmp_path, "second", second)
    answer = client.search("noise")
    assert answer["total"] == 2
    assert [sources(hit) for hit in answer["hits"]] == [[], []]


def test_who_may_see_one_of_them_learns_nothing_of_the_other(
    client: HansaClient, running_node: Running, tmp_path: Path
) -> None:
    body = noise("https://data.example/noise", '; dcat:keyword "decibel"@en')
    (hidden,) = bring_in(client, tmp_path, "first", body, audience="internal")
    (shown,) = bring_in(client, tmp_path, "second", noise("https://data.example/noise"))
    with running_node.http() as http:
        answer = http.get("/api/catalogue/search", params={"q": "noise"})
        assert answer.json()["total"] == 1
        assert answer.json()["hits"][0]["alsoAt"] == []
        assert http.get("/api/catalogue/search", params={"q": "decibel"}).json()["total"] == 0
        record = http.get("/api/catalogue/record", params={"iri": shown["address"]})
        assert record.json()["alsoAt"] == []
        page = http.get(shown["address"], headers={"Accept": "text/html"})
        for text in (answer.text, record.text, page.text):
            assert hidden["address"] not in text
    (other,) = bring_in(client, tmp_path, "third", noise("https://data.example/other"))
    assert re.fullmatch(r".*/noise-[0-9a-f]{10}", shown["address"]), "of the form that each address has"
    assert re.fullmatch(r".*/other-[0-9a-f]{10}", other["address"])
    assert sources(client.record(shown["address"])) == ["first"]


def test_a_published_asset_stands_for_its_copies(client: HansaClient, tmp_path: Path) -> None:
    (copy,) = bring_in(client, tmp_path, "portal", noise("https://old.example/noise"))
    fields = described("noise", title="Noise map of Ghent", identifier="https://old.example/noise")
    own = client.publish({"fields": fields, "conditions": "open"})["iri"]
    (hit,) = client.search("noise")["hits"]
    assert hit["iri"] == own
    assert sources(hit) == ["portal"]
    client.withdraw(own)
    (hit,) = client.search("noise")["hits"]
    assert (hit["iri"], hit["alsoAt"]) == (copy["address"], [])


def test_the_terminal_names_both(
    client: HansaClient, running_node: Running, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = [bring_in(client, tmp_path, name, noise("https://data.example/noise"))[0] for name in ("first", "second")]
    assert run(["find", "noise", "--node", str(running_node.folder)]) == 0
    assert f"second  {lines[1]['address']}" in capsys.readouterr().out
    assert run(["show", lines[1]["address"], "--node", str(running_node.folder)]) == 0
    assert f"first  {lines[0]['address']}" in capsys.readouterr().out
    assert run(["--json", "find", "noise", "--all", "--node", str(running_node.folder)]) == 0
    assert json.loads(capsys.readouterr().out)["total"] == 1


def test_records_of_earlier_versions_keep_their_addresses(
    client: HansaClient, running_node: Running, tmp_path: Path
) -> None:
    body = noise("https://data.example/noise")
    (line,) = bring_in(client, tmp_path, "first", body)
    stores = running_node.node.parts.stores
    former = former_address(running_node.url, "dataset", "https://data.example/noise", ["Noise map"])
    assert former != line["address"]
    with stores.uow.begin() as tx:
        head = stores.catalogue.records.get(tx, line["address"])
        assert head is not None
        title = {"iri": "https://data.example/noise", "source": "earlier"}
        extra = {**head.extra, "harvested": {**head.extra["harvested"], **title}}
        stores.catalogue.records.add(tx, replace(head, iri=former, extra=extra))
    (again,) = bring_in(client, tmp_path, "earlier", body)
    assert again["address"] == former
    (other,) = bring_in(client, tmp_path, "somebody-else", body)
    assert other["outcome"] == "new"
    assert other["address"] not in (former, line["address"])


def test_each_source_keeps_its_statements(client: HansaClient, tmp_path: Path) -> None:
    def titles() -> list[str]:
        query = "SELECT ?t { <https://data.example/noise> <http://purl.org/dc/terms/title> ?t } ORDER BY ?t"
        return [row["t"]["value"] for row in json.loads(client.sparql(query))["results"]["bindings"]]

    shared = '; dcat:keyword "noise"@en'
    bring_in(client, tmp_path, "first", noise("https://data.example/noise", shared, title="A"))
    (second,) = bring_in(client, tmp_path, "second", noise("https://data.example/noise", shared, title="B"))
    assert titles() == ["A", "B"]
    bring_in(client, tmp_path, "second", noise("https://data.example/noise", shared, title="C"))
    assert titles() == ["A", "C"]
    client.withdraw(second["address"])
    assert titles() == ["A"]
    query = 'ASK { <https://data.example/noise> <http://www.w3.org/ns/dcat#keyword> "noise"@en }'
    assert json.loads(client.sparql(query))["boolean"], "a statement that both make stays with the first"

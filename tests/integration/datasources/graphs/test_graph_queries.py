"""An RDF dataset under contract is asked in SPARQL: each question is checked, bounded, counted and recorded."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx2
import pytest

from node.cli.exits import DONE
from node.cli.main import run
from node.client import Refusal
from node.semantics.profiles import graph_queries_client
from node.vocab.dsp import GRAPH_QUERY, PULL
from tests.integration.datasources.graphs.graph_data import COUNT, TURTLE, OpenGraph, open_graph, share_graph
from tests.integration.datasources.live_data import accesses
from tests.integration.datasources.test_table_queries import counted_offer, open_table, share
from tests.integration.datasources.test_table_query_pages import ask as ask_page
from tests.nodes import Running, agree, running, until
from tests.portal_browser import signed_in
from tests.unit.portal.page import Page, troubles

TRIG = b"""@prefix ex: <http://example.org/> .
ex:a ex:p 1 .
ex:inner { ex:b ex:p 2 . ex:c ex:p 3 }
"""
XML = b"""<?xml version="1.0" encoding="UTF-8"?>
<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" xmlns:ex="http://example.org/">
<rdf:Description rdf:about="http://example.org/a"><ex:p>1</ex:p></rdf:Description></rdf:RDF>
"""
JSON_LD = json.dumps(
    {"@context": {"ex": "http://example.org/"}, "@graph": [{"@id": "ex:a", "ex:p": 1}, {"@id": "ex:b", "ex:p": 2}]}
).encode()


@pytest.fixture(scope="module")
def nodes(tmp_path_factory: pytest.TempPathFactory, sqlite_template: Path) -> Iterator[tuple[Running, Running]]:
    home = tmp_path_factory.mktemp("graphs")
    with (
        running(home / "city", template=sqlite_template) as city,
        running(home / "partner", template=sqlite_template) as partner,
    ):
        yield city, partner


@pytest.fixture(scope="module")
def graph(nodes: tuple[Running, Running]) -> OpenGraph:
    return open_graph(nodes[1], share_graph(nodes[0], "counters"))


def test_a_graph_is_asked_with_address_and_token(graph: OpenGraph, nodes: Any) -> None:
    before = len(accesses(nodes[0], graph.agreement))
    question = "PREFIX ex: <http://example.org/> SELECT ?n WHERE { ex:counter7 ex:passed ?n }"
    answer = graph.ask(question)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/sparql-results+json; charset=utf-8"
    assert answer.headers["hansa-version"] == "1"
    assert graph.rows(question) == [("49",)]
    events = accesses(nodes[0], graph.agreement)[before:]
    assert [(event["outcome"], event["asked"]) for event in events] == [("started", question)] * 2
    assert events[0]["recipient"] == nodes[1].did
    # Relative names are names below the dataset.
    assert graph.rows("ASK { ?s ?p ?o }".replace("ASK", "SELECT (COUNT(*) AS ?n) WHERE")) == [("151",)]
    assert graph.rows(f"SELECT ?o WHERE {{ <{graph.iri.rpartition('/')[0]}/relative> a ?o }}") == [
        ("http://example.org/Counter",)
    ]


@pytest.mark.parametrize(
    ("accept", "query", "beginning"),
    [
        ("text/csv", "SELECT ?n WHERE { <http://example.org/counter1> <http://example.org/passed> ?n }", b"n\r\n7"),
        ("application/sparql-results+xml", COUNT, b"<?xml"),
        ("text/turtle", "CONSTRUCT WHERE { <http://example.org/counter1> ?p ?o }", b"<http"),
        ("application/ld+json", "DESCRIBE <http://example.org/counter1>", b"{"),
        ("text/html", COUNT, b'{"head"'),
    ],
)
def test_answers_have_the_forms_of_sparql(accept: str, query: str, beginning: bytes, graph: OpenGraph) -> None:
    answer = graph.ask(query, accept=accept)
    assert answer.status_code == 200, answer.text
    assert answer.content.startswith(beginning), answer.content[:80]
    assert answer.headers["content-disposition"] == "attachment"


def test_the_protocol_and_json_are_understood(graph: OpenGraph) -> None:
    headers = {"Authorization": graph.authorization}
    with httpx2.Client(timeout=60, trust_env=False, headers=headers) as client:
        posted = client.post(
            graph.endpoint, content=COUNT.encode(), headers={"Content-Type": "application/sparql-query"}
        )
        form = client.post(graph.endpoint, data={"query": COUNT})
        document = client.post(graph.endpoint, json={"sparql": COUNT, "form": "csv"})
        assert posted.json()["results"] == form.json()["results"]
        assert document.text == "n\r\n151\r\n"
        for body in ({"sql": "SELECT 1"}, {"sparql": 7}, {"sparql": COUNT, "form": "xlsx"}, {}):
            assert client.post(graph.endpoint, json=body).status_code == 400, body
        assert client.post(graph.endpoint, content=b"SELECT 1").status_code == 415
        assert client.get(graph.endpoint, params={"query": COUNT, "timeout": "9"}).status_code == 400
    with httpx2.Client(timeout=60, trust_env=False) as client:
        assert client.get(graph.endpoint, params={"query": COUNT}).status_code == 401
        headers = {"Authorization": "Bearer nonsense"}
        assert client.get(graph.endpoint, params={"query": COUNT}, headers=headers).status_code == 404


@pytest.mark.parametrize(
    ("name", "media_type", "data", "statements"),
    [
        ("d.nt", "application/n-triples", b'<http://example.org/a> <http://example.org/p> "x" .\n', 1),
        ("d.trig", "application/trig", TRIG, 3),
        ("d.rdf", "application/rdf+xml", XML, 1),
        ("d.jsonld", "application/octet-stream", JSON_LD, 2),
    ],
)
def test_each_syntax_of_rdf_is_asked(name: str, media_type: str, data: bytes, statements: int, nodes: Any) -> None:
    iri = share_graph(nodes[0], f"syntax-{name.partition('.')[2]}", data, name=name, media_type=media_type)
    opened = open_graph(nodes[1], iri)
    assert opened.count() == statements
    assert opened.count(query=f"SELECT (COUNT(*) AS ?n) WHERE {{ GRAPH <{iri}> {{ ?s ?p ?o }} }}") == statements
    if name == "d.trig":
        inner = "SELECT (COUNT(*) AS ?n) WHERE { GRAPH <http://example.org/inner> { ?s ?p ?o } }"
        assert opened.count(query=inner) == 2


@pytest.mark.parametrize(
    "query",
    [
        "SELECT * WHERE { SERVICE <http://127.0.0.1:1/sparql> { ?s ?p ?o } }",
        "SELECT * WHERE { SERVICE SILENT <http://127.0.0.1:1/sparql> { ?s ?p ?o } }",
        "SELECT * WHERE { \\u0053ERVICE <http://127.0.0.1:1/sparql> { ?s ?p ?o } }",
        "SELECT * FROM <https://example.org/other> WHERE { ?s ?p ?o }",
        "SELECT * FROM NAMED <file:///etc/passwd> WHERE { GRAPH ?g { ?s ?p ?o } }",
        "SELECT * FROM ex:other WHERE { ?s ?p ?o }",
        "LOAD <https://example.org/other>",
        "LOAD <https://example.org/other> INTO GRAPH <http://example.org/g>",
        "INSERT DATA { <http://example.org/a> <http://example.org/p> 1 }",
        "DELETE WHERE { ?s ?p ?o }",
        "DROP ALL",
        "SELECT * WHERE { ?s ?p ?o FILTER(REGEX(?o, '" + "(a+)+" * 60 + "')) }",
        "SELECT * WHERE { " + "?a ?b ?c . " * 61 + "}",
        "SELECT * WHERE { ?s " + "(" * 20 + "<http://example.org/p>" + ")*" * 20 + " ?o }",
        "SELECT * WHERE { " + "{ " * 80 + "}" * 81,
        "SELECT nothing",
        "SELECT 1 AS x FROM data",
        "SELECT ?s WHERE { ?s ?p ?o",
        "",
        "SELECT * WHERE { ?s ?p '" + "x" * 4000 + "' }",
    ],
)
def test_what_is_no_question_is_refused_and_is_no_use(query: str, graph: OpenGraph, nodes: Any) -> None:
    before = len(accesses(nodes[0], graph.agreement))
    refusal = graph.ask(query)
    assert (refusal.status_code, refusal.json()["code"]) == (400, "invalid-input"), refusal.text
    assert refusal.json()["remedy"]
    assert len(accesses(nodes[0], graph.agreement)) == before


def test_nothing_but_the_graph_is_there(graph: OpenGraph, nodes: Any) -> None:
    iri = share_graph(nodes[0], "hidden", b'<http://example.org/secret> <http://example.org/p> "secret" .\n')
    for query in (
        f"SELECT * WHERE {{ GRAPH <{iri}> {{ ?s ?p ?o }} }}",
        'SELECT * WHERE { ?s ?p "secret" }',
        'SELECT * WHERE { GRAPH ?g { ?s ?p "secret" } }',
    ):
        assert graph.rows(query) == []
    assert graph.rows("SELECT DISTINCT ?g WHERE { GRAPH ?g { ?s ?p ?o } }") == [(graph.iri,)]
    assert graph.count(query=f"SELECT (COUNT(*) AS ?n) FROM <{graph.iri}> WHERE {{ ?s ?p ?o }}") == 151


@pytest.mark.parametrize(
    "query",
    [
        # Exploding paths and joins, and a pattern for the whole time of the processor.
        "SELECT (COUNT(*) AS ?n) WHERE { ?a !<http://example.org/x> ?b . ?c !<http://example.org/x> ?d . "
        "?e !<http://example.org/x> ?f . ?g !<http://example.org/x> ?h . ?i !<http://example.org/x> ?j }",
        "SELECT (COUNT(*) AS ?n) WHERE { ?a (<http://example.org/passed>|!<http://example.org/x>)* ?b . "
        "?c (<http://example.org/passed>|!<http://example.org/x>)* ?d . "
        "?e (^<http://example.org/p>|!<http://e.org/x>)* ?f . "
        "?g (^<http://example.org/p>|!<http://e.org/x>)* ?h }",
    ],
)
def test_what_takes_too_much_is_stopped_and_recorded(
    query: str, graph: OpenGraph, nodes: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = len(accesses(nodes[0], graph.agreement))
    with monkeypatch.context() as patch:
        patch.setattr(graph_queries_client, "LIMITS", replace(graph_queries_client.LIMITS, cpu=5))  # 20 end alike
        refusal = graph.ask(query)
    assert (refusal.status_code, refusal.json()["code"]) == (503, "overloaded"), refusal.text
    assert "LIMIT" in refusal.json()["remedy"]
    assert len(accesses(nodes[0], graph.agreement)) == before + 1
    assert graph.count() == 151


def test_a_bomb_of_a_regular_expression_ends(graph: OpenGraph) -> None:
    query = "SELECT (COUNT(*) AS ?n) WHERE { ?s ?p ?o FILTER(REGEX(CONCAT(STR(?o), '%s'), '^(a+)+$')) }" % ("a" * 200)
    assert graph.ask(query).status_code == 200


def test_too_many_rows_are_refused_with_a_way_on_and_recorded(graph: OpenGraph, nodes: Any) -> None:
    before = len(accesses(nodes[0], graph.agreement))
    refusal = graph.ask("SELECT * WHERE { ?a ?b ?c . ?d ?e ?f }")
    assert (refusal.status_code, refusal.json()["code"]) == (413, "too-large"), refusal.text
    assert "LIMIT" in refusal.json()["remedy"]
    assert len(accesses(nodes[0], graph.agreement)) == before + 1


def test_uses_are_counted_question_by_question(nodes: Any) -> None:
    city, partner = nodes
    opened = open_graph(partner, share_graph(city, "counted", conditions={"offer": counted_offer(2)}))
    assert opened.ask("SELECT WHERE").status_code == 400
    assert opened.count() == 151
    assert opened.count() == 151
    refusal = opened.ask(COUNT)
    assert refusal.status_code == 403, refusal.text
    assert refusal.json()["reasons"]
    events = accesses(city, opened.agreement)
    assert [event.get("use") for event in events if event["outcome"] == "started"] == [1, 2]
    assert (events[-1]["outcome"], events[-1]["asked"]) == ("refused", COUNT)


def test_a_suspended_transfer_answers_nothing_and_a_later_version_answers_from_its_own_file(nodes: Any) -> None:
    city, partner = nodes
    opened = open_graph(partner, share_graph(city, "moving"))
    assert opened.count() == 151
    share_graph(city, "moving", TURTLE + b"<more> a <http://example.org/Counter> .\n")
    assert opened.count() == 152
    assert accesses(city, opened.agreement)[-1]["version"] == 2
    with city.client() as client:
        pid = next(
            entry["pid"] for entry in client.transfers(state="STARTED") if entry["agreementId"] == opened.agreement
        )
        client.steer(pid, "suspend", reason="maintenance")
    refusal = opened.ask(COUNT)
    assert refusal.status_code == 403
    assert "maintenance" in refusal.text


@pytest.mark.parametrize(
    "part", [{"columns": ["passed"]}, {"box": [3, 50, 4, 52]}, {"rows": [{"column": "a", "value": "b"}]}]
)
def test_a_part_of_a_graph_is_refused_when_it_is_published(part: dict[str, Any], nodes: Any) -> None:
    with pytest.raises(Refusal, match=r"cannot give a part of counters\.ttl") as refusal:
        share_graph(nodes[0], "in-part", conditions={"template": "open", "part": part})
    assert "dataset of its own" in str(refusal.value.problem["remedy"])


def test_tables_and_graphs_are_asked_in_their_own_language(graph: OpenGraph, nodes: Any) -> None:
    table = open_table(nodes[1], share(nodes[0], "table"))
    with httpx2.Client(timeout=60, trust_env=False, headers={"Authorization": table.authorization}) as client:
        assert client.get(table.endpoint, params={"query": COUNT}).status_code == 405
        assert client.post(table.endpoint, json={"sparql": COUNT}).status_code == 400
        # The token of a table opens no graphs.
        assert client.get(table.endpoint.rpartition("/")[0], params={"query": COUNT}).status_code == 404
    with nodes[1].client() as client:
        with pytest.raises(Refusal, match="does not open the table"):
            client.ask(graph.agreement, "SELECT * FROM data")
        with pytest.raises(Refusal, match="does not open the graph"):
            client.ask_graph(table.agreement, COUNT)


def test_the_formats_in_the_catalogue_say_what_can_be_had(graph: OpenGraph, nodes: Any) -> None:
    from node.catalogue.deliverability import OWN

    stores = nodes[0].node.parts.stores
    with stores.uow.read() as tx:
        record = stores.catalogue.records.get(tx, graph.iri)
    assert record is not None
    formats = OWN.formats(record)
    assert formats[0] == PULL
    assert formats[-1] == GRAPH_QUERY


def test_a_person_asks_through_the_own_node(graph: OpenGraph, nodes: Any, capsys: pytest.CaptureFixture[str]) -> None:
    city, partner = nodes
    agreement = str(agree(partner, share_graph(city, "through"))["agreementId"])
    with partner.client() as client:
        assert client.ask_graph(agreement, COUNT)["results"]["bindings"][0]["n"]["value"] == "151"
        assert client.ask_graph_as(agreement, COUNT, "csv") == b"n\r\n151\r\n"
        with pytest.raises(Refusal, match="SERVICE is not allowed"):
            client.ask_graph(agreement, "SELECT * { SERVICE <http://example.org/> { ?s ?p ?o } }")
        with pytest.raises(Refusal, match="you may ask no graph"):
            client.ask_graph(agreement, "SELECT * FROM <http://example.org/> { ?s ?p ?o }")
    assert len([event for event in accesses(city, agreement) if event["outcome"] == "started"]) == 2
    capsys.readouterr()
    top = "SELECT ?street WHERE { ?s <http://example.org/street> ?street } ORDER BY ?street LIMIT 1"
    assert run(["query", agreement, top, "--node", str(partner.folder)]) == DONE
    assert capsys.readouterr().out.split() == ["street", "Street", "1"]
    assert run(["--json", "query", agreement, COUNT, "--node", str(partner.folder)]) == DONE
    assert json.loads(capsys.readouterr().out)["head"] == {"vars": ["n"]}
    assert run(["query", agreement, "ASK { ?s ?p ?o }", "--node", str(partner.folder)]) == DONE
    assert "yes" in capsys.readouterr().out
    construct = "CONSTRUCT WHERE { <http://example.org/counter1> ?p ?o }"
    assert run(["query", agreement, construct, "--node", str(partner.folder)]) == DONE
    assert "Street 1" in capsys.readouterr().out
    assert run(["query", graph.iri, "--address", "--sparql", "--node", str(partner.folder)]) == DONE
    assert graph.endpoint in capsys.readouterr().out


def test_a_graph_of_a_million_statements_is_asked(nodes: Any) -> None:
    city, partner = nodes
    data = b"".join(
        b'<http://example.org/c%d> <http://example.org/p%d> "%d" .\n' % (number // 8, number % 8, number)
        for number in range(1_000_000)
    )
    opened = open_graph(
        partner, share_graph(city, "million", data, name="million.nt", media_type="application/n-triples")
    )
    assert opened.count() == 1_000_000
    assert opened.rows("SELECT ?o WHERE { <http://example.org/c124999> <http://example.org/p7> ?o }") == [("999999",)]
    refusal = opened.ask("SELECT * WHERE { ?s ?p ?o }")
    assert (refusal.status_code, refusal.json()["code"]) == (413, "too-large")


def test_a_person_asks_on_the_page_of_the_own_node(nodes: Any) -> None:
    city, partner = nodes
    agreement = str(agree(partner, share_graph(city, "on-a-page"))["agreementId"])
    passed = "SELECT ?n WHERE { <http://example.org/counter2> <http://example.org/passed> ?n }"
    answer = ask_page(partner, agreement, passed)
    assert answer.status_code == 200, answer.text
    page = Page(answer.text)
    assert troubles(page) == []
    assert [cell.text for cell in page.all("td")] == ["14"]
    assert "The whole graph." in page.text
    assert "DuckDB" not in page.text
    for query, beginning in (
        ("ASK { ?s ?p ?o }", "true"),
        ("CONSTRUCT WHERE { <http://example.org/counter2> <http://example.org/street> ?o }", '"Street 2"'),
    ):
        assert beginning in Page(ask_page(partner, agreement, query).text).text
    refusal = ask_page(partner, agreement, "SELECT * { SERVICE <http://example.org/> { ?s ?p ?o } }")
    assert refusal.status_code == 400
    assert "SERVICE is not allowed" in Page(refusal.text).element("div", id="trouble").text
    file = ask_page(partner, agreement, "DESCRIBE <http://example.org/counter2>", **{"as": "csv"})
    assert file.headers["content-disposition"] == 'attachment; filename="answer.ttl"'
    assert file.headers["content-type"].startswith("text/turtle")


def test_the_page_of_a_dataset_that_the_node_knows_says_that_it_is_a_graph(nodes: Any) -> None:
    city, partner = nodes
    iri = share_graph(city, "known")
    with partner.client() as client:
        client.follow(city.url)
        until("it is known here", lambda: iri in str(client.search("Known")))
    agreement = str(agree(partner, iri)["agreementId"])
    place = f"/agreements/{quote(agreement, safe='')}"
    with signed_in(partner) as browser:
        assert "You can ask this dataset in SPARQL" in browser.get(place, headers={"Accept-Language": "en"}).text
        page = Page(browser.get(f"{place}/ask", headers={"Accept-Language": "en"}).text)
    assert page.element("h1").text == "Ask this graph"
    assert page.element("textarea", id="sql").text.strip() == "SELECT * WHERE { ?s ?p ?o } LIMIT 10"
    assert "hansa query" in page.text
    assert troubles(page) == []
